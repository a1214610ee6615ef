"""A dry run says what a replay would send first, and what would fail before that."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import orjson

from engine.config.model import Api, Config, Events
from engine.deadletters.gathering import Gathering
from engine.deadletters.preparation import Preparation
from engine.deadletters.rehearsal import GONE, Rehearsal, Rehearsed
from engine.deadletters.selection import LEFT, Selection
from engine.deadletters.standing import Newest
from engine.errors import Stage, Undeliverable
from engine.events.event import Event, Message
from engine.rules.book import Book
from engine.stream.reader import Place
from engine.stream.state import State
from tests.deadletters.making import record
from tests.rules.making import event, loaded, rule

TWO = rule(
    """
    when: "{{ event.payload.wanted }}"
    requests:
      - {id: one, method: POST, path: /applied-controls/, body: {name: "{{ event.payload.name }}"}}
      - {id: two, method: POST, path: /applied-controls/, body: {name: "{{ one.body.id }}"}}
    """
)
FILTER = loaded("event_type: other\nrequest: {method: GET, path: /applied-controls/, query: {refid: a}}")[0][0]
DOCUMENT = Path(__file__).parents[2] / "schemas" / "ciso-assistant.openapi.json"
ANSWER = {"id": "one", "status": 201, "body": {"id": 1}}


async def _decode(message: Message) -> Event:
    data = orjson.loads(message.value or b"")
    if not data:
        raise Undeliverable(Stage.DECODE, f"nothing at byte {message.offset}")
    found = event(data, message)
    kind = data.get("kind", "changed")
    return Event(found.id, kind, 1, found.record, message)


async def _rehearse(
    *records: Message, unknown: Any = "dead", gone: int | None = None
) -> tuple[Rehearsal, list[Rehearsed]]:
    config = Config(events=Events(unknown_type=unknown), api=Api(openapi=DOCUMENT))
    state, book = State(), Book([TWO, FILTER])
    newest, gathering = Newest(state, Selection(states=LEFT)), Gathering("observation", state, None)
    gathering.take(newest.lines([found for one in records if (found := newest.parse(one)) is not None]))

    def load(places: Iterable[Place]) -> Mapping[Place, Message]:
        known = {Place(one.partition, one.offset): one for one in records}
        return {place: known[place] for place in places if place.offset != gone}

    preparation = Preparation(_decode, lambda _: None, book, gathering, newest, state)
    rehearsal = Rehearsal(config, book, load, preparation, from_start=False)
    return rehearsal, [one async for one in rehearsal.run(gathering)]


def _record(offset: int, value: dict[str, Any], **more: Any) -> Message:
    return record(offset, value=orjson.dumps(value), place=Place(0, offset), **more)


WANTED = {"wanted": True, "name": "a"}


async def test_it_says_what_would_be_sent_first() -> None:
    """Where it goes on, where it begins anew and which writes are repeated, what its rule skips."""
    rehearsal, found = await _rehearse(
        _record(1, WANTED, rule=TWO, request="two", answers=(ANSWER,)),
        _record(2, WANTED, rule=FILTER, request="two", answers=(ANSWER,)),
        _record(3, WANTED, rule=TWO, request="one"),
        _record(4, {"wanted": False}, rule=TWO),
    )
    assert [
        ("a", "two: POST /applied-controls/", "resumed after 1 answer"),
        ("a", "one: POST /applied-controls/", "from the start: the rule has changed; sent again: one"),
        ("a", "one: POST /applied-controls/", "from the start"),
        ("a", "-", "skipped: the rule's `when` is false"),
    ] == [tuple(one.kind) for one in found]
    assert (0, 4) == (rehearsal.failing, sum(rehearsal.kinds.values()))


async def test_it_says_what_would_fail_again() -> None:
    """Without sending anything: bytes, routes, templates, and what the API's document does not know."""
    rehearsal, found = await _rehearse(
        _record(1, {}),
        _record(2, {"kind": "nobody"}),
        _record(3, {"wanted": True}),
        _record(4, {"kind": "other"}),
        _record(9, {}),
        gone=9,
    )
    assert [
        "fails again at decode: nothing at byte 1",
        "fails again at route: there is no rule for event_type 'nobody'",
        "fails again at render: requests[0].body.name: event.payload.name is undefined",
    ] == [one.kind.begins for one in found[:3]]
    assert found[3].kind.begins.startswith("fails again at render: ")
    assert "refid" in found[3].kind.begins
    assert (GONE, 5) == (found[4].kind.begins, rehearsal.failing)
    assert {
        "topic": "observation",
        "partition": 0,
        "offset": 9,
        "rule": "-",
        "first": "-",
        "begins": GONE,
        "fails": True,
    } == found[4].fields()


async def test_failures_of_one_cause_are_counted_together() -> None:
    """Whatever number is in their texts."""
    rehearsal, _ = await _rehearse(*[_record(number, {}) for number in range(1, 31)])
    assert [("fails again at decode: nothing at byte #", 30)] == [
        (kind.begins, count) for kind, count in rehearsal.kinds.items()
    ]


async def test_unknown_types_may_be_skipped() -> None:
    """`events.unknown_type: skip`."""
    rehearsal, found = await _rehearse(_record(2, {"kind": "nobody"}), unknown="skip")
    assert (0, "skipped: there is no rule for it") == (rehearsal.failing, found[0].kind.begins)
