"""How many requests may be in flight: a semaphore whose free case costs no coroutine."""

from __future__ import annotations

import asyncio
from collections import deque


class Slots:
    """A number of slots, given in the order of asking.

    Use: `if not slots.take(): await slots.wait()`, then always `slots.give()`.

    A slot that is given back while others wait goes to them in the loop's next turn: an event that has its next
    request ready by then goes on with it, so it waits once, not once a request.
    """

    __slots__ = ("_free", "_handing", "_waiting")

    def __init__(self, number: int) -> None:
        self._free = number
        self._handing = False
        self._waiting: deque[asyncio.Future[None]] = deque()

    def take(self) -> bool:
        """Take a free slot; False where there is none."""
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
        """Give a slot back."""
        self._free += 1
        if self._waiting and not self._handing:
            self._handing = True
            asyncio.get_running_loop().call_soon(self._hand_over)

    def _hand_over(self) -> None:
        """What is free goes to those that wait longest."""
        self._handing = False
        while self._waiting and self._free > 0:
            turn = self._waiting.popleft()
            if not turn.done():  # else its waiter was cancelled, and may not have heard of it yet
                self._free -= 1
                turn.set_result(None)
