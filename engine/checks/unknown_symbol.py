"""An enum compared with a text that it never is. A warning where the enum is one of the API's document.

Wrong:

    event_type: incident_reported
    when: "{{ event.payload.status == 'onging' }}"
    request: {method: POST, path: /incidents/, body: {name: "{{ event.payload.name }}"}}

Right:

    event_type: incident_reported
    when: "{{ event.payload.status == 'ongoing' }}"
    request: {method: POST, path: /incidents/, body: {name: "{{ event.payload.name }}"}}
"""

from __future__ import annotations

from collections.abc import Iterator

from engine.checks.subject import Subject
from engine.findings import Finding
from engine.typing.flaws import FlawKind

ID = "unknown-symbol"


def check(subject: Subject) -> Iterator[Finding]:
    """Texts that are no symbol in any of the versions."""
    return (spot.fault(ID, fault) for fault, spot in subject.faults(FlawKind.SYMBOL))
