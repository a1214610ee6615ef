"""Events of one key one after the other, different keys side by side."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

Job = TypeVar("Job")


class Lanes(Generic[Job]):
    """The lanes of one partition; a lane lives while it has something to do.

    Args:
        handle: does one job; raises nothing but cancellation. False: the lane is given up with all that waits in it.
    """

    __slots__ = ("_handle", "_lanes", "_tasks")

    def __init__(self, handle: Callable[[Job], Awaitable[bool]]) -> None:
        self._handle = handle
        self._lanes: dict[Hashable, deque[Job]] = {}
        self._tasks: dict[Hashable, asyncio.Task[None]] = {}

    def put(self, key: Hashable, job: Job) -> None:
        """Hand a job to the lane of its key."""
        lane = self._lanes.get(key)
        if lane is not None:
            lane.append(job)
            return
        lane = self._lanes[key] = deque((job,))
        self._tasks[key] = asyncio.create_task(self._run(key, lane))

    def cancel(self, key: Hashable) -> None:
        """Cancel what runs for a key; its job may swallow that, else the lane ends."""
        task = self._tasks.get(key)
        if task is not None:
            task.cancel()

    async def drain(self, within: float) -> bool:
        """Wait until no lane runs, at most `within` seconds; False where some still do: they are cancelled."""
        if not self._tasks:
            return True
        _, late = await asyncio.wait(set(self._tasks.values()), timeout=within)
        await self._cancel(late)
        return not late

    async def abort(self) -> None:
        """Cancel all lanes, and wait for their end."""
        await self._cancel(set(self._tasks.values()))

    async def _run(self, key: Hashable, lane: deque[Job]) -> None:
        try:
            while lane:
                if not await self._handle(lane.popleft()):
                    return  # the key stays taken: nothing of it may overtake what was given up
            del self._lanes[key]
        finally:
            del self._tasks[key]

    async def _cancel(self, tasks: set[asyncio.Task[None]]) -> None:
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
