"""A small S3: objects by their path, read over HTTP, with the faults that a test asks for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import unquote

_CODES = {403: "AccessDenied", 404: "NoSuchKey", 400: "InvalidRequest", 500: "InternalError", 503: "SlowDown"}


@dataclass
class S3Server:
    """What it holds, and what was asked.

    Attributes:
        objects: bytes by `/bucket/key`.
        faults: statuses to answer instead, the first one first; 0: say nothing, 1: cut the answer off.
        asked: paths, in order.
        keys: access keys of the signatures, in order.
        allowed: the access key that may read, None for any.
        url: where it listens.
        head: of the last request, in lower case.
    """

    objects: dict[str, bytes] = field(default_factory=dict)
    faults: list[int] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    allowed: str | None = None
    url: str = ""
    head: str = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One request a connection."""
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            self.head = head.lower()
            path = unquote(head.split(" ", 2)[1].partition("?")[0])
            key = head.partition("Credential=")[2].partition("/")[0]
            self.asked.append(path)
            self.keys.append(key)
            fault = self.faults.pop(0) if self.faults else 200
            if fault == 0:
                await reader.read()
                return
            writer.write(self._answer(path, key, fault))
            await writer.drain()
        finally:
            writer.close()

    def _answer(self, path: str, key: str, fault: int) -> bytes:
        status, body = fault, self.objects.get(path, b"")
        if self.allowed not in (None, key):
            status = 403
        elif fault == 200 and path not in self.objects:
            status = 404
        if status > 200:
            is_there = path.split("/")[1] == "reports"
            code = _CODES[status] if is_there or status != 404 else "NoSuchBucket"
            body = f"<Error><Code>{code}</Code><Message>{key} says no</Message></Error>".encode()
        lines = [
            f"HTTP/1.1 {max(status, 200)} X",
            f"Content-Length: {len(body)}",
            'ETag: "e"',
            "Last-Modified: Wed, 21 Oct 2015 07:28:00 GMT",
            "Connection: close",
        ]
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + (body[:-1] if fault == 1 else body)


@asynccontextmanager
async def s3_server(**objects: bytes) -> AsyncIterator[S3Server]:
    """One with these objects in the bucket `reports`."""
    store = S3Server({f"/reports/{name}": content for name, content in objects.items()})
    server = await asyncio.start_server(store.serve, "127.0.0.1", 0)
    async with server:
        store.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        yield store
