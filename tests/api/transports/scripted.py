"""A server that answers each request with the next piece of a script, and counts its connections."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import cast

SILENCE = b""  # no answer to this request
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Scripted:
    """Listens on a free port.

    Args:
        answers: one for each request, the last one for all that follow.
        hang_up: whether it closes after each answer.
        reads: whether it reads bodies, or anything after the first head.

    Attributes:
        connections: how many there were.
        at_once: how many there were at the same time, at most.
        here: how many there are.
        requests: their heads and bodies.
        paths: of the requests, in order.
        port: of it.
        go: it answers while this is set.
    """

    def __init__(self, answers: Sequence[bytes], *, hang_up: bool = False, reads: bool = True) -> None:
        self._answers = list(answers)
        self._hang_up = hang_up
        self._reads = reads
        self._writers: list[asyncio.StreamWriter] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self.connections = self.at_once = self.here = 0
        self.requests: list[bytes] = []
        self.paths: list[str] = []
        self.port = 0
        self.go = asyncio.Event()
        self.go.set()

    @property
    def url(self) -> str:
        """Without a trailing slash."""
        return f"http://127.0.0.1:{self.port}"

    def say(self, data: bytes) -> None:
        """Write on every open connection, asked or not."""
        for writer in self._writers:
            writer.write(data)

    def hang_up(self) -> None:
        """Close every open connection."""
        for writer in self._writers:
            writer.close()

    async def until(self, here: int) -> None:
        """Wait until so many connections are open."""
        while self.here != here:  # noqa: ASYNC110 - a test's end
            await asyncio.sleep(0.01)

    async def asked(self, requests: int) -> None:
        """Wait until so many requests have come."""
        while len(self.requests) < requests:  # noqa: ASYNC110 - a test's end
            await asyncio.sleep(0.01)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._tasks.add(cast("asyncio.Task[None]", asyncio.current_task()))
        self._writers.append(writer)
        self.connections += 1
        self.here += 1
        self.at_once = max(self.at_once, self.here)
        try:
            with suppress(asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
                await self._answer(reader, writer)
        finally:
            self.here -= 1
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            self.paths.append(head.split(b" ", 2)[1].decode())
            length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0] or 0)
            self.requests.append(head + (await reader.readexactly(length) if self._reads else b""))
            await self.go.wait()
            answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
            writer.write(answer)
            await writer.drain()
            if not self._reads:
                await asyncio.Event().wait()
            if self._hang_up:
                return

    @asynccontextmanager
    async def running(self, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1") -> AsyncIterator[Scripted]:
        """Listen as long as the block runs."""
        server = await asyncio.start_server(self._serve, host, 0, ssl=tls, limit=2**24)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            await asyncio.sleep(0.01)  # who was let in has begun
            server.close()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            for writer in self._writers:
                writer.transport.abort()
            await asyncio.sleep(0)
