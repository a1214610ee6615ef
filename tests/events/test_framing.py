"""engine.events.framing: which schema wrote these bytes."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from confluent_kafka.schema_registry import header_schema_id_serializer
from confluent_kafka.schema_registry.serde import SchemaId
from confluent_kafka.serialization import MessageField, SerializationContext

from engine.events.framing import HEADER, NotFramed, frame, unframe

GUID = "89791762-2336-4186-9674-299b90a802e2"
MARK = b"\x01" + uuid.UUID(GUID).bytes


@pytest.mark.parametrize(
    ("value", "headers", "found"),
    [
        (b"\x00\x00\x00\x01\x02abc", None, (258, 5)),
        (b"\x00\x00\x00\x01\x02", (), (258, 5)),
        (MARK + b"abc", [], (GUID, 17)),
        (b"abc", [("other", b"1"), (HEADER, MARK)], (GUID, 0)),
        (b"abc", {HEADER: MARK}, (GUID, 0)),
        (b"abc", [(HEADER, b"\x00\x00\x00\x00\x07")], (7, 0)),
        (b"\x00\x00\x00\x00\x01abc", [(HEADER, None)], (1, 5)),
        (b"", [(HEADER, MARK)], (GUID, 0)),
    ],
)
def test_the_id_is_found(value: bytes, headers: Any, found: tuple[Any, int]) -> None:
    """In a header, else before the record; with where the record begins."""
    assert found == unframe(value, headers)


@pytest.mark.parametrize(
    ("value", "headers", "text"),
    [
        (b"", None, "the value is empty"),
        (b"\x00\x00", None, "within the schema id"),
        (b"\x01" * 10, None, "within the schema id"),
        (b"{}", None, "the first byte is 123"),
        (b"\x00\xff\xff\xff\xff", None, "out of range"),
        (b"\x00\x00\x00\x00\x01", [(HEADER, b"")], "empty"),
        (b"\x00\x00\x00\x00\x01", [(HEADER, MARK + b"x")], "has 18 bytes, not 17"),
    ],
)
def test_other_beginnings_are_refused(value: bytes, headers: Any, text: str) -> None:
    """Bytes that no registry's serializer wrote are named for what they are."""
    with pytest.raises(NotFramed, match=text):
        unframe(value, headers)


def test_confluents_serializers_are_understood() -> None:
    """What confluent-kafka puts before a record or into a header is read back."""
    context = SerializationContext("t", MessageField.VALUE, [])
    payload = header_schema_id_serializer(b"abc", context, SchemaId("AVRO", 5, GUID))
    assert (GUID, 0) == unframe(payload, context.headers)
    assert SchemaId("AVRO", 5).id_to_bytes() == frame(5)
    assert (5, 5) == unframe(frame(5) + b"abc", None)
