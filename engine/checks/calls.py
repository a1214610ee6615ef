"""What filters and tests take: an explicit table, held against the sandbox by a test."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from jinja2 import nodes

from engine.checks.expressions import span_of, walk
from engine.rules.templates import Template

Kind = Literal["filter", "test"]

FILTERS: dict[str, str | None] = {
    "abs": "",
    "attr": "name",
    "b64decode": "",
    "b64encode": "",
    "batch": "linecount fill_with?",
    "capitalize": "",
    "center": "width?",
    "count": "",
    "d": "default_value? boolean?",
    "default": "default_value? boolean?",
    "dictsort": "case_sensitive? by? reverse?",
    "e": "",
    "escape": "",
    "filesizeformat": "binary?",
    "first": "",
    "float": "default?",
    "format": None,
    "groupby": "attribute default? case_sensitive?",
    "indent": "width? first? blank?",
    "int": "default? base?",
    "isoformat": "",
    "items": "",
    "join": "d? attribute?",
    "json": "",
    "last": "",
    "length": "",
    "list": "",
    "lower": "",
    "map": None,
    "max": "case_sensitive? attribute?",
    "min": "case_sensitive? attribute?",
    "reject": None,
    "rejectattr": None,
    "replace": "old new count?",
    "required": "message?",
    "reverse": "",
    "round": "precision? method?",
    "select": None,
    "selectattr": None,
    "slice": "slices fill_with?",
    "sort": "reverse? case_sensitive? attribute?",
    "string": "",
    "sum": "attribute? start?",
    "title": "",
    "tojson": "",
    "trim": "chars?",
    "truncate": "length? killwords? end? leeway?",
    "unique": "case_sensitive? attribute?",
    "upper": "",
    "urlencode": "",
    "wordcount": "",
    "wordwrap": "width? break_long_words? wrapstring?",
}
"""Arguments besides the value, optional ones with `?`; None: any."""

_ONE_ARGUMENT = (
    "divisibleby", "sameas", "in", "==", "eq", "equalto", "!=", "ne", ">", "gt", "greaterthan", ">=", "ge", "<", "lt",
    "lessthan", "<=", "le",
)  # fmt: skip
_NO_ARGUMENT = (
    "boolean", "defined", "even", "false", "float", "integer", "iterable", "lower", "mapping", "none", "number", "odd",
    "sequence", "string", "true", "undefined", "upper",
)  # fmt: skip

TESTS: dict[str, str | None] = {**dict.fromkeys(_ONE_ARGUMENT, "other"), **dict.fromkeys(_NO_ARGUMENT, "")}
"""As FILTERS, for `is`."""

_NAMING: tuple[tuple[Kind, dict[str, int]], ...] = (
    ("filter", {"map": 0}),
    ("test", {"select": 0, "reject": 0, "selectattr": 1, "rejectattr": 1}),
)
"""Which argument of these filters is the name of a filter or test."""


@dataclass(frozen=True, slots=True)
class Named:
    """A filter or test whose name is given as text, and the characters of that text."""

    kind: Kind
    name: str
    place: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Call:
    """A filter or test with its arguments.

    Attributes:
        kind, name, place: what is called, and the characters of its name.
        positional: number of arguments without a name.
        keywords: names of the others.
        open: there are `*` or `**` arguments, so their number is not known.
        names: the filter or test that it is told to use for each element.
    """

    kind: Kind
    name: str
    place: tuple[int, int]
    positional: int
    keywords: tuple[str, ...]
    open: bool
    names: Named | None


def calls(template: Template) -> tuple[Call, ...]:
    """All filters and tests that a template calls, in reading order."""
    return tuple(_calls(template))


def _calls(template: Template) -> Iterator[Call]:
    if "|" not in template.source and " is " not in template.source:
        return  # most templates call none
    for node in walk(template.ast()):
        if type(node) is not nodes.Filter and type(node) is not nodes.Test:
            continue
        kind: Kind = "filter" if isinstance(node, nodes.Filter) else "test"
        keywords = tuple(str(one.key) for one in node.kwargs)
        is_open = node.dyn_args is not None or node.dyn_kwargs is not None
        names = _named(template.source, node) if isinstance(node, nodes.Filter) else None
        place = span_of(template.source, node)
        yield Call(kind, node.name, place, len(node.args), keywords, is_open, names)


def wrong_arguments(call: Call) -> str:
    """What is wrong with the arguments, "" where nothing is, or where it is not known."""
    table = FILTERS if call.kind == "filter" else TESTS
    spec = table.get(call.name)
    if spec is None or call.open:
        return ""
    allowed = [word.rstrip("?") for word in spec.split()]
    needed = [word for word in spec.split() if not word.endswith("?")]
    unknown = [word for word in call.keywords if word not in allowed]
    if unknown:
        return f"'{call.name}' has no argument '{unknown[0]}'; {_takes(allowed)}"
    if call.positional + len(call.keywords) > len(allowed):
        return f"'{call.name}' has too many arguments; {_takes(allowed)}"
    missing = [word for word in needed[call.positional :] if word not in call.keywords]
    return f"'{call.name}' needs {_quoted(missing)}" if missing else ""


def _takes(allowed: list[str]) -> str:
    return f"it takes {_quoted(allowed)}" if allowed else "it takes none"


def _quoted(words: list[str]) -> str:
    return ", ".join(f"'{word}'" for word in words)


def _named(source: str, node: nodes.Filter) -> Named | None:
    for kind, table in _NAMING:
        index = table.get(node.name)
        if index is None or len(node.args) <= index:
            continue
        told = node.args[index]
        if isinstance(told, nodes.Const) and isinstance(told.value, str):
            start, end = span_of(source, told)
            is_quoted = end - start == len(told.value) + 2
            return Named(kind, told.value, (start + 1, end - 1) if is_quoted else (start, end))
    return None
