"""What a schema says, with its references, `allOf`, `oneOf` and `anyOf` worked out: one or several alternatives."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from engine.openapi.document import ApiDocument

_MOST = 64  # alternatives of one schema; beyond that nothing is known
_WIDENING = ("patternProperties", "if", "dependentSchemas", "$dynamicRef", "unevaluatedProperties")


@dataclass(frozen=True, slots=True)
class Schema:
    """One alternative.

    Attributes:
        types: of JSON (`string`, `integer`, ...); empty: any.
        enum: all allowed values, None for any.
        format: "" for none.
        properties: schemas by name; a name that several parts of an `allOf` have has several.
        required: names that have to be there.
        open: other names are allowed; None: the document does not say.
        extra: schema of the values of other names, None where it is not known.
        items: schemas of a list's elements, all of which hold.
        minimum, maximum: bounds of a number, both included; exclusive bounds are left to the API.
        min_length, max_length: of text, in characters.
        read_only, write_only: the API does not take it, does not give it.
    """

    types: frozenset[str] = frozenset()
    enum: tuple[Any, ...] | None = None
    format: str = ""
    properties: Mapping[str, tuple[Any, ...]] = field(default_factory=dict, hash=False)
    required: frozenset[str] = frozenset()
    open: bool | None = None
    extra: Any = None
    items: tuple[Any, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    min_length: int | None = None
    max_length: int | None = None
    read_only: bool = False
    write_only: bool = False

    @property
    def is_anything(self) -> bool:
        """Nothing is said about its values."""
        return not self.types and self.enum is None and not self.properties

    @property
    def takes_any_name(self) -> bool:
        """True where names beside the properties may be there, as the document says or does not deny."""
        return self.open is True or (not self.properties and self.open is None)


ANYTHING = Schema()
NULL = Schema(types=frozenset({"null"}))

Alternatives = tuple[Schema, ...]
UNKNOWN: Alternatives = (ANYTHING,)


class Schemas:
    """The schemas of one document; each is worked out once."""

    def __init__(self, document: ApiDocument) -> None:
        self._document = document
        self._known: dict[int, tuple[Alternatives, Any]] = {}
        self._open: set[int] = set()
        self._joined: dict[tuple[int, ...], tuple[Alternatives, tuple[Any, ...]]] = {}

    def of(self, node: Any) -> Alternatives:
        """The alternatives of a schema; what cannot be understood, or holds itself, may be anything."""
        if not isinstance(node, Mapping):
            return UNKNOWN
        key = id(node)
        if key in self._known:
            return self._known[key][0]
        if key in self._open:
            return UNKNOWN
        self._open.add(key)
        found = self._alternatives(node)
        self._open.discard(key)
        self._known[key] = found, node  # which keeps the node alive, and so its id its own
        return found

    def all_of(self, nodes: Sequence[Any]) -> Alternatives:
        """The alternatives of several schemas that hold together."""
        if len(nodes) == 1:
            return self.of(nodes[0])
        key = tuple(map(id, nodes))
        if key not in self._joined:
            found: Alternatives = UNKNOWN
            for node in nodes:
                found = _both(found, self.of(node))
            self._joined[key] = found, tuple(nodes)
        return self._joined[key][0]

    def property(self, schema: Schema, name: str) -> Alternatives | None:
        """The alternatives of a property; None for a name that is not known, and UNKNOWN where that does not matter."""
        nodes = schema.properties.get(name)
        if nodes is not None:
            return self.all_of(nodes)
        if not schema.takes_any_name:
            return None
        return UNKNOWN if schema.extra is None else self.of(schema.extra)

    def elements(self, schema: Schema) -> Alternatives:
        """The alternatives of a list's elements."""
        return self.all_of(schema.items) if schema.items else UNKNOWN

    def _alternatives(self, node: Mapping[str, Any]) -> Alternatives:
        own = _own(node)
        found: Alternatives = (own,)
        reference = node.get("$ref")
        if isinstance(reference, str):
            target = self._document.at(reference)
            found = _both(found, self.of(target))
        for one in _list(node.get("allOf")):
            found = _both(found, self.of(one))
        for key in ("oneOf", "anyOf"):
            branches = _list(node.get(key))
            if branches:
                found = _both(found, tuple(schema for branch in branches for schema in self.of(branch)))
        if node.get("nullable") is True or "null" in _types(node):
            null = replace(NULL, read_only=own.read_only, write_only=own.write_only)
            found = (*(one for one in found if one.types != NULL.types), null)
        return found if len(found) <= _MOST else UNKNOWN


