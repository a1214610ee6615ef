"""What is found without an event, held against what happens with many."""

from __future__ import annotations

import random

import pytest

from engine.checks.calls import FILTERS
from engine.rules.model import Rule
from engine.rules.parts import Fields, Single
from engine.rules.templates import RenderFailed, Template
from engine.typing.flaws import FlawKind
from engine.typing.rule import typed
from tests.typing.making import EVENTS, body, events

P = "event.payload."
SAMPLES = {version: list(events(version, 80)) for version in (1, 2)}

CONDITIONS = [
    P + "description is not none",
    P + "description is none",
    P + "description",
    f"not {P}description",
    P + "description == 'abc'",
    P + "description != none",
    P + "description is string",
    P + "priority == 'low'",
    P + "priority != 'low'",
    P + "priority in ['low', 'high']",
    P + "priority not in ['low']",
    P + "urgent",
    P + "confirmed is true",
    P + "severity > 0",
    f"({P}description or '') | length > 0",
    P + "description | default('', true) | trim",
    P + "description | default(none) is not none",
    f"{P}owner is not none and {P}owner.email",
    P + "owner",
]
VALUES = [
    P + "description",
    P + "description | trim",
    P + "priority | upper",
    P + "owner.name",
    P + "owner.email",
    P + "confirmed",
    P + "description or 'x'",
    "'x'",
]
PARTICULAR = {
    "attr", "batch", "format", "groupby", "map", "reject", "rejectattr", "replace", "required", "select", "selectattr",
    "slice", "urlencode",
}  # fmt: skip
"""Filters that need arguments, fail on purpose, take null for an empty list, or are choosy about elements."""

FAILS_BY_VALUE = {"b64decode", "isoformat", "filesizeformat", "int", "float"}
"""Filters that text fails for by what it says, which no type knows."""


def template(rule: Rule) -> Template:
    """The one template of a rule made by `body`."""
    sent = rule.requests[0].body
    assert isinstance(sent, Fields)
    part = sent.items[0][1]
    assert isinstance(part, Single)
    return part.template


def failures(rule: Rule, version: int) -> list[str]:
    """Why the template cannot be rendered, for each event for which it cannot."""
    found = []
    for event in SAMPLES[version]:
        names = rule.sandbox.names()
        names["event"] = event
        try:
            template(rule).value(rule.sandbox.scope(names))
        except RenderFailed as error:
            found.append(str(error))
    return found


def flaws(rule: Rule, *versions: int) -> list[tuple[FlawKind, str]]:
    """What is found in it."""
    found = typed(rule, EVENTS.covered("incident_reported", versions, ()))
    return [(fault.flaw.kind, fault.flaw.said) for fault in found.faults]


def condition(chance: random.Random, depth: int = 2) -> str:
    """A random condition."""
    kind = chance.random()
    if depth == 0 or kind < 0.35:
        return chance.choice(CONDITIONS)
    if kind < 0.6:
        return f"({condition(chance, depth - 1)} and {condition(chance, depth - 1)})"
    if kind < 0.85:
        return f"({condition(chance, depth - 1)} or {condition(chance, depth - 1)})"
    return f"not ({condition(chance, depth - 1)})"


def random_template(chance: random.Random) -> str:
    """Text with a value that conditions guard, or do not."""
    first, second, third = (chance.choice(VALUES) for _ in range(3))
    if chance.random() < 0.6:
        return f"a{{{{ {first} if {condition(chance)} else {second} }}}}"
    branches = f"{{% elif {condition(chance, 1)} %}}{{{{ {second} }}}}{{% else %}}{{{{ {third} }}}}{{% endif %}}"
    return f"{{% if {condition(chance)} %}}{{{{ {first} }}}}{branches}"


@pytest.mark.parametrize("seed", range(60))
def test_what_may_be_null(seed: int) -> None:
    """A template that fails for some event, which can only be for a null, has the finding."""
    rule = body(random_template(random.Random(seed)))
    if failures(rule, 1):
        assert FlawKind.NULLABLE in {kind for kind, _ in flaws(rule, 1)}


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("guard", CONDITIONS)
def test_what_is_guarded(guard: str, value: str) -> None:
    """A value behind one condition has the finding if, and only if, it fails for some event."""
    rule = body(f"a{{{{ {value} if {guard} else '' }}}}")
    found = {kind for kind, _ in flaws(rule, 1)}
    assert ({FlawKind.NULLABLE} if failures(rule, 1) else set()) == found


@pytest.mark.parametrize("seed", range(40))
def test_what_is_never_taken(seed: int) -> None:
    """A branch that is said never to be taken is taken by no event."""
    rule = body(f"{{{{ 1 if {condition(random.Random(seed))} else 2 }}}}")
    values = set()
    for event in SAMPLES[1]:
        names = rule.sandbox.names()
        names["event"] = event
        values.add(template(rule).value(rule.sandbox.scope(names)))
    for kind, said in flaws(rule, 1):
        assert FlawKind.UNREACHABLE is kind
        assert ("never true" in said and values == {2}) or ("always true" in said and values == {1})


@pytest.mark.parametrize("name", sorted(FILTERS.keys() - PARTICULAR))
@pytest.mark.parametrize("field", ["description", "severity", "tags", "owner", "assets", "detected_at", "urgent"])
def test_filters(field: str, name: str) -> None:
    """A filter that fails for some event is found, and one that is found as null fails for some."""
    rule = body(f"{{{{ {P}{field} | {name} }}}}")
    found, failed = flaws(rule, 1), failures(rule, 1)
    kinds = {kind for kind, _ in found}
    if failed and name not in FAILS_BY_VALUE and not any("nothing to take it from" in why for why in failed):
        assert kinds
    if FlawKind.NULLABLE in kinds:
        assert failed


@pytest.mark.parametrize(
    ("source", "failing"),
    [
        ("{{ event.payload.impact }}", {1}),
        ("{{ event.payload.ratio }}", {2}),
        ("{{ event.payload.impact | default(none) }}", set()),
        ("{{ event.payload.impact if event.version == 2 else 0 }}", set()),
        ("{{ event.payload.impact if event.version == 1 else 0 }}", {1}),
        ("{{ event.payload.impact if event.payload.impact is defined else 0 }}", set()),
        ("{{ event.payload.ratio if event.payload.impact is undefined else 0 }}", set()),
        ("{% if event.version > 1 %}{{ event.payload.impact }}{% else %}{{ event.payload.ratio }}{% endif %}", set()),
        ("a{{ event.payload.folder }}", {1}),
        ("{{ event.version < 2 and event.payload.ratio > 1 }}", set()),
    ],
)
def test_versions(source: str, failing: set[int]) -> None:
    """What is found for a version fails for its events, and for no other's."""
    rule = body(source, "[1, 2]")
    found = typed(rule, EVENTS.covered("incident_reported", (1, 2), ()))
    assert failing == {version for version in (1, 2) if failures(rule, version)}
    assert failing == {version for fault in found.faults for version in fault.versions}
