"""`omit` where there is nothing to leave out: it stands for a key or list element of `body`, `query` and `headers`.

Wrong:

    path: /assets/{{ event.id or omit }}/

Right:

    query: {id: "{{ event.id or omit }}"}
"""

from __future__ import annotations

from collections.abc import Iterator

from engine.checks.expressions import is_name, results
from engine.checks.subject import Subject
from engine.findings import Finding
from engine.rules.scope import Place
from engine.rules.syntax import whole_expression

ID = "misplaced-omit"

_KEYED = frozenset({"query", "headers", "body"})
_HOLDS_VALUES = _KEYED | {"vars", "for_each"}


def check(subject: Subject) -> Iterator[Finding]:
    """`omit` inside text, in a path or condition, as a var, or as a whole body or query."""
    for place in subject.places:
        if "omit" not in place.template.names or _is_fine(place):
            continue
        if spot := subject.use(place, "omit"):
            yield spot.error(ID, "`omit` can only stand for a key or a list element of body, query or headers")


def _is_fine(place: Place) -> bool:
    expression = whole_expression(place.template.ast())
    if expression is None or place.role not in _HOLDS_VALUES:
        return False
    if place.role in _KEYED and place.template.pointer[-1] != place.role:
        return True
    return not any(is_name(result, "omit") for result in results(expression))
