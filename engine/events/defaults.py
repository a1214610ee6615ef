"""Defaults of a schema as values: fastavro would hand out the JSON of the schema file as it stands there."""

from __future__ import annotations

import datetime
import decimal
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from engine.events import duration

_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
_DATE = datetime.date(1970, 1, 1)


def make_native(parsed: Any, types: Mapping[str, Any]) -> None:
    """Replace every field's default in a parsed schema by the value that a reader shall see. In place.

    Raises:
        ValueError, OverflowError: a default that its type cannot hold.
    """
    defaults = _Defaults(types)
    for node in (parsed, *types.values()):
        defaults.walk(node)


class _Defaults:
    """One walk; fastavro's form holds the same field under several names, so `_done` remembers fields by identity."""

    def __init__(self, types: Mapping[str, Any]) -> None:
        self._types = types
        self._done: set[int] = set()

    def walk(self, node: Any) -> None:
        if isinstance(node, list):
            for branch in node:
                self.walk(branch)
        elif isinstance(node, dict):
            for field in node.get("fields", ()):
                self._field(field)
            self.walk(node.get("items"))
            self.walk(node.get("values"))

    def _field(self, field: dict[str, Any]) -> None:
        if id(field) in self._done:
            return
        self._done.add(id(field))
        self.walk(field["type"])
        if "default" in field:
            field["default"] = self.native(field["default"], field["type"])

    def native(self, default: Any, node: Any) -> Any:
        """A default as Avro writes it in JSON (bytes as code points, times as numbers) -> the value of that type."""
        if isinstance(node, list):
            return self.native(default, self._branch(default, node))
        if isinstance(node, str):
            node = self._types.get(node, node)
        if isinstance(node, str):
            return _primitive(default, node)
        kind = node["type"]
        if kind == "record":
            return {field["name"]: self._member(default, field) for field in node["fields"]}
        if kind == "array":
            return [self.native(item, node["items"]) for item in default]
        if kind == "map":
            return {key: self.native(item, node["values"]) for key, item in default.items()}
        plain = _primitive(default, kind)
        convert = LOGICAL.get(f"{kind}-{node.get('logicalType')}")
        return plain if convert is None else convert(plain, node)

    def _member(self, default: Mapping[str, Any], field: dict[str, Any]) -> Any:
        if field["name"] in default:
            return self.native(default[field["name"]], field["type"])
        if "default" not in field:
            raise ValueError(f"a default lacks the field {field['name']!r}")
        self._field(field)
        return field["default"]

    def _branch(self, default: Any, union: list[Any]) -> Any:
        """The first branch that fits; Avro says the first one of all, but many schemas in use do otherwise."""
        for branch in union:
            node = self._types.get(branch, branch) if isinstance(branch, str) else branch
            kinds = _JSON_KINDS[node["type"] if isinstance(node, dict) else node]
            if isinstance(default, kinds) and (bool in kinds or not isinstance(default, bool)):
                return branch
        raise ValueError(f"default {default!r} fits no branch of its union")


_JSON_KINDS: dict[str, tuple[type, ...]] = {
    "boolean": (bool,),
    "int": (int,),
    "long": (int,),
    "float": (int, float),
    "double": (int, float),
    "string": (str,),
    "bytes": (str,),
    "fixed": (str,),
    "enum": (str,),
    "array": (list,),
    "map": (dict,),
    "record": (dict,),
    "null": (type(None),),
}


def _primitive(default: Any, kind: str) -> Any:
    if kind in ("bytes", "fixed"):
        return default.encode("latin-1")
    return float(default) if kind in ("float", "double") else default


def _decimal(data: bytes, node: Mapping[str, Any]) -> decimal.Decimal:
    number = decimal.Decimal(int.from_bytes(data, "big", signed=True))
    return number.scaleb(-node.get("scale", 0), decimal.Context(prec=node["precision"]))


def _clock(microseconds: int) -> datetime.time:
    return (_EPOCH + datetime.timedelta(microseconds=microseconds)).time()


def _moment(unit: int, *, zone: bool) -> Callable[[int, Mapping[str, Any]], datetime.datetime]:
    start = _EPOCH if zone else _EPOCH.replace(tzinfo=None)
    return lambda number, _node: start + datetime.timedelta(microseconds=number * unit)


LOGICAL: dict[str, Callable[[Any, Mapping[str, Any]], Any]] = {
    "long-timestamp-millis": _moment(1000, zone=True),
    "long-timestamp-micros": _moment(1, zone=True),
    "long-local-timestamp-millis": _moment(1000, zone=False),
    "long-local-timestamp-micros": _moment(1, zone=False),
    "int-date": lambda number, _node: _DATE + datetime.timedelta(days=number),
    "int-time-millis": lambda number, _node: _clock(number * 1000),
    "long-time-micros": lambda number, _node: _clock(number),
    "bytes-decimal": _decimal,
    "fixed-decimal": _decimal,
    "string-uuid": lambda text, _node: uuid.UUID(text),
    "fixed-duration": lambda data, _node: duration.from_bytes(data),
}
