"""One connection, as the event loop hands over what it reads."""

from __future__ import annotations

import asyncio
import select
from typing import Protocol, cast

from engine.api.transports import Answer
from engine.api.transports.http1.dial import plain
from engine.api.transports.http1.reader import Reader
from engine.api.transports.http1.routes import Route
from engine.errors import EngineError, NoAnswer, Undeliverable

_EARLY = 0.001  # seconds by which a timer may be early
_TOO_EARLY = "it was closed too early"


class Owner(Protocol):
    """Who is told what becomes of a connection."""

    def free(self, connection: Connection) -> None:
        """It waits for its next request."""
        ...

    def gone(self, connection: Connection) -> None:
        """It is closed."""
        ...


class Connection(asyncio.Protocol):
    """At most one request at a time.

    One lazy timer serves the deadlines of all its requests and the end of its idle time: it is set anew when it fires
    rather than at each request.

    Args:
        owner: is told what becomes of it.
        route: where it leads.
        idle: seconds after which it is closed where nobody uses it.
        loop: the running one.
    """

    __slots__ = (
        "_deadline",
        "_due",
        "_future",
        "_idle",
        "_loop",
        "_made",
        "_owner",
        "_poll",
        "_reader",
        "_tick_at",
        "_timer",
        "_transport",
        "route",
    )

    def __init__(self, owner: Owner, route: Route, idle: float, loop: asyncio.AbstractEventLoop) -> None:
        self.route = route
        self._owner = owner
        self._idle = idle
        self._loop = loop
        self._reader = Reader()
        self._transport: asyncio.Transport
        self._made = False  # whether there is a transport
        self._poll = select.poll()
        self._future: asyncio.Future[Answer] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._tick_at = float("inf")
        self._due = loop.time() + idle
        self._deadline = 0.0

    @property
    def closing(self) -> bool:
        """Whether nothing more can be sent."""
        return not self._made or self._transport.is_closing()

    def usable(self, now: float) -> bool:
        """Whether an idle connection may serve a request at the loop's time `now`.

        Not where it is too old, closed, or the other side said what the loop did not look at yet: that it closes.
        """
        return now < self._due and not self._poll.poll(0) and not self._transport.is_closing()

    def exchange(
        self, head: bytes, body: bytes, *, head_only: bool, due: float, deadline: float, limit: int
    ) -> asyncio.Future[Answer]:
        """Send a request; the future gets its answer, NoAnswer or Undeliverable.

        Args:
            head: all that is sent before the body, or with it.
            body: the rest, empty for none.
            head_only: whether the answer has no body whatever its headers say.
            due: the loop's time at which it is too late.
            deadline: seconds, for telling.
            limit: bytes that the decompressed body may have.
        """
        future = self._future = self._loop.create_future()
        self._reader.expect(head_only=head_only, limit=limit)
        self._due = due
        self._deadline = deadline
        if due < self._tick_at:
            self._arm()
        self._transport.write(head)
        if body:
            self._transport.write(body)
        return future

    def give_up(self, future: asyncio.Future[Answer]) -> None:
        """Nobody waits for this future any more: an answer that is under way must not meet the next request."""
        if self._future is future:
            self._future = None
            self.abort()

    def fail(self, error: EngineError) -> None:
        """End here, with this for whoever waits."""
        self._settle(error)
        self.abort()

    def abort(self) -> None:
        """Close at once."""
        if self._made:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio.Protocol."""
        self._transport = cast("asyncio.Transport", transport)
        self._made = True
        self._poll.register(transport.get_extra_info("socket"), select.POLLIN)

    def data_received(self, data: bytes) -> None:
        """See asyncio.Protocol."""
        if self._future is None:  # nobody asked: it is no answer to the next request
            self.abort()
            return
        try:
            answer = self._reader.feed(data)
        except (NoAnswer, Undeliverable) as error:
            self.fail(error)
            return
        if answer is not None:
            self._finish(answer)

    def eof_received(self) -> None:
        """See asyncio.Protocol."""
        if self._future is None:
            self.abort()
            return
        try:
            answer = self._reader.end()
        except NoAnswer as error:
            self.fail(error)
            return
        if answer is None:
            self.fail(self._reader.cut_off(_TOO_EARLY))
        else:
            self._finish(answer)

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio.Protocol."""
        if self._timer is not None:
            self._timer.cancel()
        if self._future is not None:
            self._settle(self._reader.cut_off(_TOO_EARLY if exc is None else plain(exc)))
        self._owner.gone(self)

    def _finish(self, answer: Answer) -> None:
        """Hand the answer over. Only a connection with nothing left in either direction is used again."""
        future, self._future = self._future, None
        if future is not None and not future.done():
            future.set_result(answer)
        if self._reader.keep and not self._transport.get_write_buffer_size():
            self._due = self._loop.time() + self._idle
            self._owner.free(self)
        else:
            self._transport.abort()

    def _settle(self, error: EngineError) -> None:
        future, self._future = self._future, None
        if future is not None and not future.done():
            future.set_exception(error)

    def _arm(self) -> None:
        """Set the timer, never later than an idle connection would need it."""
        if self._timer is not None:
            self._timer.cancel()
        self._tick_at = min(self._due, self._loop.time() + self._idle)
        self._timer = self._loop.call_at(self._tick_at, self._tick)

    def _tick(self) -> None:
        self._timer = None
        if self._due - self._loop.time() > _EARLY:
            self._arm()
        elif self._future is not None:
            self.fail(NoAnswer(f"no whole answer within {self._deadline:g} s", reason="timeout"))
        else:
            self.abort()
