"""A field that a response does not have. It has `status`, `headers`, `body`, `skipped`; `items` with `paginate: true`
only. After a `for_each` the name is a list of responses.

Wrong:

    request: {id: find, method: GET, path: /assets/, expect: {that: "{{ find.items | length == 1 }}"}}

Right:

    request: {id: find, method: GET, path: /assets/, paginate: true, expect: {that: "{{ find.items | length == 1 }}"}}
"""

from __future__ import annotations

from collections.abc import Iterator

from engine.checks.expressions import fields
from engine.checks.subject import Subject
from engine.findings import Finding, suggest
from engine.rules.model import RequestRule
from engine.rules.scope import Kind

ID = "response-field"

_FIELDS = ("status", "headers", "body", "skipped")


def check(subject: Subject) -> Iterator[Finding]:
    """`find.x` for a response `find` that has no `x`."""
    for place in subject.places:
        names = {name: place.names[name] for name in place.template.names & place.names.keys()}
        if not any(known.kind in (Kind.RESPONSE, Kind.RESPONSES) for known in names.values()):
            continue
        for name, field, node in subject.of(fields, place):
            known = names.get(name)
            if known is None or known.request is None:
                continue
            if known.kind is Kind.RESPONSE and (wrong := _of_response(known.request, field)):
                yield subject.token(place, node).error(ID, *wrong)
            elif known.kind is Kind.RESPONSES and isinstance(field, str):
                said = f"'{name}' is a list here, one response for each item, and has no '{field}'"
                yield subject.token(place, node).error(ID, said)


def _of_response(request: RequestRule, field: str | int) -> tuple[str, str] | None:
    """What is wrong with the field, and the remedy; None where it exists."""
    known = (*_FIELDS, "items") if request.paginate else _FIELDS
    if field in known:
        return None
    if field == "items":
        return f"'{request.id}' has no 'items' without `paginate: true`", "add `paginate: true`, or use the body"
    if isinstance(field, int):
        return f"'{request.id}' is a response, not a list", f"write {request.id}.body[{field}]"
    near = suggest(field, known)
    return f"a response has no '{field}'", f"did you mean '{near}'?" if near else f"it has {', '.join(known)}"
