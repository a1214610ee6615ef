"""How much of a partition is under way, counted by two threads, and whether it has to pause."""

from __future__ import annotations

from engine.config.model import Limits


class Flow:
    """One partition's counts. The consumer thread writes what it handed over, the event loop what ended.

    Attributes:
        sent, sent_bytes: handed to the loop; written by the consumer thread alone.
        ended, ended_bytes: done, skipped, dead or given back; written by the loop alone.
        holds: reasons of the loop to pause, replaced as a whole: `schema`, `storm`, `metadata`, `stop`.
    """

    __slots__ = ("ended", "ended_bytes", "holds", "sent", "sent_bytes")

    def __init__(self) -> None:
        self.sent = 0
        self.sent_bytes = 0
        self.ended = 0
        self.ended_bytes = 0
        self.holds: frozenset[str] = frozenset()

    @property
    def events(self) -> int:
        """Undone events."""
        return self.sent - self.ended

    @property
    def bytes(self) -> int:
        """Bytes of the undone events."""
        return self.sent_bytes - self.ended_bytes

    def hold(self, reason: str, on: bool) -> None:
        """Add or take away a reason of the loop."""
        self.holds = self.holds | {reason} if on else self.holds - {reason}

    def reason(self, limits: Limits, all_bytes: int, *, paused: bool) -> str | None:
        """Why the partition has to pause, None where it need not.

        Args:
            limits: `in_flight` bounds the partition's events, `buffer` the bytes of all partitions.
            all_bytes: of all partitions.
            paused: it is paused now; then it goes on at half of the bounds only.
        """
        if self.holds:
            return min(self.holds)
        share = 2 if paused else 1
        if self.events >= max(1, limits.in_flight // share):
            return "in_flight"
        if all_bytes >= limits.buffer // share and self.events:
            return "buffer"
        return None
