"""Rules as generators: which requests they ask for, and what they make of the answers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from engine.api.messages import Accept, Request, Response, RetryOverrides
from engine.config.model import Limits
from engine.errors import Stage, Undeliverable
from engine.events.event import Message
from engine.rules.plan import run
from tests.rules.making import ID, LIMITS, answer, event, finished, request, rule

LOOKUP = """
    vars:
      ref: "{{ event.payload.ref_id | trim }}"
    requests:
      - id: find
        method: GET
        path: /applied-controls/
        query: {ref_id: "{{ ref }}"}
        paginate: true
        expect:
          status: [200]
          that: "{{ find.items | length == 1 }}"
          message: "{{ find.items | length }} controls have ref_id {{ ref }}, 1 expected"
      - id: update
        for_each: "{{ find.items }}"
        as: control
        when: "{{ control.status != event.payload.status }}"
        method: PATCH
        path: /applied-controls/{{ control.id }}/
        body: {status: "{{ event.payload.status }}"}
"""
EACH = """
    requests:
      - id: each
        for_each: "{{ event.payload.rows }}"
        when: "{{ item.go }}"
        method: POST
        path: /rows/{{ item.id }}
        expect: {that: "{{ each.body.ok }}"}
      - id: after
        method: POST
        path: /after
        body: {each: "{{ each }}", statuses: "{{ each | rejectattr('skipped') | map(attribute='status') | list }}"}
"""


def pages(*bodies: Any, limits: Limits = LIMITS) -> tuple[list[Request], Undeliverable | Mapping[str, Any]]:
    """The requests of a paginated lookup that is answered by `bodies`, and the failure or the next request's body."""
    text = """
    requests:
      - {id: find, method: GET, path: /things/, query: {a: "1"}, paginate: true}
      - id: then
        method: POST
        path: /then/
        body: {items: "{{ find.items }}", first: "{{ find.body }}", status: "{{ find.status }}"}
    """
    plan = run(rule(text), event(), limits)
    asked = [next(plan)]
    try:
        for number, body in enumerate(bodies):
            asked.append(plan.send(Response(200 + number, {}, body)))
    except Undeliverable as error:
        return asked, error
    return asked[:-1], json.loads(asked[-1].body or b"")


def test_lookup_and_update() -> None:
    """A lookup's answer decides what is updated; the write carries the event's id."""
    plan = run(rule(LOOKUP), event({"ref_id": " A-1 ", "status": "active"}), LIMITS)
    first = next(plan)
    assert ("GET", "/applied-controls/", (("ref_id", "A-1"),), None) == (
        first.method,
        first.path,
        first.query,
        first.idempotency_key,
    )
    assert Accept(frozenset({200}), frozenset()) == first.accept
    second = plan.send(answer({"results": [{"id": "42", "status": "to_do"}], "next": None}))
    assert ("PATCH", "/applied-controls/42/", b'{"status":"active"}') == (second.method, second.path, second.body)
    assert "/applied-controls/{{ control.id }}/" == second.template
    assert ("application/json", frozenset({"status"})) == (second.media_type, second.fields)
    assert second.idempotency_key is not None
    assert second.idempotency_key.startswith(f"{ID}/update/")
    assert finished(plan, answer({}))


def test_nothing_to_do() -> None:
    """A request whose `when` is false is left out; the plan ends where nothing is left to send."""
    plan = run(rule(LOOKUP), event({"ref_id": "A-1", "status": "active"}), LIMITS)
    next(plan)
    assert finished(plan, answer({"results": [{"id": "42", "status": "active"}], "next": None}))


def test_expect_says_why() -> None:
    """A failed `expect.that` is a dead letter with the rule's own message and the answer's status."""
    plan = run(rule(LOOKUP), event({"ref_id": "A-1", "status": "active"}), LIMITS)
    next(plan)
    with pytest.raises(Undeliverable) as caught:
        plan.send(Response(200, {}, {"results": []}, attempts=3))
    error = caught.value
    assert (Stage.EXPECT, "find", 200, 3) == (error.stage, error.request_id, error.status, error.attempts)
    assert "0 controls have ref_id A-1, 1 expected" == str(error)


