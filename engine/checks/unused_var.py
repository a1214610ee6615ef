"""A var that no template uses.

Wrong:

    vars: {ref: "{{ event.ref_id | trim }}"}
    request: {method: GET, path: /assets/}

Right:

    vars: {ref: "{{ event.ref_id | trim }}"}
    request: {method: GET, path: "/assets/{{ ref }}/"}
"""

from __future__ import annotations

from collections.abc import Iterator

from engine.checks.subject import Subject
from engine.findings import Finding

ID = "unused-var"


def check(subject: Subject) -> Iterator[Finding]:
    """Vars whose name is taken nowhere; a var that only feeds such a var counts as used."""
    if not subject.whole:
        return  # what is missing might use it
    used = {name for place in subject.places for name in place.template.names}
    for name, _ in subject.rule.vars:
        if name not in used:
            spot = subject.at(("vars", name), key=True)
            yield spot.warning(ID, f"'{name}' is never used", "use it, or remove it")
