"""Whatever an event or an answer holds: a request, or one kind of failure."""

from __future__ import annotations

import datetime as dt
import json
import random
from decimal import Decimal
from typing import Any
from urllib.parse import unquote
from uuid import UUID

import pytest

from engine.config.model import Limits
from engine.errors import Undeliverable
from engine.rules.plan import run
from tests.rules.making import answer, event, rule

RULE = """
order_by: "{{ event.payload.a }}/{{ event.payload.b }}"
when: "{{ event.payload.a is defined }}"
vars:
  v: "{{ event.payload.b | default('x', true) }}"
  w: "{{ [event.payload.a, v] | map('string') | join('-') | upper }}"
requests:
  - id: find
    method: GET
    path: /a/{{ event.payload.a }}/
    query: {q: "{{ v }}", r: "{{ event.payload.c | default(omit) }}"}
    headers: {X-A: "{{ event.payload.d | default(none) }}"}
    paginate: true
    expect: {that: "{{ find.items | length >= 0 }}", message: "{{ find.items }}"}
  - id: each
    for_each: "{{ find.items }}"
    when: "{{ item.go | default(true) }}"
    method: POST
    path: /b/{{ item.id | default('x') }}
    body: {all: "{{ event.payload }}", item: "{{ item }}", text: "t{{ event.payload.c | default('') }}"}
  - id: form
    method: POST
    path: /c/
    encoding: form
    body: "{{ event.payload }}"
"""
TEXTS = [
    "",
    " ",
    "..",
    "/",
    "a/b",
    "\\",
    "?",
    "#",
    "%",
    "%2e",
    "\0",
    "\r\n",
    "ü",
    "\ud800",
    "😀",
    "{{ 1 }}",
    "a" * 3000,
    ".",
]
SCALARS: list[Any] = [
    None, True, False, 0, -1, 2**63, 2**64, 10**400, 1.5, float("nan"), float("inf"), b"", b"\xff\x00",
    Decimal("1.1"), Decimal("NaN"), Decimal("1E+99999"), dt.datetime(1, 1, 1), dt.date(9999, 12, 31), dt.time(0),
    UUID(int=0), object(), {1}, *TEXTS,
]  # fmt: skip


def anything(chance: random.Random, depth: int = 0) -> Any:
    """Some value, nested now and then."""
    kind = chance.random()
    if depth < 3 and kind < 0.15:
        return [anything(chance, depth + 1) for _ in range(chance.randrange(4))]
    if depth < 3 and kind < 0.3:
        return {chance.choice(TEXTS): anything(chance, depth + 1) for _ in range(chance.randrange(4))}
    return chance.choice(SCALARS)


def field(chance: random.Random) -> Any:
    """Some value, often an ordinary one, so that plans get further than their first template."""
    return chance.choice(["x", 7, "A-1"]) if chance.random() < 0.6 else anything(chance)


def page(chance: random.Random) -> Any:
    """An answer that is often a page."""
    if chance.random() < 0.1:
        return anything(chance)
    results = [{"id": field(chance), "go": chance.random() < 0.8} for _ in range(chance.randrange(4))]
    return {"results": results, "next": chance.choice([None, None, "/p?2", "/p?3", 5])}


@pytest.mark.parametrize("seed", range(40))
def test_nothing_but_requests_and_failures(seed: int) -> None:
    """Every event ends as requests that are sound, or as Undeliverable; nothing else escapes."""
    chance = random.Random(seed)
    made = rule(RULE)
    sent = 0
    for _ in range(50):
        payload = {name: field(chance) for name in "abcd" if chance.random() < 0.9}
        happening = event(payload)
        try:
            made.order_key(happening)
            made.applies(happening)
            plan = run(made, happening, Limits(items=5, pages=4))
            request = next(plan)
            while True:
                assert_sound(request)
                sent += 1
                request = plan.send(answer(page(chance)))
        except StopIteration:
            continue
        except Undeliverable as error:
            lines = str(error).splitlines()
            assert 1 == len(lines)
    assert sent > 30


def assert_sound(request: Any) -> None:
    """The path has the rule's own number of segments, headers are one line, JSON is JSON."""
    assert request.path.isascii()
    assert unquote(request.path).count("/") == request.template.count("/")
    assert not {".", ".."} & set(unquote(request.path).split("/"))
    assert all(not set(value) & set("\r\n\0") for _, value in request.headers)
    assert all(value for _, value in request.query)
    for name, value in (*request.query, *request.headers):
        (name + value).encode()
    if request.media_type == "application/json":
        json.loads(request.body, parse_constant=pytest.fail)
