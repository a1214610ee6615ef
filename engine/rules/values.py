"""What a template's value becomes: text, JSON, or nothing (`omit`)."""

from __future__ import annotations

import base64
import datetime as dt
import math
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final, final
from uuid import UUID

import orjson

OMIT_MISPLACED: Final = "is `omit`, which can only stand for a key or a list element"
_WIDEST_DECIMAL = 10_000  # digits a Decimal may need when it is written without an exponent
_STRUCTURE = 1024 * 1024
_STRUCTURES = frozenset({dict, list, tuple, range})
_INT64 = range(-(2**63), 2**64)


class Problem(Exception):
    """A value that cannot be used where it stands.

    The text says what is wrong with the value, as in `event.name` "is null"; it is one line and holds nothing of
    the event.
    """


class Stated(Problem):
    """A Problem whose text is a whole sentence: what is undefined, or what the rule's `required` says."""


@final
class Omit:
    """The type of OMIT."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "omit"


OMIT: Final = Omit()
"""The value of `omit`: the key or list element that it would fill is dropped."""


def text(value: Any, limit: int = _STRUCTURE) -> str:
    """The value inside text, in a path, or in a header.

    Args:
        value: data.
        limit: as for `json_bytes`, for lists and maps, which are written as JSON.

    Raises:
        Problem: null, bytes, `omit`, NaN, infinities, and what is no data have no text.
    """
    known = type(value)
    if known is str:
        found: str = value
        return found
    if known in _STRUCTURES or isinstance(value, (Mapping, list, tuple)):
        return json_bytes(value, limit).decode()
    write = _TEXT.get(known)
    if write is None:
        write = _by_base(_TEXT, value)
    return write(value)


def json_bytes(value: Any, limit: int) -> bytes:
    """The value as JSON; `omit` drops its key or element.

    Args:
        value: data; `omit` at the top has no JSON.
        limit: characters of text and elements in all; stops a value that repeats itself from growing without end.

    Raises:
        Problem: the value, or something in it, has no JSON, or is over the limit.
    """
    try:
        clean = Plain(limit).plain(value)
    except RecursionError as error:
        raise Problem("is nested too deeply") from error
    if clean is OMIT:
        raise Problem(OMIT_MISPLACED)
    return dumps(clean)


def dumps(clean: Any) -> bytes:
    """The JSON of a value that `Plain` made.

    Raises:
        Problem: lone surrogates cannot be encoded.
    """
    try:
        return orjson.dumps(clean)
    except TypeError as error:
        raise Problem("has text that is not valid Unicode, or is nested too deeply") from error


class Plain:
    """Turns values into what the JSON writer takes, counting against one limit."""

    __slots__ = ("_left", "_limit")

    def __init__(self, limit: int) -> None:
        self._left = self._limit = limit

    def plain(self, value: Any) -> Any:
        """The value for the JSON writer; OMIT stays OMIT at the top and is dropped below.

        Raises:
            Problem: as for `json_bytes`.
        """
        kind = type(value)
        if kind is str:
            self._left -= len(value)
            if self._left < 0:
                raise too_long(self._limit)
            return value
        if kind is bool or value is None:
            return value
        if kind is int:
            return value if value in _INT64 else _big(value)
        if kind is dict:
            return self._map(value)
        if kind is list or kind is tuple or kind is range:
            return self._list(value)
        return self._other(value)

    def spend(self, amount: int) -> None:
        """Count `amount` characters or elements.

        Raises:
            Problem: over the limit.
        """
        self._left -= amount
        if self._left < 0:
            raise too_long(self._limit)

    def _map(self, value: Mapping[Any, Any]) -> dict[str, Any]:
        self.spend(len(value))
        result = {}
        for key, item in value.items():
            if type(key) is not str:
                raise Problem("has a map whose keys are not text")
            self._left -= len(key)
            clean = self.plain(item)
            if clean is not OMIT:
                result[key] = clean
        return result

    def _list(self, value: Any) -> list[Any]:
        self.spend(len(value))
        return [clean for item in value if (clean := self.plain(item)) is not OMIT]

    def _other(self, value: Any) -> Any:
        if value is OMIT:
            return value
        if isinstance(value, Mapping):
            return self._map(value)
        if isinstance(value, (list, tuple)):
            return self._list(value)
        write = _JSON.get(type(value))
        if write is None:
            write = _by_base(_JSON, value)
        clean = write(value)
        if type(clean) is str:
            self.spend(len(clean))
        return clean


def too_long(limit: int) -> Problem:
    """The failure of whatever grows over `limits.rendered`."""
    return Problem(f"would be longer than limits.rendered allows ({limit} characters)")


def decimal_text(value: Decimal) -> str:
    """The digits of a Decimal without an exponent.

    Raises:
        Problem: NaN, infinite, or too many digits.
    """
    if not value.is_finite():
        raise Problem("is not a number (NaN or infinite)")
    if abs(value.adjusted()) > _WIDEST_DECIMAL or len(value.as_tuple().digits) > _WIDEST_DECIMAL:
        raise Problem("is a decimal with too many digits")
    return format(value, "f")


def kind(value: Any) -> str:
    """The kind of a value, in the words of a rule's author."""
    return _KINDS.get(type(value), type(value).__name__)


