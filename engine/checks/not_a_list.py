"""A `for_each` over what is no list.

Wrong:

    event_type: incident_reported
    request: {for_each: "{{ event.payload }}", method: GET, path: "/assets/{{ item.id }}/"}

Right:

    event_type: incident_reported
    request: {for_each: "{{ event.payload.assets }}", method: GET, path: "/assets/{{ item.id }}/"}
"""

from __future__ import annotations

from collections.abc import Iterator

from engine.checks.subject import Subject
from engine.findings import Finding
from engine.typing.flaws import FlawKind

ID = "not-a-list"


def check(subject: Subject) -> Iterator[Finding]:
    """Records, texts, numbers and the like."""
    return (spot.fault(ID, fault) for fault, spot in subject.faults(FlawKind.NOT_A_LIST))
