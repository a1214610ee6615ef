"""A query value that is empty as it stands. Many APIs, CISO Assistant among them, answer an empty filter with the whole
list; a write for each hit would then change every object. The engine refuses such a request.

Wrong:

    query: {ref_id: ""}

Right:

    query: {ref_id: "{{ event.ref_id }}"}
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from engine.checks.expressions import constant
from engine.checks.subject import Subject, expressions
from engine.documents import Pointer
from engine.findings import Finding

ID = "empty-query"

_SAID = "is empty, and many APIs answer an empty filter with the whole list"
_REMEDY = "leave it away, write `omit`, or say `allow_empty: true`"


def check(subject: Subject) -> Iterator[Finding]:
    """Constant null, empty text and empty lists in `query`, unless the request says `allow_empty: true`."""
    for request in subject.rule.requests:
        query = subject.written(request.pointer).get("query")
        if isinstance(query, dict) and not request.allow_empty:
            for pointer in _empty(query, (*request.pointer, "query")):
                yield subject.at(pointer).error(ID, _SAID, _REMEDY)
    for place, expression in expressions(subject, "query"):
        if constant(expression) in ("", None, []) and place.request is not None and not place.request.allow_empty:
            yield subject.token(place, expression).error(ID, _SAID, _REMEDY)


def _empty(query: dict[str, Any], at: Pointer) -> Iterator[Pointer]:
    for name, value in query.items():
        if value in ("", None, []):
            yield (*at, name)
        elif isinstance(value, list):
            yield from ((*at, name, index) for index, one in enumerate(value) if one in ("", None))
