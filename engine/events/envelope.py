"""Record -> Event: the three fields that every event has."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from typing import Any, Literal

from engine.config.model import Envelope
from engine.errors import Stage, Undeliverable
from engine.events.event import Event, EventId, EventType, Message

NAMESPACE = uuid.UUID("7c5ff1b8-25d6-5b1b-9a0e-0d8f4b6f6c1a")
"""Of the ids made for events that carry none."""

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


def to_event(
    record: Mapping[str, Any],
    message: Message,
    envelope: Envelope,
    format: Literal["avro", "json"] = "avro",  # noqa: A002 - the config's own word
) -> Event:
    """Take id, type and version out of a decoded record.

    Args:
        record: all fields; not changed.
        message: where it stood; gives a JSON event without id an id that is the same at every delivery.
        envelope: names of the three fields in the record.
        format: in JSON an absent id is made, an absent version is 1.

    Raises:
        Undeliverable: stage envelope.
    """
    lenient = format == "json"
    event_id = record.get(envelope.id)
    event_id = _made_id(message) if event_id is None and lenient else _checked_id(event_id, envelope.id)
    event_type = record.get(envelope.type)
    if type(event_type) is not str or not event_type:
        raise _wrong(envelope.type, "a text that is not empty", event_type)
    version = record.get(envelope.version)
    if version is None and lenient:
        version = 1
    elif type(version) is not int or version < 1:
        raise _wrong(envelope.version, "an integer of at least 1", version)
    fields = {**record, "event_id": event_id, "event_type": event_type, "version": version}
    return Event(EventId(event_id), EventType(event_type), version, fields, message)


def _checked_id(event_id: Any, name: str) -> str:
    """The id in its canonical form: lower case, with hyphens."""
    if type(event_id) is str:
        if _UUID.fullmatch(event_id):
            return event_id
        lower = event_id.lower()
        if _UUID.fullmatch(lower):
            return lower
    elif type(event_id) is uuid.UUID:
        return str(event_id)
    raise _wrong(name, "a UUID", event_id)


def _made_id(message: Message) -> str:
    return str(uuid.uuid5(NAMESPACE, f"{message.topic}/{message.partition}/{message.offset}"))


def _wrong(name: str, wanted: str, got: Any) -> Undeliverable:
    shown = "absent or null" if got is None else f"{got!r:.60}"
    return Undeliverable(Stage.ENVELOPE, f"{name} must be {wanted}, it is {shown}")
