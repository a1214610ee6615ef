"""HTTP/1.1 on asyncio, by hand: at 10,000 requests a second on one core it leaves a consumer something to measure."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import cast

from tests.api_server.messages import Reply, Request

_MAX_BODY = 64 * 1024 * 1024


class Connection(asyncio.Protocol):
    """One keep-alive connection; replies leave in the order of their requests."""

    def __init__(
        self, answer: Callable[[Request], Reply], open_ones: set[Connection], done: Callable[[], None]
    ) -> None:
        self._answer = answer
        self._open_ones = open_ones
        self._done = done
        self._loop = asyncio.get_running_loop()
        self._buffer = b""
        self._busy = False
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client came."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none by class
        self._open_ones.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """A client went, or was cut off."""
        self._transport = None
        self._open_ones.discard(self)
        if self._busy:
            self._finish()

    def data_received(self, data: bytes) -> None:
        """Bytes came."""
        self._buffer = self._buffer + data if self._buffer else data
        if not self._busy:
            self._next()

    def abort(self) -> None:
        """Cut it off."""
        if self._transport is not None:
            self._transport.abort()

    def _next(self) -> None:
        """Answer what is whole in the buffer, until a reply has to wait."""
        while self._buffer and not self._busy and self._transport is not None:
            request = self._take()
            if request is None:
                return
            self._busy = True
            reply = self._answer(request)
            if reply.hang:
                return
            if reply.delay > 0:
                self._loop.call_later(reply.delay, self._send_late, request, reply)
                return
            self._send(request, reply)

    def _send_late(self, request: Request, reply: Reply) -> None:
        if self._busy:
            self._send(request, reply)
            self._next()

    def _send(self, request: Request, reply: Reply) -> None:
        self._finish()
        if self._transport is None:
            return
        if reply.drop:
            self._transport.abort()
            return
        self._transport.write(reply.encode(head_only=request.method == "HEAD"))
        if request.headers.get("connection", "").lower() == "close":
            self._transport.close()

    def _finish(self) -> None:
        self._busy = False
        self._done()

    def _take(self) -> Request | None:
        """The next whole request, or None; cuts off what is not HTTP."""
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return None
        first, *lines = self._buffer[:end].decode("latin-1").split("\r\n")
        headers = {}
        for line in lines:
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        try:
            method, target, _ = first.split(" ")
            body = self._body(end + 4, headers)
        except ValueError:
            self.abort()
            return None
        return None if body is None else Request(method, target, headers, body, self._loop.time())

    def _body(self, start: int, headers: dict[str, str]) -> bytes | None:
        """The body that starts there, taken out of the buffer; None: not whole yet.

        Raises:
            ValueError: the length is no number or too large.
        """
        if headers.get("transfer-encoding", "").lower() == "chunked":
            return self._chunked(start, headers)
        length = int(headers.get("content-length", "0"))
        if not 0 <= length <= _MAX_BODY:
            raise ValueError(length)
        stop = start + length
        if len(self._buffer) < stop:
            self._go_on(start, headers)
            return None
        body, self._buffer = self._buffer[start:stop], self._buffer[stop:]
        return body

    def _chunked(self, start: int, headers: dict[str, str]) -> bytes | None:
        chunks, at = [], start
        while (end := self._buffer.find(b"\r\n", at)) >= 0:
            size = int(self._buffer[at:end].split(b";")[0], 16)
            at = end + 2 + size + 2
            if len(self._buffer) < at:
                break
            chunks.append(self._buffer[end + 2 : at - 2])
            if size == 0:
                self._buffer = self._buffer[at:]
                return b"".join(chunks)
        self._go_on(start, headers)
        return None

    def _go_on(self, start: int, headers: dict[str, str]) -> None:
        if headers.get("expect", "").lower() == "100-continue" and len(self._buffer) == start and self._transport:
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
