"""A value that may be null where null fails: in text and paths, before a dot, in filters, arithmetic and comparisons.
In `query` it is a warning: the engine sends no empty filter.

Wrong:

    event_type: incident_reported
    request: {method: POST, path: /incidents/, body: {name: "Incident: {{ event.payload.description }}"}}

Right:

    event_type: incident_reported
    request: {method: POST, path: /incidents/, body: {name: "Incident: {{ event.payload.description or 'new' }}"}}
"""

from __future__ import annotations

from collections.abc import Iterator

from engine.checks.subject import Subject
from engine.findings import Finding
from engine.typing.flaws import FlawKind

ID = "nullable-value"


def check(subject: Subject) -> Iterator[Finding]:
    """What nothing before it has proven not to be null."""
    return (spot.fault(ID, fault) for fault, spot in subject.faults(FlawKind.NULLABLE))
