"""Whether a template's value comes from the event alone, whose schema is always right."""

from __future__ import annotations

from engine.rules.scope import Kind, Name, Place


def is_sure(place: Place) -> bool:
    """True where nothing in a template comes from an answer, whose document may be wrong."""
    return all(_is_sure(place.names[name], place) for name in place.template.names if name in place.names)


def _is_sure(name: Name, place: Place) -> bool:
    """Vars see no answers; an item is as sure as its list."""
    if name.kind is not Kind.ITEM:
        return name.kind not in (Kind.RESPONSE, Kind.RESPONSES)
    templates = name.part.templates() if name.part is not None else ()
    return all(_is_sure(place.names[one], place) for each in templates for one in each.names if one in place.names)
