"""Bytes that nobody meant to be events: each is one Undeliverable or an event, never another error, never memory."""

from __future__ import annotations

import random
import tracemalloc
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from engine.config.model import Envelope
from engine.errors import SchemaPending, Undeliverable
from engine.events import avro
from engine.events.decoder import Decoder
from engine.events.encoder import encode
from engine.events.envelope import to_event
from engine.events.event import Event, Message
from engine.events.registry import Registry

FRAME = b"\x00\x00\x00\x00\x01"


def outcome(decoder: Decoder, registry: Registry, value: bytes) -> str:
    """What becomes of a value: `event`, or the stage of its dead letter."""
    for _ in range(2):
        try:
            event = to_event(decoder.record(value, ()), Message("t", 0, 0, None, value), Envelope())
            assert isinstance(event, Event)
        except SchemaPending as pending:
            registry.fetch(pending.schema_id)
        except Undeliverable as error:
            return error.stage.value
        else:
            return "event"
    raise AssertionError("pending after it was fetched")


def rich(event_schema: dict[str, Any]) -> dict[str, Any]:
    """The small event with every kind of type behind it."""
    more = [
        ("amount", {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}),
        ("day", {"type": "int", "logicalType": "date"}),
        ("time", {"type": "int", "logicalType": "time-millis"}),
        ("micros", ["null", {"type": "long", "logicalType": "timestamp-micros"}]),
        ("uuid", {"type": "string", "logicalType": "uuid"}),
        ("color", {"type": "enum", "name": "Color", "symbols": ["RED", "GREEN"]}),
        ("hash", {"type": "fixed", "name": "Hash", "size": 4}),
        ("lasts", {"type": "fixed", "name": "Lasts", "size": 12, "logicalType": "duration"}),
        ("scores", {"type": "map", "values": {"type": "array", "items": "double"}}),
        ("flags", {"type": "array", "items": "boolean"}),
        ("nothing", {"type": "array", "items": "null"}),
        ("more", {"type": "array", "items": ["null", "Payload", "float"]}),
    ]
    return event_schema | {"fields": event_schema["fields"] + [{"name": name, "type": kind} for name, kind in more]}


def filled(event_json: dict[str, Any]) -> dict[str, Any]:
    """An event of `rich`."""
    return event_json | {
        "amount": "12.34",
        "day": "2025-01-31",
        "time": "12:00:00",
        "micros": "2025-01-31T12:00:00Z",
        "uuid": event_json["event_id"],
        "color": "RED",
        "hash": "AAECAw==",
        "lasts": "P1M2DT3S",
        "scores": {"a": [1.5, 2.5], "b": []},
        "flags": [True, False],
        "nothing": [None, None],
        "more": [None, {"ref_id": "x"}, 1.5],
    }


def mangled(value: bytes, dice: random.Random) -> Iterator[bytes]:
    """Every truncation, then mutations: bytes flipped, doubled, dropped, replaced by extremes."""
    yield from (value[:end] for end in range(len(value)))
    for _ in range(5000):
        data = bytearray(value)
        for _ in range(dice.randint(1, 4)):
            at = dice.randrange(5, len(data))
            match dice.randrange(4):
                case 0:
                    data[at] = dice.randrange(256)
                case 1:
                    data[at:at] = dice.randbytes(dice.randint(1, 3))
                case 2:
                    del data[at : at + dice.randint(1, 3)]
                case _:
                    data[at : at + 1] = dice.choice([b"\xff" * 9 + b"\x01", b"\xfe\xff\xff\xff\x0f", b"\x80" * 12])
            if len(data) < 8:
                break
        yield bytes(data)


