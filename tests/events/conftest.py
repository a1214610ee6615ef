"""A registry in memory and records of a small event, for the tests of this room."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

from engine.config.model import Events, Limits, SchemaRegistry
from engine.events import avro
from engine.events.decoder import Decoder
from engine.events.framing import SchemaId
from engine.events.registry import Registry
from engine.events.schemas import LocalSchemas

EVENT_ID = "6f9619ff-8b86-4011-b42d-00c04fc964ff"


class MemoryRegistry:
    """Answers as a schema registry: schemas by id or GUID, and subjects for references."""

    def __init__(self) -> None:
        self.schemas: dict[str, Mapping[str, Any]] = {}
        self.subjects: dict[tuple[str, str], Mapping[str, Any]] = {}
        self.asked: list[str] = []

    def add(self, schema_id: SchemaId, schema: Any, **more: Any) -> None:
        """Have a schema under an id."""
        self.schemas[str(schema_id)] = {"schema": json.dumps(schema), **more}

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request.url.path)
        match request.url.path.split("/")[1:]:
            case ["schemas", _, schema_id] if schema_id in self.schemas:
                return httpx.Response(200, json=self.schemas[schema_id])
            case ["subjects", subject, "versions", version] if (subject, version) in self.subjects:
                return httpx.Response(200, json=self.subjects[subject, version])
        return httpx.Response(404, json={"error_code": 40403, "message": "Schema not found"})


@pytest.fixture
def event_schema() -> dict[str, Any]:
    """The schema of a small event."""
    return {
        "type": "record",
        "name": "update_thing",
        "namespace": "test",
        "fields": [
            {"name": "event_id", "type": "string"},
            {"name": "event_type", "type": "string"},
            {"name": "version", "type": "int"},
            {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
            {
                "name": "payload",
                "type": {
                    "type": "record",
                    "name": "Payload",
                    "fields": [
                        {"name": "ref_id", "type": "string"},
                        {"name": "status", "type": ["null", "string"], "default": None},
                        {"name": "tags", "type": {"type": "array", "items": "string"}, "default": []},
                    ],
                },
            },
        ],
    }


@pytest.fixture
def event_json() -> dict[str, Any]:
    """A small event as plain JSON."""
    return {
        "event_id": EVENT_ID,
        "event_type": "update_thing",
        "version": 1,
        "at": "2025-01-31T12:00:00Z",
        "payload": {"ref_id": "T-1", "status": "active", "tags": ["a", "b"]},
    }


@pytest.fixture
def memory() -> MemoryRegistry:
    """An empty registry."""
    return MemoryRegistry()


@pytest.fixture
def schema_registry(memory: MemoryRegistry) -> Registry:
    """The client of `memory`."""
    return Registry(SchemaRegistry(url="http://registry"), transport=httpx.MockTransport(memory))


@pytest.fixture
def save(tmp_path: Path) -> Callable[[str, Any], None]:
    """Write a local schema file."""

    def write(name: str, schema: Any) -> None:
        (tmp_path / f"{name}.avsc").write_text(json.dumps(schema), encoding="utf-8")

    return write


@pytest.fixture
def decoder(tmp_path: Path, schema_registry: Registry) -> Callable[..., Decoder]:
    """Make a decoder with the local schemas saved so far."""

    def make(events: Events | None = None, limits: Limits | None = None) -> Decoder:
        return Decoder(events or Events(), limits or Limits(), LocalSchemas(tmp_path), schema_registry)

    return make


@pytest.fixture
def write() -> Callable[[Any, Mapping[str, Any]], bytes]:
    """Encode values by a raw schema, without framing."""
    return lambda schema, record: avro.write(avro.parse(schema), record)
