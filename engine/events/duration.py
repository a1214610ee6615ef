"""Avro's `duration`: months, days and milliseconds, which no Python type can hold without loss."""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping
from typing import Any

NAMES = ("months", "days", "milliseconds")

_PACKED = struct.Struct("<III")
_ISO = re.compile(
    r"P(?:(?P<years>\d+)Y)?(?:(?P<months>\d+)M)?(?:(?P<weeks>\d+)W)?(?:(?P<days>\d+)D)?"
    r"(?:T(?=\d)(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?(?:(?P<seconds>\d+)(?:[.,](?P<part>\d{1,3}))?S)?)?"
)


def from_bytes(data: bytes, _writer: Any = None, _reader: Any = None) -> dict[str, int]:
    """`{months, days, milliseconds}` from the 12 bytes of a duration; the two schemas are fastavro's habit."""
    return dict(zip(NAMES, _PACKED.unpack(data), strict=True))


def to_bytes(value: Any, _schema: Any = None) -> Any:
    """The reverse of `from_bytes`; bytes pass through."""
    if not isinstance(value, Mapping):
        return value
    return _PACKED.pack(*(value[name] for name in NAMES))


def from_text(text: str) -> dict[str, int]:
    """Read ISO 8601 such as `P1M2DT3.5S`; a year is 12 months, a week 7 days.

    Raises:
        ValueError: not such a text, or a part over 32 bits.
    """
    match = _ISO.fullmatch(text)
    if match is None or text in ("P", "PT"):
        raise ValueError("not an ISO 8601 duration such as P1M2DT3.5S")
    part = {name: int(number or 0) for name, number in match.groupdict().items() if name != "part"}
    seconds = (part["hours"] * 60 + part["minutes"]) * 60 + part["seconds"]
    milliseconds = seconds * 1000 + int((match["part"] or "0").ljust(3, "0"))
    numbers = (part["years"] * 12 + part["months"], part["weeks"] * 7 + part["days"], milliseconds)
    if max(numbers) >= 1 << 32:
        raise ValueError("a part of the duration has more than 32 bits")
    return dict(zip(NAMES, numbers, strict=True))
