"""Holds what was sent against what a case expects: subsets, any values, captured values. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any

from engine.documents import Pointer

_SIGN = re.compile(r"(\$+)(any|absent|(?P<verb>captured?):(?P<name>.+))", re.DOTALL)
_ESCAPED = re.compile(r"\$\$+(?:any|absent|captured?:.+)", re.DOTALL)
_LONGEST = 500  # characters of a value that a failure shows

Captured = MutableMapping[str, Any]


class NotCaptured(Exception):
    """A value is used under a name that nothing was captured as."""

    def __init__(self, name: str) -> None:
        super().__init__(f"nothing was captured as '{name}'")


class _Missing:
    def __repr__(self) -> str:
        return "(nothing)"


MISSING = _Missing()


@dataclass(frozen=True, slots=True)
class Difference:
    """Two values that are not the same.

    Attributes:
        pointer: from where the comparison began.
        expected, actual: as `shown` writes them.
    """

    pointer: Pointer
    expected: str
    actual: str


def differences(
    expected: Any, actual: Any, captured: Captured, *, exact: bool = False, at: Pointer = ()
) -> Iterator[Difference]:
    """Where `actual` is not what is expected.

    Args:
        expected: as the case writes it, with `$any` and the like.
        actual: JSON values; MISSING where there is none.
        captured: values by name; added to.
        exact: mappings may have no further names.
        at: where the values stand.

    Raises:
        NotCaptured: a `$captured:NAME` without a value.
    """
    sign = _SIGN.fullmatch(expected) if isinstance(expected, str) else None
    if sign is not None and sign[1] == "$":
        yield from _signed(sign, actual, captured, at)
    elif isinstance(expected, Mapping) and isinstance(actual, Mapping):
        yield from _mappings(expected, actual, captured, exact, at)
    elif isinstance(expected, list) and isinstance(actual, list) and len(expected) == len(actual):
        for index, (one, other) in enumerate(zip(expected, actual, strict=True)):
            yield from differences(one, other, captured, exact=exact, at=(*at, index))
    elif not _same(plain(expected), actual):
        yield Difference(at, shown(plain(expected)), shown(actual))


def _signed(sign: re.Match[str], actual: Any, captured: Captured, at: Pointer) -> Iterator[Difference]:
    if sign[2] == "absent":
        if actual is not MISSING:
            yield Difference(at, repr(MISSING), shown(actual))
    elif sign["verb"] == "captured":
        wanted = fetch(sign["name"], captured)
        if not _same(wanted, actual):
            yield Difference(at, f"{shown(wanted)} (captured as {sign['name']})", shown(actual))
    elif actual is MISSING:
        yield Difference(at, "any value", shown(actual))
    elif sign["verb"] == "capture":
        captured[sign["name"]] = actual


def _mappings(
    expected: Mapping[str, Any], actual: Mapping[str, Any], captured: Captured, exact: bool, at: Pointer
) -> Iterator[Difference]:
    for name, value in expected.items():
        yield from differences(value, actual.get(name, MISSING), captured, exact=exact, at=(*at, name))
    for name in actual if exact else ():
        if name not in expected:
            yield Difference((*at, name), repr(MISSING), shown(actual[name]))


def _same(expected: Any, actual: Any) -> bool:
    """As JSON tells values apart: 1 and 1.0 are the same, 1 and true are not."""
    if isinstance(expected, bool) or isinstance(actual, bool):
        return expected is actual
    if isinstance(expected, list) and isinstance(actual, list):
        return len(expected) == len(actual) and all(map(_same, expected, actual))
    if isinstance(expected, Mapping) and isinstance(actual, Mapping):
        return expected.keys() == actual.keys() and all(_same(expected[name], actual[name]) for name in expected)
    return bool(expected == actual)


def fetch(name: str, captured: Captured) -> Any:
    """A captured value.

    Raises:
        NotCaptured: there is none.
    """
    if name not in captured:
        raise NotCaptured(name)
    return captured[name]


def filled(value: Any, captured: Captured) -> Any:
    """A value of an answer, with the captured values in their places.

    Raises:
        NotCaptured: a `$captured:NAME` without a value.
    """
    if isinstance(value, Mapping):
        return {name: filled(one, captured) for name, one in value.items()}
    if isinstance(value, list):
        return [filled(one, captured) for one in value]
    sign = _SIGN.fullmatch(value) if isinstance(value, str) else None
    if sign is not None and sign[1] == "$" and sign["verb"] == "captured":
        return fetch(sign["name"], captured)
    return plain(value)


def plain(value: Any) -> Any:
    """The value that is meant: without the `$` that only says that the text is meant as it stands."""
    return value[1:] if isinstance(value, str) and _ESCAPED.fullmatch(value) else value


def escaped(value: Any) -> Any:
    """A value as a case has to write it, so that it means itself."""
    if isinstance(value, Mapping):
        return {name: escaped(one) for name, one in value.items()}
    if isinstance(value, list):
        return [escaped(one) for one in value]
    return f"${value}" if isinstance(value, str) and _SIGN.fullmatch(value) else value


def shown(value: Any) -> str:
    """A value in a failure: JSON, cropped."""
    text = repr(value) if value is MISSING else json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 4] + " ..."
