"""engine.events.decoder and deserializer: from bytes to records, with the local schemas."""

from __future__ import annotations

import datetime
import decimal
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from quixstreams.models.serializers import SerializationContext

from engine.config.model import Envelope, Events, Limits
from engine.errors import SchemaPending, Stage, Undeliverable
from engine.events import avro
from engine.events.decoder import Decoder
from engine.events.deserializer import EventDeserializer
from engine.events.encoder import encode
from engine.events.framing import HEADER, frame
from engine.events.registry import Registry

NOON = datetime.datetime(2025, 1, 31, 12, tzinfo=datetime.UTC)
Save = Callable[[str, Any], None]
Make = Callable[..., Decoder]


@pytest.fixture
def value(event_schema: dict[str, Any], event_json: dict[str, Any], memory: Any, schema_registry: Registry) -> bytes:
    """The small event under schema 1, which is fetched already."""
    memory.add(1, event_schema)
    schema_registry.fetch(1)
    return encode(event_json, avro.parse(event_schema, reader=True), 1)


def test_a_record_is_decoded_with_its_writers_schema(value: bytes, event_json: dict[str, Any], decoder: Make) -> None:
    """Without a local schema the record stands as it was written, logical types as values."""
    assert event_json | {"at": NOON} == decoder().record(value, None)


def test_a_schema_is_pending_until_it_is_fetched(event_schema: dict[str, Any], memory: Any, decoder: Make) -> None:
    """Decoding never asks the registry; it says which schema is needed."""
    memory.add(7, event_schema)
    with pytest.raises(SchemaPending) as caught:
        decoder().record(b"\x00\x00\x00\x00\x07abc")
    assert 7 == caught.value.schema_id
    assert [] == memory.asked


def test_a_record_is_resolved_to_the_local_schema(
    event_schema: dict[str, Any], value: bytes, save: Save, decoder: Make
) -> None:
    """Fields of NAME_vN: gone ones are left out, new ones have their default; the envelope is kept in any case."""
    kept = [field for field in event_schema["fields"] if field["name"] in ("event_type", "payload")]
    new = {"name": "when", "type": {"type": "long", "logicalType": "timestamp-millis"}, "default": 0}
    save("update_thing_v1", event_schema | {"fields": [*kept, new]})
    record = decoder().record(value)
    assert {"event_id", "event_type", "version", "payload", "when"} == set(record)
    assert datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC) == record["when"]


def with_mark(schema: dict[str, Any], mark: str) -> dict[str, Any]:
    """A schema whose default tells which file was used."""
    return schema | {"fields": [*schema["fields"], {"name": "mark", "type": "string", "default": mark}]}


@pytest.mark.parametrize(("files", "mark"), [([1, 2, 3], "v1"), ([2, 10, 9], "v10")])
def test_which_file_is_used(
    *, files: list[int], mark: str, event_schema: dict[str, Any], value: bytes, save: Save, decoder: Make
) -> None:
    """The file of the event's version, else the highest version there is, as a number."""
    for version in files:
        save(f"update_thing_v{version}", with_mark(event_schema, f"v{version}"))
    save("other_thing_v1", with_mark(event_schema, "other"))
    assert mark == decoder().record(value)["mark"]


def test_what_cannot_be_resolved_is_a_dead_letter(
    event_schema: dict[str, Any], value: bytes, save: Save, decoder: Make
) -> None:
    """A local schema with a new field and no default cannot read the event: stage decode."""
    save("update_thing_v1", event_schema | {"fields": [*event_schema["fields"], {"name": "new", "type": "int"}]})
    with pytest.raises(Undeliverable, match="No default value for field new") as caught:
        decoder().record(value)
    assert Stage.DECODE == caught.value.stage


def plain(schema: Any) -> Any:
    """A schema without logical types, as some libraries register it."""
    if isinstance(schema, list):
        return [plain(each) for each in schema]
    if isinstance(schema, dict):
        return {key: plain(value) for key, value in schema.items() if key not in ("logicalType", "precision", "scale")}
    return schema


