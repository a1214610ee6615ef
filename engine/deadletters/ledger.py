"""Writes to the state topic for many at once; an entry counts when it is durable. Lives on the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import structlog

from engine.errors import EngineError
from engine.stream.state import Entry

_AGAIN = 0.5  # seconds before a batch is written again; doubles up to _MOST
_MOST = 10.0

log = structlog.get_logger()


class Ledger:
    """What waits while a batch is under way goes together in the next one.

    Args:
        write: returns when all entries are durable, or raises Unavailable; blocks.
    """

    def __init__(self, write: Callable[[Sequence[Entry]], None]) -> None:
        self._write = write
        self._waiting: list[tuple[tuple[Entry, ...], asyncio.Future[None]]] = []
        self._writing: asyncio.Task[None] | None = None

    async def write(self, *entries: Entry) -> None:
        """Return when they are durable; tried for as long as it takes."""
        written: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((entries, written))
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write_all())
        await asyncio.shield(written)

    async def close(self) -> None:
        """Give up what is not written yet."""
        if self._writing is not None:
            self._writing.cancel()
            await asyncio.wait({self._writing})

    async def _write_all(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting, []
            await self._until_written([entry for entries, _ in batch for entry in entries])
            for _, written in batch:
                if not written.done():
                    written.set_result(None)

    async def _until_written(self, entries: list[Entry]) -> None:
        delay = _AGAIN
        while True:
            try:
                return await asyncio.to_thread(self._write, entries)
            except EngineError as error:
                log.error("state.not_written", reason=str(error), again_in_s=delay)
            await asyncio.sleep(delay)
            delay = min(_MOST, delay * 2)
