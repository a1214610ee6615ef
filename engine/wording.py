"""What a schema did not like about a value, in words for people."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from engine.documents import Pointer

_TYPES = {
    "object": "a mapping",
    "array": "a list",
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "null": "null",
}
_SHOWN = 60  # characters of a wrong value that a message repeats
_LISTED = 15  # known names that a message lists


@dataclass(frozen=True, slots=True)
class Failure:
    """One keyword of a schema that a value breaks.

    Attributes:
        pointer: the value's place in the document.
        depth: steps from the value that a `oneOf` or `anyOf` looked at; 0: that value itself.
        keyword: `type`, `required`, ...; "" for the schema `false`.
        wanted: what the schema says under the keyword.
        value: the value, or the key where `of_key`.
        schema: the schema that holds the keyword.
        of_key: the key is wrong, not the value (`propertyNames`).
        branches: what failed in each alternative, for `oneOf` and `anyOf`.
    """

    pointer: Pointer
    depth: int
    keyword: str
    wanted: Any
    value: Any
    schema: Mapping[str, Any]
    of_key: bool
    branches: tuple[tuple[Failure, ...], ...] = ()


def mismatch(failure: Failure) -> str:
    """What is wrong, by the schema's own words (`x-message`, `x-expected`) or by the keyword."""
    schema, wanted, keyword = failure.schema, failure.wanted, failure.keyword
    if "x-message" in schema:
        return str(schema["x-message"])
    value = describe(failure)
    if "x-expected" in schema:
        return f"{value} is not {schema['x-expected']}"
    bounds = {"minimum": "at least", "maximum": "at most", "exclusiveMinimum": "above", "exclusiveMaximum": "below"}
    if keyword in bounds:
        return f"must be {bounds[keyword]} {wanted}, not {value}"
    if keyword in ("minLength", "minItems", "minProperties") and wanted == 1:
        return "must not be empty"
    if keyword.startswith(("min", "max")):
        unit = "characters" if keyword.endswith("Length") else "entries"
        return f"must have {'at least' if keyword.startswith('min') else 'at most'} {wanted} {unit}"
    return f"{value} does not match {wanted}" if keyword == "pattern" else f"{value} is not allowed here"


def wrong_type(failure: Failure, types: Iterable[str], values: Iterable[Any] = ()) -> str:
    """`must be text or a list, not 5`."""
    if "x-message" in failure.schema:
        return str(failure.schema["x-message"])
    wanted = failure.schema.get("x-expected") or join([*_type_names(types, values), *(show(one) for one in values)])
    return f"must be {wanted}, not {describe(failure)}"


def wrong_choice(failure: Failure, values: list[Any]) -> str:
    """`'plan' is not one of 'plaintext', 'ssl'`."""
    if "x-message" in failure.schema:
        return str(failure.schema["x-message"])
    shown = [show(value) for value in values if value is not None]
    if len(shown) == 1:
        return f"must be {shown[0]}, not {describe(failure)}"
    return f"{describe(failure)} is not one of {', '.join(shown) or 'null'}"


def quoting(failure: Failure, types: Iterable[str]) -> str:
    """The help where a number or boolean stands and text is due; "" elsewhere."""
    if "string" not in types or not isinstance(failure.value, int | float) or "x-expected" in failure.schema:
        return ""
    return "write it in quotes" + ("" if failure.schema.get("writeOnly") else f': "{_plain(failure.value)}"')


def titled(schema: Mapping[str, Any]) -> str:
    """The mapping's name with its article: `a request`, `the kafka section`; "" where the schema has no title."""
    title = str(schema.get("title", ""))
    if not title or title.startswith("the ") or "." in title:
        return title
    return f"{'an' if title[0] in 'aeioAEIO' else 'a'} {title}"


def describe(failure: Failure) -> str:
    """The wrong value in a few words; never a secret, never a whole mapping."""
    value = failure.value
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    if value is None:
        return "nothing"
    if failure.schema.get("writeOnly"):
        return {bool: "true or false", int: "a number", float: "a number"}.get(type(value), "this text")
    return show(value)


def show(value: Any) -> str:
    """A scalar as a message repeats it, cropped."""
    text = f"'{value}'" if isinstance(value, str) else _plain(value)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 4] + "...'"


def listed(prefix: str, names: Iterable[str]) -> str:
    """The names behind the prefix, where there are few enough to read; else ""."""
    distinct = list(dict.fromkeys(names))
    return prefix + ", ".join(distinct) if 0 < len(distinct) <= _LISTED else ""


def join(words: Sequence[str], last: str = "or") -> str:
    """`a, b or c`."""
    return f"{', '.join(words[:-1])} {last} {words[-1]}" if len(words) > 1 else "".join(words)


def _type_names(types: Iterable[str], values: Iterable[Any]) -> list[str]:
    """In words; `null` is not worth a word beside anything else."""
    names = list(dict.fromkeys(types))
    return [_TYPES[name] for name in names if name != "null"] or ([] if list(values) else ["null"])


def _plain(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)