def test_logical_types_of_the_local_schema_count(
    event_schema: dict[str, Any], memory: Any, schema_registry: Registry, save: Save, decoder: Make
) -> None:
    """A writer without logical types gives the same values, wherever the local schema has them."""
    moment = {"type": "long", "logicalType": "timestamp-millis"}
    money = {"type": "bytes", "logicalType": "decimal", "precision": 5, "scale": 2}
    fields = [
        {"name": "event_type", "type": "string"},
        {"name": "version", "type": "int"},
        {"name": "at", "type": ["null", moment]},
        {"name": "never", "type": ["null", moment]},
        {"name": "all", "type": {"type": "array", "items": {"type": "map", "values": money}}},
        {"name": "in", "type": {"type": "record", "name": "In", "fields": [{"name": "day", "type": moment}]}},
    ]
    schema = {"type": "record", "name": "e", "fields": fields}
    memory.add(1, plain(schema))
    schema_registry.fetch(1)
    save("e_v1", schema)
    written = {"at": 1, "never": None, "all": [{"a": b"\x01\x00"}], "in": {"day": 2}}
    writer = schema_registry.writer(1)
    record = decoder().record(frame(1) + avro.write(writer, {"event_type": "e", "version": 1, **written}))
    epoch = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
    ms = datetime.timedelta(milliseconds=1)
    assert (epoch + ms, None) == (record["at"], record["never"])
    assert [{"a": decimal.Decimal("2.56")}] == record["all"]
    assert {"day": epoch + 2 * ms} == record["in"]
    written["in"] = {"day": 2**62}
    with pytest.raises(Undeliverable, match="logical type"):
        decoder().record(frame(1) + avro.write(writer, {"event_type": "e", "version": 1, **written}))


def test_the_id_may_stand_in_a_header(
    event_schema: dict[str, Any], value: bytes, memory: Any, schema_registry: Registry, decoder: Make
) -> None:
    """A header-borne GUID names the schema, and the value is the record alone."""
    guid = uuid.UUID("89791762-2336-4186-9674-299b90a802e2")
    memory.add(str(guid), event_schema)
    headers = [(HEADER, b"\x01" + guid.bytes)]
    decode = decoder()
    with pytest.raises(SchemaPending) as caught:
        decode.record(value[5:], headers)
    schema_registry.fetch(caught.value.schema_id)
    assert decode.record(value) == decode.record(value[5:], headers)
    assert f"/schemas/guids/{guid}" == memory.asked[-1]


def test_a_big_message_is_refused(value: bytes, decoder: Make) -> None:
    """A value over limits.message is a dead letter before it is looked at."""
    make = decoder(limits=Limits(message=len(value)))
    assert make.record(value)
    with pytest.raises(Undeliverable, match=r"limits\.message"):
        make.record(value + b"\x00")


def test_an_enum_symbol_of_a_newer_writer(memory: Any, schema_registry: Registry, save: Save, decoder: Make) -> None:
    """A symbol that the local schema lacks becomes its default; without one the event is a dead letter."""
    kind = {"type": "enum", "name": "Color", "symbols": ["RED", "GREEN"]}
    fields = [{"name": "event_type", "type": "string"}, {"name": "version", "type": "int"}]
    schema = {"type": "record", "name": "E", "fields": [*fields, {"name": "c", "type": kind}]}
    memory.add(1, schema)
    schema_registry.fetch(1)
    value = encode({"event_type": "e", "version": 1, "c": "GREEN"}, avro.parse(schema), 1)
    older = kind | {"symbols": ["RED"]}
    save("e_v1", schema | {"fields": [*fields, {"name": "c", "type": older | {"default": "RED"}}]})
    assert "RED" == decoder().record(value)["c"]
    save("e_v1", schema | {"fields": [*fields, {"name": "c", "type": older}]})
    with pytest.raises(Undeliverable, match="GREEN"):
        decoder().record(value)


def test_json_is_decoded(decoder: Make) -> None:
    """With format json the value is the event; what is no JSON is a dead letter of stage decode."""
    decode = decoder(Events(format="json", envelope=Envelope(type="message_type")))
    assert {"message_type": "x"} == decode.record(b'{"message_type": "x"}', None)
    with pytest.raises(Undeliverable, match="not JSON") as caught:
        decode.record(b"{")
    assert Stage.DECODE == caught.value.stage


def test_quix_uses_the_same_decoder(value: bytes, event_json: dict[str, Any], decoder: Make) -> None:
    """The Deserializer gives the decoder's record and lets its errors through."""
    deserialize = EventDeserializer(decoder())
    context = SerializationContext("observation", "value", None)
    assert event_json | {"at": NOON} == deserialize(value, context)
    with pytest.raises(Undeliverable):
        deserialize(value=b"garbage", ctx=context)
    with pytest.raises(SchemaPending):
        deserialize(b"\x00\x00\x00\x00\x09", context)
