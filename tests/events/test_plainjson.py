"""engine.events.plainjson and encoder: event JSON to records and bytes."""

from __future__ import annotations

import datetime
import decimal
import uuid
from typing import Any

import pytest

from engine.errors import Unusable
from engine.events import avro
from engine.events.encoder import encode, encode_json
from engine.events.plainjson import to_record

NOON = datetime.datetime(2025, 1, 31, 12, tzinfo=datetime.UTC)
UUID = "6f9619ff-8b86-4011-b42d-00c04fc964ff"
MONTH = {"months": 1, "days": 2, "milliseconds": 3500}


def logical(kind: str, what: str, **more: Any) -> dict[str, Any]:
    return {"type": kind, "logicalType": what, **more}


def schema_of(kind: Any, **more: Any) -> avro.Schema:
    field = {"name": "x", "type": kind, **more}
    return avro.parse({"type": "record", "name": "E", "fields": [field]}, reader=True)


FIXED = {"type": "fixed", "name": "F", "size": 2}
ENUM = {"type": "enum", "name": "Color", "symbols": ["RED", "GREEN"]}
INNER = {"type": "record", "name": "I", "fields": [{"name": "n", "type": "int", "default": 7}]}
OTHER = {"type": "record", "name": "O", "fields": [{"name": "s", "type": "string"}, {"name": "n", "type": "int"}]}
DURATION = logical("fixed", "duration", name="D", size=12)
DECIMAL = logical("bytes", "decimal", precision=5, scale=2)
TYPES = [
    ("null", None, None),
    ("boolean", True, True),
    ("int", -3, -3),
    ("long", 2**62, 2**62),
    ("float", 1, 1.0),
    ("double", 0.1, 0.1),
    ("string", "é", "é"),
    ("bytes", "AP8=", b"\x00\xff"),
    (FIXED, "AP8=", b"\x00\xff"),
    (ENUM, "GREEN", "GREEN"),
    ({"type": "array", "items": "int"}, [1, 2], [1, 2]),
    ({"type": "map", "values": DECIMAL}, {"a": "1.5"}, {"a": decimal.Decimal("1.50")}),
    (INNER, {}, {"n": 7}),
    (["null", "string"], None, None),
    (["null", "string"], "a", "a"),
    (["int", "double"], 1.5, 1.5),
    (["int", "long"], 2**40, 2**40),
    (["null", INNER, OTHER], {"s": "a", "n": 1}, {"s": "a", "n": 1}),
    (["null", {"type": "array", "items": ["null", INNER]}], [None, {"n": 1}], [None, {"n": 1}]),
    (logical("long", "timestamp-millis"), "2025-01-31T12:00:00Z", NOON),
    (logical("long", "timestamp-micros"), "2025-01-31T13:00:00+01:00", NOON),
    (logical("long", "local-timestamp-millis"), "2025-01-31T12:00:00", NOON.replace(tzinfo=None)),
    (logical("long", "local-timestamp-micros"), "2025-01-31T12:00:00", NOON.replace(tzinfo=None)),
    (logical("int", "date"), "2025-01-31", NOON.date()),
    (logical("int", "time-millis"), "12:00:00.5", datetime.time(12, 0, 0, 500_000)),
    (logical("long", "time-micros"), "12:00:00.000001", datetime.time(12, 0, 0, 1)),
    (DECIMAL, 123.45, decimal.Decimal("123.45")),
    (logical("fixed", "decimal", name="X", size=4, precision=5, scale=2), -1, decimal.Decimal("-1.00")),
    (logical("string", "uuid"), UUID, uuid.UUID(UUID)),
    (DURATION, "P1M2DT3.5S", MONTH),
    (["null", logical("long", "timestamp-millis")], "2025-01-31T12:00:00Z", NOON),
    (["null", logical("int", "date"), "string"], "tomorrow", "tomorrow"),
    (["null", DECIMAL], "1.5", decimal.Decimal("1.50")),
    (["null", logical("string", "uuid")], UUID, uuid.UUID(UUID)),
    (["null", DURATION], "P1M2DT3.5S", MONTH),
    (logical("long", "timestamp-nanos"), 5, 5),
]


@pytest.mark.parametrize(("kind", "plain", "value"), TYPES)
def test_every_type_comes_back(kind: Any, plain: Any, value: Any) -> None:
    """Plain JSON, encoded and decoded, gives the value that conversion alone gives."""
    schema = schema_of(kind)
    data = encode({"x": plain}, schema, 7)
    assert {"x": value} == to_record({"x": plain}, schema)
    assert 7 == int.from_bytes(data[:5], "big")
    assert {"x": value} == avro.read(schema, data, 5)


