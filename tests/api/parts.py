"""What the tests of the client put in place of the wire, the clock, chance and the event."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from engine.api.client import Client
from engine.api.messages import Request
from engine.api.slots import Seat
from engine.api.transports import Answer, Headers
from engine.config.model import Api, Limits, Outage, RetryPolicy
from engine.errors import Revoked

Reply = Answer | Exception


@dataclass(frozen=True, slots=True)
class Sent:
    """One request as the transport was given it."""

    method: str
    url: str
    headers: dict[str, str]
    body: bytes | None
    deadline: float


class RecordingTransport:
    """Answers from a script, the last line again and again; remembers what it was asked."""

    def __init__(self, *script: Reply) -> None:
        self.script: list[Reply] = list(script)
        self.sent: list[Sent] = []
        self.closed = False
        self.before: Callable[[], Any] | None = None

    async def send(
        self, method: str, url: str, headers: Headers, body: bytes | None, *, deadline: float, limit: int
    ) -> Answer:
        """The script's next line."""
        self.sent.append(Sent(method, url, dict(headers), body, deadline))
        await asyncio.sleep(0)
        if self.before is not None:
            await self.before()
        reply = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        if isinstance(reply, Exception):
            raise reply
        return reply

    async def close(self) -> None:
        """Remember it."""
        self.closed = True


@dataclass
class FakeClock:
    """A monotonic clock that moves when somebody sleeps."""

    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class RecordingCall:
    """One event's view: sleeping moves the clock, everything is remembered."""

    clock: FakeClock
    key: Hashable = "key"
    revoked: bool = False
    slept: list[float] = field(default_factory=list)
    statuses: list[int | None] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    permits: int = 0
    seat: Seat = field(default_factory=lambda: Seat(kept=False))

    async def permit(self) -> None:
        """Allow, unless revoked."""
        self.permits += 1
        if self.revoked:
            raise Revoked("revoked")

    async def sleep(self, seconds: float) -> None:
        """Move the clock; an hour and more is a wait for something else."""
        if self.revoked:
            raise Revoked("revoked")
        if seconds >= 3600.0:
            await asyncio.sleep(seconds)
        self.slept.append(seconds)
        self.clock.now += seconds
        await asyncio.sleep(0)

    def sent(self, request: Request, status: int | None, seconds: float) -> None:
        """Remember the status."""
        self.statuses.append(status)

    def retried(self, request: Request, reason: str, attempt: int, delay: float, text: str) -> None:
        """Remember why."""
        self.reasons.append(reason)
        self.texts.append(text)


def answer(status: int = 200, body: Any = None, /, **headers: str) -> Answer:
    """An answer in JSON; header names with `_` for `-`."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    if body is None:
        return Answer(status, named, b"")
    return Answer(status, {"content-type": "application/json", **named}, orjson.dumps(body))


def get(path: str = "/things/", **more: Any) -> Request:
    """A lookup."""
    return Request("find", "", "GET", path, path, **more)


def patch(path: str = "/things/1/", **more: Any) -> Request:
    """A write."""
    values = {"body": b'{"a":1}', "media_type": "application/json", "idempotency_key": "event-1/update", **more}
    return Request("update", "", "PATCH", path, path, **values)


def make_client(
    transport: RecordingTransport,
    clock: FakeClock,
    *,
    api: Api | None = None,
    retry: RetryPolicy | None = None,
    outage: Outage | None = None,
    on_outage: Callable[[str, bool], None] | None = None,
) -> Client:
    """A client without chance (jitter changes nothing) over a recording transport."""
    return Client(
        api or Api(url="http://api.test/api"),
        retry or RetryPolicy(),
        outage,
        Limits(),
        transport=transport,
        clock=clock,
        random=lambda: 0.5,
        on_outage=on_outage,
    )


def urls(sent: Sequence[Sent]) -> list[str]:
    """Where requests went."""
    return [one.url for one in sent]