@pytest.mark.parametrize("local", ["none", "equal", "newer"])
def test_every_value_has_one_outcome(
    *,
    local: str,
    event_schema: dict[str, Any],
    event_json: dict[str, Any],
    memory: Any,
    schema_registry: Registry,
    save: Callable[[str, Any], None],
    decoder: Callable[..., Decoder],
) -> None:
    """Random, truncated and mutated values give an event or a dead letter, and leave no memory behind."""
    schema = rich(event_schema)
    memory.add(1, schema)
    if local != "none":
        dropped = [field for field in schema["fields"] if field["name"] not in ("scores", "flags", "hash")]
        newer = schema | {"fields": [*dropped, {"name": "extra", "type": "bytes", "default": "\u00ff"}]}
        save("update_thing_v1", schema if local == "equal" else newer)
    decode = decoder()
    dice = random.Random(4)  # the same every time, so that a failure can be found again
    value = encode(filled(event_json), avro.parse(schema, reader=True), 1)
    assert outcome(decode, schema_registry, value) == "event"
    values = [dice.randbytes(dice.randint(0, 200)) for _ in range(2500)]
    values += [FRAME + dice.randbytes(dice.randint(0, 200)) for _ in range(2500)]
    values += mangled(value, dice)
    before = grown(decode, schema_registry, values[:500])
    found = Counter(outcome(decode, schema_registry, each) for each in values)
    assert {"event", "decode", "envelope"} == set(found)
    assert grown(decode, schema_registry, values) < before + 300_000


def grown(decode: Decoder, registry: Registry, values: list[bytes]) -> int:
    """Bytes that are still held after decoding."""
    tracemalloc.start()
    try:
        for value in values:
            outcome(decode, registry, value)
        return tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()


def long(number: int) -> bytes:
    """A zig-zag number as Avro writes it."""
    number = number << 1 if number >= 0 else (-number << 1) - 1
    data = bytearray()
    while number > 0x7F:
        data.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*data, number])


def record(*fields: Any) -> dict[str, Any]:
    """A schema with fields f0, f1, ..."""
    return {"type": "record", "name": "E", "fields": [{"name": f"f{n}", "type": kind} for n, kind in enumerate(fields)]}


def array(items: Any) -> dict[str, Any]:
    return {"type": "array", "items": items}


EMPTY = {"type": "record", "name": "Empty", "fields": []}
NOTHING = {"type": "fixed", "name": "Nothing", "size": 0}
BOMBS = [
    (record(array("null")), long(2**62) + b"\0"),
    (record(array("null")), long(-(2**62)) + b"\0\0"),
    (record(array("null")), long(10_001) + b"\0"),
    (record(array("null")), (long(6000) + b"\0") + b""),
    (record(array("null"), array("null")), long(6000) + b"\0" + long(6000) + b"\0"),
    (record(array(array("null"))), long(100) + (long(101) + b"\0") * 100 + b"\0"),
    (record(array(EMPTY)), long(2**62) + b"\0"),
    (record(array(NOTHING)), long(2**62) + b"\0"),
    (record(array(EMPTY | {"fields": [{"name": "n", "type": "null"}]})), long(20_000) + b"\0"),
    (record(array("int")), long(2**40) + b"\0\0"),
    (record(array("int")), long(-(2**63)) + long(2) + b"\0\0\0"),
    (record({"type": "map", "values": "null"}), long(2**62) + b"\0\0"),
    (record("string"), long(2**50) + b"abc"),
    (record("bytes"), long(-5) + b"abc"),
    (record("bytes"), long(2**63 - 1) + b"abc"),
]


@pytest.mark.parametrize(("schema", "data"), BOMBS)
@pytest.mark.parametrize("resolved", [False, True])
def test_a_bomb_is_refused_at_once(schema: dict[str, Any], data: bytes, resolved: bool) -> None:
    """Counts and sizes that the bytes do not hold, or that stand for too many empty values, build nothing."""
    reader = avro.parse({"type": "record", "name": "E", "fields": []}) if resolved else None
    writer = avro.parse(schema)
    tracemalloc.start()
    try:
        if data == long(6000) + b"\0":  # the bound itself is not reached
            assert avro.read(writer, data, 0, reader) is not None
        else:
            with pytest.raises(avro.Unreadable):
                avro.read(writer, data, 0, reader)
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


