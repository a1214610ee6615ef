"""What is told of events: one line each, and the counts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from engine.api.messages import Request
from engine.errors import Stage, Undeliverable
from engine.events.event import EventType, Message
from engine.observe.journal import Journal
from engine.observe.metrics import Metrics
from engine.outcome import Dead, Done, Skipped
from engine.pipeline import Journey
from tests.rules.making import ID, event, rule

RULE = rule("request: {method: GET, path: /a/}")
GET = Request("find", "", "GET", "/a/", "/a/")
PLACE = {
    "topic": "observation",
    "partition": 0,
    "offset": 7,
    "timestamp": datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC),
}
EVENT = {"event_id": ID, "event_type": "changed", "version": 1, **PLACE, "rule": "a"}


class Leave:
    """Leave to send, always."""

    async def permit(self) -> None:
        return

    async def sleep(self, seconds: float) -> None:
        return


class Book:
    """A journal and what it wrote."""

    def __init__(self, lines: list[Any]) -> None:
        self.registry = CollectorRegistry()
        self.lines = lines
        self.journal = Journal(Metrics(self.registry), lambda: 1_700_000_005.0)

    def count(self, name: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(name, labels)


@pytest.fixture
def book() -> Iterator[Book]:
    with capture_logs() as lines:
        yield Book(lines)


def test_a_done_event_is_one_line_with_every_field(book: Book) -> None:
    """At INFO, with its place, rule, duration and attempts; counted with its age."""
    book.journal.ended(event(), Done(RULE, 2), 0.123_456_789)
    assert [{"event": "event.done", "log_level": "info", **EVENT, "duration_s": 0.123457, "attempts": 2}] == book.lines
    assert 1 == book.count("engine_events_total", event_type="changed", outcome="done")
    assert 5 == book.count("engine_event_age_seconds_sum", event_type="changed")


def test_a_skipped_event_says_why(book: Book) -> None:
    """Nothing was sent."""
    book.journal.ended(event(), Skipped(RULE, "when"), 0.5)
    (line,) = book.lines
    assert ("event.skipped", "info", "when", 0) == (line["event"], line["log_level"], line["reason"], line["attempts"])
    assert 1 == book.count("engine_events_total", event_type="changed", outcome="skipped")


def test_invented_types_are_not_series(book: Book) -> None:
    """Without a rule the label is `unknown`; the line says what the type was."""
    book.journal.ended(replace(event(), type=EventType("invented")), Skipped(None, "unknown_type"), 0.5)
    assert ("invented", None) == (book.lines[0]["event_type"], book.lines[0]["rule"])
    assert 1 == book.count("engine_events_total", event_type="unknown", outcome="skipped")


def test_a_dead_letter_is_an_error_with_the_stack(book: Book) -> None:
    """Stage, request, status and text are fields."""
    error = Undeliverable(Stage.REQUEST, "no", request_id="find", status=400, attempts=1)
    book.journal.dead_lettered(event().message, event(), Dead(RULE, error, 3), 0.5)
    (line,) = book.lines
    assert {
        "event": "event.dead_lettered",
        "log_level": "error",
        **EVENT,
        "duration_s": 0.5,
        "attempts": 3,
        "stage": "request",
        "request": "find",
        "status": 400,
        "error": "no",
        "exc_info": error,
    } == line
    assert 1 == book.count("engine_dead_letters_total", event_type="changed", stage="request")
    assert 1 == book.count("engine_events_total", event_type="changed", outcome="dead")


def test_a_record_that_means_nothing_is_told_by_its_place(book: Book) -> None:
    """There is no event to name."""
    dead = Dead(None, Undeliverable(Stage.DECODE, "bad bytes"))
    book.journal.dead_lettered(event().message, None, dead, 0.5)
    assert PLACE.items() <= book.lines[0].items()
    assert "event_id" not in book.lines[0]
    assert 1 == book.count("engine_dead_letters_total", event_type="unknown", stage="decode")


def test_a_retry_is_a_warning(book: Book) -> None:
    """With its reason, attempt and delay."""
    journey = Journey(event(), "key", Leave(), book.journal)
    journey.rule = RULE
    journey.retried(GET, "503", 2, 1.23456, "GET /a/: 503")
    (line,) = book.lines
    wanted = {"event": "event.retried", "log_level": "warning", "request": "find", "reason": "503", "attempts": 2}
    assert {**wanted, **EVENT, "delay_s": 1.235, "error": "GET /a/: 503"} == line
    assert 1 == book.count("engine_retries_total", event_type="changed", reason="503")


@pytest.mark.parametrize(("status", "label"), [(200, "200"), (None, "no_answer")])
def test_an_attempt_is_counted_without_a_line(book: Book, status: int | None, label: str) -> None:
    """With its status, or that none came."""
    journey = Journey(event(), "key", Leave(), book.journal)
    journey.sent(GET, status, 0.25)
    labels = {"event_type": "changed", "request": "find", "method": "GET", "status": label}
    assert (1, 1, []) == (book.count("engine_requests_total", **labels), journey.attempts, book.lines)


def test_a_tombstone_is_counted(book: Book) -> None:
    """It is nobody's event."""
    book.journal.tombstone(event().message)
    assert 1 == book.count("engine_events_total", event_type="unknown", outcome="tombstone")


@pytest.mark.parametrize("stamp", [2**62, 10**15 * 5, -(2**62)])
def test_a_time_beyond_all_years_is_told_as_it_is(book: Book, stamp: int) -> None:
    """A producer may write any number; nobody may stop the engine with it."""
    of = event(message=Message("observation", 0, 7, b"k", b"v", (), stamp))
    book.journal.ended(of, Done(RULE, 1), 0.5)
    assert stamp == book.lines[0]["timestamp"]


def test_a_message_without_a_time_has_no_age(book: Book) -> None:
    """Nothing is observed."""
    book.journal.ended(event(message=Message("observation", 0, 7, b"k", b"v")), Done(RULE, 1), 0.5)
    assert None is book.lines[0]["timestamp"]
    assert 0 == book.count("engine_event_age_seconds_count", event_type="changed")
