"""Which field of a record could not be decoded: walked again, value by value, once it is known that one fails."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from engine.events.scan import Malformed, varint

MOST = 100
"""Values that are looked at: what fails behind them is named by its error alone. Hostile bytes must not cost much."""

Take = Callable[[Any, int], int]
"""(type of one value, position) -> position behind it; raises what the value is at fault for."""


def culprit(parsed: Any, types: Mapping[str, Any], data: bytes, start: int, take: Take) -> str | None:
    """Name and type of the first value that fails, `payload.control_id, string (uuid)`; None where none is found.

    Args:
        parsed: the schema of the bytes, in fastavro's form.
        types: its named types.
        data: the record begins at `start`.
        start: see `data`.
        take: reads one value that holds no others.
    """
    walk = _Walk(types, data, take)
    try:
        walk.value(parsed, start)
    except _Enough:
        return None
    except Exception:  # as many kinds as values have readers
        return walk.place()
    return None


class _Enough(Exception):
    """So far all was well, and it has cost enough."""


class _Walk:
    """Keeps the way to the value that it looks at; an error leaves the way as it is."""

    def __init__(self, types: Mapping[str, Any], data: bytes, take: Take) -> None:
        self._types = types
        self._data = data
        self._take = take
        self._way: list[str] = []
        self._node: Any = None
        self._left = MOST

    def place(self) -> str | None:
        way = "".join(self._way).removeprefix(".")
        return f"{way}, {_name(self._node)}" if way else None

    def value(self, node: Any, at: int) -> int:
        self._left -= 1
        if self._left < 0:
            raise _Enough
        if isinstance(node, str):
            node = self._types.get(node, node)
        self._node = node
        if isinstance(node, list):
            return self._union(node, at)
        kind = node["type"] if isinstance(node, dict) else node
        if kind in ("record", "error"):
            for field in node["fields"]:
                at = self._step(f".{field['name']}", field["type"], at)
            return at
        if kind in ("array", "map"):
            return self._blocks(node, at)
        if isinstance(kind, (dict, list)):
            return self.value(kind, at)
        return self._take(node, at)

    def _step(self, name: str, node: Any, at: int) -> int:
        self._way.append(name)
        at = self.value(node, at)
        self._way.pop()
        return at

    def _union(self, branches: list[Any], at: int) -> int:
        index, at = varint(self._data, at)
        if not 0 <= index < len(branches):
            raise Malformed(f"choice {index} of {len(branches)}")
        return self.value(branches[index], at)

    def _blocks(self, node: Mapping[str, Any], at: int) -> int:
        keyed, number = node["type"] == "map", 0
        while True:
            self._node = node
            count, at = varint(self._data, at)
            if count == 0:
                return at
            if count < 0:
                _, at = varint(self._data, at)
            for _ in range(abs(count)):
                if keyed:
                    at = self._step(f"[{number}]", "string", at)  # a key is the event's own text: not for a log
                at = self._step(f"[{number}]", node["values" if keyed else "items"], at)
                number += 1


def _name(node: Any) -> str:
    """How a type is called in a message."""
    if isinstance(node, list):
        return f"one of {len(node)} types"
    if not isinstance(node, dict):
        return str(node)
    kind = f"{node['type']} {node['name']}" if "name" in node else str(node["type"])
    return f"{kind} ({node['logicalType']})" if "logicalType" in node else kind
