"""Which schema wrote these bytes: the registry's framing before the record, or the id in a header.

As Confluent's serializers write it: magic byte 0 and a 4-byte id, or magic byte 1 and a 16-byte GUID, either before the
record or alone in the header `__value_schema_id`. The header wins.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping

HEADER = "__value_schema_id"

SchemaId = int | str
"""The registry's number, or its GUID as text."""

MAX_ID = 2**31 - 1
"""Registries count in Java's int; what is above cannot be asked for."""

Headers = Iterable[tuple[str, str | bytes | None]] | Mapping[str, str | bytes | None] | None


class NotFramed(ValueError):
    """The bytes do not begin as a registry's serializer would begin them; the text says why."""


def unframe(value: bytes, headers: Headers) -> tuple[SchemaId, int]:
    """Find the schema id and where the record begins in `value`.

    Raises:
        NotFramed: see there.
    """
    if headers:
        mark = _header(headers)
        if mark is not None:
            found, end = _read(mark)
            if end != len(mark):
                raise NotFramed(f"header {HEADER} has {len(mark)} bytes, not {end}")
            return found, 0
    return _read(value)


def frame(schema_id: int) -> bytes:
    """The five bytes before a record."""
    return b"\x00" + schema_id.to_bytes(4, "big")


def _header(headers: Headers) -> bytes | None:
    pairs = headers.items() if isinstance(headers, Mapping) else headers or ()
    for name, mark in pairs:
        if name == HEADER and mark is not None:
            return mark.encode() if isinstance(mark, str) else mark
    return None


def _read(data: bytes) -> tuple[SchemaId, int]:
    magic = data[:1]
    if magic == b"\x00" and len(data) >= 5:
        number = int.from_bytes(data[1:5], "big")
        if number > MAX_ID:
            raise NotFramed(f"schema id {number} is out of range")
        return number, 5
    if magic == b"\x01" and len(data) >= 17:
        return str(uuid.UUID(bytes=data[1:17])), 17
    if magic in (b"\x00", b"\x01"):
        raise NotFramed("the bytes end within the schema id")
    raise NotFramed(f"the first byte is {data[0]}, not the magic byte 0 or 1" if data else "the value is empty")
