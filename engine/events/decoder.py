"""Bytes -> record: framing, the writer's schema, resolution to the local schema, or JSON. Pure: no socket, no clock."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from engine.config.model import Events, Limits
from engine.errors import Stage, Undeliverable
from engine.events import avro, json_format
from engine.events.framing import Headers, NotFramed, SchemaId, unframe
from engine.events.logical import Convert, adopt
from engine.events.registry import Registry
from engine.events.schemas import LocalSchemas


@dataclass(frozen=True, slots=True)
class _Resolution:
    """A writer's bytes become a record of `reader`; `convert` is what fastavro leaves to do."""

    reader: avro.Schema
    convert: Convert | None


class Decoder:
    """Decodes values of the topic. Safe to use from any thread.

    Whatever the bytes, `record` raises nothing but Undeliverable (stage decode) and SchemaPending.
    """

    def __init__(self, events: Events, limits: Limits, schemas: LocalSchemas, registry: Registry) -> None:
        """Prepare.

        Args:
            events: format, and where type and version stand in a record.
            limits: `message` bounds a value's bytes.
            schemas: what records are resolved to.
            registry: where writers' schemas are; only its cache is asked.
        """
        self._envelope = events.envelope
        self._limit = limits.message
        self._schemas = schemas
        self._registry = registry
        self._resolutions: dict[tuple[SchemaId, int], _Resolution | None] = {}
        self._decode: Callable[[bytes, Headers], dict[str, Any]] = self._avro if events.format == "avro" else _json

    def record(self, value: bytes, headers: Headers = None) -> dict[str, Any]:
        """Decode one value.

        Args:
            value: the record's bytes.
            headers: the message's headers; one of them may carry the schema id.

        Raises:
            Undeliverable: stage decode.
            SchemaPending: the writer's schema must be fetched first.
        """
        if len(value) > self._limit:
            raise Undeliverable(Stage.DECODE, f"the message has {len(value)} bytes, limits.message is {self._limit}")
        return self._decode(value, headers)

    def _avro(self, value: bytes, headers: Headers) -> dict[str, Any]:
        try:
            schema_id, start = unframe(value, headers)
        except NotFramed as error:
            raise Undeliverable(Stage.DECODE, f"not framed for a schema registry: {error}") from error
        writer = self._registry.writer(schema_id)
        try:
            record = avro.read(writer, value, start)
            resolution = self._resolution(schema_id, writer, record)
            return record if resolution is None else self._resolve(resolution, writer, value, start, record)
        except avro.Unreadable as error:
            raise Undeliverable(Stage.DECODE, f"schema {schema_id}: {error}") from error

    def _resolution(self, schema_id: SchemaId, writer: avro.Schema, record: dict[str, Any]) -> _Resolution | None:
        """How the bytes come to the local schema of their type and version; None: the record stands as it is."""
        version = record.get(self._envelope.version)
        name = record.get(self._envelope.type)
        if type(name) is not str or type(version) is not int:
            return None  # the envelope will say what is wrong
        reader = self._schemas.find(name, version)
        if reader is None:
            return None
        pair = (schema_id, id(reader))  # local schemas live as long as the decoder
        if pair not in self._resolutions:
            same = writer.form == reader.form
            self._resolutions[pair] = None if same else _Resolution(reader, adopt(writer, reader))
        return self._resolutions[pair]

    def _resolve(
        self, resolution: _Resolution, writer: avro.Schema, value: bytes, start: int, written: dict[str, Any]
    ) -> dict[str, Any]:
        record = avro.read(writer, value, start, resolution.reader)
        if resolution.convert is not None:
            try:
                resolution.convert(record)
            except Exception as error:  # as many kinds as logical types have readers
                raise avro.Unreadable(f"a value does not fit its logical type: {error}") from error
        for name in (self._envelope.id, self._envelope.type, self._envelope.version):
            if name in written:  # the envelope is the writer's, also where the local schema leaves it out
                record.setdefault(name, written[name])
        return record


def _json(value: bytes, _headers: Headers) -> dict[str, Any]:
    try:
        return json_format.read(value)
    except ValueError as error:
        raise Undeliverable(Stage.DECODE, str(error)) from error
