"""Event JSON as people write it -> a record of values: unions untagged, bytes base64, times ISO 8601, defaults set."""

from __future__ import annotations

import base64
import datetime
import decimal
import math
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from engine.errors import Unusable
from engine.events import duration
from engine.events.avro import Schema
from engine.findings import suggest


class Mismatch(ValueError):
    """A value that its type cannot hold; `path` leads to it, the text says what was expected."""

    def __init__(self, path: str, text: str) -> None:
        super().__init__(f"{path}: {text}" if path else text)
        self.path = path


def to_record(event: Mapping[str, Any], schema: Schema) -> dict[str, Any]:
    """Convert an event as parsed JSON into what decoding its Avro form would give.

    Raises:
        Unusable: the event does not fit the schema; the text begins with the field's path, e.g. `payload.status`.
    """
    record = _converted(event, schema, tagged=False)
    if not isinstance(record, dict):
        raise Unusable("the event is not a JSON object")
    return record


def to_writable(event: Mapping[str, Any], schema: Schema) -> Any:
    """The same with every union's value as (name of the branch, value), so that the writer need not guess the branch.

    Raises:
        Unusable: as `to_record`.
    """
    return _converted(event, schema, tagged=True)


def _converted(event: Any, schema: Schema, *, tagged: bool) -> Any:
    try:
        return _Conversion(schema.types, tagged=tagged).value(event, schema.parsed, "")
    except Mismatch as error:
        raise Unusable(str(error)) from error


class _Conversion:
    def __init__(self, types: Mapping[str, Any], *, tagged: bool) -> None:
        self._types = types
        self._tagged = tagged

    def value(self, value: Any, node: Any, path: str) -> Any:
        if isinstance(node, list):
            return self._union(value, node, path)
        if isinstance(node, str):
            node = self._types.get(node, node)
        kind = node if isinstance(node, str) else node["type"]
        if kind == "record":
            return self._record(value, node, path)
        if kind == "array":
            items = _expect(value, list, "an array", path)
            return [self.value(item, node["items"], f"{path}[{index}]") for index, item in enumerate(items)]
        if kind == "map":
            members = _expect(value, Mapping, "an object", path)
            return {key: self.value(item, node["values"], _join(path, key)) for key, item in members.items()}
        logical = "" if isinstance(node, str) else f"{kind}-{node.get('logicalType')}"
        convert = LOGICAL.get(logical) or _KINDS[kind]
        try:
            return convert(value, node)
        except (ValueError, TypeError, ArithmeticError) as error:
            raise Mismatch(path, str(error)) from error

    def _union(self, value: Any, branches: list[Any], path: str) -> Any:
        """The first branch that takes the value; where none does, the only one that is not null says why."""
        failures = []
        for branch in branches:
            try:
                converted = self.value(value, branch, path)
            except Mismatch as error:
                failures.append((branch, error))
            else:
                return (_tag(branch), converted) if self._tagged else converted
        real = [error for branch, error in failures if branch != "null"]
        if len(real) == 1:
            raise real[0]
        deep = [error for error in real if error.path != path]
        raise deep[0] if len(deep) == 1 else Mismatch(path, f"fits none of {', '.join(map(_name, branches))}")

    def _record(self, value: Any, node: Mapping[str, Any], path: str) -> dict[str, Any]:
        members = _expect(value, Mapping, "an object", path)
        names = [field["name"] for field in node["fields"]]
        for key in members:
            if key not in names:
                near = suggest(key, names)
                hint = f"; did you mean {near!r}?" if near else ""
                raise Mismatch(_join(path, key), f"not a field of {node['name']}{hint}")
        return {field["name"]: self._field(members, field, path) for field in node["fields"]}

    def _field(self, members: Mapping[str, Any], field: Mapping[str, Any], path: str) -> Any:
        name = field["name"]
        if name in members:
            return self.value(members[name], field["type"], _join(path, name))
        if "default" not in field:
            raise Mismatch(_join(path, name), "missing, and the schema has no default for it")
        return field["default"]


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _name(node: Any) -> str:
    return str(node.get("logicalType") or _tag(node)) if isinstance(node, dict) else str(node)


def _tag(node: Any) -> str:
    return str(node.get("name") or node["type"]) if isinstance(node, dict) else str(node)


def _expect(value: Any, kind: Any, words: str, path: str) -> Any:
    if not isinstance(value, kind):
        raise Mismatch(path, f"must be {words}, it is {_shown(value)}")
    return value


def _shown(value: Any) -> str:
    return "null" if value is None else f"{value!r:.60}"


def _typed(value: Any, kinds: tuple[type, ...], words: str) -> Any:
    if type(value) not in kinds:
        raise ValueError(f"must be {words}, it is {_shown(value)}")
    return value


def _integer(bits: int) -> Callable[[Any, Any], int]:
    def convert(value: Any, _node: Any) -> int:
        number: int = _typed(value, (int,), "an integer")
        if not -(1 << bits - 1) <= number < 1 << bits - 1:
            raise ValueError(f"must be an integer of {bits} bits, it is {_shown(value)}")
        return number

    return convert


