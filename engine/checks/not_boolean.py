"""A condition that gives something else than true or false. Text such as "false" would count as true elsewhere; here
it is an error for every event.

Wrong:

    when: "{{ event.names | length }}"

Right:

    when: "{{ event.names | length > 0 }}"
"""

from __future__ import annotations

from collections.abc import Iterator

from engine.checks.expressions import kind, results
from engine.checks.subject import Subject, expressions
from engine.findings import Finding
from engine.rules.scope import Place
from engine.typing.flaws import FlawKind

ID = "not-boolean"


def check(subject: Subject) -> Iterator[Finding]:
    """`when` and `that` whose value is no boolean, visibly or by its type, in some branch at least."""
    for place, expression in expressions(subject, "when", "that"):
        for result in results(expression):
            found = kind(result)
            if found not in (None, "a boolean"):
                said = f"must be true or false, but this is {found}"
                yield subject.token(place, result).error(ID, said, _REMEDY.get(found, ""))
                break
        else:
            yield from _by_types(subject, place)


def _by_types(subject: Subject, place: Place) -> Iterator[Finding]:
    for fault, spot in subject.faults(FlawKind.NOT_BOOLEAN):
        if fault.template is place.template:
            yield spot.fault(ID, fault)


_REMEDY = {
    "a number": "compare it: ... > 0",
    "a list": "count it: ... | length > 0",
    "text": "compare it: ... == 'text'",
}
