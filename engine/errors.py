"""Every error of the engine, split by what the engine does with it.

EngineError
├── Unusable            stop: a verb ends with exit 2; says what to do (bad config, unreadable files)
├── Unavailable         hold: something the engine needs is away; no event is at fault
│   └── SchemaPending   hold: a writer schema is not in the cache yet; fetch it, decode again
├── Revoked             drop: the partition belongs to another consumer now; nothing is sent for it
├── Transient           retry: the same request may succeed later
│   ├── NoAnswer        no answer came: refused, reset, timed out, cut off
│   ├── Throttled       429: the API asks for patience; spends no attempt
│   └── Refused         an answer that asks for a retry: a listed status, 401 after renewal, a proxy's page
└── Undeliverable       dead-letter: a retry would not help; carries the stage
"""

from __future__ import annotations

from enum import StrEnum


class Stage(StrEnum):
    """Where an event's way ended; the value of the dead letter's `dlq.stage`."""

    DECODE = "decode"
    ENVELOPE = "envelope"
    ROUTE = "route"
    RENDER = "render"
    REQUEST = "request"
    EXPECT = "expect"
    PARKED = "parked"  # an earlier event of its key is a dead letter of a rule with `on_dead: park`
    SKIPPED = "skipped"  # on purpose, by `engine skip`


class EngineError(Exception):
    """The root of the tree above. Its text is one line, for people, without any secret."""


class Unusable(EngineError):
    """The configuration or a file that the user named cannot be used; the text says where and what to do."""


class Unavailable(EngineError):
    """A service the engine needs (registry, broker) is away; wait and try again, no event is at fault."""


class SchemaPending(Unavailable):
    """The writer's schema is not cached; the caller fetches it off the loop and decodes the record again.

    Attributes:
        schema_id: the registry's id: an int, or a UUID as text where a header carried one.
    """

    def __init__(self, schema_id: int | str) -> None:
        super().__init__(f"schema {schema_id} is not cached yet")
        self.schema_id = schema_id


class Revoked(EngineError):
    """The partition was revoked, lost, or the engine stops: whatever waits is given up, nothing more is sent."""


class Transient(EngineError):
    """The same request may succeed later.

    Attributes:
        status: HTTP status of the answer, None without one.
        retry_after: seconds the API asked to wait, None where it did not.
        outage: True where the failure says that the API as a whole may be away (no answer, 401 after renewal, 5xx).
        ambiguous: True where the request may have been acted on although no whole answer came.
        free: True where it spends no attempt (429, failures while the API is known to be away).
        reason: one word for logs and metrics: a status as text, `timeout`, `no_answer`, `body` or `auth`.
        probe: True where the request was the probe of an API that is held to be away.
    """

    def __init__(
        self,
        text: str,
        *,
        status: int | None = None,
        retry_after: float | None = None,
        outage: bool = False,
        ambiguous: bool = False,
        free: bool = False,
        reason: str = "",
    ) -> None:
        super().__init__(text)
        self.status = status
        self.retry_after = retry_after
        self.outage = outage
        self.ambiguous = ambiguous
        self.free = free
        self.probe = False
        self.reason = reason or (str(status) if status is not None else "no_answer")


class NoAnswer(Transient):
    """Refused, reset, timed out or cut off: no client can prove that the API did not act on the request."""

    def __init__(self, text: str, *, reason: str = "no_answer") -> None:
        super().__init__(text, outage=True, ambiguous=True, reason=reason)


class Throttled(Transient):
    """429: the whole API is slowed down; spends no attempt and never counts towards an outage."""


class Refused(Transient):
    """An answer with a retryable status, a 401 that renewal did not cure, or HTML where JSON is due."""


class Undeliverable(EngineError):
    """A retry would not help: the event goes to the dead letters.

    Attributes:
        stage: where it failed.
        request_id: id of the rule's request that failed, None before the first.
        status: HTTP status of the answer, None without one.
        attempts: times the failing request was sent; 0 where nothing was sent.
    """

    def __init__(
        self,
        stage: Stage,
        text: str,
        *,
        request_id: str | None = None,
        status: int | None = None,
        attempts: int = 0,
    ) -> None:
        super().__init__(text)
        self.stage = stage
        self.request_id = request_id
        self.status = status
        self.attempts = attempts
