"""What of a partition is done: the watermark, and what is done beyond it. Pure; lives on the event loop."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from itertools import pairwise

Interval = tuple[int, int]
"""Offsets from the first up to, not including, the second."""


class Progress:
    """Offsets of one partition.

    Everything delivered and not pending is done, so only the pending offsets are kept (at most what may be in flight),
    and a gap in the offsets (transactions, compaction) needs no special case.

    Args:
        start: the first offset that is not known to be done.
        done: intervals beyond `start` that a former owner finished, sorted, apart from each other.
    """

    __slots__ = ("_next", "_pending", "_restored", "changed")

    def __init__(self, start: int, done: list[Interval] | None = None) -> None:
        self._next = start
        self._pending: list[int] = []
        self._restored = list(done or ())
        self.changed = False
        self._pass_restored()

    @property
    def pending(self) -> int:
        """Delivered events that are not done."""
        return len(self._pending)

    @property
    def watermark(self) -> int:
        """The offset to commit: every smaller one is done."""
        return self._pending[0] if self._pending else self._next

    def begin(self, offset: int) -> bool:
        """An offset was delivered; False where it is done already, or was delivered before, and must not be handled."""
        if offset < self._next:
            return False
        fresh = not self._is_restored(offset)
        if fresh:
            self._pending.append(offset)
        self._next = offset + 1
        if self._restored:
            self._pass_restored()
        if len(self._pending) <= 1:
            self.changed = True  # a gap before it may have moved the watermark
        return fresh

    def finish(self, offset: int) -> None:
        """A delivered offset is done. Does nothing where it is not pending."""
        at = bisect_left(self._pending, offset)
        if at < len(self._pending) and self._pending[at] == offset:
            del self._pending[at]
            self.changed = True

    def reach(self, end: int) -> None:
        """The partition's end was reached: nothing is to come before `end` (an aborted transaction may end there)."""
        if end > self._next:
            self._next = end
            self._pass_restored()
            self.changed = True

    def is_done(self, offset: int) -> bool:
        """Whether an offset needs nothing more; False also where it is still to come."""
        if offset >= self._next:
            return self._is_restored(offset)
        at = bisect_left(self._pending, offset)
        return at == len(self._pending) or self._pending[at] != offset

    def done(self) -> list[Interval]:
        """Intervals beyond the watermark that are done, sorted, apart from each other."""
        edges = [*self._pending, self._next]
        return [(before + 1, after) for before, after in pairwise(edges) if after > before + 1] + self._restored

    @property
    def span(self) -> int:
        """Offsets from the watermark to the end of what is known to be done beyond it."""
        return (self._restored[-1][1] if self._restored else self._next) - self.watermark

    def marks(self) -> bytearray:
        """`done` as one byte an offset from the watermark on: `1` done, `0` not. Cheaper where much is pending."""
        watermark = self.watermark
        marks = bytearray(b"1") * (self._next - watermark)
        for offset in self._pending:
            marks[offset - watermark] = 48  # "0"
        for start, end in self._restored:
            marks += b"0" * (start - watermark - len(marks)) + b"1" * (end - start)
        return marks

    def _is_restored(self, offset: int) -> bool:
        at = bisect_right(self._restored, offset, key=lambda interval: interval[0]) - 1
        return at >= 0 and offset < self._restored[at][1]

    def _pass_restored(self) -> None:
        """Intervals that begin at or before `next` need no memory of their own any more."""
        while self._restored and self._restored[0][0] <= self._next:
            self._next = max(self._next, self._restored.pop(0)[1])
