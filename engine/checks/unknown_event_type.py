"""An event type that has no schema, though one has a schema whose name is all but the same: then nothing else can be
checked, and no event ever comes.

Wrong:

    event_type: incident_reportd
    request: {method: POST, path: /incidents/, body: {name: "{{ event.payload.name }}"}}

Right:

    event_type: incident_reported
    request: {method: POST, path: /incidents/, body: {name: "{{ event.payload.name }}"}}
"""

from __future__ import annotations

from collections.abc import Iterator
from difflib import SequenceMatcher

from engine.checks.subject import Subject
from engine.findings import Finding, suggest

ID = "unknown-event-type"

_SLIP = 0.92  # how alike two names are where one is the other misspelt: a type of its own differs in a word


def check(subject: Subject) -> Iterator[Finding]:
    """Types that are a typing slip away from one that has a schema."""
    name, known = subject.rule.event_type, subject.events.names
    if name in known:
        return
    near = suggest(name, known)
    if near is not None and SequenceMatcher(None, name.lower(), near.lower(), autojunk=False).ratio() >= _SLIP:
        yield subject.at(("event_type",)).error(ID, f"no schema is named '{name}'", f"did you mean '{near}'?")
