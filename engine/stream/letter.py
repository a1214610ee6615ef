"""A dead letter: the original record and what the engine knows of its end. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import orjson

from engine.events.event import Event, Message
from engine.outcome import Dead

_OWN = "dlq."
_LINE = 1_000  # characters of `dlq.error`
_SHORT = 200  # the same where the letter is too big
_SMALL = 16 * 1024  # bytes of `dlq.resume`

# what an event or a rule says, so that it may be as long as the value
_LONG = frozenset({"dlq.error", "dlq.event.id", "dlq.event.type", "dlq.rule", "dlq.request"})

Header = tuple[str, bytes | None]


@dataclass(frozen=True, slots=True)
class Letter:
    """A record for the dead-letter topic.

    Attributes:
        partition: of its source.
        key, value: the original's, byte for byte.
        headers: the original's (without any `dlq.*` of its own), then the engine's.
        shrunk: how often it was made smaller.
    """

    partition: int
    key: bytes | None
    value: bytes | None
    headers: tuple[Header, ...]
    shrunk: int = 0

    def smaller(self) -> Letter | None:
        """The same with less in it: first without `dlq.resume`, then with short texts, then without the value.

        None where nothing is left to leave out.
        """
        if self.shrunk == 0:
            kept = tuple(header for header in self.headers if header[0] != "dlq.resume")
            return replace(self, headers=kept, shrunk=1)
        if self.shrunk == 1:
            short = tuple((name, _cut(name, value)) for name, value in self.headers)
            return replace(self, headers=short, shrunk=2)
        if self.shrunk == 2:
            truncated = (*self.headers, ("dlq.truncated", b"value"))
            return replace(self, value=None, headers=truncated, shrunk=3)
        return None


def compose(
    message: Message,
    event: Event | None,
    dead: Dead,
    failed_at: datetime,
    redact: Callable[[str], str],
    lane: str | None = None,
    replays: int = 0,
    resume: bytes | None = None,
) -> Letter:
    """The dead letter of a record.

    Args:
        message: as it stood on the topic; its `dlq.*` headers are neither trusted nor copied.
        event: what it means, None where that is not known.
        dead: how it ended.
        failed_at: when.
        redact: takes secrets out of a text.
        lane: id of its ordering key, see `state.lane_id`; None where it is not known.
        replays: how often the event was replayed so far.
        resume: answers of an earlier try; they stand where this one came to none, e.g. because its rule was gone.
    """
    error = dead.error
    cause = error.__cause__ or error
    values = {
        "stage": error.stage,
        "error": " ".join(redact(str(error)).split())[:_LINE],
        "error.class": type(cause).__name__,
        "status": error.status,
        "attempts": error.attempts,
        "rule": dead.rule and dead.rule.name,
        "request": error.request_id,
        "event.id": event and event.id,
        "event.type": event and event.type,
        "event.version": event and event.version,
        "order_key": lane,
        "source.topic": message.topic,
        "source.partition": message.partition,
        "source.offset": message.offset,
        "source.timestamp": message.timestamp,
        "failed_at": failed_at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "replays": replays,
        "resume": _resume(dead, redact) if dead.answers else _still(resume, redact),
    }
    own = tuple(
        (_OWN + name, str(value).encode("utf-8", "replace")) for name, value in values.items() if value is not None
    )
    original = tuple(header for header in message.headers if not header[0].lower().startswith(_OWN))
    return Letter(message.partition, message.key, message.value, original + own)


def _resume(dead: Dead, redact: Callable[[str], str]) -> str | None:
    """The answers so far, for going on where it stopped; None where they are too much, or a secret is in them."""
    if dead.rule is None:
        return None
    try:
        text = orjson.dumps({"rule": dead.rule.digest, "answers": dead.answers}).decode()
    except TypeError:
        return None  # an integer over 64 bits: a replay begins at the first request
    small = len(text) <= _SMALL
    return text if small and redact(text) == text and not _holds_secret(dead.answers, redact) else None


def _still(resume: bytes | None, redact: Callable[[str], str]) -> str | None:
    text = None if resume is None else resume.decode("utf-8", "replace")
    return text if text is not None and len(text) <= _SMALL and redact(text) == text else None


def _holds_secret(value: object, redact: Callable[[str], str]) -> bool:
    """Whether a text inside is one: JSON writes some characters otherwise."""
    if isinstance(value, str):
        return redact(value) != value
    if isinstance(value, Mapping):
        return any(_holds_secret(one, redact) for pair in value.items() for one in pair)
    return isinstance(value, Sequence) and any(_holds_secret(one, redact) for one in value)


def _cut(name: str, value: bytes | None) -> bytes | None:
    if value is None or name not in _LONG:
        return value
    return value[:_SHORT].decode("utf-8", "ignore").encode()  # a character that was cut through goes as a whole
