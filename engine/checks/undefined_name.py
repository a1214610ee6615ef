"""A name that is nowhere in the rule.

Wrong:

    body: {name: "{{ evnt.name }}"}

Right:

    body: {name: "{{ event.name }}"}
"""

from __future__ import annotations

from collections.abc import Iterator

from engine.checks.subject import Subject
from engine.findings import Finding, suggest
from engine.rules.scope import Place

ID = "undefined-name"

_ALWAYS = frozenset({"omit", "range", "dict", "namespace"})
_LISTED = 12  # names that a remedy lists


def check(subject: Subject) -> Iterator[Finding]:
    """Names that a template takes and that neither the engine nor the rule gives."""
    for place in subject.places:
        for name in sorted(place.template.names - place.names.keys() - place.hidden.keys()):
            if spot := subject.use(place, name):
                yield spot.error(ID, f"'{name}' is not defined", _remedy(name, place))


def _remedy(name: str, place: Place) -> str:
    if name == "now":
        return "there is no clock in a rule; the time of the event is message.timestamp"
    if name == "loop":
        return "'loop' exists inside {% for %} only"
    near = suggest(name, sorted(place.names)) or suggest(name, sorted(place.hidden))
    if near:
        return f"did you mean '{near}'?"
    known = sorted(place.names.keys() - _ALWAYS)
    return f"known here: {', '.join(known)}" if len(known) <= _LISTED else ""
