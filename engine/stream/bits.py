"""A set of offsets, for many of one partition. Pure."""

from __future__ import annotations

_SPAN = 1 << 31  # dead letters from the first to the last that are told apart; a greater distance is no offset of ours


class Bits:
    """A set of offsets, one bit each, from the smallest on (rounded down to eight)."""

    __slots__ = ("_base", "_bits")

    def __init__(self, first: int) -> None:
        self._base = first & ~7
        self._bits = bytearray()

    def add(self, offset: int) -> None:
        """Put an offset in.

        Raises:
            ValueError: it is too far from the others.
        """
        if offset < 0 or abs(offset - self._base) > _SPAN:
            raise ValueError(offset)
        if offset < self._base:
            base = offset & ~7
            self._bits[:0] = bytes((self._base - base) >> 3)
            self._base = base
        at = offset - self._base >> 3
        if at >= len(self._bits):
            self._bits += bytes(at + 1 - len(self._bits))
        self._bits[at] |= 1 << (offset & 7)

    def __contains__(self, offset: int) -> bool:
        at = offset - self._base >> 3
        return 0 <= at < len(self._bits) and bool(self._bits[at] >> (offset & 7) & 1)

    def count(self, low: int, high: int) -> int:
        """How many of its offsets are from `low` up to `high`."""
        bits = int.from_bytes(self._bits, "little")
        beyond = min(max(0, high - self._base), len(self._bits) << 3)
        bits &= (1 << beyond) - 1
        return (bits >> max(0, low - self._base)).bit_count()
