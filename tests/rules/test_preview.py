"""What is known of a rule's requests before anything is answered."""

from __future__ import annotations

import pytest

from engine.errors import Stage, Undeliverable
from engine.rules.preview import Known, LeftOut, Open, preview
from tests.rules.making import ID, LIMITS, event, rule

RULE = """
vars: {ref: "{{ event.payload.ref }}"}
requests:
  - {id: find, method: GET, path: /things/, query: {ref: "{{ ref }}"}}
  - id: update
    for_each: "{{ find.body.results }}"
    as: thing
    when: "{{ thing.ok }}"
    method: PATCH
    path: /things/{{ thing.id }}/
    headers: {X-A: "{{ ref }}", X-B: null}
    body: {ref: "{{ ref }}", was: "{{ thing.ref }}", none: "{{ omit }}", list: [1, "{{ find.status }}"]}
  - {id: log, method: POST, path: "/log/{{ ref }}", body: "{{ ref }}"}
"""


def test_what_depends_on_an_answer_stays_as_written() -> None:
    """What is known is rendered, the rest stands as the rule has it, with the id of the request it waits for."""
    first, second, third = preview(rule(RULE), event({"ref": "A 1"}), LIMITS)
    assert isinstance(first, Known)
    assert (("ref", "A 1"),) == first.request.query
    assert isinstance(second, Open)
    assert (("find",), "/things/{{ thing.id }}/") == (second.needs, second.path)
    assert {"ref": "A 1", "was": "{{ thing.ref }}", "list": [1, "{{ find.status }}"]} == second.body
    assert ({"X-A": "A 1"}, "{{ find.body.results }}", "{{ thing.ok }}") == (
        second.headers,
        second.for_each,
        second.when,
    )
    assert isinstance(third, Known)
    assert ("/log/A%201", f"{ID}/log") == (third.request.path, third.request.idempotency_key)


def test_what_is_left_out_needs_no_answer() -> None:
    """A request that is left out is known, and so is what depends on it."""
    text = """
    requests:
      - {id: a, when: "{{ event.payload.go }}", method: GET, path: /a}
      - {id: b, method: POST, path: /b, body: {x: "{{ a.skipped }}"}}
      - {id: c, when: "{{ b.status == 200 }}", method: POST, path: /c}
    """
    first, second, third = preview(rule(text), event({"go": False}), LIMITS)
    assert isinstance(first, LeftOut)
    assert isinstance(second, Known)
    assert b'{"x":true}' == second.request.body
    assert isinstance(third, Open)
    assert (("b",), "{{ b.status == 200 }}") == (third.needs, third.when)


def test_items_of_a_known_list() -> None:
    """A list that the event gives makes one sight an item."""
    text = 'request: {for_each: "{{ event.payload.rows }}", when: "{{ item > 1 }}", method: PUT, path: "/a/{{ item }}"}'
    sights = list(preview(rule(text), event({"rows": [1, 2]}), LIMITS))
    assert [LeftOut, Known] == [type(sight) for sight in sights]
    assert [1, 2] == [sight.number for sight in sights if not isinstance(sight, Open)]


def test_failures_are_those_of_the_run() -> None:
    """A template that fails without any answer fails here too."""
    with pytest.raises(Undeliverable) as caught:
        list(preview(rule('request: {method: GET, path: "/a/{{ event.payload.nope }}"}'), event(), LIMITS))
    assert Stage.RENDER == caught.value.stage
