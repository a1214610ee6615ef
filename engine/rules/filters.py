"""The filters and tests that templates may use: an explicit list, each safe for any value.

Jinja's own where they are harmless; ours where Jinja's would take null as the text "None", grow without bound, or
look attributes up. Filters that give an iterator give a list here, so that a result can be counted and used twice.
"""

from __future__ import annotations

import base64
import binascii
import datetime as dt
from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from typing import Any
from urllib.parse import quote, urlencode

from jinja2 import filters as theirs
from jinja2 import pass_context, pass_environment
from jinja2.tests import TESTS as THEIR_TESTS
from markupsafe import escape

from engine.rules.bounds import Bounds
from engine.rules.paths import segment
from engine.rules.values import Problem, Stated, is_undefined, json_bytes, text

LENIENT_FILTERS = frozenset({"default", "d", "required"})
"""Filters whose subject may be undefined."""

LENIENT_TESTS = frozenset({"defined", "undefined"})
"""Tests whose subject may be undefined."""

MAY_LACK = frozenset({"first", "last", "min", "max", "attr"})
"""Filters whose result may be undefined."""

STEPS = "for rounds"
"""The internal filter around what a `for` walks; no template can write its name."""

SEGMENT = "path segment"
"""The internal filter around every value in a path."""

INTERNAL = frozenset({STEPS, SEGMENT})

_REFUSED_TESTS = frozenset({"callable", "escaped", "filter", "test", *LENIENT_TESTS})
_MOST_PLACES = 30
_UNSET: Any = object()

Filter = Callable[..., Any]


def build_filters(bounds: Bounds) -> dict[str, Filter]:
    """All filters by name; what they make is bounded by `bounds`."""
    return {**_TEXTUAL, **_LISTS, **_PLAIN, **_bounded_text(bounds), **_bounded_lists(bounds)}


def build_tests() -> dict[str, Callable[..., bool]]:
    """All tests by name; only `defined` and `undefined` take what is undefined."""
    known: dict[str, Any] = dict(THEIR_TESTS)
    tests = {name: _strict(test) for name, test in known.items() if name not in _REFUSED_TESTS}
    return {**tests, "defined": _is_defined, "undefined": _is_undefined}


def _is_defined(value: Any) -> bool:
    return not is_undefined(value)


def _is_undefined(value: Any) -> bool:
    return is_undefined(value)


def _strict(test: Callable[..., bool]) -> Callable[..., bool]:
    def check(value: Any, *arguments: Any) -> bool:
        if is_undefined(value):
            str(value)  # raises, saying what is undefined
        return bool(test(value, *arguments))

    return check


def _textual(function: Filter) -> Filter:
    """A filter of text: its subject follows the rules of text, so null is an error and not "None"."""

    def apply(value: Any, *arguments: Any, **keywords: Any) -> Any:
        return function(text(value), *arguments, **keywords)

    return apply


def _listing(function: Filter) -> Filter:
    """A filter that gives an iterator gives a list; keeps what Jinja passes first."""

    def apply(*arguments: Any, **keywords: Any) -> list[Any]:
        return list(function(*arguments, **keywords))

    passed = getattr(function, "jinja_pass_arg", None)
    if passed is not None:
        apply.jinja_pass_arg = passed  # type: ignore[attr-defined]
    return apply


@pass_environment
def _attr(environment: Any, value: Any, name: str) -> Any:
    return environment.getitem(value, name)


