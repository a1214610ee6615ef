"""A value whose type a filter, an operator or a place does not take, or that by its type never equals another.

Wrong:

    event_type: incident_reported
    request: {method: POST, path: /incidents/, body: {severity: "{{ event.payload.severity | length }}"}}

Right:

    event_type: incident_reported
    request: {method: POST, path: /incidents/, body: {severity: "{{ event.payload.severity }}"}}
"""

from __future__ import annotations

from collections.abc import Iterator

from engine.checks.subject import Subject
from engine.findings import Finding
from engine.typing.flaws import FlawKind

ID = "wrong-operand"


def check(subject: Subject) -> Iterator[Finding]:
    """Operands whose types are known and do not go where they stand."""
    return (spot.fault(ID, fault) for fault, spot in subject.faults(FlawKind.OPERAND))
