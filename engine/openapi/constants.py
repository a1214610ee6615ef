"""Whether a value that a rule writes out fits what the document says; its caller takes lists and mappings apart."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from engine.findings import suggest
from engine.openapi.formats import WORDS, has_format
from engine.openapi.schema import Alternatives, Schema
from engine.wording import join, show

DECIMALS = frozenset({"decimal", "double", "float", "number"})
"""Formats of text that APIs take as a number too."""

_LISTED = 15  # allowed values that a message lists
_TRUTHS = frozenset({"true", "false", "True", "False", "1", "0"})
_WORDS = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "array": "a list",
    "object": "a mapping",
}


@dataclass(frozen=True, slots=True)
class Misfit:
    """Why a value does not fit, as the end of a sentence, and what to write instead."""

    said: str
    remedy: str = ""


def misfit(value: Any, wanted: Alternatives, *, as_text: bool = False) -> Misfit | None:
    """Why a value does not fit any alternative; None where it fits one.

    Args:
        value: of YAML; of a list or mapping only the kind is looked at.
        wanted: what the document says.
        as_text: it is sent as text (`query`, `form`), so `5` and `"5"` are the same.
    """
    if any(_fits(value, one, as_text) for one in wanted):
        return None
    of_kind = [one for one in wanted if _has_kind(value, one, as_text)]
    if value is None:
        return Misfit("must not be null", "write `omit` to leave it out")
    if not of_kind:
        return _wrong_kind(value, wanted, as_text)
    choices = [choice for one in of_kind if one.enum is not None for choice in one.enum]
    if choices:
        return Misfit(f"{show(value)} is not one of the values that the API knows", choice_remedy(value, choices))
    return next((why for one in of_kind if (why := _wrong_detail(value, one))), Misfit(f"{show(value)} does not fit"))


def kinds(wanted: Alternatives) -> str:
    """What the document wants, in words: `text or a list`."""
    types = [kind for one in wanted for kind in sorted(one.types or _of_enum(one))]
    return join([_WORDS[kind] for kind in dict.fromkeys(types) if kind in _WORDS]) or "something else"


def choice_remedy(value: Any, choices: Iterable[Any]) -> str:
    """The nearest of the values, or all of them where they are few."""
    known = list(dict.fromkeys(one for one in choices if isinstance(one, str | int | float)))
    near = suggest(value, [one for one in known if isinstance(one, str) and one]) if isinstance(value, str) else None
    if near:
        return f"did you mean '{near}'?"
    shown = [show(one) for one in known if one != ""]
    return f"it knows {', '.join(shown)}" if 0 < len(shown) <= _LISTED else ""


def _fits(value: Any, schema: Schema, as_text: bool) -> bool:
    if not _has_kind(value, schema, as_text):
        return False
    if schema.enum is not None:
        return _among(value, schema.enum, as_text)
    return _wrong_detail(value, schema, lenient=as_text) is None


def _has_kind(value: Any, schema: Schema, as_text: bool) -> bool:
    types = schema.types or (_of_enum(schema) if schema.enum is not None else frozenset())
    if not types:
        return not schema.properties or isinstance(value, dict) or value is None
    if as_text and not isinstance(value, list | dict) and value is not None:
        return any(_reads_as(value, kind, schema) for kind in types)
    return any(_is_a(value, kind, schema) for kind in types)


def _of_enum(schema: Schema) -> frozenset[str]:
    """The types of the values of an enum without one."""
    names = {str: "string", bool: "boolean", int: "integer", float: "number", type(None): "null"}
    return frozenset(names.get(type(one), "object") for one in schema.enum or ())


def _is_a(value: Any, kind: str, schema: Schema) -> bool:
    """JSON's own types; a decimal of Django's is text and taken as a number too."""
    match value:
        case None:
            return kind == "null"
        case bool():
            return kind == "boolean"
        case int():
            return kind in ("integer", "number") or _is_decimal(kind, schema)
        case float():
            return kind == "number" or (kind == "integer" and value.is_integer()) or _is_decimal(kind, schema)
        case str():
            return kind == "string" or (schema.enum is not None and value in schema.enum)
        case list():
            return kind == "array"
        case _:
            return kind == "object"


def _is_decimal(kind: str, schema: Schema) -> bool:
    return kind == "string" and schema.format in DECIMALS


def _reads_as(value: Any, kind: str, schema: Schema) -> bool:
    """Whether the text of a scalar is one of the kind."""
    if kind in ("string", "array") or (schema.enum is not None and _among(value, schema.enum, as_text=True)):
        return True
    if kind == "boolean":
        return str(value) in _TRUTHS
    if isinstance(value, bool) or kind not in ("integer", "number"):
        return False
    try:
        number = float(value)
    except ValueError:
        return False
    return kind == "number" or number.is_integer()


def _among(value: Any, choices: tuple[Any, ...], as_text: bool) -> bool:
    if as_text:
        return _plain(value) in {_plain(one) for one in choices}
    return any(type(value) is type(one) and value == one for one in choices) or (
        isinstance(value, float | int) and not isinstance(value, bool) and _equals(value, choices)
    )


def _equals(value: float, choices: tuple[Any, ...]) -> bool:
    return any(isinstance(one, int | float) and not isinstance(one, bool) and one == value for one in choices)


def _plain(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _wrong_kind(value: Any, wanted: Alternatives, as_text: bool) -> Misfit:
    given = "a mapping" if isinstance(value, dict) else "a list" if isinstance(value, list) else show(value)
    said = f"must be {kinds(wanted)}, not {given}"
    takes_text = any("string" in one.types for one in wanted)
    remedy = f'write it in quotes: "{_plain(value)}"' if isinstance(value, int | float) and takes_text else ""
    is_number = isinstance(value, str) and not as_text and any(one.types & {"integer", "number"} for one in wanted)
    return Misfit(said, "write it without quotes" if is_number and _is_numeric(value) else remedy)


def _is_numeric(text: str) -> bool:
    return text.lstrip("-").replace(".", "", 1).isdecimal()


def _wrong_detail(value: Any, schema: Schema, *, lenient: bool = False) -> Misfit | None:
    """What is wrong with a value of the right kind."""
    if isinstance(value, str) and "string" in schema.types:
        return _wrong_text(value, schema, lenient)
    if isinstance(value, int | float) and not isinstance(value, bool) and schema.types & {"integer", "number"}:
        return _out_of_bounds(value, schema)
    return None


def _wrong_text(value: str, schema: Schema, lenient: bool) -> Misfit | None:
    if not value and lenient:
        return None  # empty filters have their own check
    if not has_format(value, schema.format, lenient=lenient):
        return Misfit(f"must be {WORDS[schema.format]}, not {show(value)}")
    if schema.max_length is not None and len(value) > schema.max_length:
        return Misfit(f"must have at most {schema.max_length} characters, has {len(value)}")
    if schema.min_length is not None and len(value) < schema.min_length:
        return Misfit(f"must have at least {schema.min_length} characters, has {len(value)}")
    return None


def _out_of_bounds(value: float, schema: Schema) -> Misfit | None:
    if schema.minimum is not None and value < schema.minimum:
        return Misfit(f"must be at least {schema.minimum}, not {show(value)}")
    if schema.maximum is not None and value > schema.maximum:
        return Misfit(f"must be at most {schema.maximum}, not {show(value)}")
    return None