def _own(node: Mapping[str, Any]) -> Schema:
    """What a schema says itself."""
    types = frozenset(_types(node))
    properties = node.get("properties")
    additional = node.get("additionalProperties")
    has_heirs = "discriminator" in node and "properties" in node
    is_widened = has_heirs or any(node.get(key, False) is not False for key in _WIDENING)
    length, bounds = (_whole(node, "minLength"), _whole(node, "maxLength")), _bounds(node)
    return Schema(
        types=types - {"null"} if len(types) > 1 else types,
        enum=_enum(node),
        format=str(node.get("format", "")),
        properties={name: (one,) for name, one in properties.items()} if isinstance(properties, Mapping) else {},
        required=frozenset(filter(_is_text, _list(node.get("required")))),
        open=True if is_widened else None if additional is None else additional is not False,
        extra=additional if isinstance(additional, Mapping) else None,
        items=(node["items"],) if isinstance(node.get("items"), Mapping) else (),
        minimum=bounds[0],
        maximum=bounds[1],
        min_length=length[0],
        max_length=length[1],
        read_only=node.get("readOnly") is True,
        write_only=node.get("writeOnly") is True,
    )


def _types(node: Mapping[str, Any]) -> list[str]:
    found = node.get("type")
    return [found] if isinstance(found, str) else list(filter(_is_text, _list(found)))


def _enum(node: Mapping[str, Any]) -> tuple[Any, ...] | None:
    if "const" in node:
        return (node["const"],)
    listed = node.get("enum")
    return tuple(listed) if isinstance(listed, list) else None


def _bounds(node: Mapping[str, Any]) -> tuple[float | None, float | None]:
    low, high = node.get("minimum"), node.get("maximum")
    return (low if _is_number(low) else None), (high if _is_number(high) else None)


def _whole(node: Mapping[str, Any], key: str) -> int | None:
    found = node.get(key)
    return found if isinstance(found, int) and not isinstance(found, bool) else None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _both(left: Alternatives, right: Alternatives) -> Alternatives:
    """Every pair that can hold together."""
    if left == UNKNOWN:
        return right
    if len(left) * len(right) > _MOST:
        return UNKNOWN
    met = [one for first in left for second in right if (one := _meet(first, second)) is not None]
    return tuple(met) if met else UNKNOWN


def _meet(left: Schema, right: Schema) -> Schema | None:
    """What holds where both hold; None where nothing does."""
    if right == ANYTHING:
        return left
    types = _common_types(left.types, right.types)
    if types is None:
        return None
    enum = _common_values(left.enum, right.enum)
    if enum == ():
        return None
    return replace(
        left,
        types=types,
        enum=enum,
        format=left.format or right.format,
        properties=_joined(left.properties, right.properties),
        required=left.required | right.required,
        open=_open(left.open, right.open),
        extra=right.extra if left.extra is None else left.extra,
        items=(*left.items, *(one for one in right.items if one not in left.items)),
        minimum=_pick(max, left.minimum, right.minimum),
        maximum=_pick(min, left.maximum, right.maximum),
        min_length=_pick(max, left.min_length, right.min_length),
        max_length=_pick(min, left.max_length, right.max_length),
        read_only=left.read_only or right.read_only,
        write_only=left.write_only or right.write_only,
    )


def _common_types(left: frozenset[str], right: frozenset[str]) -> frozenset[str] | None:
    """The types of both, where no type stands for all; None for none."""
    if not left or not right:
        return left | right
    found = left & right
    if "integer" in left | right and "number" in left | right:
        found |= {"integer"}
    return found or None


def _common_values(left: tuple[Any, ...] | None, right: tuple[Any, ...] | None) -> tuple[Any, ...] | None:
    if left is None or right is None:
        return right if left is None else left
    return tuple(value for value in left if value in right)


def _joined(left: Mapping[str, tuple[Any, ...]], right: Mapping[str, tuple[Any, ...]]) -> Mapping[str, tuple[Any, ...]]:
    if not left or not right:
        return left or right
    found = dict(left)
    for name, nodes in right.items():
        mine = found.get(name, ())
        found[name] = (*mine, *(node for node in nodes if not any(node is other for other in mine)))
    return found


def _open(left: bool | None, right: bool | None) -> bool | None:
    """One part that allows other names allows them: documents close parts that only make sense together."""
    if left or right:
        return True
    return left if right is None else right


def _pick(choose: Any, left: Any, right: Any) -> Any:
    known: Iterable[Any] = [one for one in (left, right) if one is not None]
    return choose(known) if known else None
