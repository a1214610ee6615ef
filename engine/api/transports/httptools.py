"""The transport on the event loop itself: its answers are parsed by httptools (llhttp), in the same thread.

A request on a free connection is one text joined, one write and one future: no task, no thread to take turns with.
"""

from __future__ import annotations

import asyncio
import re

from engine.api.tls import Tls
from engine.api.transports import Answer, Headers
from engine.api.transports.http1.pool import Pool
from engine.api.transports.http1.routes import Routes, read_proxy
from engine.config.model import Api
from engine.errors import Stage, Undeliverable, Unusable

_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})  # these say their length even where it is 0: some servers insist
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_OURS = frozenset({"host", "content-length", "transfer-encoding"})  # what says where a request ends and whose it is
_NAMES = 1000  # names that are remembered
_APART = 64 * 1024  # bytes of a body that is not copied behind its headers


class HttptoolsTransport:
    """One connection pool for one API."""

    def __init__(self, pool: Pool, routes: Routes) -> None:
        self._pool = pool
        self._routes = routes
        self._names = _Names()

    async def send(
        self, method: str, url: str, headers: Headers, body: bytes | None, *, deadline: float, limit: int
    ) -> Answer:
        """See Transport.send. Sends once: whatever happens on the way, nothing is sent again."""
        route, target = self._routes.find(url)
        head = self._head(method, target, route.opening, headers, body)
        now = asyncio.get_running_loop().time()
        due = now + deadline
        connection = self._pool.take(route, now)
        if connection is None:
            connection = await self._pool.wait(route, due, deadline)
        if body and len(body) < _APART:
            head += body
            body = None
        future = connection.exchange(
            head, body or b"", head_only=method == "HEAD", due=due, deadline=deadline, limit=limit
        )
        try:
            return await future
        except BaseException:
            connection.give_up(future)
            raise

    async def close(self) -> None:
        """Close all connections; a request that is under way gets NoAnswer."""
        await self._pool.close()

    def _head(self, method: str, target: str, opening: str, headers: Headers, body: bytes | None) -> bytes:
        names = self._names
        lines = "".join([f"{names[name]}{value}\r\n" for name, value in headers])
        count = len(headers)
        if lines.count("\r") != count or lines.count("\n") != count or "\0" in lines:
            raise _unsendable("a header's value holds a line break or NUL")
        if not (method.isalpha() and method.isascii()):
            raise _unsendable("its method is none")
        length = f"Content-Length: {len(body or b'')}\r\n" if body or method in _WITH_BODY else ""
        try:
            return f"{method} {target}{opening}{lines}{length}\r\n".encode()
        except UnicodeEncodeError as error:
            raise _unsendable("a header's value holds half a surrogate pair, which is no text") from error


class _Names(dict[str, str]):
    """Header names that were looked at, and how their lines begin."""

    def __missing__(self, name: str) -> str:
        if not _NAME.fullmatch(name) or name.lower() in _OURS:
            raise _unsendable(f"the header {name[:80]!r} is none, or not the caller's to set")
        if len(self) >= _NAMES:
            self.clear()
        return self.setdefault(name, f"{name}: ")


def open_transport(api: Api, tls: Tls) -> HttptoolsTransport:
    """A pool with room for `api.concurrency` connections.

    Raises:
        Unusable: the proxy is not accepted.
    """
    try:
        proxy = None if api.proxy is None else read_proxy(api.proxy)
    except Unusable as error:
        raise Unusable(f"{api.url}: {error}") from error
    tls.context.set_alpn_protocols(["http/1.1"])
    room = max(api.concurrency, 1) + 8  # a login does not wait for the requests that wait for it
    return HttptoolsTransport(Pool(room, tls.context), Routes(proxy))


def _unsendable(why: str) -> Undeliverable:
    return Undeliverable(Stage.REQUEST, f"the request cannot be sent: {why}")
