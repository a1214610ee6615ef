"""A query name that the API's document does not have. Many APIs, CISO Assistant among them, ignore it and answer with
the whole list: a write for each hit would then change every object.

Wrong:

    request: {method: GET, path: /applied-controls/, query: {refid: "{{ event.ref_id }}"}}

Right:

    request: {method: GET, path: /applied-controls/, query: {ref_id: "{{ event.ref_id }}"}}
"""

from __future__ import annotations

from collections.abc import Iterator

from engine.checks.slots import operations, query_entries
from engine.checks.subject import Subject
from engine.findings import Finding, suggest
from engine.openapi.operation import Operation

ID = "unknown-query"

_LISTED = 12  # names that a remedy lists


def check(subject: Subject) -> Iterator[Finding]:
    """Names under `query` that the operation does not know."""
    for request, operation in operations(subject):
        for entry in query_entries(subject, request):
            if not operation.knows(entry.name):
                said = f"{request.method} {request.path} has no query parameter '{entry.name}'"
                yield entry.key.error(
                    ID, f"{said}; an API that ignores it answers with everything", _remedy(entry.name, operation)
                )


def _remedy(name: str, operation: Operation) -> str:
    known = list(operation.query or ())
    near = suggest(name, known)
    if near:
        return f"did you mean '{near}'?"
    if not known:
        return "it has none"
    if len(known) <= _LISTED:
        return f"it has {', '.join(known)}"
    return "use `search` and pick the exact match in the rule" if "search" in known else ""
