"""The types of expressions."""

from __future__ import annotations

import pytest

from engine.typing import model
from engine.typing.filters import SIGNATURES
from engine.typing.rule import typed
from tests.typing.making import EVENTS, SANDBOX, body

P = "event.payload."


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (P + "name", "text"),
        (P + "description", "text or null"),
        (P + "description or 'x'", "text"),
        (P + "description or none", "text or null"),
        (P + "description | default('x')", "text or null"),
        (P + "description | default('x', true)", "text"),
        (P + "description | required('needed')", "text"),
        (P + "owner or 5", "a record or an integer"),
        (P + "severity + 1", "an integer"),
        (P + "severity / 2", "a number"),
        (P + "cost * 2", "a decimal"),
        (P + "name ~ 5", "text"),
        (P + "tags + ['x']", "a list"),
        (P + "tags[0]", "text"),
        (P + "tags | first", "text"),
        (P + "tags | length", "an integer"),
        (P + "labels.any", "text"),
        (P + "assets[0].id", "a UUID"),
        (P + "assets | map(attribute='score') | first", "a number or null"),
        (P + "assets | selectattr('score') | map(attribute='score') | first", "a number"),
        (P + "assets | rejectattr('score', 'none') | map(attribute='score') | first", "a number"),
        (P + "notes | default([], true) | select | first", "text"),
        (P + "reported_on", "a date or null"),
        (P + "name | int", "an integer"),
        (P + "name | int('x')", "an integer or text"),
        (P + "urgent and " + P + "name", "a boolean or text"),
        ("'x' if " + P + "urgent else 5", "text or an integer"),
        ("'x' if " + P + "urgent", "text"),
        ("omit if " + P + "urgent else 5", "omit or an integer"),
        ("[1, 2]", "a list"),
        ("{'a': 1}.a", "an integer"),
        ("{'a': 1, 'b': 'x'}['b']", "text"),
        ("range(3) | first", "an integer"),
        ("message.timestamp", "a datetime"),
        ("message.headers.x", "text"),
        ("nobody", "anything"),
        (P + "nothing", "anything"),
        (P + "name == 5", "anything"),
        ("not " + P + "name", "a boolean"),
        (P + "place", "text or an integer"),
        ("(" + P + "place if " + P + "place is string else 5)", "text or an integer"),
    ],
)
def test_type(source: str, expected: str) -> None:
    """What the value of an expression may be; what is faulty may be anything."""
    made = body("{{ " + source + " }}")
    found = typed(made, EVENTS.covered("incident_reported", (1,), ()))
    assert expected == model.describe(found.of(("request", "body", "x"))[1])


@pytest.mark.parametrize(
    ("source", "symbols"),
    [
        ("{{ event.payload.status | upper }}", ("NEW", "ONGOING", "RESOLVED", "CLOSED")),
        ("{{ event.payload.priority | default('none', true) }}", ("low", "high", "none")),
        ("{{ 'a' if event.payload.status == 'new' else 'b' }}", ("a", "b")),
        ("{{ {'low': 'x', 'high': 'y'}[event.payload.priority or 'low'] }}", ("x", "y")),
        ("{{ event.payload.status | replace('new', 'old') }}", ("old", "ongoing", "resolved", "closed")),
        (
            "{{ event.payload.status if event.payload.status not in ['new', 'closed'] else 'x' }}",
            ("ongoing", "resolved", "x"),
        ),
        ("{{ event.payload.name }}", None),
    ],
)
def test_symbols(source: str, symbols: tuple[str, ...] | None) -> None:
    """All values that an expression can have, where they are known."""
    found = typed(body(source), EVENTS.covered("incident_reported", (1,), ()))
    assert symbols == model.symbols(found.of(("request", "body", "x"))[1])


def test_every_filter_has_a_signature() -> None:
    """Whatever a rule may use is in the table; `default` and `required` take anything."""
    from engine.rules.filters import INTERNAL

    assert SANDBOX.sandbox.filters.keys() - INTERNAL - {"default", "d", "required"} == SIGNATURES.keys()
