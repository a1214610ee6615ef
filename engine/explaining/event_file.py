"""An event file becomes an event, as decoding would give it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from engine.config.model import Config
from engine.errors import Unusable
from engine.events import json_format
from engine.events.envelope import to_event
from engine.events.event import Event, Message
from engine.events.plainjson import to_record
from engine.events.schemas import LocalSchemas


def read_event(file: Path, config: Config, now: int) -> Event:
    """The event; its message stands nowhere.

    Args:
        file: plain JSON: unions untagged, bytes as base64, times as ISO 8601.
        config: how events are written, and where their schemas are.
        now: the message's timestamp, in milliseconds since the epoch.

    Raises:
        Unusable: the file cannot be read, is no JSON, or does not fit its local schema.
        Undeliverable: stage `envelope`.
    """
    try:
        value = file.read_bytes()
        data = json_format.read(value)
    except OSError as error:
        raise Unusable(f"{file}: cannot read the event: {error.strerror}") from error
    except json_format.NotJson as error:
        raise Unusable(f"{file}: {error}") from error
    try:
        record = _record(data, config)
    except Unusable as error:
        raise Unusable(f"{file}: {error}") from error
    message = Message(config.kafka.topic, 0, 0, None, value, (), now)
    return to_event(record, message, config.events.envelope, config.events.format)


def _record(data: Mapping[str, Any], config: Config) -> Mapping[str, Any]:
    """In the values of its local schema, where there is one and events are Avro."""
    events = config.events
    name, version = data.get(events.envelope.type), data.get(events.envelope.version)
    if events.format == "json" or not isinstance(name, str):
        return data
    schemas = LocalSchemas(events.schemas, required=events.schemas_configured)
    schema = schemas.find(name, version if isinstance(version, int) else 0)
    return data if schema is None else to_record(data, schema)