@pytest.mark.parametrize(
    ("that", "text"),
    [
        ("{{ request.body.ok }}", "request.expect.that is false"),
        ("{{ request.body.missing }}", "request.expect.that: request.body.missing is undefined"),
        ("{{ 'false' }}", "request.expect.that: must be true or false, not text"),
        ("{{ request.status == 201 }}", "request.expect.that is false"),
    ],
)
def test_an_answer_that_cannot_be_judged_is_not_as_expected(that: str, text: str) -> None:
    """Where the condition itself fails, the event is a dead letter of the same stage."""
    plan = run(rule(f'request: {{method: GET, path: /a, expect: {{that: "{that}"}}}}'), event(), LIMITS)
    next(plan)
    with pytest.raises(Undeliverable) as caught:
        plan.send(answer({"ok": False}))
    assert (Stage.EXPECT, text) == (caught.value.stage, str(caught.value))


def test_a_message_is_one_line() -> None:
    """The rule's message is told on one line, and its own failure is told in its place."""
    text = 'request: {method: GET, path: /a, expect: {that: "{{ false }}", message: "a\\n b {{ event.payload.x }}"}}'
    for payload, expected in (
        ({"x": "c\r\nd"}, "a b c d"),
        ({}, "request.expect.message: event.payload.x is undefined"),
    ):
        plan = run(rule(text), event(payload), LIMITS)
        next(plan)
        with pytest.raises(Undeliverable) as caught:
            plan.send(answer())
        assert expected == str(caught.value)


def test_responses_have_the_documented_fields() -> None:
    """A sent response has skipped, status, headers and body; `items` is the body's own field without `paginate`."""
    text = """
    requests:
      - {id: a, method: GET, path: /a}
      - id: b
        method: POST
        path: /b
        body:
          s: "{{ a.status }}"
          k: "{{ a.skipped }}"
          h: "{{ a.headers['x-id'] }}"
          b: "{{ a.body.items }}"
          i: "{{ a.items is defined }}"
    """
    plan = run(rule(text), event(), LIMITS)
    next(plan)
    second = plan.send(Response(201, {"x-id": "7"}, {"items": [1]}))
    assert b'{"s":201,"k":false,"h":"7","b":[1],"i":false}' == second.body


def test_a_skipped_response_has_nothing_else() -> None:
    """After a request was left out its id has `.skipped`, and anything else of it is undefined."""
    text = """
    requests:
      - {id: a, method: GET, path: /a, when: "{{ event.payload.go }}"}
      - {id: b, method: POST, path: /b, body: {s: "{{ a.skipped }}", t: "{{ a.status | default('none') }}"}}
      - {id: c, method: POST, path: "/c/{{ a.body.id }}"}
    """
    plan = run(rule(text), event({"go": False}), LIMITS)
    assert b'{"s":true,"t":"none"}' == next(plan).body
    with pytest.raises(Undeliverable, match=r"requests\[2\].path: a.body is undefined") as caught:
        plan.send(answer())
    assert (Stage.RENDER, "c") == (caught.value.stage, caught.value.request_id)


def test_for_each() -> None:
    """One request an item, one after the other; afterwards a list in order, with those that were left out."""
    rows = [{"id": 1, "go": True}, {"id": 2, "go": False}, {"id": 3, "go": True}]
    plan = run(rule(EACH), event({"rows": rows}), LIMITS)
    assert "/rows/1" == next(plan).path
    assert "/rows/3" == plan.send(answer({"ok": True}, 201)).path
    last = plan.send(answer({"ok": True}, 202))
    expected = (
        b'{"each":[{"skipped":false,"status":201,"headers":{},"body":{"ok":true}},{"skipped":true},'
        b'{"skipped":false,"status":202,"headers":{},"body":{"ok":true}}],"statuses":[201,202]}'
    )
    assert expected == last.body


def test_for_each_without_items() -> None:
    """An empty list makes no request and leaves an empty list."""
    plan = run(rule(EACH), event({"rows": []}), LIMITS)
    assert b'{"each":[],"statuses":[]}' == next(plan).body


@pytest.mark.parametrize(
    ("rows", "text"),
    [
        (None, "requests[0].for_each: must be a list, is null"),
        ({"a": 1}, "requests[0].for_each: must be a list, is a map"),
        ("abc", "requests[0].for_each: must be a list, is text"),
        ([{"id": 1, "go": True}] * 4, "requests[0].for_each: has 4 items, limits.items allows 3"),
    ],
)
def test_for_each_needs_a_list(rows: Any, text: str) -> None:
    """Anything but a list, and a list over the limit, is a permanent failure before anything is sent."""
    with pytest.raises(Undeliverable) as caught:
        next(run(rule(EACH), event({"rows": rows}), Limits(items=3)))
    assert (Stage.RENDER, text, "each") == (caught.value.stage, str(caught.value), caught.value.request_id)


