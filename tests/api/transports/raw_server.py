"""A server that answers with bytes as they are: broken in all the ways that a real one can be."""

from __future__ import annotations

import asyncio
import gzip
import ssl
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import cast

Writer = asyncio.StreamWriter
Handler = Callable[[Writer], Awaitable[None]]

OK = b"HTTP/1.1 200 OK\r\n"
MEGABYTE = 1024 * 1024


def fixed(data: bytes) -> Handler:
    """Answers with these bytes and closes."""

    async def write(writer: Writer) -> None:
        writer.write(data)
        await writer.drain()

    return write


async def _never(writer: Writer) -> None:
    await asyncio.sleep(30)


async def _drip(writer: Writer) -> None:
    writer.write(OK + b"Content-Length: 1000\r\n\r\n")
    for _ in range(1000):
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0.02)


async def _flood(writer: Writer) -> None:
    writer.write(OK + b"Transfer-Encoding: chunked\r\n\r\n")
    block = b"100000\r\n" + b"x" * MEGABYTE + b"\r\n"
    for _ in range(50):
        writer.write(block)
        await writer.drain()
    writer.write(b"0\r\n\r\n")


def _sized(body: bytes, *headers: bytes) -> bytes:
    return OK + b"".join(header + b"\r\n" for header in headers) + b"Content-Length: %d\r\n\r\n" % len(body) + body


BOMB = gzip.compress(b"\0" * 20 * MEGABYTE)
SMALL = gzip.compress(b'{"a": 1}')

ANSWERS: dict[str, Handler] = {
    "/closed": fixed(b""),
    "/mid-headers": fixed(b"HTTP/1.1 200 OK\r\nContent-Le"),
    "/cut": fixed(OK + b"Content-Length: 100\r\n\r\nabc"),
    "/cut-chunked": fixed(OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nab"),
    "/bad-chunk": fixed(OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n0\r\n\r\n"),
    "/garbage": fixed(b"\x00\x01 garbage \xff\r\n\r\n"),
    "/slow-headers": _never,
    "/slow-body": _drip,
    "/bad-gzip": fixed(_sized(b"abcde", b"Content-Encoding: gzip")),
    "/cut-gzip": fixed(_sized(SMALL[:-10], b"Content-Encoding: gzip")),
    "/flood": _flood,
    "/big": fixed(_sized(b"x" * 2 * MEGABYTE)),
    "/bomb": fixed(_sized(BOMB, b"Content-Encoding: gzip")),
    "/bomb-deflate": fixed(_sized(zlib.compress(b"\0" * 20 * MEGABYTE), b"Content-Encoding: deflate")),
    "/exact": fixed(_sized(b"x" * MEGABYTE)),
    "/plain": fixed(_sized(b'{"a": 1}', b"Content-Type: application/json", b"X-Two: 1", b"x-two: 2")),
    "/gzip": fixed(_sized(SMALL, b"Content-Encoding: gzip")),
    "/chunked": fixed(OK + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"),
    "/until-close": fixed(OK + b"\r\nabc"),
    "/empty": fixed(b"HTTP/1.1 204 No Content\r\n\r\n"),
    "/redirect": fixed(b"HTTP/1.1 302 Found\r\nLocation: /plain\r\nContent-Length: 0\r\n\r\n"),
    "/latin-1": fixed(OK + b"X-Name: caf\xe9\r\nX-Other: y\r\nContent-Length: 0\r\n\r\n"),
    "/cookie": fixed(_sized(b"", b"Set-Cookie: session=1; Path=/")),
}


class RawServer:
    """Listens on a free port; remembers each request's bytes."""

    def __init__(self) -> None:
        self.requests: list[bytes] = []
        self.connections = 0
        self.port = 0
        self.keep = False
        self._writers: set[Writer] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        """Without a trailing slash."""
        return f"http://127.0.0.1:{self.port}"

    async def handle(self, reader: asyncio.StreamReader, writer: Writer) -> None:
        """Answer what the path names, then close (or, with `keep`, wait for the next)."""
        self.connections += 1
        self._writers.add(writer)
        self._tasks.add(cast("asyncio.Task[None]", asyncio.current_task()))
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                self.requests.append(head + await reader.readexactly(_length(head)))
                path = head.split(b" ", 2)[1].decode().partition("?")[0]
                await ANSWERS["/" + path.rpartition("/")[2]](writer)
                if not self.keep:
                    return
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            return
        finally:
            self._writers.discard(writer)
            await _close(writer)

    def hang_up(self) -> None:
        """Close every open connection."""
        for writer in list(self._writers):
            writer.close()

    @asynccontextmanager
    async def running(self, tls: ssl.SSLContext | None = None) -> AsyncIterator[RawServer]:
        """Listen as long as the block runs."""
        server = await asyncio.start_server(self.handle, "127.0.0.1", 0, ssl=tls)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            await asyncio.sleep(0)


async def _close(writer: Writer) -> None:
    """Close when all is written; abort where the client does not read on."""
    writer.close()
    try:
        async with asyncio.timeout(0.2):
            await writer.wait_closed()
    except (OSError, TimeoutError, asyncio.CancelledError):
        writer.transport.abort()


def _length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line.partition(b":")[2])
    return 0
