"""What a schema can do to memory, judged before any byte is read by it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

NESTING = 64
"""Types within types that a schema may have."""

EMPTY_VALUES = 10_000
"""Values without any bytes that one record may hold; an array of nulls could otherwise claim 2^62 of them."""


class Unbounded(ValueError):
    """The schema is recursive, nested too deeply, or makes too many values out of no bytes."""


@dataclass(frozen=True, slots=True)
class Measure:
    """What is known of every value of a type.

    Attributes:
        depth: types within each other, this one included.
        width: bytes that a value takes at least.
        empty: values that take no bytes within one value: nulls, fixed of size 0, records without fields.
        repeats_empty: an array or a map stands in it whose items hold values that take no bytes.
    """

    depth: int = 1
    width: int = 1
    empty: int = 0
    repeats_empty: bool = False


_NOTHING = Measure(width=0, empty=1)
_WIDTHS = {"boolean": 1, "int": 1, "long": 1, "float": 4, "double": 8, "bytes": 1, "string": 1, "enum": 1}


def measure(parsed: Any, types: Mapping[str, Any]) -> Measure:
    """Measure a schema in fastavro's parsed form.

    Raises:
        Unbounded: see there.
    """
    return _Measuring(types).any(parsed, 1)


class _Measuring:
    """One walk: `done` keeps it linear where types are used many times, `open` finds recursion."""

    def __init__(self, types: Mapping[str, Any]) -> None:
        self._types = types
        self._done: dict[str, Measure] = {}
        self._open: set[str] = set()

    def any(self, node: Any, depth: int) -> Measure:
        if depth > NESTING:
            raise Unbounded(f"the schema is nested deeper than {NESTING}")
        if isinstance(node, list):
            return _union([self.any(branch, depth + 1) for branch in node])
        if isinstance(node, str):
            return self._word(node, depth)
        size = self._done.get(node["name"]) if "name" in node else None
        if size is None:
            size = self._named(node, depth) if "name" in node else self._kind(node, depth)
        if depth + size.depth - 1 > NESTING:
            raise Unbounded(f"the schema is nested deeper than {NESTING}")
        if size.empty > EMPTY_VALUES:
            raise Unbounded(f"one record of the schema holds more than {EMPTY_VALUES} values that take no bytes")
        return size

    def _word(self, word: str, depth: int) -> Measure:
        if word == "null":
            return _NOTHING
        if word in _WIDTHS:
            return Measure(width=_WIDTHS[word])
        if word in self._open:
            raise Unbounded(f"the schema is recursive: {word} holds itself")
        return self.any(self._types[word], depth)

    def _named(self, node: Mapping[str, Any], depth: int) -> Measure:
        name = node["name"]
        if name in self._open:
            raise Unbounded(f"the schema is recursive: {name} holds itself")
        self._open.add(name)
        size = self._done[name] = self._kind(node, depth)
        self._open.discard(name)
        return size

    def _kind(self, node: Mapping[str, Any], depth: int) -> Measure:
        kind = node["type"]
        if kind in ("record", "error"):
            return _record([self.any(field["type"], depth + 1) for field in node["fields"]])
        if kind == "fixed":
            return Measure(width=node["size"], empty=0 if node["size"] else 1)
        if kind == "array":
            return _repeated(self.any(node["items"], depth + 1))
        if kind == "map":
            return _repeated(self.any(node["values"], depth + 1))
        return self._word(kind, depth) if isinstance(kind, str) else self.any(kind, depth + 1)


def _record(fields: list[Measure]) -> Measure:
    return Measure(
        depth=1 + max((field.depth for field in fields), default=0),
        width=sum(field.width for field in fields),
        empty=sum(field.empty for field in fields) if fields else 1,
        repeats_empty=any(field.repeats_empty for field in fields),
    )


def _union(branches: list[Measure]) -> Measure:
    """One byte at least for the branch's number, so a null in a union is not free."""
    return Measure(
        depth=1 + max((branch.depth for branch in branches), default=0),
        width=1 + min((branch.width for branch in branches), default=0),
        empty=max((branch.empty for branch in branches if branch is not _NOTHING), default=0),
        repeats_empty=any(branch.repeats_empty for branch in branches),
    )


def _repeated(item: Measure) -> Measure:
    return Measure(depth=1 + item.depth, repeats_empty=item.repeats_empty or item.empty > 0)
