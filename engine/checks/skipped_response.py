"""An answer used where its request may have been skipped: a skipped answer has `.skipped` and nothing else.

Wrong:

    requests:
      - {id: find, when: "{{ event.folder is not none }}", method: GET, path: "/folders/{{ event.folder }}/"}
      - {method: GET, path: /assets/, query: {folder: "{{ find.body.id }}"}}

Right:

    requests:
      - {id: find, when: "{{ event.folder is not none }}", method: GET, path: "/folders/{{ event.folder }}/"}
      - {method: GET, path: /assets/, query: {folder: "{{ omit if find.skipped else find.body.id }}"}}
"""

from __future__ import annotations

from collections.abc import Iterator

from engine.checks.expressions import certain_fields
from engine.checks.subject import Subject
from engine.findings import Finding
from engine.rules.scope import Kind, Place

ID = "skipped-response"


def check(subject: Subject) -> Iterator[Finding]:
    """Answers of requests with `when` that are used for every event: no condition of any kind stands before the use.

    A condition may well be the same in other words, so one is enough for silence.
    """
    if not subject.whole:
        return  # what is missing might be the condition
    for place in filter(_is_certain, subject.places):
        for name, field, node in subject.of(certain_fields, place):
            known = place.names.get(name)
            if known is None or known.request is None or known.kind is not Kind.RESPONSE or field == "skipped":
                continue
            if known.request.when is not True and known.request is not place.request:
                said = f"'{name}' has no '{field}' where its `when` is false and it is skipped"
                remedy = f'ask for it: `... if not {name}.skipped else ...`, or `when: "{{{{ not {name}.skipped }}}}"`'
                yield subject.token(place, node).error(ID, said, remedy)


def _is_certain(place: Place) -> bool:
    """Whether the template is rendered for every event that comes to the rule's requests."""
    request = place.request
    if request is None or request.when is not True or place.role == "message":
        return False
    return request.for_each is None or place.role == "for_each"
