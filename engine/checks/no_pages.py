"""`paginate` where the API's document has no pages: the engine needs a mapping with a list `results`.

Wrong:

    request: {method: GET, path: "/assets/{{ event.id }}/", paginate: true}

Right:

    request: {method: GET, path: /assets/, query: {name: "{{ event.name }}"}, paginate: true}
"""

from __future__ import annotations

from collections.abc import Iterator

from engine.checks.slots import operations
from engine.checks.subject import Subject
from engine.findings import Finding
from engine.typing.model import Record, Type, Unknown, members

ID = "no-pages"


def check(subject: Subject) -> Iterator[Finding]:
    """`paginate: true` where no accepted answer has `results`."""
    for request, operation in operations(subject):
        if not request.paginate:
            continue
        accept = request.expect.accept
        body = subject.apis[request.api].answer(operation, accept.codes, accept.classes)
        if not any(_may_be_page(one) for one in members(body)):
            said = f"GET {request.path} answers no pages: the document has no list `results`"
            yield subject.at((*request.pointer, "paginate")).error(ID, said, "leave `paginate` away and use the body")


def _may_be_page(body: Type) -> bool:
    if isinstance(body, Record):
        return body.open or "results" in body.fields
    return isinstance(body, Unknown)
