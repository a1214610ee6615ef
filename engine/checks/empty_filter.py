"""A query value that is visibly possibly empty: the event is then a dead letter, as the engine sends no empty filter.

Wrong:

    query: {ref_id: "{{ event.ref_id or '' }}"}

Right:

    query: {ref_id: "{{ event.ref_id or omit }}"}
"""

from __future__ import annotations

from collections.abc import Iterator

from engine.checks.expressions import constant, results
from engine.checks.subject import Subject, expressions
from engine.findings import Finding

ID = "empty-filter"


def check(subject: Subject) -> Iterator[Finding]:
    """`or ''`, `default('', true)`, `else ''` and the like in `query`, unless the request says `allow_empty: true`."""
    for place, expression in expressions(subject, "query"):
        values = list(results(expression))
        empty = next((value for value in values if constant(value) in ("", None, [])), None)
        allowed = place.request is not None and place.request.allow_empty
        if empty is not None and len(values) > 1 and not allowed:
            said = "the filter may be empty, and the event is then a dead letter"
            remedy = "write `omit` in its place to leave the filter out, or say `allow_empty: true`"
            yield subject.token(place, empty).warning(ID, said, remedy)
