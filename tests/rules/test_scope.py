"""Which template sees which names."""

from __future__ import annotations

from engine.rules.sandbox import GLOBALS
from engine.rules.scope import Kind, Place, places
from tests.rules.making import rule

RULE = """
order_by: "{{ event.a }}"
when: "{{ event.b }}"
vars:
  v: "{{ event.v }}"
  w: "{{ v }}"
requests:
  - id: one
    method: GET
    path: /a/{{ w }}
    expect: {that: "{{ one.status == 200 }}"}
  - id: many
    for_each: "{{ one.body }}"
    as: row
    when: "{{ row.ok }}"
    method: POST
    path: /b
    body: {x: "{{ row }}"}
    expect: {that: "{{ many.status == 200 }}", message: "{{ many }}"}
  - id: last
    method: POST
    path: /c
    body: {x: "{{ many }}"}
"""
ENGINE = {"event", "message", "omit", *GLOBALS}


def seen() -> dict[str, Place]:
    """The places of the rule by their templates' places."""
    return {place.template.place: place for place in places(rule(RULE))}


def test_names_in_scope() -> None:
    """Vars see those above them, requests all vars and earlier responses, `expect` its own response too."""
    names = {place: set(one.names) - ENGINE for place, one in seen().items()}
    assert {
        "order_by": set(),
        "when": set(),
        "vars.v": set(),
        "vars.w": {"v"},
        "requests[0].path": {"v", "w"},
        "requests[0].expect.that": {"v", "w", "one"},
        "requests[1].for_each": {"v", "w", "one"},
        "requests[1].when": {"v", "w", "one", "row"},
        "requests[1].body.x": {"v", "w", "one", "row"},
        "requests[1].expect.that": {"v", "w", "one", "row", "many"},
        "requests[1].expect.message": {"v", "w", "one", "row", "many"},
        "requests[2].body.x": {"v", "w", "one", "many"},
    } == names
    assert all(set(one.names) >= ENGINE for one in seen().values())


def test_what_a_name_stands_for() -> None:
    """With `for_each` the id is one response in its own `expect` and a list afterwards."""
    place = seen()
    assert Kind.RESPONSE is place["requests[1].expect.that"].names["many"].kind
    assert Kind.RESPONSES is place["requests[2].body.x"].names["many"].kind
    assert Kind.ITEM is place["requests[1].body.x"].names["row"].kind
    assert ("vars", "v") == place["requests[0].path"].names["v"].pointer


def test_why_a_name_is_hidden() -> None:
    """Every name of the rule that is not in scope has a reason."""
    place = seen()
    assert "the request 'one' has not run yet here" == place["vars.w"].hidden["one"]
    assert "a var sees only those above it, not 'w'" == place["vars.w"].hidden["w"]
    assert "in its own `expect` and in later requests only" in place["requests[0].path"].hidden["one"]
    assert "the request 'last' has not run yet here" == place["requests[1].expect.that"].hidden["last"]
    assert "'row' is the item of the request 'many' only" == place["requests[2].body.x"].hidden["row"]
    assert "so it cannot use it" in place["requests[1].for_each"].hidden["row"]
    assert "'item' is there with `for_each` only" == place["requests[2].body.x"].hidden["item"]


def test_nothing_is_both_hidden_and_in_scope() -> None:
    """A name is seen or hidden, never both."""
    assert [] == [(key, one) for key, one in seen().items() if set(one.names) & set(one.hidden)]
