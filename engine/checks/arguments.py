"""Filters and tests called with arguments that they do not take, and names of filters and tests given as text.

Wrong:

    body: {name: "{{ event.name | replace('-') }}"}

Right:

    body: {name: "{{ event.name | replace('-', '_') }}"}
"""

from __future__ import annotations

from collections.abc import Iterator

from engine.checks.calls import calls, wrong_arguments
from engine.checks.subject import Subject
from engine.findings import Finding, suggest
from engine.rules.filters import INTERNAL

ID = "filter-arguments"


def check(subject: Subject) -> Iterator[Finding]:
    """Wrong numbers and unknown keywords of arguments."""
    for place in subject.places:
        for call in subject.of(calls, place):
            wrong = wrong_arguments(call)
            if wrong:
                yield subject.inside(place, *call.place).error(ID, wrong)


def check_names(subject: Subject) -> Iterator[Finding]:
    """Unknown filters in `map('...')`, unknown tests in `select('...')`, `selectattr('x', '...')` and the like."""
    sandbox = subject.rule.sandbox.sandbox
    known = {"filter": sandbox.filters.keys() - INTERNAL, "test": sandbox.tests.keys() - INTERNAL}
    for place in subject.places:
        for named in (call.names for call in subject.of(calls, place) if call.names is not None):
            if named.name in known[named.kind]:
                continue
            near = suggest(named.name, sorted(known[named.kind]))
            said = f"'{named.name}' is not a {named.kind} that a rule may use"
            remedy = f"did you mean '{near}'?" if near else ""
            yield subject.inside(place, *named.place).error(f"unknown-{named.kind}", said, remedy)
