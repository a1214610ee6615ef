"""Can a schema read what another one wrote? Avro's resolution rules, judged on the schemas alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.events.avro import Schema

_PROMOTIONS = {
    "int": ("long", "float", "double"),
    "long": ("float", "double"),
    "float": ("double",),
    "string": ("bytes",),
    "bytes": ("string",),
}


def problems(writer: Schema, reader: Schema) -> list[str]:
    """Why `reader` cannot read all that `writer` may write; each begins with the field's path. Empty: it can."""
    return _Comparison(writer.types, reader.types).compare(writer.parsed, reader.parsed, "")


class _Comparison:
    def __init__(self, written: Mapping[str, Any], read: Mapping[str, Any]) -> None:
        self._written = written
        self._read = read

    def compare(self, writer: Any, reader: Any, path: str) -> list[str]:
        writer = self._written.get(writer, writer) if isinstance(writer, str) else writer
        reader = self._read.get(reader, reader) if isinstance(reader, str) else reader
        if isinstance(writer, list):
            return [problem for branch in writer for problem in self.compare(branch, reader, path)]
        if isinstance(reader, list):
            return self._any(writer, reader, path)
        kind, wanted = _kind(writer), _kind(reader)
        if kind != wanted:
            return [] if wanted in _PROMOTIONS.get(kind, ()) else [_at(path, f"{_name(writer)} became {_name(reader)}")]
        if kind in ("record", "enum", "fixed") and not _same_name(writer, reader):
            return [_at(path, f"{kind} {writer['name']} became {reader['name']}, without an alias")]
        return self._alike(writer, reader, path)

    def _any(self, writer: Any, branches: list[Any], path: str) -> list[str]:
        tried = [self.compare(writer, branch, path) for branch in branches]
        if not tried or all(tried):
            same = [found for branch, found in zip(branches, tried, strict=True) if _kind(branch) == _kind(writer)]
            return same[0] if len(same) == 1 else [_at(path, f"{_name(writer)} fits no branch of the union")]
        return []

    def _alike(self, writer: Any, reader: Any, path: str) -> list[str]:
        kind = _kind(writer)
        if kind == "record":
            return self._record(writer, reader, path)
        if kind in ("array", "map"):
            item = "items" if kind == "array" else "values"
            return self.compare(writer[item], reader[item], f"{path}[]")
        if kind == "enum" and "default" not in reader:
            gone = [symbol for symbol in writer["symbols"] if symbol not in reader["symbols"]]
            return [_at(path, f"the symbols {', '.join(gone)} are gone, and there is no default")] if gone else []
        if kind == "fixed" and writer["size"] != reader["size"]:
            return [_at(path, f"its size became {reader['size']}, it was {writer['size']}")]
        was, now = _logical(writer), _logical(reader)
        return [] if was == now else [_at(path, f"logical type {was} became {now}")]

    def _record(self, writer: Any, reader: Any, path: str) -> list[str]:
        written = {field["name"]: field for field in writer["fields"]}
        found = []
        for field in reader["fields"]:
            place = f"{path}.{field['name']}" if path else field["name"]
            names = [name for name in (field["name"], *field.get("aliases", ())) if name in written]
            if names:
                found += self.compare(written[names[0]]["type"], field["type"], place)
            elif "default" not in field:
                found.append(_at(place, "is new and has no default"))
        return found


def _kind(node: Any) -> str:
    return str(node["type"]) if isinstance(node, dict) else str(node)


def _name(node: Any) -> str:
    return str(node.get("name") or node["type"]) if isinstance(node, dict) else str(node)


def _same_name(writer: Mapping[str, Any], reader: Mapping[str, Any]) -> bool:
    """Unqualified names decide (Avro 1.12), or an alias."""
    names = {name.rsplit(".", 1)[-1] for name in (reader["name"], *reader.get("aliases", ()))}
    return writer["name"].rsplit(".", 1)[-1] in names


def _logical(node: Any) -> str:
    if not isinstance(node, dict) or "logicalType" not in node:
        return "none"
    digits = f"({node['precision']}, {node.get('scale', 0)})" if node["logicalType"] == "decimal" else ""
    return f"{node['logicalType']}{digits}"


def _at(path: str, text: str) -> str:
    return f"{path}: {text}" if path else text
