"""Leave to send for a partition: taken away when the partition is, doubted when the consumer fell silent."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable

from engine.errors import Revoked

_GOING = "the partition is about to belong to another consumer"


class Stamp:
    """When we last knew that we are a member of the group.

    The consumer thread renews it at each look at the topic, unless it is too old by then: a process that was stopped
    goes on in the middle of a look, before it can have heard of its loss. Then only a commit renews it, see Committer.

    Args:
        at: monotonic seconds.
        trust: seconds that it is good for: half the session timeout.
    """

    __slots__ = ("at", "trust")

    def __init__(self, at: float, trust: float = math.inf) -> None:
        self.at = at
        self.trust = trust

    def looked(self, now: float) -> None:
        """The consumer thread looked at the topic."""
        if now - self.at <= self.trust:
            self.at = now


class Lease:
    """One partition's leave to send; lives on the event loop.

    open --`close()`--> closing: what runs may go on, what waits is given up --`drop()`--> dropped: nothing is sent

    Args:
        stamp: renewed by the consumer thread after each look at the topic.
        trust: seconds that a stamp is good for: half the session timeout, because a process that was stopped for longer
            may have lost the partition and learns of it only later.
        confirm: returns when a synchronous commit proved the membership; awaited where the stamp is too old.
        clock: monotonic seconds.
    """

    __slots__ = ("_clock", "_confirm", "_ended", "_stamp", "dropped", "trust")

    def __init__(
        self, stamp: Stamp, trust: float, confirm: Callable[[], Awaitable[None]], clock: Callable[[], float]
    ) -> None:
        self._stamp = stamp
        self.trust = trust
        self._confirm = confirm
        self._clock = clock
        self.dropped = False
        self._ended = asyncio.Event()

    @property
    def ended(self) -> bool:
        """True once closing: no event may begin."""
        return self._ended.is_set()

    def close(self) -> None:
        """The partition will go: events that wait give up, those under way finish."""
        self._ended.set()

    def drop(self) -> None:
        """The partition is gone: nothing is sent any more."""
        self.dropped = True
        self._ended.set()

    async def permit(self) -> None:
        """Return when sending is allowed.

        Raises:
            Revoked: the partition is gone.
        """
        while not self.dropped and self._clock() - self._stamp.at > self.trust:
            await self._confirm()
        if self.dropped:
            raise Revoked("the partition belongs to another consumer")

    async def sleep(self, seconds: float) -> None:
        """Wait, unless the partition goes meanwhile.

        Raises:
            Revoked: it does, or is about to.
        """
        try:
            async with asyncio.timeout(seconds):
                await self._ended.wait()
        except TimeoutError:
            return
        raise Revoked(_GOING)

    async def until(self, event: asyncio.Event) -> None:
        """Wait for an event, unless the partition goes meanwhile.

        Raises:
            Revoked: it does, or is about to.
        """
        waits = [asyncio.ensure_future(event.wait()), asyncio.ensure_future(self._ended.wait())]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        if self.ended:
            raise Revoked(_GOING)