def _b64decode(value: str | bytes) -> bytes:
    source = value if isinstance(value, bytes) else text(value)
    try:
        return base64.b64decode(source, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Problem("is not base64") from error


def _b64encode(value: Any) -> str:
    return base64.b64encode(value if isinstance(value, bytes) else text(value).encode()).decode()


def _required(value: Any, message: str = "a required value is missing") -> Any:
    """The value; an error with the rule's own text where it is undefined, null or empty text."""
    if is_undefined(value) or value is None or value == "":
        raise Stated(" ".join(text(message).split()))
    return value


def _isoformat(value: Any) -> str:
    if isinstance(value, (dt.datetime, dt.date, dt.time)):
        return value.isoformat()
    if isinstance(value, str):
        try:
            dt.datetime.fromisoformat(value)
        except ValueError as error:
            raise Problem("is text that is not ISO 8601") from error
        return value
    raise Problem(f"is a {_kind(value)}, not a date or time")


def _int(value: Any, default: Any = _UNSET, base: int = 10) -> Any:
    return _number(theirs.do_int(value, _UNSET, base), default, value)


def _float(value: Any, default: Any = _UNSET) -> Any:
    return _number(theirs.do_float(value, _UNSET), default, value)


def _number(result: Any, default: Any, value: Any) -> Any:
    """Jinja makes 0 of text that is no number; here that needs a default."""
    if result is not _UNSET:
        return result
    if default is _UNSET:
        raise Problem(f"is a {_kind(value)} that is not a number; give a default where that may be")
    return default


def _round(value: Any, precision: int = 0, method: Any = "common") -> Any:
    if abs(precision) > _MOST_PLACES:
        raise Problem(f"rounds to more than {_MOST_PLACES} places")
    return theirs.do_round(value, precision, method)


def _dictsort(value: Any, *arguments: Any, **keywords: Any) -> Any:
    if not isinstance(value, Mapping):
        raise Problem(f"is a {_kind(value)}, not a map")
    return theirs.do_dictsort(value, *arguments, **keywords)


def _items(value: Any) -> list[tuple[Any, Any]]:
    if not isinstance(value, Mapping):
        raise Problem(f"is a {_kind(value)}, not a map")
    return list(value.items())


def _reverse(value: Any) -> Any:
    return value[::-1] if isinstance(value, str) else list(reversed(value))


@pass_environment
def _sum(environment: Any, iterable: Iterable[Any], attribute: Any = None, start: Any = 0) -> Any:
    if not isinstance(start, (int, float)) and type(start).__name__ != "Decimal":
        raise Problem("sums what is not a number")
    return theirs.do_sum(environment, iterable, attribute, start)


def _urlencode(value: Any) -> str:
    """Text percent-encoded as Jinja does (the slash stays); a map or pairs as a query string."""
    if isinstance(value, Mapping):
        value = value.items()
    elif not isinstance(value, list):
        return quote(text(value), safe="/")
    return urlencode([(text(key), text(item)) for key, item in value])


def _kind(value: Any) -> str:
    return "null" if value is None else type(value).__name__


def _bounded_text(bounds: Bounds) -> dict[str, Filter]:
    """Filters that make text."""

    def center(value: str, width: int = 80) -> str:
        bounds.fits(width)
        return value.center(width)

    def indent(value: str, width: int | str = 4, first: bool = False, blank: bool = False) -> str:
        step = len(width) if isinstance(width, str) else width
        bounds.fits(len(value) + (value.count("\n") + 2) * max(0, step))
        return theirs.do_indent(value, width, first, blank)

    def form(value: str, *arguments: Any, **keywords: Any) -> str:
        return bounds.format(value, keywords or arguments)

    def wordwrap(value: str, width: int = 79, break_long_words: bool = True, wrapstring: str = "\n") -> str:
        lines = len(value) // max(1, width) * 2 + value.count("\n") + len(value.split()) + 1
        bounds.fits(len(value) + lines * len(wrapstring))
        return theirs.do_wordwrap(_LINES, value, width, break_long_words, wrapstring)

    @pass_environment
    def join(environment: Any, value: Iterable[Any], d: str = "", attribute: Any = None) -> str:
        if attribute is not None:
            value = map(theirs.make_attrgetter(environment, attribute), value)
        return bounds.join(text(d), value)

    def json(value: Any, indent: int | None = None) -> str:
        if indent is not None:
            raise Problem("asks for indented JSON, which is not supported")
        return json_bytes(value, bounds.limit).decode()

    def replace(value: str, old: Any, new: Any, count: int | None = None) -> str:
        return bounds.replace(value, text(old), text(new), count)

    textual: dict[str, Filter] = {
        "center": center,
        "indent": indent,
        "format": form,
        "wordwrap": wordwrap,
        "replace": replace,
    }
    return {**{name: _textual(made) for name, made in textual.items()}, "join": join, "json": json, "tojson": json}


def _bounded_lists(bounds: Bounds) -> dict[str, Filter]:
    """Filters that make lists."""

    def batch(value: Iterable[Any], linecount: int, fill_with: Any = None) -> list[Any]:
        bounds.fits(linecount)
        return list(theirs.do_batch(value, linecount, fill_with))

    def cut(value: Any, slices: int, fill_with: Any = None) -> list[Any]:
        bounds.fits(slices)
        return list(theirs.sync_do_slice(value, slices, fill_with))

    def steps(context: Any, value: Iterable[Any]) -> Iterable[Any]:
        """Count the rounds of a `for`; internal, around every loop."""
        for element in value:
            context.rounds += 1
            if context.rounds > bounds.limit:
                raise Problem(f"loops more than {bounds.limit} times")
            yield element

    def listed(value: Iterable[Any]) -> list[Any]:
        made = list(islice(value, bounds.limit + 1))
        bounds.fits(len(made))
        return made

    return {"batch": batch, "slice": cut, "list": listed, STEPS: pass_context(steps)}


class _Lines:
    """All that `wordwrap` wants of an environment."""

    newline_sequence = "\n"


_LINES: Any = _Lines()

_TEXTUAL: dict[str, Filter] = {
    "b64decode": _b64decode,
    "b64encode": _b64encode,
    "capitalize": _textual(str.capitalize),
    "e": _textual(lambda value: str(escape(value))),
    "escape": _textual(lambda value: str(escape(value))),
    "lower": _textual(str.lower),
    "string": text,
    "title": _textual(theirs.do_title),
    "trim": _textual(lambda value, chars=None: value.strip(chars)),
    "truncate": pass_environment(
        lambda environment, value, *arguments, **keywords: theirs.do_truncate(
            environment, text(value), *arguments, **keywords
        )
    ),
    "upper": _textual(str.upper),
    "wordcount": _textual(theirs.do_wordcount),
}

_LISTS: dict[str, Filter] = {
    "dictsort": _dictsort,
    "first": theirs.sync_do_first,
    "groupby": theirs.sync_do_groupby,
    "items": _items,
    "last": theirs.do_last,
    "map": _listing(theirs.sync_do_map),
    "max": theirs.do_max,
    "min": theirs.do_min,
    "reject": _listing(theirs.sync_do_reject),
    "rejectattr": _listing(theirs.sync_do_rejectattr),
    "reverse": _reverse,
    "select": _listing(theirs.sync_do_select),
    "selectattr": _listing(theirs.sync_do_selectattr),
    "sort": theirs.do_sort,
    "sum": _sum,
    "unique": _listing(theirs.do_unique),
}

_PLAIN: dict[str, Filter] = {
    "abs": abs,
    "attr": _attr,
    "count": len,
    "d": theirs.do_default,
    "default": theirs.do_default,
    "filesizeformat": theirs.do_filesizeformat,
    "float": _float,
    "int": _int,
    "isoformat": _isoformat,
    "length": len,
    SEGMENT: segment,
    "required": _required,
    "round": _round,
    "urlencode": _urlencode,
}
