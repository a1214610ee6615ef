"""A method that a path of the API's document does not have.

Wrong:

    request: {method: DELETE, path: /applied-controls/}

Right:

    request: {method: DELETE, path: "/applied-controls/{{ event.id }}/"}
"""

from __future__ import annotations

from collections.abc import Iterator

from engine.checks.subject import Subject
from engine.findings import Finding
from engine.wording import join

ID = "unknown-method"


def check(subject: Subject) -> Iterator[Finding]:
    """Methods that are not among those of the path."""
    for request in subject.rule.requests:
        api = subject.apis.get(request.api)
        methods = () if api is None else api.methods(request.path)
        if methods and subject.operation(request) is None:
            said = f"the API has no {request.method} for '{request.path}'"
            yield subject.at((*request.pointer, "method")).error(ID, said, f"it has {join(methods, 'and')}")
