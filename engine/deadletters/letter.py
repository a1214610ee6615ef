"""A dead letter as it is read back from its topic; the counterpart of `stream.letter`. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from engine.events.event import Message
from engine.stream.reader import Place
from engine.stream.state import Source

_OWN = "dlq."


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """What the `dlq.*` headers say. They are trusted on the dead-letter topic, and nowhere else.

    Attributes:
        place: where the letter stands.
        source: where its event stands.
        failed_at: when it was given up.
        replays: how often it had been replayed before.
        lane: id of its ordering key, see `stream.state.lane_id`; None where it was not known.
        truncated: the value was too big for the topic; the event is at its source only.
    """

    place: Place
    source: Source
    failed_at: datetime
    stage: str
    error: str
    error_class: str
    status: int | None
    attempts: int
    rule: str | None
    request: str | None
    event_id: str | None
    event_type: str | None
    event_version: int | None
    lane: str | None
    replays: int
    truncated: bool


def read_letter(message: Message) -> DeadLetter | None:
    """What a record of the dead-letter topic says; None where it is not one of the engine's."""
    texts = {
        name[4:]: value.decode("utf-8", "replace")
        for name, value in message.headers
        if name[:4] == _OWN and value is not None and name != "dlq.resume"
    }
    try:
        return DeadLetter(
            place=Place(message.partition, message.offset),
            source=Source(texts["source.topic"], int(texts["source.partition"]), int(texts["source.offset"])),
            failed_at=_moment(texts["failed_at"]),
            stage=texts["stage"],
            error=texts.get("error", ""),
            error_class=texts.get("error.class", ""),
            status=_number(texts.get("status")),
            attempts=_number(texts.get("attempts")) or 0,
            rule=texts.get("rule"),
            request=texts.get("request"),
            event_id=texts.get("event.id"),
            event_type=texts.get("event.type"),
            event_version=_number(texts.get("event.version")),
            lane=texts.get("order_key"),
            replays=_number(texts.get("replays")) or 0,
            truncated="truncated" in texts,
        )
    except (KeyError, ValueError):
        return None


def resume_of(message: Message) -> bytes | None:
    """The answers so far, as `dlq.resume` has them; None without."""
    return next((value for name, value in reversed(message.headers) if name == "dlq.resume"), None)


def original(message: Message, letter: DeadLetter) -> Message:
    """The event's record as it stood at its source: the same key, value and headers, without any `dlq.*`."""
    stamp = next((value for name, value in reversed(message.headers) if name == "dlq.source.timestamp"), None)
    topic, partition, offset = letter.source
    headers = tuple(header for header in message.headers if not header[0].lower().startswith(_OWN))
    return Message(topic, partition, offset, message.key, message.value, headers, _stamp(stamp))


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def _number(text: str | None) -> int | None:
    return None if text is None else int(text)


def _stamp(value: bytes | None) -> int | None:
    try:
        return None if value is None else int(value)
    except ValueError:
        return None