def test_the_item_and_its_response_are_not_left_behind() -> None:
    """An item is there for its own request only, and an iteration does not see the response of the one before."""
    text = """
    requests:
      - {id: a, for_each: [1, 2], as: n, method: POST, path: /a, body: {seen: "{{ a is defined }}"}}
      - {id: b, method: POST, path: /b, body: {seen: "{{ n is defined }}"}}
    """
    plan = run(rule(text), event(), LIMITS)
    bodies = [next(plan).body, plan.send(answer()).body, plan.send(answer()).body]
    assert [b'{"seen":false}'] * 3 == bodies


def test_idempotency_keys() -> None:
    """A write's key is the event and the request; with `for_each` also what is written, never its index."""
    one = request("{id: a, method: POST, path: /a}")
    assert f"{ID}/a" == one.idempotency_key
    assert request("{id: a, method: GET, path: /a}").idempotency_key is None

    def keys(rows: list[Any]) -> list[str | None]:
        text = 'request: {id: a, for_each: "{{ event.payload.rows }}", method: PUT, path: "/x{{ item }}", body: {n: 1}}'
        plan = run(rule(text), event({"rows": rows}), LIMITS)
        return [next(plan).idempotency_key, *(plan.send(answer()).idempotency_key for _ in rows[1:])]

    forward, backward = keys(["x", "y", "z"]), keys(["z", "y", "x"])
    assert forward == backward[::-1]
    assert 3 == len(set(forward))
    assert all(key is not None and len(key) == len(f"{ID}/a/") + 16 for key in forward)


def test_pages() -> None:
    """`next` is handed on as it came; items are all results, the body is the first page, the status the last."""
    first, second = {"results": [1, 2], "next": "/api/things/?offset=2"}, {"results": [3], "next": None}
    asked, body = pages(first, second)
    assert [None, "/api/things/?offset=2"] == [one.next_link for one in asked]
    assert {"items": [1, 2, 3], "first": first, "status": 201} == body


@pytest.mark.parametrize(
    ("bodies", "text"),
    [
        ([[1, 2]], "is no page: `paginate` needs a map with a list `results`"),
        ([{"results": None}], "is no page: `paginate` needs a map with a list `results`"),
        ([{"results": [], "next": 5}], "is no page: `next` must be text, is a number"),
        (
            [{"results": [], "next": "/b"}, {"results": [], "next": "/b"}],
            "its `next` leads to a page that was read before",
        ),
        ([{"results": [1] * 6}], "has more items than limits.items allows (5)"),
        ([{"results": [1] * 5, "next": "/b"}, {"results": [1]}], "has more items than limits.items allows (5)"),
        ([{"results": [], "next": f"/{n}"} for n in range(4)], "has more pages than limits.pages allows (3)"),
    ],
)
def test_pages_that_do_not_end(bodies: list[Any], text: str) -> None:
    """A limit, a circle, or what is no page is a permanent failure, never a shorter list."""
    _, error = pages(*bodies, limits=Limits(items=5, pages=3))
    assert isinstance(error, Undeliverable)
    assert (Stage.EXPECT, f"the answer of find {text}", "find") == (error.stage, str(error), error.request_id)


def test_vars_see_those_before_them() -> None:
    """Vars are made in file order and keep their types."""
    text = """
    vars: {a: "{{ event.payload.n }}", b: "{{ a + 1 }}", c: {d: ["{{ b }}", x]}}
    request: {method: POST, path: /a, body: "{{ c }}"}
    """
    assert b'{"d":[2,"x"]}' == next(run(rule(text), event({"n": 1}), LIMITS)).body


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('{a: "{{ b }}", b: 1}', "vars.a: b is undefined"),
        ('{a: "{{ event.payload.nope }}"}', "vars.a: event.payload.nope is undefined"),
        ('{a: "{{ omit }}"}', "vars.a: is `omit`"),
        ('{a: {b: ["{{ 1 / 0 }}"]}}', "vars.a.b[0]: "),
    ],
)
def test_vars_that_fail(text: str, why: str) -> None:
    """A var that fails is a dead letter before the first request."""
    with pytest.raises(Undeliverable) as caught:
        next(run(rule(f"vars: {text}\nrequest: {{method: GET, path: /a}}"), event(), LIMITS))
    assert (Stage.RENDER, None) == (caught.value.stage, caught.value.request_id)
    assert str(caught.value).startswith(why)


