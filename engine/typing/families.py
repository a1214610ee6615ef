"""Types as far as operators care: which go together at all."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from engine.typing import model
from engine.typing.model import (
    Boolean,
    Bytes,
    ListOf,
    Map,
    Moment,
    MomentKind,
    Null,
    Number,
    Record,
    Source,
    Text,
    Type,
    Uuid,
)


class Family(StrEnum):
    """Values of one family can be compared with each other, values of two never are equal."""

    NUMBER = "number"  # booleans count as 0 and 1
    TEXT = "text"
    BYTES = "bytes"
    DATETIME = "datetime"
    LOCAL = "local"
    DATE = "date"
    TIME = "time"
    UUID = "uuid"
    LIST = "list"
    MAP = "map"
    NULL = "null"


ORDERED = frozenset(Family) - {Family.MAP, Family.NULL}
"""Families whose values are smaller or larger than each other."""

_BY_TYPE: Mapping[type, Family] = {
    Boolean: Family.NUMBER,
    Number: Family.NUMBER,
    Text: Family.TEXT,
    Bytes: Family.BYTES,
    Uuid: Family.UUID,
    ListOf: Family.LIST,
    Map: Family.MAP,
    Record: Family.MAP,
    Null: Family.NULL,
}

_BY_MOMENT = {
    MomentKind.DATETIME: Family.DATETIME,
    MomentKind.LOCAL: Family.LOCAL,
    MomentKind.DATE: Family.DATE,
    MomentKind.TIME: Family.TIME,
}


def families(one: Type) -> frozenset[Family] | None:
    """The families of all that a value may be; None where that is not known well enough to find anything wrong.

    What a document types as text without an enum may be an object in truth.
    """
    found = set()
    for member in model.members(one):
        if isinstance(member, Moment):
            found.add(_BY_MOMENT[member.kind])
        elif isinstance(member, Text) and member.source is Source.RESPONSE and member.symbols is None:
            return None
        elif type(member) in _BY_TYPE:
            found.add(_BY_TYPE[type(member)])
        else:
            return None
    return frozenset(found) or None