def sound(chunk: str) -> str:
    """Text that can be encoded: what it was given.

    Raises:
        Problem: it has half a surrogate pair, which JSON can spell but UTF-8 cannot.
    """
    if not chunk.isascii():
        try:
            chunk.encode()
        except UnicodeEncodeError as error:
            raise Problem("has text that is not valid Unicode") from error
    return chunk


def is_undefined(value: Any) -> bool:
    """True for what the sandbox made of a missing name; known by a mark, so that this file needs no Jinja."""
    return getattr(type(value), "is_missing", False) is True


def _by_base(table: Mapping[type, Callable[[Any], Any]], value: Any) -> Callable[[Any], Any]:
    """The writer for a subclass of a known type, or for a foreign mapping."""
    if is_undefined(value):
        str(value)  # raises, saying what is undefined
    for base in type(value).__mro__[1:-1]:
        if base in table:
            return table[base]
    return _no_data


def _no_data(value: Any) -> Any:
    raise Problem(f"is a {type(value).__name__}, which cannot be sent")


def _no_text(what: str) -> Callable[[Any], str]:
    def refuse(_: Any) -> str:
        raise Problem(what)

    return refuse


def _finite(value: float) -> float:
    if not math.isfinite(value):
        raise Problem("is not a number (NaN or infinite)")
    return value


def _int_text(value: int) -> str:
    try:
        return str(value)
    except ValueError as error:
        raise Problem("is an integer with too many digits") from error


def _big(value: int) -> orjson.Fragment:
    return orjson.Fragment(_int_text(value).encode())


_TEXT: Final[dict[type, Callable[[Any], str]]] = {
    str: str,
    bool: lambda value: "true" if value else "false",
    int: _int_text,
    float: lambda value: repr(_finite(value)),
    Decimal: decimal_text,
    dt.datetime: dt.datetime.isoformat,
    dt.date: dt.date.isoformat,
    dt.time: dt.time.isoformat,
    UUID: str,
    type(None): _no_text("is null, which has no text; use default('...', true)"),
    bytes: _no_text("is bytes, which have no text; use b64encode"),
    Omit: _no_text(OMIT_MISPLACED),
}

_JSON: Final[dict[type, Callable[[Any], Any]]] = {
    str: str,
    int: lambda value: int(value) if value in _INT64 else _big(value),
    float: _finite,
    Decimal: lambda value: orjson.Fragment(decimal_text(value).encode()),
    dt.datetime: dt.datetime.isoformat,
    dt.date: dt.date.isoformat,
    dt.time: dt.time.isoformat,
    UUID: str,
    bytes: lambda value: base64.b64encode(value).decode(),
}

_KINDS: Final[dict[type, str]] = {
    type(None): "null",
    bool: "a boolean",
    int: "a number",
    float: "a number",
    str: "text",
    bytes: "bytes",
    dict: "a map",
    list: "a list",
    tuple: "a list",
    range: "a list",
}
