"""A body field that the API gives but does not take: it is ignored, or refused.

Wrong:

    request: {method: PATCH, path: "/applied-controls/{{ event.id }}/", body: {id: "{{ event.other }}"}}

Right:

    request: {method: PATCH, path: "/applied-controls/{{ event.id }}/", body: {name: "{{ event.name }}"}}
"""

from __future__ import annotations

from collections.abc import Iterator

from engine.checks.slots import body_slots, is_read_only, operations, property_of
from engine.checks.subject import Subject
from engine.checks.written import Mapped, Omitted
from engine.findings import Finding

ID = "read-only-field"


def check(subject: Subject) -> Iterator[Finding]:
    """Names in the body that are `readOnly` in the document."""
    for request, _ in operations(subject):
        for slot in body_slots(subject, request):
            if not isinstance(slot.value, Mapped):
                continue
            for entry in slot.value.entries:
                wanted = property_of(slot.mappings, entry.name, slot.schemas)
                is_sent = not isinstance(entry.value, Omitted)
                if wanted is not None and is_sent and is_read_only(wanted):
                    yield entry.key.error(ID, f"'{entry.name}' is read-only: the API does not take it", "leave it out")
