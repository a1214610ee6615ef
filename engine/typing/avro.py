"""Types of the values that a reader's Avro schema gives.

Reads the schema's JSON itself: `validate-rules` starts without the library that decodes events. It refuses what the
library would refuse in a schema of ours, as far as types depend on it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.typing import model
from engine.typing.model import Field, ListOf, Map, Record, Text, Type, union

_DEEPEST = 64  # as `engine.events.measure` allows


class NotAvro(ValueError):
    """A schema that cannot be used; the text says why."""


def event_type(raw: Any) -> Type:
    """The type of the record that a schema describes: a Record, or a Union of some.

    Args:
        raw: the schema as parsed JSON.

    Raises:
        NotAvro: no Avro schema of a record, or a recursive one.
    """
    found = _Reader().type_of(raw, "", 0)
    if not all(isinstance(one, Record) for one in model.members(found)):
        raise NotAvro("the schema is not a record")
    return found


class _Reader:
    """One schema; remembers the named types in it."""

    def __init__(self) -> None:
        self._named: dict[str, Type | None] = {}  # None: its definition has begun and not ended

    def type_of(self, node: Any, namespace: str, depth: int) -> Type:
        if depth > _DEEPEST:
            raise NotAvro(f"the schema is nested deeper than {_DEEPEST}")
        if isinstance(node, str):
            return self._word(node, namespace)
        if isinstance(node, list):
            return union(*(self.type_of(branch, namespace, depth + 1) for branch in node)) if node else model.UNKNOWN
        if not isinstance(node, Mapping):
            raise NotAvro(f"{node!r:.60} is no type")
        kind = node.get("type")
        if isinstance(kind, Mapping | list):
            return self.type_of(kind, namespace, depth + 1)
        if kind in ("record", "error", "enum", "fixed"):
            return self._definition(node, namespace, depth)
        if kind == "array":
            return ListOf(self.type_of(_member(node, "items"), namespace, depth + 1))
        if kind == "map":
            return Map(self.type_of(_member(node, "values"), namespace, depth + 1))
        if not isinstance(kind, str):
            raise NotAvro("a type without a name")
        logical = _LOGICAL.get((kind, node.get("logicalType")))
        return self._word(kind, namespace) if logical is None else logical

    def _word(self, word: str, namespace: str) -> Type:
        if word in _PRIMITIVES:
            return _PRIMITIVES[word]
        name = word if "." in word or not namespace else f"{namespace}.{word}"
        if name not in self._named:
            name = word
        if name not in self._named:
            raise NotAvro(f"{word!r:.60} is no type")
        found = self._named[name]
        if found is None:
            raise NotAvro(f"the schema is recursive: {name} holds itself")
        return found

    def _definition(self, node: Mapping[str, Any], namespace: str, depth: int) -> Type:
        name = str(_member(node, "name"))
        space = name.rpartition(".")[0] or str(node.get("namespace") or namespace)
        full = name if "." in name or not space else f"{space}.{name}"
        if full in self._named:
            raise NotAvro(f"{full} is defined twice")
        self._named[full] = None
        found = self._named[full] = self._defined(node, name, space, depth)
        return found

    def _defined(self, node: Mapping[str, Any], name: str, space: str, depth: int) -> Type:
        if node["type"] == "enum":
            return Text(symbols=tuple(map(str, _listed(node, "symbols"))))
        if node["type"] == "fixed":
            return _LOGICAL.get(("fixed", node.get("logicalType")), model.BYTES)
        fields: dict[str, Field] = {}
        for one in _listed(node, "fields") if "fields" in node else ():  # as the decoder has it
            if not isinstance(one, Mapping):
                raise NotAvro(f"a field of {name} is no mapping")
            label = str(_member(one, "name"))
            if label in fields:
                raise NotAvro(f"{name} has the field {label} twice")
            fields[label] = Field(self.type_of(_member(one, "type"), space, depth + 1))
        return Record(fields, name=name.rpartition(".")[2])


def _member(node: Mapping[str, Any], key: str) -> Any:
    if key not in node:
        raise NotAvro(f"'{key}' is missing in {node.get('name', node.get('type', 'a type'))!r:.60}")
    return node[key]


def _listed(node: Mapping[str, Any], key: str) -> list[Any]:
    found = _member(node, key)
    if not isinstance(found, list):
        raise NotAvro(f"'{key}' of {node.get('name')!r:.60} is not a list")
    return found


_PRIMITIVES: Mapping[str, Type] = {
    "null": model.NULL,
    "boolean": model.BOOLEAN,
    "int": model.INTEGER,
    "long": model.INTEGER,
    "float": model.FLOAT,
    "double": model.FLOAT,
    "bytes": model.BYTES,
    "string": model.TEXT,
}

_DURATION = Record({name: Field(model.INTEGER) for name in ("months", "days", "milliseconds")}, name="duration")

_LOGICAL: Mapping[tuple[str, Any], Type] = {
    ("int", "date"): model.DATE,
    ("int", "time-millis"): model.TIME,
    ("long", "time-micros"): model.TIME,
    ("long", "timestamp-millis"): model.DATETIME,
    ("long", "timestamp-micros"): model.DATETIME,
    ("long", "local-timestamp-millis"): model.LOCAL,
    ("long", "local-timestamp-micros"): model.LOCAL,
    ("bytes", "decimal"): model.DECIMAL,
    ("fixed", "decimal"): model.DECIMAL,
    ("fixed", "duration"): _DURATION,
    ("string", "uuid"): model.UUID,
}
