"""A JSON Schema made into functions that say whether a value fits, and nothing more: a hundred times as fast as
finding out what is wrong, which nearly no file needs.

It knows the keywords that the engine's own schemas use. In YAML `1.0` is no whole number, so here it is no integer.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

Fits = Callable[[Any], bool]


class NotGauged(Exception):
    """A schema has a keyword that is not known here."""


def gauge(schema: Mapping[str, Any]) -> Fits:
    """The function for a schema.

    Raises:
        NotGauged: the schema, or one in it, has a keyword that is not known here.
    """
    return _Compiler(schema).fits(schema)


class _Compiler:
    def __init__(self, root: Mapping[str, Any]) -> None:
        self.root = root
        self._shared: dict[str, Fits] = {}

    def fits(self, schema: Any) -> Fits:
        """All keywords of one schema."""
        if isinstance(schema, bool):
            return lambda _: schema
        checks: list[Fits] = []
        for keyword, wanted in schema.items():
            if keyword in _ALONE:
                checks.append(_ALONE[keyword](wanted))
            elif keyword in _NESTED:
                checks.append(_NESTED[keyword](self, wanted, schema))
            elif keyword not in _SAYING_NOTHING and not keyword.startswith("x-"):
                raise NotGauged(keyword)
        return _all(checks)

    def reference(self, name: str, _: Mapping[str, Any]) -> Fits:
        """`$ref`, compiled once; a schema may lead back to itself."""
        if not name.startswith("#/"):
            raise NotGauged(f"$ref: {name}")
        if name not in self._shared:
            self._shared[name] = self._later(name)
            target: Any = self.root
            for step in name[2:].split("/"):
                target = target[step]
            self._shared[name] = self.fits(target)
        return self._shared[name]

    def _later(self, name: str) -> Fits:
        def fits(value: Any) -> bool:
            return self._shared[name](value)

        return fits

    def properties(self, wanted: Mapping[str, Any], _: Mapping[str, Any]) -> Fits:
        known = {name: self.fits(one) for name, one in wanted.items()}
        return lambda value: (
            not isinstance(value, dict) or all(known[name](one) for name, one in value.items() if name in known)
        )

    def additional(self, wanted: Any, schema: Mapping[str, Any]) -> Fits:
        known, other = frozenset(schema.get("properties", ())), self.fits(wanted)
        return lambda value: (
            not isinstance(value, dict) or all(other(one) for name, one in value.items() if name not in known)
        )

    def names(self, wanted: Any, _: Mapping[str, Any]) -> Fits:
        name = self.fits(wanted)
        return lambda value: not isinstance(value, dict) or all(map(name, value))

    def items(self, wanted: Any, _: Mapping[str, Any]) -> Fits:
        item = self.fits(wanted)
        return lambda value: not isinstance(value, list) or all(map(item, value))

    def all_of(self, wanted: list[Any], _: Mapping[str, Any]) -> Fits:
        return _all([self.fits(one) for one in wanted])

    def any_of(self, wanted: list[Any], _: Mapping[str, Any]) -> Fits:
        branches = [self.fits(one) for one in wanted]
        return lambda value: any(fits(value) for fits in branches)

    def one_of(self, wanted: list[Any], _: Mapping[str, Any]) -> Fits:
        branches = [self.fits(one) for one in wanted]
        return lambda value: sum(fits(value) for fits in branches) == 1

    def dependent(self, wanted: Mapping[str, Any], _: Mapping[str, Any]) -> Fits:
        known = {name: self.fits(one) for name, one in wanted.items()}
        return lambda value: (
            not isinstance(value, dict) or all(fits(value) for name, fits in known.items() if name in value)
        )

    def no(self, wanted: Any, _: Mapping[str, Any]) -> Fits:
        refused = self.fits(wanted)
        return lambda value: not refused(value)


def _all(checks: list[Fits]) -> Fits:
    if len(checks) == 1:
        return checks[0]
    return lambda value: all(fits(value) for fits in checks)


def _type(wanted: str | list[str]) -> Fits:
    names = [wanted] if isinstance(wanted, str) else wanted
    types = frozenset(one for name in names for one in _TYPES[name])
    return lambda value: type(value) in types


def _same(one: Any, other: Any) -> bool:
    """Equality of JSON: `true` is not `1`."""
    return bool(one == other) and isinstance(one, bool) is isinstance(other, bool)


def _choice(values: list[Any]) -> Fits:
    if any(isinstance(one, dict | list) for one in values):
        raise NotGauged("enum")
    return lambda value: any(_same(value, one) for one in values)


def _unique(wanted: bool) -> Fits:
    def fits(value: Any) -> bool:
        if not wanted or not isinstance(value, list):
            return True
        return not any(_same(one, other) for at, one in enumerate(value) for other in value[:at])

    return fits


def _pattern(wanted: str) -> Fits:
    search = re.compile(wanted).search
    return lambda value: not isinstance(value, str) or search(value) is not None


def _minimum(wanted: float) -> Fits:
    return lambda value: not _is_number(value) or value >= wanted


def _maximum(wanted: float) -> Fits:
    return lambda value: not _is_number(value) or value <= wanted


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _at_least(kind: type[str | list[Any] | dict[str, Any]]) -> Callable[[int], Fits]:
    return lambda wanted: lambda value: not isinstance(value, kind) or len(value) >= wanted


def _required(wanted: list[str]) -> Fits:
    return lambda value: not isinstance(value, dict) or all(name in value for name in wanted)


def _dependent(wanted: Mapping[str, list[str]]) -> Fits:
    return lambda value: (
        not isinstance(value, dict)
        or all(other in value for name, others in wanted.items() if name in value for other in others)
    )


_TYPES: Mapping[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "boolean": (bool,),
    "null": (type(None),),
    "integer": (int,),
    "number": (int, float),
}

_ALONE: Mapping[str, Callable[[Any], Fits]] = {
    "type": _type,
    "enum": _choice,
    "const": lambda wanted: _choice([wanted]),
    "pattern": _pattern,
    "minimum": _minimum,
    "maximum": _maximum,
    "minLength": _at_least(str),
    "minItems": _at_least(list),
    "minProperties": _at_least(dict),
    "uniqueItems": _unique,
    "required": _required,
    "dependentRequired": _dependent,
}

_NESTED: Mapping[str, Callable[[_Compiler, Any, Mapping[str, Any]], Fits]] = {
    "$ref": _Compiler.reference,
    "properties": _Compiler.properties,
    "additionalProperties": _Compiler.additional,
    "propertyNames": _Compiler.names,
    "items": _Compiler.items,
    "dependentSchemas": _Compiler.dependent,
    "allOf": _Compiler.all_of,
    "anyOf": _Compiler.any_of,
    "oneOf": _Compiler.one_of,
    "not": _Compiler.no,
}

_SAYING_NOTHING = frozenset(
    {"$comment", "$defs", "$id", "$schema", "default", "description", "examples", "title", "writeOnly"}
)
