"""Logical types that only the reader's schema has: fastavro goes by the writer's, so the values are converted after it.

A producer whose library leaves out `logicalType` writes a plain long; a rule proven against the local schema expects
the time. Where both have a logical type, the writer's stands: only it knows what its number means.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from engine.events.avro import Schema
from engine.events.defaults import LOGICAL

Convert = Callable[[Any], Any]


class Misfit(ValueError):
    """A value that its logical type cannot hold.

    Attributes:
        place: names of the fields that lead to it.
        text: what is wrong.
    """

    def __init__(self, place: str, text: str) -> None:
        super().__init__(f"field {place}: {text}")
        self.place = place
        self.text = text


def adopt(writer: Schema, reader: Schema) -> Convert | None:
    """How to convert a record of `writer` that was resolved to `reader`, in place; None where nothing is to be done.

    What is returned raises Misfit for a value that its logical type cannot hold.
    """
    return _Pairs(writer.types, reader.types).convert(writer.parsed, reader.parsed)


class _Pairs:
    def __init__(self, written: Mapping[str, Any], read: Mapping[str, Any]) -> None:
        self._written = written
        self._read = read
        self._records: dict[tuple[str, str], Convert | None] = {}

    def convert(self, writer: Any, reader: Any) -> Convert | None:
        writer = self._written.get(writer, writer) if isinstance(writer, str) else writer
        reader = self._read.get(reader, reader) if isinstance(reader, str) else reader
        if isinstance(writer, list) or isinstance(reader, list):
            return self._optional(writer, reader)
        if not isinstance(reader, dict):
            return None
        kind = reader["type"]
        if kind == "record":
            return self._record(writer, reader) if _is(writer, kind) else None
        if kind == "array":
            return _each(self.convert(writer["items"], reader["items"])) if _is(writer, kind) else None
        if kind == "map":
            return _every(self.convert(writer["values"], reader["values"])) if _is(writer, kind) else None
        return None if isinstance(writer, dict) and "logicalType" in writer else _leaf(reader)

    def _record(self, writer: Any, reader: Any) -> Convert | None:
        pair = (writer["name"], reader["name"])
        if pair not in self._records:
            self._records[pair] = self._fields(writer, reader)
        return self._records[pair]

    def _fields(self, writer: Any, reader: Any) -> Convert | None:
        written = {field["name"]: field["type"] for field in writer["fields"]}
        found = []
        for field in reader["fields"]:
            names = [name for name in (field["name"], *field.get("aliases", ())) if name in written]
            convert = self.convert(written[names[0]], field["type"]) if names else None
            if convert is not None:
                found.append((field["name"], convert))
        return _members(found) if found else None

    def _optional(self, writer: Any, reader: Any) -> Convert | None:
        """Unions of one type and null; with more, the value does not tell which branch it was."""
        one, other = _only(writer), _only(reader)
        convert = None if one is None or other is None else self.convert(one, other)
        return None if convert is None else lambda value: None if value is None else convert(value)


def _is(node: Any, kind: str) -> bool:
    return isinstance(node, dict) and node["type"] == kind


def _only(node: Any) -> Any:
    branches = [branch for branch in node if branch != "null"] if isinstance(node, list) else [node]
    return branches[0] if len(branches) == 1 else None


def _leaf(reader: Mapping[str, Any]) -> Convert | None:
    convert = LOGICAL.get(f"{reader['type']}-{reader.get('logicalType')}")
    return None if convert is None else lambda value: convert(value, reader)


def _each(convert: Convert | None) -> Convert | None:
    return None if convert is None else lambda items: [convert(item) for item in items]


def _every(convert: Convert | None) -> Convert | None:
    return None if convert is None else lambda members: {key: convert(value) for key, value in members.items()}


def _members(fields: list[tuple[str, Convert]]) -> Convert:
    def convert(record: dict[str, Any]) -> dict[str, Any]:
        name = ""
        try:
            for name, change in fields:
                record[name] = change(record[name])
        except Misfit as error:
            raise Misfit(f"{name}.{error.place}", error.text) from error
        except Exception as error:  # as many kinds as logical types have readers
            raise Misfit(name, f"{type(error).__name__}: {error}") from error
        return record

    return convert
