"""How many requests may be in flight: a semaphore whose free case costs no coroutine, and an event's place in it."""

from __future__ import annotations

import asyncio
from collections import deque


class Slots:
    """A number of slots, given in the order of asking.

    Use: `if not slots.take(): await slots.wait()`, then always `slots.give()`.
    """

    __slots__ = ("_free", "_waiting")

    def __init__(self, number: int) -> None:
        self._free = number
        self._waiting: deque[asyncio.Future[None]] = deque()

    def take(self) -> bool:
        """Take a free slot; False where there is none. While somebody waits none is free: `give` hands it on."""
        if self._free > 0:
            self._free -= 1
            return True
        return False

    async def wait(self) -> None:
        """Wait for a slot; it is taken on return."""
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():
                self.give()  # it came in the moment of the cancellation
            raise

    def give(self) -> None:
        """Give a slot back: to the one that waits longest, if any."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():  # else its waiter was cancelled
                turn.set_result(None)
                return
        self._free += 1


class Seat:
    """One event's slot, kept from its first request to its end: it waits for one once, not once a request.

    Args:
        kept: False: left after every request, for who has no end that could leave it.

    Attributes:
        slots: where it holds one, None for nowhere.
    """

    __slots__ = ("kept", "slots")

    def __init__(self, *, kept: bool) -> None:
        self.kept = kept
        self.slots: Slots | None = None

    async def take(self, slots: Slots) -> None:
        """Have a slot there, and nowhere else."""
        if self.slots is slots:
            return
        self.leave()
        if not slots.take():
            await slots.wait()
        self.slots = slots

    def leave(self) -> None:
        """Give the slot back, if there is one."""
        if self.slots is not None:
            self.slots.give()
            self.slots = None
