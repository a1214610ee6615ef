"""The types of computed values, and whether they come from the event alone, whose schema is always right."""

from __future__ import annotations

from collections.abc import Mapping

from engine.checks.subject import Subject
from engine.checks.written import Computed
from engine.rules.scope import Kind, Name, Place
from engine.typing import model
from engine.typing.model import Record, Type
from engine.typing.rule import Version


def types_of(subject: Subject, value: Computed) -> Mapping[Version, Type]:
    """The type of a computed value, by version; none where it is not asked."""
    if value.keys is None:
        return {}
    found = subject.typed.of(value.place.template.pointer)
    return {version: _below(one, value.keys) for version, one in found.items()}


def _below(found: Type, keys: tuple[str, ...]) -> Type:
    for key in keys:
        found = (found.get(key) if isinstance(found, Record) else None) or model.UNKNOWN
    return found


def is_sure(place: Place) -> bool:
    """True where nothing in a template comes from an answer, whose document may be wrong."""
    return all(_is_sure(place.names[name], place) for name in place.template.names if name in place.names)


def _is_sure(name: Name, place: Place) -> bool:
    """Vars see no answers; an item is as sure as its list."""
    if name.kind is not Kind.ITEM:
        return name.kind not in (Kind.RESPONSE, Kind.RESPONSES)
    templates = name.part.templates() if name.part is not None else ()
    return all(_is_sure(place.names[one], place) for each in templates for one in each.names if one in place.names)
