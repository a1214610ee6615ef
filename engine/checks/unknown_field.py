"""A field that no event of the rule has, by the schemas of its type; or no answer, by the document of its API.

Wrong:

    event_type: incident_reported
    request: {method: POST, path: /incidents/, body: {name: "{{ event.payload.nmae }}"}}

Right:

    event_type: incident_reported
    request: {method: POST, path: /incidents/, body: {name: "{{ event.payload.name }}"}}
"""

from __future__ import annotations

from collections.abc import Iterator

from engine.checks.subject import Subject
from engine.findings import Finding
from engine.typing.flaws import FlawKind

ID = "unknown-field"


def check(subject: Subject) -> Iterator[Finding]:
    """Fields that are nowhere, in all versions of the event that come to the place."""
    for fault, spot in subject.faults(FlawKind.UNKNOWN_FIELD):
        if fault.everywhere:
            yield spot.fault(ID, fault)
