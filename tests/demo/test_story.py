"""What the screen is told."""

from __future__ import annotations

import pytest

from engine.demo.events import Sample
from engine.demo.story import POISON, Story
from engine.demo.web import Answered, Asked

_SAMPLE = Sample("AC-1", {"event_id": "e1", "event_type": "update", "version": 1, "payload": {}})


@pytest.fixture
def told() -> list[tuple[str, str]]:
    """What was told."""
    return []


@pytest.fixture
def story(told: list[tuple[str, str]]) -> Story:
    """A story in which one event and the poison message were published."""
    made = Story(lambda word, text: told.append((word, text)))
    made.published(_SAMPLE)
    made.published(Sample("poison", None))
    told.clear()
    return made


def test_an_event_is_told_by_its_type_and_what_it_is_about(story: Story, told: list[tuple[str, str]]) -> None:
    """Not by its id: nobody knows that."""
    story.logged("info", {"event": "event.done", "event_id": "e1", "duration_s": 0.1234})
    assert [("done", "update AC-1 in 0.12 s")] == told
    assert (1, 1) == (story.total("done"), story.ended)


def test_the_poison_message_has_no_name(story: Story, told: list[tuple[str, str]]) -> None:
    """A dead letter without an event is told as what it is."""
    story.logged("error", {"event": "event.dead_lettered", "error": "no Avro"})
    assert [("dead", f"{POISON}: no Avro")] == told
    assert 1 == story.numbers()[POISON, "dead"]


def test_an_event_that_is_retried_twice_counts_once(story: Story, told: list[tuple[str, str]]) -> None:
    """Retried events are counted, each retry is told."""
    for _ in range(2):
        story.logged("warning", {"event": "event.retried", "event_id": "e1", "error": "503"})
    assert (1, 2, 0) == (story.total("retried"), len(told), story.ended)


def test_other_lines_are_told_from_warnings_up(story: Story, told: list[tuple[str, str]]) -> None:
    """That a partition was assigned is no news; that the broker is away is."""
    story.logged("info", {"event": "partitions.assigned"})
    story.logged("warning", {"event": "broker.away", "reason": "refused", "exc_info": None})
    assert [("warning", "broker.away reason refused")] == told


def test_a_request_is_told_with_its_answer(story: Story, told: list[tuple[str, str]]) -> None:
    """Status, method and target; counted by method and status."""
    story.asked(Asked("PATCH", "/api/a/1/?x=y", "/api/a/1/"), Answered(503, {}))
    assert [("request", "503 PATCH /api/a/1/?x=y")] == told
    assert 1 == story.requests["PATCH", 503]
