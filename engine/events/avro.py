"""Avro's own matters, behind one small face: schemas are parsed and judged once, records read and written by them.

The only file that imports fastavro. What fastavro does not bound is bounded here: nesting, recursion, and items that
take no bytes (`measure.py`), hostile block counts (`scan.py`), bytes behind the record.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any, cast

import fastavro
import fastavro.read
import fastavro.write

from engine.events import duration
from engine.events.culprit import culprit
from engine.events.defaults import make_native
from engine.events.measure import measure
from engine.events.scan import Scan, compile_scan

JSON_DEPTH = 256
"""Brackets within brackets that a schema may have as JSON: 64 records within each other need three a level."""

# fastavro offers no other way to add a logical type, and knows all but this one.
fastavro.read.LOGICAL_READERS["fixed-duration"] = duration.from_bytes
fastavro.write.LOGICAL_WRITERS["fixed-duration"] = duration.to_bytes


class SchemaInvalid(ValueError):
    """A schema that cannot be used; the text says why."""


class Unreadable(ValueError):
    """Bytes that are no record of the schema; the text says why."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Schema:
    """A schema, ready for use.

    Attributes:
        raw: as it was written.
        parsed: fastavro's form; the defaults of a reader's schema are values, not JSON.
        types: every named type by its full name, in fastavro's form.
        name: full name of the record, "" for a union of records.
        form: equal for two schemas that decode all bytes to the same values.
        scan: proves bytes before they are decoded; needed where a reader skips fields, for fastavro skips unchecked.
        always: True where `scan` is needed without that, too: arrays of items that take no bytes.
    """

    raw: Any
    parsed: Any
    types: Mapping[str, Any]
    name: str
    form: str
    scan: Scan
    always: bool


def parse(raw: Any, references: Sequence[Any] = (), *, reader: bool = False) -> Schema:
    """Parse and judge a schema.

    Args:
        raw: the schema as parsed JSON.
        references: schemas that define names used by `raw`, each after those it uses itself.
        reader: a schema of ours, that others are resolved to: its defaults become values. A stranger's defaults are
            never needed, and could be made to explode.

    Raises:
        SchemaInvalid: no Avro, no record, recursive, nested deeper than 64, or too many values that take no bytes.
    """
    types: dict[str, Any] = {}
    try:
        for reference in references:
            _parse(reference, types)
        parsed = _parse(raw, types)
        size = measure(parsed, types)
        if reader:
            make_native(parsed, types)
    except SchemaInvalid:
        raise
    except Exception as error:  # whatever a stranger's JSON makes fastavro raise
        raise SchemaInvalid(_line(error)) from error
    if not _is_record(parsed, types):
        raise SchemaInvalid("the schema is not a record")
    name = parsed["name"] if isinstance(parsed, dict) else ""
    return Schema(raw, parsed, types, name, _form(parsed, types), compile_scan(parsed, types), size.repeats_empty)


def read(schema: Schema, value: bytes, start: int = 0, reader: Schema | None = None) -> dict[str, Any]:
    """Decode the record in `value[start:]`; with `reader`, resolved to it.

    Raises:
        Unreadable: the bytes are no record of `schema`, or cannot be resolved to `reader`.
    """
    stream = BytesIO(value)
    stream.seek(start)
    try:
        if schema.always or reader is not None:
            schema.scan(value, start)
        record = fastavro.schemaless_reader(stream, schema.parsed, None if reader is None else reader.parsed)
    except Exception as error:  # Unicode-, EOF-, Value-, Index-, Overflow-, Key-, RecursionError and more (tried)
        raise Unreadable(_complaint(error, schema, value, start)) from error
    if stream.tell() != len(value):
        raise Unreadable(f"{len(value) - stream.tell()} bytes are left behind the record")
    return cast("dict[str, Any]", record)


