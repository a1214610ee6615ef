"""Types from Avro schemas; what the decoder refuses is refused here, too."""

from __future__ import annotations

from typing import Any

import pytest

from engine.events import avro as decoder
from engine.typing import model
from engine.typing.avro import NotAvro, event_type
from engine.typing.model import Field, ListOf, Map, Record, Text, Type, nullable


def schema(*types: Any) -> dict[str, Any]:
    """A record whose fields have these types."""
    fields = [{"name": f"f{number}", "type": one} for number, one in enumerate(types)]
    return {"type": "record", "name": "Event", "namespace": "a.b", "fields": fields}


def first(*types: Any) -> Type | None:
    """The type of the last of some fields."""
    found = event_type(schema(*types))
    assert isinstance(found, Record)
    return found.get(f"f{len(types) - 1}")


PERSON = {"type": "record", "name": "Person", "fields": [{"name": "name", "type": "string"}]}
COLOUR = {"type": "enum", "name": "Colour", "symbols": ["red", "blue"]}


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("string", model.TEXT),
        ({"type": "string"}, model.TEXT),
        ({"type": {"type": "string"}}, model.TEXT),
        ("int", model.INTEGER),
        ("long", model.INTEGER),
        ("double", model.FLOAT),
        ("boolean", model.BOOLEAN),
        ("bytes", model.BYTES),
        ("null", model.NULL),
        (["null", "string"], nullable(model.TEXT)),
        (["null", "string", "int"], model.union(model.NULL, model.TEXT, model.INTEGER)),
        ({"type": "array", "items": ["null", "int"]}, ListOf(nullable(model.INTEGER))),
        ({"type": "map", "values": "double"}, Map(model.FLOAT)),
        (COLOUR, Text(("red", "blue"))),
        (PERSON, Record({"name": Field(model.TEXT)}, name="Person")),
        ({"type": "fixed", "name": "F", "size": 4}, model.BYTES),
        ({"type": "string", "logicalType": "uuid"}, model.UUID),
        ({"type": "int", "logicalType": "date"}, model.DATE),
        ({"type": "long", "logicalType": "time-micros"}, model.TIME),
        ({"type": "long", "logicalType": "timestamp-micros"}, model.DATETIME),
        ({"type": "long", "logicalType": "local-timestamp-millis"}, model.LOCAL),
        ({"type": "bytes", "logicalType": "decimal", "precision": 4, "scale": 2}, model.DECIMAL),
        ({"type": "long", "logicalType": "something-else"}, model.INTEGER),
        ({"type": "fixed", "name": "D", "size": 12, "logicalType": "duration"}, None),
    ],
)
def test_types(written: Any, expected: Type | None) -> None:
    """Every type of Avro, with and without a logical type."""
    found = first(written)
    if expected is None:
        assert isinstance(found, Record)
        assert ["months", "days", "milliseconds"] == list(found.fields)
    else:
        assert expected == found


@pytest.mark.parametrize("name", ["Person", "a.b.Person"])
def test_named_types(name: str) -> None:
    """A named type is known afterwards, by its short name in its namespace and by its full one."""
    assert Record({"name": Field(model.TEXT)}, name="Person") == first(PERSON, ["null", name], name)


def test_a_union_of_records() -> None:
    """An event may be one of several records."""
    found = event_type([schema("int"), {**schema("string"), "name": "Other"}])
    assert ["Event", "Other"] == [one.name for one in model.members(found) if isinstance(one, Record)]


@pytest.mark.parametrize(
    "raw",
    [
        "string",
        {"type": "array", "items": "int"},
        schema("strin"),
        schema({"type": "array"}),
        schema({"type": "enum", "name": "E"}),
        schema("Person", PERSON),
        schema({**PERSON, "fields": [{"name": "self", "type": "Person"}]}),
        {"type": "record", "fields": []},
        {"type": "record", "name": "E", "fields": [{"name": "a"}]},
        5,
        ["string", schema("int")],
    ],
)
def test_refused(raw: Any) -> None:
    """What is no schema of a record, or holds itself, is refused by both who read it."""
    with pytest.raises(NotAvro):
        event_type(raw)
    with pytest.raises(decoder.SchemaInvalid):
        decoder.parse(raw, reader=True)