def _float(value: Any, _node: Any) -> float:
    number = float(_typed(value, (int, float, decimal.Decimal), "a number"))
    if not math.isfinite(number):
        raise ValueError("must be a finite number")
    return number


def _text(value: Any, _node: Any = None) -> str:
    text: str = _typed(value, (str,), "a text")
    return text


def _bytes(value: Any, _node: Any = None) -> bytes:
    try:
        return base64.b64decode(_typed(value, (str,), "base64 text"), validate=True)
    except ValueError as error:
        raise ValueError(f"must be base64 text, it is {_shown(value)}") from error


def _fixed(value: Any, node: Mapping[str, Any]) -> bytes:
    data = _bytes(value)
    if len(data) != node["size"]:
        raise ValueError(f"must be base64 of {node['size']} bytes, it is of {len(data)}")
    return data


def _enum(value: Any, node: Mapping[str, Any]) -> str:
    symbol = _text(value)
    if symbol not in node["symbols"]:
        near = suggest(symbol, node["symbols"])
        raise ValueError(f"{symbol!r} is none of {', '.join(node['symbols'])}" + (f"; {near!r}?" if near else ""))
    return symbol


def _null(value: Any, _node: Any) -> None:
    if value is not None:
        raise ValueError(f"must be null, it is {_shown(value)}")


_KINDS: dict[str, Callable[[Any, Any], Any]] = {
    "null": _null,
    "boolean": lambda value, _node: _typed(value, (bool,), "true or false"),
    "int": _integer(32),
    "long": _integer(64),
    "float": _float,
    "double": _float,
    "string": _text,
    "bytes": _bytes,
    "fixed": _fixed,
    "enum": _enum,
}


def _moment(*, zone: bool) -> Callable[[Any, Any], datetime.datetime]:
    words = "an ISO 8601 time " + ("with a time zone, e.g. 2025-01-31T12:00:00Z" if zone else "without a time zone")

    def convert(value: Any, _node: Any) -> datetime.datetime:
        try:
            moment = datetime.datetime.fromisoformat(_text(value))
        except ValueError as error:
            raise ValueError(f"must be {words}, it is {_shown(value)}") from error
        if (moment.tzinfo is not None) is not zone:
            raise ValueError(f"must be {words}, it is {_shown(value)}")
        return moment.astimezone(datetime.UTC) if zone else moment

    return convert


def _date(value: Any, _node: Any) -> datetime.date:
    try:
        return datetime.date.fromisoformat(_text(value))
    except ValueError as error:
        raise ValueError(f"must be a date, e.g. 2025-01-31, it is {_shown(value)}") from error


def _time(value: Any, _node: Any) -> datetime.time:
    try:
        moment = datetime.time.fromisoformat(_text(value))
    except ValueError as error:
        raise ValueError(f"must be a time of day, e.g. 12:00:00, it is {_shown(value)}") from error
    if moment.tzinfo is not None:
        raise ValueError(f"must be a time of day without a time zone, it is {_shown(value)}")
    return moment


def _decimal(value: Any, node: Mapping[str, Any]) -> decimal.Decimal:
    """A JSON number, or the same as text where a float would lose digits."""
    text = str(_typed(value, (int, float, str, decimal.Decimal), "a number, or a number as text"))
    try:
        number = decimal.Decimal(text)
        exact = decimal.Context(prec=node["precision"], traps=[decimal.Inexact, decimal.InvalidOperation])
        if not number.is_finite():
            raise decimal.InvalidOperation
        return number.quantize(decimal.Decimal(1).scaleb(-node.get("scale", 0)), context=exact)
    except decimal.DecimalException as error:
        wanted = f"a decimal of {node['precision']} digits, {node.get('scale', 0)} of them behind the point"
        raise ValueError(f"must be {wanted}, it is {_shown(value)}") from error


def _uuid(value: Any, _node: Any) -> uuid.UUID:
    try:
        return uuid.UUID(_text(value))
    except ValueError as error:
        raise ValueError(f"must be a UUID, it is {_shown(value)}") from error


def _duration(value: Any, _node: Any) -> dict[str, int]:
    return duration.from_text(_typed(value, (str,), "an ISO 8601 duration such as P1M2DT3.5S"))


LOGICAL: dict[str, Callable[[Any, Any], Any]] = {
    "long-timestamp-millis": _moment(zone=True),
    "long-timestamp-micros": _moment(zone=True),
    "long-local-timestamp-millis": _moment(zone=False),
    "long-local-timestamp-micros": _moment(zone=False),
    "int-date": _date,
    "int-time-millis": _time,
    "long-time-micros": _time,
    "bytes-decimal": _decimal,
    "fixed-decimal": _decimal,
    "string-uuid": _uuid,
    "fixed-duration": _duration,
}