def write(schema: Schema, record: Any) -> bytes:
    """Encode a record of values; a union's value may be a pair (name of the branch, value).

    Raises:
        Unreadable: the record does not fit the schema.
    """
    stream = BytesIO()
    try:
        fastavro.schemaless_writer(stream, schema.parsed, record)
    except Exception as error:  # the same variety as when reading
        raise Unreadable(_line(error)) from error
    return stream.getvalue()


def _parse(raw: Any, types: dict[str, Any]) -> Any:
    _check_json(raw)
    if isinstance(raw, str):
        return _by_name(raw, types)
    parsed = fastavro.parse_schema(raw, named_schemas=types)
    return [_by_name(branch, types) for branch in parsed] if isinstance(parsed, list) else parsed


def _by_name(node: Any, types: Mapping[str, Any]) -> Any:
    """A whole schema that is but a name, marked as parsed, for else fastavro would parse it anew without the others."""
    if not isinstance(node, str) or node not in types:
        return node
    return {**types[node], "__fastavro_parsed": True, "__named_schemas": dict(types)}


def _check_json(raw: Any) -> None:
    """Refuse what fastavro, compiled C that recurses unchecked, must not see."""
    layer = [raw]
    for _ in range(JSON_DEPTH):
        layer = [child for node in layer for child in _children(node)]
        if not layer:
            return
    raise SchemaInvalid("the schema is nested too deeply")


def _children(node: Any) -> list[Any]:
    if isinstance(node, dict):
        if "__fastavro_parsed" in node or "__named_schemas" in node:
            raise SchemaInvalid("the schema uses a reserved name")  # fastavro would take it for its own, unchecked
        return list(node.values())
    return node if isinstance(node, list) else []


def _is_record(parsed: Any, types: Mapping[str, Any]) -> bool:
    if isinstance(parsed, list):
        return bool(parsed) and all(_is_record(branch, types) for branch in parsed)
    if isinstance(parsed, str):
        parsed = types.get(parsed)
    return isinstance(parsed, dict) and parsed["type"] == "record"


_FORM_KEYS = ("type", "name", "symbols", "size", "logicalType", "precision", "scale")


def _form(node: Any, types: Mapping[str, Any]) -> str:
    """All that decides how bytes become values: no docs, defaults, aliases; references included."""
    seen: set[str] = set()

    def strip(node: Any) -> Any:
        if isinstance(node, list):
            return [strip(branch) for branch in node]
        if isinstance(node, str):
            return strip(types[node]) if node in types and node not in seen else node
        return strip_type(node)

    def strip_type(node: dict[str, Any]) -> Any:
        if node.get("name") in seen:
            return node["name"]
        if "name" in node:
            seen.add(node["name"])
        kept = {key: node[key] for key in _FORM_KEYS if key in node}
        if "fields" in node:
            kept["fields"] = [[field["name"], strip(field["type"])] for field in node["fields"]]
        for key in ("items", "values"):
            if key in node:
                kept[key] = strip(node[key])
        return next(iter(kept.values())) if len(kept) == 1 else kept

    return json.dumps(strip(node), sort_keys=True)


def _complaint(error: Exception, schema: Schema, value: bytes, start: int) -> str:
    """The error with the field whose value it is about, where there is one."""
    stream = BytesIO(value)

    def take(node: Any, at: int) -> int:
        stream.seek(at)
        whole = {**node, "__fastavro_parsed": True, "__named_schemas": {}} if isinstance(node, dict) else node
        fastavro.schemaless_reader(stream, whole, None)
        return stream.tell()

    place = culprit(schema.parsed, schema.types, value, start, take)
    return _line(error) if place is None else f"field {place}: {_line(error)}"


_ADDRESS = re.compile(r" from <_io\.\w+ object at 0x[0-9a-f]+>")  # says nothing, and makes equal errors differ


def _line(error: BaseException) -> str:
    text = _ADDRESS.sub("", " ".join(str(error).split()))
    return f"{type(error).__name__}: {text[:300]}" if text else type(error).__name__
