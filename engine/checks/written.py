"""The values of a request as the rule writes them: in YAML, or inside one whole expression."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from jinja2 import nodes

from engine.checks.subject import Spot, Subject
from engine.documents import Pointer
from engine.rules.scope import Place
from engine.rules.syntax import is_template, whole_expression


@dataclass(frozen=True, slots=True)
class Constant:
    """A scalar that is written out. `spot`: where."""

    data: Any
    spot: Spot


@dataclass(frozen=True, slots=True)
class Omitted:
    """`omit`: nothing is sent."""

    spot: Spot


@dataclass(frozen=True, slots=True)
class Unread:
    """A template with a finding of its own: something is sent, nobody knows what."""

    spot: Spot


@dataclass(frozen=True, slots=True)
class Computed:
    """A value that depends on the event.

    Attributes:
        spot: where to point.
        place: its template.
        branches: values that it may have, as far as they are written in the template.
        is_text: the template is text with values in it.
        keys: where it is in the mapping that its template gives, () for the template's own value; None: it is a part
            whose type is not asked.
    """

    spot: Spot
    place: Place
    branches: tuple[Value, ...] = ()
    is_text: bool = False
    keys: tuple[str, ...] | None = ()


@dataclass(frozen=True, slots=True)
class Listed:
    """A list, element by element."""

    items: tuple[Value, ...]
    spot: Spot


@dataclass(frozen=True, slots=True)
class Entry:
    """A name of a mapping. `key`: where the name stands."""

    name: str
    key: Spot
    value: Value


@dataclass(frozen=True, slots=True)
class Mapped:
    """A mapping, name by name.

    Attributes:
        entries: in file order.
        spot: where it stands.
        whole: there are no further names.
    """

    entries: tuple[Entry, ...]
    spot: Spot
    whole: bool = True


Value = Constant | Omitted | Unread | Computed | Listed | Mapped


def written(subject: Subject, pointer: Pointer) -> Value | None:
    """The value at a place of the rule; None where there is none."""
    data: Any = subject.data
    for step in pointer:
        if isinstance(data, Mapping) and step not in data:
            return None
        data = data[step]
    return _value(subject, data, pointer, {place.template.pointer: place for place in subject.places})


def plain(value: Value) -> Iterator[Value]:
    """The value and, of an expression, those that it may give instead."""
    yield value
    if isinstance(value, Computed):
        for branch in value.branches:
            yield from plain(branch)


def _value(subject: Subject, data: Any, pointer: Pointer, places: Mapping[Pointer, Place]) -> Value:
    spot = subject.at(pointer)
    if isinstance(data, str) and is_template(data):
        place = places.get(pointer)
        if place is None:
            return Unread(spot)
        expression = whole_expression(place.template.ast())
        return Computed(spot, place, is_text=True) if expression is None else _inside(subject, place, expression, ())
    if isinstance(data, list):
        return Listed(tuple(_value(subject, one, (*pointer, at), places) for at, one in enumerate(data)), spot)
    if isinstance(data, Mapping):
        entries = [
            Entry(name, subject.at((*pointer, name), key=True), _value(subject, one, (*pointer, name), places))
            for name, one in data.items()
        ]
        return Mapped(tuple(entries), spot)
    return Constant(data, spot)


def _inside(subject: Subject, place: Place, node: nodes.Expr, keys: tuple[str, ...] | None) -> Value:
    spot = subject.token(place, node)
    match node:
        case nodes.Const():
            return Constant(node.value, spot)
        case nodes.Neg(node=nodes.Const(value=int() | float() as number)):
            return Constant(-number, spot)
        case nodes.Name(name="omit"):
            return Omitted(spot)
        case nodes.List() | nodes.Tuple():
            return Listed(tuple(_inside(subject, place, one, None) for one in node.items), spot)
        case nodes.Dict():
            return _mapping(subject, place, node, keys)
        case _:
            branches = tuple(_inside(subject, place, one, None) for one in _branches(node))
            return Computed(spot, place, branches, keys=keys)


def _branches(node: nodes.Expr) -> Iterator[nodes.Expr]:
    """Expressions whose value this one may give as it is; what `and` gives depends on more."""
    match node:
        case nodes.CondExpr():
            yield node.expr1
            if node.expr2 is not None:
                yield node.expr2
        case nodes.Or():
            yield node.left
            yield node.right
        case nodes.Filter(name="default" | "d", node=nodes.Expr() as subject, args=[nodes.Expr() as instead, *_]):
            yield subject
            yield instead


def _mapping(subject: Subject, place: Place, node: nodes.Dict, keys: tuple[str, ...] | None) -> Mapped:
    entries: list[Entry] = []
    for pair in node.items:
        if isinstance(pair.key, nodes.Const) and isinstance(pair.key.value, str):
            name, here = pair.key.value, subject.token(place, pair.key)
            below = None if keys is None else (*keys, name)
            entries.append(Entry(name, here, _inside(subject, place, pair.value, below)))
    return Mapped(tuple(entries), subject.token(place, node), whole=len(entries) == len(node.items))
