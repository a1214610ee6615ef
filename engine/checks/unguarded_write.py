"""A write for each hit of a lookup whose number of hits nobody looks at. A filter that the API ignores, because it is
misspelt, gives the whole list, and the write changes every object.

Wrong:

    requests:
      - {id: find, method: GET, path: /assets/, query: {name: "{{ event.name }}"}, paginate: true}
      - {for_each: "{{ find.items }}", method: DELETE, path: "/assets/{{ item.id }}/"}

Right:

    requests:
      - id: find
        method: GET
        path: /assets/
        query: {name: "{{ event.name }}"}
        paginate: true
        expect: {that: "{{ find.items | length == 1 }}"}
      - {for_each: "{{ find.items }}", method: DELETE, path: "/assets/{{ item.id }}/"}
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from engine.api.messages import SAFE_METHODS
from engine.checks.expressions import counts
from engine.checks.subject import Subject
from engine.findings import Finding
from engine.rules.model import RequestRule
from engine.rules.scope import Kind, Place

ID = "unguarded-write"


def check(subject: Subject) -> Iterator[Finding]:
    """Writes with `for_each` over an earlier response that no `expect.that`, and not their own `when`, counts."""
    if not subject.whole:
        return  # what is missing might be the guard
    for place in subject.places:
        write = place.request
        if place.role != "for_each" or write is None or write.method in SAFE_METHODS:
            continue
        for name in sorted(place.template.names & place.names.keys()):
            if _is_lookup(place, name) and not _is_guarded(subject, write, name):
                said = f"nothing looks at how many hits '{name}' has before each of them is written to"
                remedy = f'give {name} an expect.that such as "{{{{ {_hits(place, name)} | length == 1 }}}}"'
                yield subject.at((*write.pointer, "for_each"), key=True).warning(ID, said, remedy)


def _is_lookup(place: Place, name: str) -> bool:
    known = place.names[name]
    is_response = known.kind in (Kind.RESPONSE, Kind.RESPONSES)
    return is_response and known.request is not None and known.request.method in SAFE_METHODS


def _is_guarded(subject: Subject, write: RequestRule, name: str) -> bool:
    above = {request.id for request in subject.rule.requests[: subject.rule.requests.index(write)]}
    for place in subject.places:
        if place.request is None:
            continue
        is_above = place.role == "that" and place.request.id in above
        is_own = place.role == "when" and place.request is write
        if (is_above or is_own) and (counts(place.template.ast(), name) or _is_misspelt(place)):
            return True
    return False


def _is_misspelt(place: Place) -> bool:
    """A name in it is not known, so it might be the guard: that it is none is told once."""
    return bool(place.template.names - place.names.keys() - place.hidden.keys())


def _hits(place: Place, name: str) -> str:
    """What is counted, as the rule writes it: `find.items`, `find.body.data`."""
    found = re.search(rf"\b{name}(?:\.\w+)+", place.template.source)
    return found.group() if found else f"{name}.items"
