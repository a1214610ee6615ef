"""A walk over Avro bytes that builds nothing: proves that a record is whole and bounded before fastavro builds it.

fastavro trusts block counts and sizes: an array of nulls may claim 2^62 items, and the size of a skipped block may lead
anywhere. Most records can do without the walk, see `avro.read`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from engine.events.measure import EMPTY_VALUES, measure

FREE_FIELDS = 100_000
"""Values without bytes that one record may hold inside items that do take bytes: they make big objects of few bytes."""

_COST_EMPTY = FREE_FIELDS // EMPTY_VALUES

Scan = Callable[[bytes, int], None]
_Step = Callable[[bytes, int, list[int]], int]
"""(data, position, [budget left]) -> position behind the value."""


class Malformed(ValueError):
    """The bytes are cut off, out of range, or claim more than they may."""


def compile_scan(parsed: Any, types: Mapping[str, Any]) -> Scan:
    """Make the walk for a schema that `measure` has passed. It raises Malformed."""
    step = _Compiler(types).step(parsed)

    def scan(data: bytes, start: int) -> None:
        end = step(data, start, [FREE_FIELDS])
        if end != len(data):
            raise Malformed(f"{len(data) - end} bytes are left behind the record")

    return scan


def varint(data: bytes, at: int) -> tuple[int, int]:
    """Read a zig-zag number of at most 64 bits: (number, position behind it)."""
    number = shift = 0
    while True:
        if at >= len(data):
            raise Malformed("the record is cut off")
        byte = data[at]
        at += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            break
        shift += 7
    if number >> 64:
        raise Malformed("a number has more than 64 bits")
    return (number >> 1) ^ -(number & 1), at


def _skip(data: bytes, at: int, size: int) -> int:
    if size < 0 or at + size > len(data):
        raise Malformed("the record is cut off")
    return at + size


def _nothing(_data: bytes, at: int, _left: list[int]) -> int:
    return at


def _number(data: bytes, at: int, _left: list[int]) -> int:
    return varint(data, at)[1]


def _sized(data: bytes, at: int, _left: list[int]) -> int:
    size, at = varint(data, at)
    return _skip(data, at, size)


def _fixed(size: int) -> _Step:
    return lambda data, at, _left: _skip(data, at, size)


_WORDS: dict[str, _Step] = {
    "null": _nothing,
    "boolean": _fixed(1),
    "int": _number,
    "long": _number,
    "float": _fixed(4),
    "double": _fixed(8),
    "bytes": _sized,
    "string": _sized,
}


class _Compiler:
    """One step a named type, however often it is used."""

    def __init__(self, types: Mapping[str, Any]) -> None:
        self._types = types
        self._done: dict[str, _Step] = {}

    def step(self, node: Any) -> _Step:
        if isinstance(node, list):
            return _union([self.step(branch) for branch in node])
        if isinstance(node, str):
            return _WORDS[node] if node in _WORDS else self.step(self._types[node])
        if "name" not in node:
            return self._kind(node)
        if node["name"] not in self._done:
            self._done[node["name"]] = self._kind(node)
        return self._done[node["name"]]

    def _kind(self, node: Mapping[str, Any]) -> _Step:
        kind = node["type"]
        if kind in ("record", "error"):
            return _record([self.step(field["type"]) for field in node["fields"]])
        if kind == "fixed":
            return _fixed(node["size"])
        if kind == "enum":
            return _choice(len(node["symbols"]))
        if kind in ("array", "map"):
            return self._blocks(node["items"] if kind == "array" else node["values"], keyed=kind == "map")
        return self.step(kind)

    def _blocks(self, item: Any, *, keyed: bool) -> _Step:
        size = measure(item, self._types)
        width = size.width + keyed
        cost = size.empty if width else max(size.empty, 1) * _COST_EMPTY
        step = self.step(item)
        return _blocks(_record([_sized, step]) if keyed else step, width, cost)


def _record(steps: list[_Step]) -> _Step:
    def step(data: bytes, at: int, left: list[int]) -> int:
        for field in steps:
            at = field(data, at, left)
        return at

    return step


def _choice(many: int) -> _Step:
    def step(data: bytes, at: int, _left: list[int]) -> int:
        index, at = varint(data, at)
        if not 0 <= index < many:
            raise Malformed(f"choice {index} of {many}")
        return at

    return step


def _union(steps: list[_Step]) -> _Step:
    def step(data: bytes, at: int, left: list[int]) -> int:
        index, at = varint(data, at)
        if not 0 <= index < len(steps):
            raise Malformed(f"choice {index} of {len(steps)}")
        return steps[index](data, at, left)

    return step


def _blocks(item: _Step, width: int, cost: int) -> _Step:
    """Blocks of items: a count, for a negative one also the block's size in bytes, then the items; 0 ends them."""

    def step(data: bytes, at: int, left: list[int]) -> int:
        while True:
            count, at = varint(data, at)
            if count == 0:
                return at
            end = None
            if count < 0:
                size, at = varint(data, at)
                count, end = -count, at + size
            left[0] -= count * cost
            if count * width > len(data) - at or left[0] < 0:
                raise Malformed(f"a block claims {count} items")
            for _ in range(count if width else 0):
                at = item(data, at, left)
            if end is not None and end != at:
                raise Malformed("a block's size is not the size of its items")

    return step