def test_a_skipped_block_may_not_lead_astray() -> None:
    """The size of a block is checked before a reader that has no such field jumps over it."""
    writer = avro.parse(record(array("int"), array("double")))
    reader = avro.parse(record(array("int")) | {"fields": []})
    honest = long(-2) + long(2) + b"\x02\x04" + b"\0" + b"\0"
    lying = long(-2) + long(1) + b"\x02\x04" + b"\0" + b"\0"
    assert {} == avro.read(writer, honest, 0, reader)
    with pytest.raises(avro.Unreadable, match="size"):
        avro.read(writer, lying, 0, reader)


def test_trailing_bytes_are_refused() -> None:
    """A byte behind the record means that it was another record."""
    writer = avro.parse(record("int"))
    assert {"f0": 1} == avro.read(writer, b"\x02")
    with pytest.raises(avro.Unreadable, match="1 bytes are left behind the record"):
        avro.read(writer, b"\x02\x00")


def nested(levels: int) -> dict[str, Any]:
    """Records within each other."""
    schema: dict[str, Any] = {"type": "record", "name": f"R{levels}", "fields": [{"name": "x", "type": "int"}]}
    for level in range(levels - 1, 0, -1):
        schema = {"type": "record", "name": f"R{level}", "fields": [{"name": "x", "type": schema}]}
    return schema


def doubling(levels: int) -> list[Any]:
    """Every record holds two of the one before: 2^levels nulls out of no bytes."""
    schemas: list[Any] = [{"type": "record", "name": "R0", "fields": [{"name": "x", "type": "null"}]}]
    for level in range(1, levels):
        fields = [{"name": name, "type": f"R{level - 1}"} for name in "xy"]
        schemas.append({"type": "record", "name": f"R{level}", "fields": fields})
    return schemas


def test_deep_schemas_are_refused() -> None:
    """63 records around an int are read; one more is refused, and so are 100,000 arrays, without a crash."""
    assert avro.parse(nested(63)).name == "R1"
    with pytest.raises(avro.SchemaInvalid, match="deeper than 64"):
        avro.parse(nested(64))
    deep: Any = "int"
    for _ in range(100_000):
        deep = array(deep)
    with pytest.raises(avro.SchemaInvalid, match="too deeply"):
        avro.parse(record(deep))


def test_depth_counts_through_names() -> None:
    """Nesting is the same where the records are defined side by side."""
    chain = [{"type": "record", "name": "R0", "fields": [{"name": "x", "type": "int"}]}]
    chain += [
        {"type": "record", "name": f"R{level}", "fields": [{"name": "x", "type": f"R{level - 1}"}]}
        for level in range(1, 80)
    ]
    with pytest.raises(avro.SchemaInvalid, match="deeper than 64"):
        avro.parse(chain[-1], chain[:-1])


def test_recursive_schemas_are_refused() -> None:
    """A type that holds itself could nest without end."""
    with pytest.raises(avro.SchemaInvalid, match="recursive"):
        avro.parse(record(["null", "E"]))


def test_a_schema_of_many_nulls_is_refused() -> None:
    """A schema that doubles at each level cannot make 2^40 values out of an empty message."""
    schemas = doubling(40)
    with pytest.raises(avro.SchemaInvalid, match="take no bytes"):
        avro.parse(schemas[-1], schemas[:-1])


def test_reserved_names_are_refused() -> None:
    """A schema cannot pose as one that fastavro has checked already."""
    with pytest.raises(avro.SchemaInvalid, match="reserved"):
        avro.parse(record("int") | {"__fastavro_parsed": True, "__named_schemas": {}})


@pytest.mark.parametrize("raw", [None, 1, "int", "nonsense", [], ["null", "int"], {}, {"type": "record"}, array("int")])
def test_what_is_no_record_is_refused(raw: Any) -> None:
    """An event is a record; anything else as a schema is refused, whatever it is."""
    with pytest.raises(avro.SchemaInvalid):
        avro.parse(raw)
