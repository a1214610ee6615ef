"""A branch of an inline if or `{% if %}` that can never be taken, because its condition is always the same.

Wrong:

    event_type: incident_reported
    request: {method: POST, path: /incidents/, body: {name: "{{ 'new' if event.payload.name is none else 'old' }}"}}

Right:

    event_type: incident_reported
    request: {method: POST, path: /incidents/, body: {name: "{{ 'new' if event.payload.owner is none else 'old' }}"}}
"""

from __future__ import annotations

from collections.abc import Iterator

from engine.checks.subject import Subject
from engine.findings import Finding
from engine.typing.flaws import FlawKind

ID = "unreachable-branch"


def check(subject: Subject) -> Iterator[Finding]:
    """Branches that no event of any version takes."""
    return (spot.fault(ID, fault) for fault, spot in subject.faults(FlawKind.UNREACHABLE))