def test_the_message() -> None:
    """`message` has where the record stands, its key as text, its headers, and its time as a date."""
    text = """
    request:
      method: POST
      path: /a
      body:
        where: ["{{ message.topic }}", "{{ message.partition }}", "{{ message.offset }}"]
        key: "{{ message.key }}"
        at: "{{ message.timestamp }}"
        h: "{{ message.headers.h }}"
    """
    expected = b'{"where":["observation",0,7],"key":"key","at":"2023-11-14T22:13:20+00:00","h":"two"}'
    assert expected == next(run(rule(text), event(), LIMITS)).body


def test_a_key_that_is_no_text_stays_bytes() -> None:
    """A key that is not UTF-8 is bytes, which JSON writes as base64; no key and no time are null."""
    text = 'request: {method: POST, path: /a, body: {k: "{{ message.key }}", t: "{{ message.timestamp }}"}}'
    for key, expected in ((b"\xff\x00", b'{"k":"/wA=","t":null}'), (None, b'{"k":null,"t":null}')):
        message = Message("t", 0, 0, key, b"", (("n", None),), None)
        assert expected == next(run(rule(text), event(message=message), LIMITS)).body


@pytest.mark.parametrize(
    ("order_by", "key", "expected"),
    [
        (None, b"k", "k"),
        (None, None, None),
        (None, b"\xff", b"\xff"),
        ("{{ event.payload.ref }}", b"k", "A-1"),
        ("{{ event.payload.none }}", b"k", "k"),
        ("{{ event.payload.none }}", None, None),
        ("{{ event.payload.n }}", b"k", "5"),
        ("{{ event.payload.ref }}/{{ event.payload.n }}", None, "A-1/5"),
        ("{{ message.key }}", b"k", "k"),
        ("{{ event.payload.raw }}", None, b"\xff"),
        ("all", b"k", "all"),
    ],
)
def test_ordering_keys(order_by: str | None, key: bytes | None, expected: str | bytes | None) -> None:
    """`order_by` gives the key, else the message's; what reads the same is the same key."""
    text = "request: {method: GET, path: /a}" + (f'\norder_by: "{order_by}"' if order_by else "")
    payload = {"ref": "A-1", "none": None, "n": 5, "raw": b"\xff"}
    found = rule(text).order_key(event(payload, Message("t", 0, 0, key, b"")))
    assert expected == found


@pytest.mark.parametrize("order_by", ["{{ event.payload.nope }}", "{{ omit }}", "{{ event.payload.none }}x"])
def test_an_ordering_key_that_fails(order_by: str) -> None:
    """An event whose key cannot be made is a dead letter of stage render."""
    with pytest.raises(Undeliverable, match="order_by: ") as caught:
        rule(f'order_by: "{order_by}"\nrequest: {{method: GET, path: /a}}').order_key(event({"none": None}))
    assert Stage.RENDER == caught.value.stage


@pytest.mark.parametrize(
    ("when", "expected"),
    [('"{{ event.payload.n == 1 }}"', True), ('"{{ event.payload.n > 1 }}"', False), ("false", False)],
)
def test_when(when: str, expected: bool) -> None:
    """A rule's `when` decides whether the event is carried out."""
    assert expected is rule(f"when: {when}\nrequest: {{method: GET, path: /a}}").applies(event({"n": 1}))


@pytest.mark.parametrize("when", ["{{ 'false' }}", "{{ event.payload.n }}", "{{ event.payload.nope }}", "{{ none }}"])
def test_when_must_be_a_boolean(when: str) -> None:
    """Anything but true and false is a failure, not a guess."""
    with pytest.raises(Undeliverable) as caught:
        rule(f'when: "{when}"\nrequest: {{method: GET, path: /a}}').applies(event({"n": 1}))
    assert Stage.RENDER == caught.value.stage


def test_retry_is_merged() -> None:
    """A request's `retry` wins over the rule's, key by key; durations are seconds."""
    text = """
    retry: {max_retries: 5, initial_delay: 500ms, restart: true}
    request: {method: GET, path: /a, timeout: 1m, api: other, retry: {max_retries: 1, statuses: [500]}}
    """
    made = rule(text)
    asked = next(run(made, event(), LIMITS))
    assert RetryOverrides(max_retries=1, initial_delay=0.5, statuses=frozenset({500})) == asked.retry
    assert (60.0, "other", True) == (asked.timeout, asked.api, made.restart)


def test_statuses() -> None:
    """Numbers and classes are what the client accepts; without `expect.status` any 2xx is."""
    accept = request("{method: GET, path: /a, expect: {status: [2xx, 404]}}").accept
    assert [True, True, False] == [status in accept for status in (204, 404, 400)]
    assert Accept() == request("{method: GET, path: /a}").accept
