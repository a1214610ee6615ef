"""A dead letter read back from its topic."""

from __future__ import annotations

from dataclasses import replace

import pytest

from engine.deadletters.letter import original, read_letter, resume_of
from engine.errors import Stage
from engine.events.event import Message
from engine.stream.reader import Place
from tests.deadletters.making import FAILED_AT, letter, record, source
from tests.rules.making import rule

RULE = rule("request: {method: GET, path: /a/}")


def test_what_the_engine_wrote_is_read_back() -> None:
    """Every fact of the headers."""
    found = letter(
        9, place=Place(2, 5), stage=Stage.EXPECT, error="not what it was", request="find", rule=RULE, lane="a2V5",
        replays=3, status=404, partition=1,
    )  # fmt: skip
    assert (Place(2, 5), source(9, 1), FAILED_AT) == (found.place, found.source, found.failed_at)
    assert ("expect", "not what it was", "Undeliverable") == (found.stage, found.error, found.error_class)
    assert ("a", "find", 404, 1, 3) == (found.rule, found.request, found.status, found.attempts, found.replays)
    assert ("changed", 1, "a2V5", False) == (found.event_type, found.event_version, found.lane, found.truncated)


def test_the_event_stands_again_as_it_stood() -> None:
    """Key, value, its own headers, its place and time; no header of ours, and none that somebody forged."""
    at = record(9, partition=1)
    assert Message("observation", 1, 9, b"key", b"value", (("trace", b"1"),), 1_700_000) == original(
        at, letter(9, partition=1)
    )


def test_the_last_of_two_headers_counts() -> None:
    """As everywhere in the engine."""
    at = record(9)
    twice = replace(at, headers=(("dlq.replays", b"4"), ("dlq.resume", b"no"), *at.headers, ("dlq.resume", b"yes")))
    found = read_letter(twice)
    assert (0, b"yes") == (found and found.replays, resume_of(twice))


@pytest.mark.parametrize("missing", ["dlq.source.offset", "dlq.source.topic", "dlq.stage", "dlq.failed_at"])
def test_a_record_without_what_matters_is_no_dead_letter(missing: str) -> None:
    """Somebody else wrote it."""
    at = record(9)
    assert read_letter(replace(at, headers=tuple(one for one in at.headers if one[0] != missing))) is None


def test_a_record_with_nonsense_is_no_dead_letter() -> None:
    """An offset that is no number."""
    at = record(9)
    assert read_letter(replace(at, headers=(*at.headers, ("dlq.source.offset", b"x")))) is None