DEFAULTS = [
    ("bytes", "\u00ff", b"\xff"),
    (logical("long", "timestamp-millis"), 0, datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)),
    (logical("long", "local-timestamp-micros"), 1_000_000, datetime.datetime(1970, 1, 1, 0, 0, 1)),
    (logical("int", "date"), 1, datetime.date(1970, 1, 2)),
    (logical("int", "time-millis"), 1000, datetime.time(0, 0, 1)),
    (DECIMAL, "\u0001\u0000", decimal.Decimal("2.56")),
    (logical("string", "uuid"), UUID, uuid.UUID(UUID)),
    (DURATION, "\u0001" + "\0" * 11, {"months": 1, "days": 0, "milliseconds": 0}),
    ("double", 1, 1.0),
    (["null", "bytes"], None, None),
    (["bytes", "null"], "a", b"a"),
    (INNER, {}, {"n": 7}),
    ({"type": "array", "items": "bytes"}, ["a"], [b"a"]),
    ({"type": "map", "values": "bytes"}, {"k": "a"}, {"k": b"a"}),
]


@pytest.mark.parametrize(("kind", "default", "value"), DEFAULTS)
def test_defaults_are_values(kind: Any, default: Any, value: Any) -> None:
    """A field left out has its default as a value of its type, when converted and when resolved."""
    schema = schema_of(kind, default=default)
    without = avro.parse({"type": "record", "name": "E", "fields": []})
    assert {"x": value} == to_record({}, schema)
    assert {"x": value} == avro.read(without, b"", 0, schema)


REFUSED = [
    ("int", True, "x: must be an integer, it is True"),
    ("int", 2**31, "x: must be an integer of 32 bits, it is 2147483648"),
    ("long", 1.0, "x: must be an integer, it is 1.0"),
    ("string", None, "x: must be a text, it is null"),
    ("string", 5, "x: must be a text, it is 5"),
    ("bytes", "é!", "x: must be base64 text"),
    (FIXED, "AA==", "x: must be base64 of 2 bytes, it is of 1"),
    (ENUM, "GREEM", "x: 'GREEM' is none of RED, GREEN; 'GREEN'?"),
    (INNER, {"m": 1}, "x.m: not a field of I"),
    (INNER, {"n": "1"}, "x.n: must be an integer, it is '1'"),
    (OTHER, {"s": "a"}, "x.n: missing, and the schema has no default for it"),
    ({"type": "array", "items": "int"}, [1, "2"], "x[1]: must be an integer, it is '2'"),
    ({"type": "array", "items": "int"}, {}, "x: must be an array, it is {}"),
    ({"type": "map", "values": "int"}, {"a": None}, "x.a: must be an integer, it is null"),
    (["null", "string"], 1, "x: must be a text, it is 1"),
    (["null", INNER], {"n": "1"}, "x.n: must be an integer, it is '1'"),
    (["int", "boolean"], "a", "x: fits none of int, boolean"),
    (logical("long", "timestamp-millis"), "2025-01-31T12:00:00", "x: must be an ISO 8601 time with a time zone"),
    (logical("long", "local-timestamp-millis"), "2025-01-31T12:00:00Z", "x: must be an ISO 8601 time without"),
    (logical("int", "date"), "31.1.2025", "x: must be a date, e.g. 2025-01-31, it is '31.1.2025'"),
    (logical("int", "time-millis"), "25:00", "x: must be a time of day"),
    (DECIMAL, "1.234", "x: must be a decimal of 5 digits, 2 of them behind the point, it is '1.234'"),
    (DECIMAL, 12345, "x: must be a decimal of 5 digits"),
    (DECIMAL, "NaN", "x: must be a decimal of 5 digits"),
    (logical("string", "uuid"), "abc", "x: must be a UUID, it is 'abc'"),
    (DURATION, "1 month", "x: not an ISO 8601 duration"),
]


@pytest.mark.parametrize(("kind", "plain", "text"), REFUSED)
def test_a_misfit_is_named(kind: Any, plain: Any, text: str) -> None:
    """A value that does not fit is refused with the path of its field."""
    with pytest.raises(Unusable) as caught:
        to_record({"x": plain}, schema_of(kind))
    assert str(caught.value).startswith(text)


def test_an_unknown_field_has_a_suggestion() -> None:
    """A misspelt field is named with the nearest one."""
    schema = avro.parse({"type": "record", "name": "E", "fields": [{"name": "status", "type": "string"}]})
    with pytest.raises(Unusable, match="statsu: not a field of E; did you mean 'status'"):
        to_record({"statsu": "x"}, schema)


def test_json_is_written_whole() -> None:
    """Integers over 64 bits and text beyond ASCII are kept; NaN is refused."""
    assert '{"a": 36893488147419103232, "b": "é"}'.encode() == encode_json({"a": 2**65, "b": "é"})
    with pytest.raises(Unusable):
        encode_json({"a": float("nan")})
