"""The connections of one API: who uses which, who waits, and that there are never too many."""

from __future__ import annotations

import asyncio
import errno
import ssl
from collections import deque
from contextlib import suppress

from engine.api.transports.http1.connection import Connection
from engine.api.transports.http1.dial import ProxyFailed, dial, plain
from engine.api.transports.http1.routes import Route
from engine.errors import NoAnswer

# Below the 5 s after which common servers close an idle connection: a request on one that closes meanwhile is lost.
_IDLE = 4.0
_LAST = 1.0  # seconds that `close` waits for the last connection
_CLOSED = "the connection failed: the transport is closed"

Waiter = asyncio.Future[Connection | None]


class Pool:
    """At most `room` connections, those that are being made included.

    Whoever finds none free waits in line: for a connection that another request leaves, or for leave to make one.

    Args:
        room: connections.
        context: for TLS.
        idle: seconds after which a connection is closed where nobody uses it.
    """

    __slots__ = (
        "_context",
        "_empty",
        "_idle",
        "_lasts",
        "_promised",
        "_room",
        "_scopes",
        "_taken",
        "_waiters",
        "closed",
    )

    def __init__(self, room: int, context: ssl.SSLContext, idle: float = _IDLE) -> None:
        self.closed = False
        self._room = room
        self._context = context
        self._lasts = idle
        self._idle: dict[Route, list[Connection]] = {}  # the newest at the end
        self._taken: set[Connection] = set()
        self._promised = 0  # places for waiters that were woken and did not run yet
        self._waiters: deque[tuple[Route, Waiter]] = deque()
        self._scopes: set[asyncio.Timeout] = set()
        self._empty = asyncio.Event()

    def take(self, route: Route, now: float) -> Connection | None:
        """The connection that was used last, None where none is idle. `now`: the loop's time."""
        idle = self._idle.get(route)
        if not idle:
            return None
        connection = idle[-1]
        if connection.usable(now):
            return idle.pop()
        return self._search(idle, now)

    def _search(self, idle: list[Connection], now: float) -> Connection | None:
        """Another one. What is not usable is left to the loop, which hears what it says, or to its own timer."""
        for place in range(len(idle) - 1, -1, -1):
            if idle[place].usable(now):
                return idle.pop(place)
        return None

    async def wait(self, route: Route, due: float, deadline: float) -> Connection:
        """A connection that was idle or is new, when it is our turn.

        Args:
            route: where to.
            due: the loop's time at which it is too late.
            deadline: seconds, for telling.

        Raises:
            NoAnswer: none could be had.
        """
        if self.closed:
            raise NoAnswer(_CLOSED)
        try:
            async with asyncio.timeout_at(due) as scope:
                self._scopes.add(scope)
                try:
                    return await self._get(route)
                finally:
                    self._scopes.discard(scope)
        except ProxyFailed as error:
            raise NoAnswer(f"the proxy failed: {error}") from error
        except (OSError, UnicodeError) as error:  # TimeoutError is one of them
            if self.closed:
                raise NoAnswer(_CLOSED) from error
            if scope.expired():
                raise NoAnswer(f"no whole answer within {deadline:g} s", reason="timeout") from error
            raise NoAnswer(f"the connection failed: {plain(error)}") from error

    async def close(self) -> None:
        """Close all; whoever waits for an answer or a connection gets NoAnswer."""
        self.closed = True
        loop = asyncio.get_running_loop()
        for scope in self._scopes:
            if not scope.expired():
                scope.reschedule(loop.time())
        for connection in list(self._taken):
            connection.fail(NoAnswer(_CLOSED))
        if self._taken:
            with suppress(TimeoutError):
                async with asyncio.timeout(_LAST):
                    await self._empty.wait()

    # What a connection tells.

    def free(self, connection: Connection) -> None:
        """It waits for its next request: whoever waits longest gets it, or, being for another route, its place."""
        first = self._first() if self._waiters else None
        if self.closed:
            connection.abort()
        elif first is None:
            self._idle.setdefault(connection.route, []).append(connection)
        elif first[0] is connection.route:
            self._waiters.popleft()
            first[1].set_result(connection)
        else:
            connection.abort()

    def gone(self, connection: Connection) -> None:
        """It is closed, or was never made; its place is free."""
        if connection not in self._taken:
            return
        self._taken.discard(connection)
        idle = self._idle.get(connection.route, [])
        if connection in idle:
            idle.remove(connection)
        if not self._taken:
            self._empty.set()
        self._promise()

    def _first(self) -> tuple[Route, Waiter] | None:
        while self._waiters and self._waiters[0][1].done():
            self._waiters.popleft()
        return self._waiters[0] if self._waiters else None

    def _promise(self) -> None:
        """Give a free place to whoever waits longest."""
        first = self._first()
        if first is not None and len(self._taken) + self._promised < self._room:
            self._waiters.popleft()
            self._promised += 1
            first[1].set_result(None)

    async def _get(self, route: Route) -> Connection:
        loop = asyncio.get_running_loop()
        while True:
            if not self._has_room():
                given = await self._turn(route)
                if given is None:
                    self._promised -= 1
                elif given.usable(loop.time()):
                    return given
                else:
                    given.abort()
                    continue
            return await self._connect(route)

    def _has_room(self) -> bool:
        if len(self._taken) + self._promised < self._room:
            return True
        for idle in self._idle.values():  # another route's idle connection makes room
            if idle:
                idle.pop(0).abort()
                return False  # when it is gone
        return False

    async def _turn(self, route: Route) -> Connection | None:
        waiter: Waiter = asyncio.get_running_loop().create_future()
        self._waiters.append((route, waiter))
        try:
            return await waiter
        except BaseException:
            if waiter.done() and not waiter.cancelled():  # what came too late is the next one's
                given = waiter.result()
                if given is None:
                    self._promised -= 1
                    self._promise()
                else:
                    self.free(given)
            raise

    async def _connect(self, route: Route) -> Connection:
        connection = Connection(self, route, self._lasts, asyncio.get_running_loop())
        self._taken.add(connection)
        self._empty.clear()
        try:
            await dial(route, self._context, lambda: connection)
        except BaseException:
            connection.abort()
            self.gone(connection)
            raise
        if connection.closing:  # already
            raise ConnectionResetError(errno.ECONNRESET, "")
        return connection
