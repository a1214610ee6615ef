"""What a schema's events hold: the fields that a rule can use, an example event, and a schema to begin with."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from engine.config.model import Envelope
from engine.events.avro import Schema

EVENT_ID = "00000000-0000-4000-8000-000000000001"
_TEXTS = {
    "uuid": "11111111-1111-4111-8111-111111111111",
    "date": "2026-01-31",
    "time-millis": "12:00:00",
    "time-micros": "12:00:00",
}
_NUMBERS = {"int": 1, "long": 1, "float": 1.5, "double": 1.5, "boolean": True, "null": None}


@dataclass(frozen=True, slots=True)
class Field:
    """A field that is always there and never null.

    Attributes:
        name: its own.
        expression: as a template reads it, without braces.
        is_text: a text, an enum or another type that becomes text.
    """

    name: str
    expression: str
    is_text: bool


def fields(schema: Schema, envelope: Envelope) -> list[Field]:
    """The scalars of an event, in order, the common fields left out."""
    common = {envelope.id, envelope.type, envelope.version}
    own = [field for field in schema.parsed["fields"] if field["name"] not in common]
    return list(_scalars(own, "event", schema.types))


def _scalars(record: list[Any], owner: str, types: Mapping[str, Any]) -> Iterator[Field]:
    for field in record:
        node, name = _named(field["type"], types), field["name"]
        kind = _kind(node)
        expression = f"{owner}.{name}"
        if kind == "record":
            yield from _scalars(node["fields"], expression, types)
        elif kind in ("string", "enum"):
            yield Field(name, expression, True)
        elif kind in ("int", "long", "float", "double", "boolean"):
            yield Field(name, expression, isinstance(node, dict) and "logicalType" in node)


def example(schema: Schema, envelope: Envelope, event_type: str, version: int) -> dict[str, Any]:
    """An event as plain JSON that fits the schema; fields with a default are left out."""
    common = {envelope.id: EVENT_ID, envelope.type: event_type, envelope.version: version}
    made: dict[str, Any] = _record(schema.parsed, schema.types)
    names = {field["name"] for field in schema.parsed["fields"]}
    return {**made, **{name: value for name, value in common.items() if name in names}}


def _record(node: Mapping[str, Any], types: Mapping[str, Any]) -> dict[str, Any]:
    required = [field for field in node["fields"] if "default" not in field]
    return {field["name"]: _value(field["type"], field["name"], types) for field in required}


def _value(node: Any, name: str, types: Mapping[str, Any]) -> Any:
    node = _named(node, types)
    if isinstance(node, list):
        return _value(min(node, key=lambda branch: branch == "null"), name, types)
    kind = _kind(node)
    if kind == "record":
        return _record(node, types)
    if kind in ("array", "map"):
        return [] if kind == "array" else {}
    if kind == "enum":
        return node["symbols"][0]
    logical = node.get("logicalType", "") if isinstance(node, dict) else ""
    return _scalar(kind, logical, node, name)


def _scalar(kind: str, logical: str, node: Any, name: str) -> Any:
    if logical == "decimal":
        return 1
    if logical in _TEXTS:
        return _TEXTS[logical]
    if logical.startswith(("timestamp", "local-timestamp")):
        return "2026-01-31T12:00:00" + ("" if logical.startswith("local") else "Z")
    if kind == "fixed":
        return "P0D" if logical == "duration" else base64.b64encode(bytes(node["size"])).decode()
    if kind == "bytes":
        return "AAAA"
    return _NUMBERS.get(kind, f"{name}-1")


def _named(node: Any, types: Mapping[str, Any]) -> Any:
    return types.get(node, node) if isinstance(node, str) else node


def _kind(node: Any) -> str:
    if isinstance(node, list):
        return "union"
    return node if isinstance(node, str) else str(node["type"])


def new_schema(event_type: str, version: int, envelope: Envelope) -> dict[str, Any]:
    """A schema to begin with: the common fields, and a payload with one reference."""
    name = "".join(word[:1].upper() + word[1:] for word in _words(event_type))
    name = name if name[:1].isalpha() else f"Event{name}"
    payload = {
        "type": "record",
        "name": f"{name}Payload",
        "doc": "What the event says.",
        "fields": [{"name": "ref_id", "type": "string", "doc": "Reference of the object that the event is about."}],
    }
    uuid = {"type": "string", "logicalType": "uuid"}
    return {
        "type": "record",
        "name": name,
        "namespace": "events",
        "doc": f"The event `{event_type}`: say here when it is sent.",
        "fields": [
            {"name": envelope.id, "type": uuid, "doc": "Made once by the producer; the same in every copy."},
            {"name": envelope.type, "type": "string", "doc": f"Always `{event_type}`."},
            {"name": envelope.version, "type": "int", "doc": f"Version of the payload; this schema is {version}."},
            {"name": "payload", "type": payload, "doc": "What the event says."},
        ],
    }


def _words(text: str) -> list[str]:
    plain = "".join(char if char.isascii() and char.isalnum() else " " for char in text)
    return plain.split()
