"""What came from the topic (Message) and what it means (Event). Not frozen: see `api.messages`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NewType

EventId = NewType("EventId", str)
EventType = NewType("EventType", str)


@dataclass(slots=True)
class Message:
    """A record as it stands on the topic.

    Attributes:
        topic, partition, offset: where it stands.
        key: bytes of the key, None without one.
        value: bytes of the value, None for a tombstone.
        headers: in order, duplicates and null values kept.
        timestamp: milliseconds since the epoch (UTC), None where the broker has none.
    """

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...] = ()
    timestamp: int | None = None


@dataclass(slots=True)
class Event:
    """A decoded record with its envelope.

    Attributes:
        id, type, version: the envelope's three fields, wherever `events.envelope` says they stand.
        record: all fields of the record under their own names, plus `event_id`, `event_type`, `version`.
        message: the record's place, key, headers and bytes.
    """

    id: EventId
    type: EventType
    version: int
    record: Mapping[str, Any]
    message: Message
