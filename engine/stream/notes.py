"""What the state topic says of one partition, and which of its events may be interrupted. Lives on the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field

from engine.stream.seen import Seen
from engine.stream.state import Parked, Skip


@dataclass(slots=True)
class Hold:
    """A parked key waits for a replay that is about to catch up with it.

    Attributes:
        until: moment of the loop's clock from which nobody waits any more.
        over: set when the key is released.
    """

    until: float
    over: asyncio.Event = field(default_factory=asyncio.Event)


class Notes:
    """Kept from a partition's assignment to its end.

    Attributes:
        ready: set when everything of the former owner is known; no event may begin before.
        parked: lanes whose events go to the dead letters, by `lane_id`.
        held: those of them whose events wait instead, for a while.
        released: offset through which a parked lane was released, as last heard; not far enough.
        skips: offsets that are wanted in the dead letters.
        seen: events that were done; None where duplicates are not looked for.

    Args:
        cancel: cancels what runs for an ordering key.
    """

    __slots__ = ("_cancel", "_interrupted", "_under_way", "held", "parked", "ready", "released", "seen", "skips")

    def __init__(self, cancel: Callable[[Hashable], object]) -> None:
        self._cancel = cancel
        self.ready = asyncio.Event()
        self.parked: dict[str, Parked] = {}
        self.held: dict[str, Hold] = {}
        self.released: dict[str, int] = {}
        self.skips: dict[int, Skip] = {}
        self.seen: Seen | None = None
        self._under_way: dict[int, Hashable] = {}
        self._interrupted: set[int] = set()

    def begin(self, offset: int, key: Hashable) -> None:
        """What runs for the key waits, or sends requests, for this event until `end`: it may be interrupted."""
        self._under_way[offset] = key

    def end(self, offset: int) -> None:
        """The event may not be interrupted any more."""
        self._under_way.pop(offset, None)

    def interrupt(self, offset: int) -> None:
        """Cancel whatever the event waits for, if it is under way."""
        if offset in self._under_way and offset not in self._interrupted:
            self._interrupted.add(offset)
            self._cancel(self._under_way[offset])

    def was_interrupted(self, offset: int) -> bool:
        """Whether the cancellation that the current task met was `interrupt`'s, and nobody else's; then it is over."""
        if offset not in self._interrupted:
            return False
        self._interrupted.discard(offset)
        task = asyncio.current_task()
        return task is not None and task.uncancel() == 0
