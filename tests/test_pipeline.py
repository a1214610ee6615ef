"""One event's way to its outcome, over a client without a wire."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from engine.api.client import Client
from engine.api.messages import Request
from engine.config.model import Limits, RetryPolicy
from engine.errors import NoAnswer, Revoked, Stage, Undeliverable
from engine.events.event import Event, EventType
from engine.outcome import Dead, Done, Outcome, Skipped
from engine.pipeline import Journey, Pipeline, internal
from engine.rules.book import Book
from engine.rules.model import Rule
from tests.api.parts import FakeClock, RecordingTransport, Reply, answer, make_client
from tests.rules.making import event, rule

TWO = """
requests:
  - id: find
    method: GET
    path: /things/
    query: {ref: "{{ event.payload.ref }}"}
  - id: update
    method: PATCH
    path: /things/{{ find.body.id }}/
    body: {status: done}
"""
FOUND = {"id": 7, "count": 1}


class Leave:
    """Leave to send; sleeping moves the clock."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.slept: list[float] = []
        self.left = 1000  # permits

    async def permit(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise Revoked("gone")

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.clock.now += seconds


class Observer:
    """Remembers what it is told."""

    def __init__(self) -> None:
        self.statuses: list[tuple[str, int | None]] = []
        self.retries: list[tuple[str, str, int, float]] = []

    def sent(self, journey: Journey, request: Request, status: int | None, seconds: float) -> None:
        self.statuses.append((request.id, status))

    def retried(self, journey: Journey, request: Request, reason: str, attempt: int, delay: float, text: str) -> None:
        self.retries.append((request.id, reason, attempt, delay))


class Road:
    """A pipeline over a scripted API."""

    def __init__(self, rules: Rule | None, *script: Reply, retry: RetryPolicy | None = None, **more: Any) -> None:
        self.clock = FakeClock()
        self.transport = RecordingTransport(*(script or (answer(200, FOUND),)))
        client: Client = make_client(self.transport, self.clock, retry=retry)
        book = Book([] if rules is None else [rules])
        self.wall = 1_700_000_100.0
        settings = {"skip_unknown": False, "wall": lambda: self.wall, **more}
        self.pipeline = Pipeline(book, {"": client}, Limits(), **settings)
        self.leave, self.observer = Leave(self.clock), Observer()

    async def process(self, of: Event | None = None) -> Outcome:
        self.journey = Journey(of or event({"ref": "r-1"}), "key", self.leave, self.observer)
        return await self.pipeline.process(self.journey)

    @property
    def methods(self) -> list[str]:
        return [sent.method for sent in self.transport.sent]


def _dead(outcome: Outcome) -> Dead:
    assert isinstance(outcome, Dead)
    return outcome


# --- ends -----------------------------------------------------------------------------------------------------------


async def test_an_event_is_done_when_all_requests_were_accepted() -> None:
    """In order; what was sent is counted and told."""
    found = rule(TWO)
    road = Road(found, answer(200, FOUND), answer(200))
    assert Done(found, 2) == await road.process()
    assert ["http://api.test/api/things/?ref=r-1", "http://api.test/api/things/7/"] == [
        sent.url for sent in road.transport.sent
    ]
    assert [("find", 200), ("update", 200)] == road.observer.statuses


async def test_a_rule_without_anything_to_send_is_done() -> None:
    """`for_each` over nothing."""
    road = Road(rule("request: {method: POST, path: /a/, for_each: '{{ [] }}'}"))
    outcome = await road.process()
    assert (True, []) == (isinstance(outcome, Done), road.methods)


async def test_when_skips() -> None:
    """On purpose, and says why."""
    found = rule("when: '{{ event.payload.ref == 1 }}'\nrequest: {method: GET, path: /a/}")
    assert Skipped(found, "when") == await Road(found).process()


async def test_a_condition_that_fails_is_a_dead_letter() -> None:
    """Stage render, nothing sent."""
    found = rule("when: '{{ event.payload.nobody }}'\nrequest: {method: GET, path: /a/}")
    dead = _dead(await Road(found).process())
    assert (Stage.RENDER, 0, found) == (dead.error.stage, dead.attempts, dead.rule)


@pytest.mark.parametrize(
    ("of", "text"),
    [
        (replace(event(), type=EventType("other")), "there is no rule for event_type 'other'"),
        (replace(event(), version=9), "no rule covers version 9 of event_type 'changed'"),
    ],
)
async def test_an_event_without_a_rule_is_a_dead_letter(of: Event, text: str) -> None:
    """The text tells a type without rules from a version without one."""
    dead = _dead(await Road(rule("versions: [1]\nrequest: {method: GET, path: /a/}")).process(of))
    assert (Stage.ROUTE, text, None) == (dead.error.stage, str(dead.error), dead.rule)


async def test_an_invented_type_does_not_fill_the_dead_letter() -> None:
    """Only its beginning is told."""
    dead = _dead(await Road(None).process(replace(event(), type=EventType("x" * 100_000))))
    assert len(str(dead.error)) < 300


async def test_an_event_without_a_rule_may_be_skipped() -> None:
    """`events.unknown_type: skip`."""
    assert Skipped(None, "unknown_type") == await Road(None, skip_unknown=True).process()


@pytest.mark.parametrize(
    ("max_age", "on_old", "stamp", "end"),
    [
        ("1h", "skip", 1_700_000_000_000, "Done"),
        ("100s", "skip", 1_700_000_000_000, "Done"),
        ("99s", "skip", 1_700_000_000_000, "Skipped"),
        ("99s", "dead", 1_700_000_000_000, "Dead"),
        ("99s", "dead", None, "Done"),
        ("1h", "dead", 1_800_000_000_000, "Done"),
    ],
)
async def test_old_events_end_as_the_rule_says(max_age: str, on_old: str, stamp: int | None, end: str) -> None:
    """By the message's timestamp; without one, and with one of the future, an event is never old."""
    found = rule(f"max_age: {max_age}\non_old: {on_old}\nrequest: {{method: GET, path: /a/}}")
    of = event()
    outcome = await Road(found).process(replace(of, message=replace(of.message, timestamp=stamp)))
    assert end == type(outcome).__name__
    if isinstance(outcome, Skipped):
        assert "old" == outcome.reason
    if isinstance(outcome, Dead):
        assert (Stage.ROUTE, "the event is 100 s old, max_age is 99 s") == (outcome.error.stage, str(outcome.error))


async def test_what_was_answered_goes_with_the_dead_letter() -> None:
    """For going on where it stopped: without headers."""
    road = Road(rule(TWO), answer(200, FOUND, x_secret="s"), answer(400, {"status": ["no"]}))
    dead = _dead(await road.process())
    assert ({"id": "find", "status": 200, "body": FOUND},) == dead.answers
    assert (Stage.REQUEST, "update", 400, 1, 2) == (
        dead.error.stage,
        dead.error.request_id,
        dead.error.status,
        dead.error.attempts,
        dead.attempts,
    )


async def test_a_template_that_fails_after_an_answer_keeps_it() -> None:
    """Stage render, with what was sent before."""
    road = Road(rule(TWO), answer(200, {"count": 0}))
    dead = _dead(await road.process())
    assert (Stage.RENDER, "update", 1) == (dead.error.stage, dead.error.request_id, dead.attempts)
    assert 1 == len(dead.answers)


async def test_a_revoked_partition_is_no_outcome() -> None:
    """The event is neither done nor dead."""
    road = Road(rule(TWO))
    road.leave.left = 1
    with pytest.raises(Revoked):
        await road.process()
    assert ["GET"] == road.methods


async def test_an_event_under_way_keeps_the_rule_it_began_with() -> None:
    """A new book counts for the next event."""
    found = rule(TWO)
    road = Road(found, answer(200, FOUND), answer(200))

    async def reload() -> None:
        road.pipeline.book = Book([])

    road.transport.before = reload
    assert Done(found, 2) == await road.process()
    assert isinstance(await road.process(), Dead)


# --- bugs -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("script", "stage"), [((), Stage.RENDER), ((answer(200, FOUND),), Stage.REQUEST)])
async def test_a_bug_of_ours_is_a_dead_letter_with_its_class(script: tuple[Reply, ...], stage: Stage) -> None:
    """The event is kept; the text stays out, because it may quote anything."""
    found = rule(TWO)
    road = Road(found, *script, KeyError("secret"))
    dead = _dead(await road.process()) if script else _dead(await _without_clients(found))
    assert stage is dead.error.stage
    assert "internal error: KeyError" == str(dead.error)
    assert isinstance(dead.error.__cause__, KeyError)


async def _without_clients(found: Rule) -> Outcome:
    road = Road(found)
    road.pipeline = Pipeline(Book([found]), {}, Limits(), skip_unknown=False, wall=lambda: 0.0)
    return await road.process()


def test_an_internal_error_names_its_cause() -> None:
    """The dead letter's `dlq.error.class`."""
    cause = ZeroDivisionError("1/0")
    error = internal(Stage.DECODE, cause)
    assert (Stage.DECODE, cause) == (error.stage, error.__cause__)


# --- retries --------------------------------------------------------------------------------------------------------


async def test_a_request_is_retried_where_it_failed() -> None:
    """The lookup before it is not repeated."""
    road = Road(rule(TWO), answer(200, FOUND), answer(503), NoAnswer("lost"), answer(200))
    outcome = await road.process()
    assert (True, ["GET", "PATCH", "PATCH", "PATCH"]) == (isinstance(outcome, Done), road.methods)
    assert [("update", "503", 1, 1.0), ("update", "no_answer", 2, 2.0)] == road.observer.retries
    assert [1.0, 2.0] == road.leave.slept


async def test_restart_begins_at_the_first_request_again() -> None:
    """The lookup is repeated, because its answer may be out of date."""
    found = rule(TWO + "retry: {restart: true}")
    road = Road(found, answer(200, FOUND), answer(503), answer(200, {"id": 8}), answer(200))
    assert Done(found, 4) == await road.process()
    assert ["GET", "PATCH", "GET", "PATCH"] == road.methods
    assert "http://api.test/api/things/8/" == road.transport.sent[-1].url
    assert ["find", "update"] == [id_ for id_, _ in road.journey.answers]


async def test_the_budget_of_a_restart_is_the_events() -> None:
    """Successes between failures do not fill it up again, whichever request fails."""
    found = rule(TWO + "retry: {restart: true, max_retries: 2}")
    road = Road(found, answer(503), answer(200, FOUND), answer(502), answer(200, FOUND), answer(500))
    dead = _dead(await road.process())
    assert ["GET", "GET", "PATCH", "GET", "PATCH"] == road.methods
    assert (Stage.REQUEST, "update", 500, 3, 5) == (
        dead.error.stage,
        dead.error.request_id,
        dead.error.status,
        dead.error.attempts,
        dead.attempts,
    )
    assert [1.0, 2.0] == road.leave.slept
    assert ({"id": "find", "status": 200, "body": FOUND},) == dead.answers


async def test_a_restart_that_is_refused_for_good_is_dead_at_once() -> None:
    """No further round."""
    found = rule(TWO + "retry: {restart: true}")
    road = Road(found, answer(200, FOUND), answer(503), answer(404))
    dead = _dead(await road.process())
    assert (404, ["GET", "PATCH", "GET"]) == (dead.error.status, road.methods)
    assert () == dead.answers


async def test_throttling_restarts_without_spending_the_budget() -> None:
    """429 asks for patience."""
    found = rule(TWO + "retry: {restart: true, max_retries: 0}")
    road = Road(found, answer(429, retry_after="7"), answer(429, retry_after="7"), answer(200, FOUND), answer(200))
    outcome = await road.process()
    assert (True, ["GET", "GET", "GET", "PATCH"]) == (isinstance(outcome, Done), road.methods)


async def test_a_restart_gives_up_with_its_cause() -> None:
    """The dead letter's class is the transient failure's."""
    found = rule("retry: {restart: true, max_retries: 0}\nrequest: {method: GET, path: /a/}")
    dead = _dead(await Road(found, NoAnswer("lost")).process())
    assert isinstance(dead.error.__cause__, Undeliverable | NoAnswer)
    assert "NoAnswer" == type(dead.error.__cause__).__name__
