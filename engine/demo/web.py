"""A small real HTTP/1.1 server on a thread of its own, for the sample API and the sample registry."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from threading import Event, Thread
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import orjson

_LONGEST = 1024 * 1024
_REASONS = {200: "OK", 201: "Created", 400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found"}


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that came in.

    Attributes:
        method: upper case.
        target: path and query as they stood on the wire.
        path: decoded.
        query: decoded; of a repeated name the last value.
        headers: lower-case names.
        body: parsed JSON, None where there is none.
    """

    method: str
    target: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = None


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer: a status and what becomes its JSON body."""

    status: int
    body: Any


Answer = Callable[[Asked], Answered]


class Web:
    """Serves `answer` on 127.0.0.1 until `close`.

    Args:
        answer: called on the server's thread, one request at a time.
        delay: seconds that each answer takes.

    Attributes:
        url: scheme, host and port.
    """

    def __init__(self, answer: Answer, delay: float = 0.0) -> None:
        self._answer = answer
        self._delay = delay
        self._loop = asyncio.new_event_loop()
        self._connections: set[asyncio.Task[None]] = set()
        self._end = asyncio.Event()
        self._port = 0
        started = Event()
        self._thread = Thread(target=self._run, args=(started,), name="sample-api", daemon=True)
        self._thread.start()
        started.wait()
        self.url = f"http://127.0.0.1:{self._port}"

    def close(self) -> None:
        """Stop serving; connections are closed."""
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join()

    def _run(self, started: Event) -> None:
        self._loop.run_until_complete(self._serve(started))
        self._loop.close()

    async def _serve(self, started: Event) -> None:
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self._port = server.sockets[0].getsockname()[1]
        started.set()
        await self._end.wait()
        server.close()
        for connection in self._connections:
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a connection is always served by a task
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)
        try:
            while asked := await _read(reader):
                answered = self._answer(asked)
                await asyncio.sleep(self._delay)
                writer.write(_written(answered))
                await writer.drain()
        except (OSError, EOFError, ValueError, asyncio.CancelledError):
            return  # the client went away, or does not speak HTTP; or the demo ends
        finally:
            writer.close()


async def _read(reader: asyncio.StreamReader) -> Asked | None:
    """The next request of a connection, None at its end.

    Raises:
        EOFError: the connection ended within a request.
        ValueError: what came is no request, or one over 1 MiB.
    """
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    except asyncio.LimitOverrunError as error:
        raise ValueError("the head is too long") from error
    except asyncio.IncompleteReadError as error:
        if not error.partial:
            return None
        raise
    line, *lines = head.rstrip().split("\r\n")
    method, target, _version = line.split(" ")
    headers = {name.strip().lower(): value.strip() for name, _, value in (each.partition(":") for each in lines)}
    length = int(headers.get("content-length", "0"))
    if length > _LONGEST:
        raise ValueError("the body is too long")
    body = await reader.readexactly(length)
    parts = urlsplit(target)
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    return Asked(method, target, unquote(parts.path), query, headers, orjson.loads(body) if body else None)


def _written(answered: Answered) -> bytes:
    body = orjson.dumps(answered.body)
    reason = _REASONS.get(answered.status, "Unavailable")
    head = (
        f"HTTP/1.1 {answered.status} {reason}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body
