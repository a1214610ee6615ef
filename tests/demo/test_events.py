"""The demo's events, carried out by the shipped rules against the sample API, without a network."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import orjson
import pytest

from engine.api.messages import Request, Response
from engine.config.model import Limits
from engine.demo.api import TOKEN, SampleApi
from engine.demo.events import REFUSED, STUMBLES, Sample, samples
from engine.demo.shipped import shipped
from engine.demo.web import Asked
from engine.errors import Stage, Undeliverable
from engine.events.event import Event, EventId, EventType, Message
from engine.events.plainjson import to_record
from engine.events.schemas import LocalSchemas
from engine.rules.book import load_book
from engine.rules.plan import run

_LIMITS = Limits()


def _events() -> list[Sample]:
    return [sample for sample in samples() if sample.event is not None]


def _event(data: Mapping[str, Any]) -> Event:
    schema = LocalSchemas(shipped("schemas") / "events").find(data["event_type"], data["version"])
    assert schema is not None
    record = to_record(data, schema)
    message = Message("observation", 0, 0, None, b"")
    return Event(EventId(data["event_id"]), EventType(data["event_type"]), data["version"], record, message)


def _send(api: SampleApi, request: Request) -> Response:
    path = f"/api{request.path}"
    body = None if request.body is None else orjson.loads(request.body)
    query = dict(request.query)
    headers = {"authorization": f"Token {TOKEN}"}
    answered = api.answer(Asked(request.method, f"{path}?{urlencode(query)}", path, query, headers, body))
    if answered.status not in request.accept:
        raise Undeliverable(Stage.REQUEST, str(answered.body), status=answered.status)
    return Response(answered.status, {}, answered.body)


def test_there_are_forty_messages_of_five_types_and_one_poison() -> None:
    """Every shipped rule has events; one message is none."""
    found = samples()
    kinds = Counter(sample.event["event_type"] for sample in found if sample.event is not None)
    assert (40, 5, 39) == (len(found), len(kinds), kinds.total())
    assert 4 <= min(kinds.values())
    assert 39 == len({sample.event["event_id"] for sample in found if sample.event is not None})


def test_the_shipped_rules_carry_out_all_but_the_refused_one() -> None:
    """Each event changes or creates something, without retries, and only the one with severity 9 fails."""
    api = SampleApi()
    book = load_book(shipped("rules"), _LIMITS, ())
    failed = {}
    for sample in _events():
        assert sample.event is not None
        event = _event(sample.event)
        rule = book.find(event.type, event.version)
        assert rule is not None
        assert rule.applies(event)
        plan = run(rule, event, _LIMITS)
        writes = 0
        try:
            request = next(plan)
            while True:
                writes += request.is_write
                request = plan.send(_send(api, request))
        except StopIteration:
            assert 1 == writes
        except Undeliverable as error:
            failed[sample.about] = (error.stage, "not a valid choice" in str(error))
    assert {REFUSED: (Stage.EXPECT, True)} == failed
    assert {"active", "--"} == {row["status"] for row in api.rows["applied-controls"]}


@pytest.mark.parametrize(("method", "about"), STUMBLES)
def test_each_stumble_meets_an_event(method: str, about: str) -> None:
    """What the API fails once is really asked for by one of the events."""
    api = SampleApi(((method, about),))
    book = load_book(shipped("rules"), _LIMITS, ())
    stumbled = 0
    for sample in _events():
        assert sample.event is not None
        event = _event(sample.event)
        rule = book.find(event.type, event.version)
        assert rule is not None
        plan = run(rule, event, _LIMITS)
        try:
            request = next(plan)
            while True:
                request = plan.send(_send(api, request))
        except StopIteration:
            continue
        except Undeliverable as error:
            stumbled += error.status == 503
    assert 1 == stumbled
