"""Event JSON -> the bytes that a producer would put on the topic; for `publish`, tests and the demo."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from engine.errors import Unusable
from engine.events import avro, plainjson
from engine.events.framing import frame


def encode(event: Mapping[str, Any], schema: avro.Schema, schema_id: int) -> bytes:
    """Avro, framed with the id under which the registry knows the schema.

    Raises:
        Unusable: the event does not fit the schema; the text begins with the field's path.
    """
    record = plainjson.to_writable(event, schema)
    try:
        return frame(schema_id) + avro.write(schema, record)
    except avro.Unreadable as error:
        raise Unusable(f"the event does not fit the schema: {error}") from error


def encode_json(event: Mapping[str, Any]) -> bytes:
    """JSON, for `events.format: json`.

    Raises:
        Unusable: a value that JSON cannot carry, such as NaN or half a surrogate pair.
    """
    try:
        return json.dumps(event, ensure_ascii=False, allow_nan=False).encode()
    except (TypeError, ValueError) as error:
        raise Unusable(f"the event cannot be written as JSON: {error}") from error
