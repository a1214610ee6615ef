"""Operators and functions whose result could be huge, judged before they run."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from engine.rules.values import Problem, text, too_long

_WIDEST_INT = 16_384  # bits
_LONGEST_RANGE = 100_000
_SPEC = re.compile(
    r"%(?:\((?P<name>[^)]*)\))?(?P<flags>[-+ 0#]*)(?P<width>\*|\d*)(?:\.(?P<places>\*|\d*))?(?P<kind>.)?"
)
_SIZED = (str, bytes, list, tuple)


class Bounds:
    """Bounded `+ * ** %` and `~`; `limit` is the longest text, or list, that an operator may make."""

    __slots__ = ("limit", "operators")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.operators: Mapping[str, Callable[[Any, Any], Any]] = {
            "+": self.add,
            "*": self.multiply,
            "**": self.power,
            "%": self.modulo,
        }

    def fits(self, size: int) -> None:
        """Let a result of that length pass.

        Raises:
            Problem: it would be over the limit.
        """
        if size > self.limit:
            raise too_long(self.limit)

    def add(self, left: Any, right: Any) -> Any:
        """`left + right`.

        Raises:
            Problem: text or list over the limit.
        """
        if isinstance(left, _SIZED) and isinstance(right, _SIZED):
            self.fits(len(left) + len(right))
        return left + right

    def multiply(self, left: Any, right: Any) -> Any:
        """`left * right`.

        Raises:
            Problem: text or list over the limit, integer over 16,384 bits.
        """
        if isinstance(left, _SIZED) and isinstance(right, int):
            self.fits(len(left) * max(0, right))
        elif isinstance(right, _SIZED) and isinstance(left, int):
            self.fits(len(right) * max(0, left))
        elif isinstance(left, int) and isinstance(right, int):
            _narrow(left.bit_length() + right.bit_length())
        return left * right

    def power(self, left: Any, right: Any) -> Any:
        """`left ** right`.

        Raises:
            Problem: integer over 16,384 bits.
        """
        if isinstance(left, int) and isinstance(right, int):
            _narrow(left.bit_length() * abs(right))
        return left**right

    def modulo(self, left: Any, right: Any) -> Any:
        """`left % right`: the remainder of numbers, or printf-style formatting of text.

        Raises:
            Problem: as for `format`; bytes cannot be formatted.
        """
        if isinstance(left, str):
            return self.format(left, right)
        if isinstance(left, (bytes, bytearray)):
            raise Problem("formats bytes with `%`")
        return left % right

    def format(self, pattern: str, arguments: Any) -> str:
        """Fill `%s`, `%d`, `%(name)s` and the like; every value follows the rules of text.

        Raises:
            Problem: a width or number of places over the limit, `*`, `%r`, `%a`, a value without text.
        """
        widths = 0
        specs = 0
        for spec in _SPEC.finditer(pattern):
            width, places, kind = spec["width"], spec["places"] or "", spec["kind"]
            if "*" in (width, places) or kind in ("r", "a"):
                raise Problem("formats with `*`, `%r` or `%a`")
            if len(width) > 9 or len(places) > 9:
                raise too_long(self.limit)
            widths += int(width or 0) + int(places or 0)
            specs += 1
        filled = _printable(arguments)
        self.fits(len(pattern) + widths + specs * _longest(filled))
        made: str = pattern % filled
        return made

    def concat(self, parts: tuple[Any, ...]) -> str:
        """The text of all parts, for `~`.

        Raises:
            Problem: over the limit, or a part without text.
        """
        return self.join("", parts)

    def join(self, glue: str, parts: Any) -> str:
        """The text of all parts with `glue` between them.

        Raises:
            Problem: over the limit, or a part without text.
        """
        size = 0
        chunks = []
        for part in parts:
            chunk = text(part, self.limit)
            size += len(chunk) + len(glue)
            if size - len(glue) > self.limit:
                raise too_long(self.limit)
            chunks.append(chunk)
        return glue.join(chunks)

    def replace(self, value: str, old: str, new: str, count: int | None = None) -> str:
        """`value` with `old` replaced, the first `count` times only where it is given.

        Raises:
            Problem: over the limit.
        """
        times = value.count(old)
        if count is not None and count >= 0:
            times = min(times, count)
        self.fits(len(value) + times * max(0, len(new) - len(old)))
        return value.replace(old, new, -1 if count is None else count)


def bounded_range(*arguments: int) -> range:
    """`range` of at most 100,000 numbers.

    Raises:
        Problem: more numbers.
    """
    numbers = range(*arguments)
    try:
        size = len(numbers)
    except OverflowError:
        size = _LONGEST_RANGE + 1
    if size > _LONGEST_RANGE:
        raise Problem(f"has a range of more than {_LONGEST_RANGE} numbers")
    return numbers


def _narrow(bits: int) -> None:
    if bits > _WIDEST_INT:
        raise Problem(f"makes an integer of more than {_WIDEST_INT} bits")


def _printable(arguments: Any) -> Any:
    if isinstance(arguments, Mapping):
        return {key: _printed(value) for key, value in arguments.items()}
    if isinstance(arguments, tuple):
        return tuple(map(_printed, arguments))
    return _printed(arguments)


def _printed(value: Any) -> Any:
    """Numbers stay numbers for `%d` and `%f`; everything else follows the rules of text, booleans too."""
    kind = type(value)
    if kind is float or kind is Decimal:
        text(value)  # refuses NaN and the like
        return value
    return value if kind is int else text(value)


def _longest(filled: Any) -> int:
    values = filled.values() if isinstance(filled, dict) else filled if isinstance(filled, tuple) else (filled,)
    return max((_width(value) for value in values), default=0)


def _width(value: Any) -> int:
    """Characters that a value may take: a float has up to 309 digits before the point."""
    if isinstance(value, str):
        return len(value)
    return value.bit_length() // 3 + 2 if isinstance(value, int) else 400
