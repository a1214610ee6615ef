"""A `when` that is never true: the rule, or the request, does nothing.

Wrong:

    when: "{{ false }}"

Right:

    when: "{{ event.enabled }}"
"""

from __future__ import annotations

from collections.abc import Iterator

from engine.checks.expressions import constant, results
from engine.checks.subject import Subject, expressions
from engine.documents import Pointer
from engine.findings import Finding
from engine.rules.model import Condition
from engine.typing.flaws import FlawKind

ID = "never-true"


def check(subject: Subject) -> Iterator[Finding]:
    """Every `when` that is false as it stands, or for every event by the types of its values."""
    whens: list[tuple[Pointer, Condition]] = [(("when",), subject.rule.when)]
    whens += [((*request.pointer, "when"), request.when) for request in subject.rule.requests]
    for pointer, when in whens:
        if when is False:
            yield subject.at(pointer).warning(ID, "is never true")
    for place, expression in expressions(subject, "when"):
        values = list(results(expression))
        if all(constant(value) is False for value in values):
            yield subject.token(place, values[0]).warning(ID, "is never true")
            continue
        for fault, spot in subject.faults(FlawKind.NEVER):
            if fault.template is place.template:
                yield spot.fault(ID, fault)
