"""The field that could not be decoded is named, with its type; never its value."""

from __future__ import annotations

from typing import Any

import pytest

from engine.events import avro
from engine.events.culprit import MOST

UUID = {"type": "string", "logicalType": "uuid"}
CHOICE = {"type": "enum", "name": "S", "symbols": ["A"]}
SCHEMA = {
    "type": "record",
    "name": "update_thing",
    "fields": [
        {"name": "ref", "type": "string"},
        {
            "name": "payload",
            "type": {
                "type": "record",
                "name": "Payload",
                "fields": [
                    {"name": "id", "type": ["null", UUID]},
                    {"name": "states", "type": {"type": "array", "items": CHOICE}},
                    {"name": "marks", "type": {"type": "map", "values": "double"}},
                    {"name": "other", "type": ["null", "S"]},
                ],
            },
        },
    ],
}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (b"", "field ref, string: EOFError"),
        (b"\x02\xff", "field ref, string: UnicodeDecodeError: "),
        (b"\x02x\x02\x0csecret", "field payload.id, string (uuid): ValueError: badly formed hexadecimal UUID string"),
        (b"\x02x\x06", "field payload.id, one of 2 types: IndexError: "),
        (b"\x02x\x00\x04\x00\x04\x00", "field payload.states[1], enum S: IndexError: "),
        (b"\x02x\x00\x00\x02\x0csecret\x00", "field payload.marks[0], double: EOFError: cannot read double"),
        (b"\x02x\x00\x00\x00\x02\x08", "field payload.other, enum S: IndexError: "),
    ],
)
def test_the_field_is_named(value: bytes, text: str) -> None:
    """Where it stands, what it should be; what stands there instead stays out."""
    with pytest.raises(avro.Unreadable) as refused:
        avro.read(avro.parse(SCHEMA), value)
    found = str(refused.value)
    assert (True, False, False) == (found.startswith(text), "secret" in found, "0x7" in found), found


def test_the_search_is_bounded() -> None:
    """A fault behind more values than are looked at is told without its field."""
    schema = avro.parse(_record({"type": "array", "items": UUID}))
    good = b"\x4800000000-0000-0000-0000-000000000000"
    few, many = (_items(good, count) for count in (10, MOST))
    assert "field all[10], string (uuid): ValueError: " in _error(schema, few)
    assert _error(schema, many).startswith("ValueError: ")


def test_a_value_that_the_local_schemas_logical_type_cannot_hold_is_named() -> None:
    """Its writer had no logical type, so the bytes themselves were in order."""
    from engine.events.logical import Misfit, adopt

    inner = {"type": "record", "name": "I", "fields": [{"name": "id", "type": "string"}]}
    local = {"type": "record", "name": "I", "fields": [{"name": "id", "type": UUID}]}
    convert = adopt(avro.parse(_record(inner)), avro.parse(_record(local), reader=True))
    assert convert is not None
    with pytest.raises(Misfit, match=r"^field all\.id: ValueError: badly formed hexadecimal UUID string$"):
        convert({"all": {"id": "no"}})


def _record(kind: Any) -> dict[str, Any]:
    return {"type": "record", "name": "R", "fields": [{"name": "all", "type": kind}]}


def _items(good: bytes, count: int) -> bytes:
    block = (count + 1) * 2
    head = bytes([block & 0x7F | 0x80, block >> 7]) if block > 0x7F else bytes([block])
    return head + good * count + b"\x04no\x00"


def _error(schema: avro.Schema, value: bytes) -> str:
    with pytest.raises(avro.Unreadable) as refused:
        avro.read(schema, value)
    return str(refused.value)
