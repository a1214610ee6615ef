"""A field that some versions of the event have and others do not, all of which the rule gets.

Wrong:

    event_type: incident_reported
    versions: [1, 2]
    request: {method: POST, path: /incidents/, body: {impact: "{{ event.payload.impact }}"}}

Right:

    event_type: incident_reported
    versions: [1, 2]
    request: {method: POST, path: /incidents/, body: {impact: "{{ event.payload.impact | default('none') }}"}}
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from engine.checks.subject import Subject
from engine.findings import Finding
from engine.typing.flaws import FlawKind

ID = "missing-in-version"

_REMEDY = "write `| default(none)` or ask for `event.version`, or list `versions` that have it"


def check(subject: Subject) -> Iterator[Finding]:
    """Fields that are missing in some versions only."""
    for fault, spot in subject.faults(FlawKind.UNKNOWN_FIELD):
        if not fault.everywhere:
            yield spot.fault(ID, replace(fault, flaw=replace(fault.flaw, remedy=_REMEDY)))
