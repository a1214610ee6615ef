"""Which dead letters are meant."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from engine.deadletters.selection import Selection, Standing, choose, moment
from engine.errors import Stage, Unusable
from tests.deadletters.making import FAILED_AT, letter, record
from tests.rules.making import rule

RULE = rule("request: {method: GET, path: /a/}")
FACTS: dict[str, Any] = {
    "rule": RULE,
    "stage": Stage.EXPECT,
    "error": "AC-1 is not there",
    "partition": 2,
    "value": b"\x00\x00 Payload AC-9 ",
}


@pytest.mark.parametrize(
    ("options", "admitted"),
    [
        ({}, True),
        ({"types": ["changed", "x"]}, True),
        ({"types": ["x"]}, False),
        ({"stages": ["expect"]}, True),
        ({"stages": ["decode"]}, False),
        ({"rules": ["a"]}, True),
        ({"rules": ["b"]}, False),
        ({"since": "2026-11-24T03:00:00.5Z"}, True),
        ({"since": "2026-11-24T03:00:01Z"}, False),
        ({"until": "2026-11-24T03:00:01"}, True),
        ({"until": "2026-11-24T03:00:00.5Z"}, False),
        ({"partitions": [2], "offsets": [7]}, True),
        ({"partitions": [0]}, False),
        ({"offsets": [8]}, False),
        ({"match": "ac-1 IS"}, True),
        ({"match": "payload ac-9"}, True),
        ({"match": "KEY"}, True),
        ({"match": "0192f1c4"}, True),
        ({"match": "AC-2"}, False),
        ({"types": ["changed"], "stages": ["expect"], "rules": ["a"], "match": "AC-1", "offsets": [8]}, False),
    ],
)
def test_all_filters_have_to_fit(options: dict[str, Any], admitted: bool) -> None:
    """Of several values of one filter any."""
    assert admitted == choose(**options).admits(letter(**FACTS), record(**FACTS))


def test_a_letter_without_a_rule_is_of_no_rule() -> None:
    """Nothing is not a name."""
    assert not Selection(rules=frozenset({"a"})).admits(letter(), record())


def test_states_are_looked_at_apart() -> None:
    """They come from elsewhere."""
    chosen = choose(states=["given-up", "open"])
    assert {Standing.OPEN, Standing.GIVEN_UP} == {one for one in Standing if chosen.admits_state(one)}


def test_times_are_read_as_people_write_them() -> None:
    """Without a zone UTC; a duration is so long ago."""
    assert FAILED_AT - timedelta(hours=12) == moment("12h", FAILED_AT)
    assert datetime(2026, 11, 24, tzinfo=UTC) == moment("2026-11-24", FAILED_AT)
    assert datetime(2026, 11, 24, 1, tzinfo=UTC) == moment("2026-11-24T03:00+02:00", FAILED_AT)


@pytest.mark.parametrize("options", [{"since": "yesterday"}, {"until": ""}, {"stages": ["expected"]}])
def test_what_cannot_be_meant_is_said(options: dict[str, Any]) -> None:
    """A matter of usage: exit 2."""
    with pytest.raises(Unusable, match=r"--since|--stage"):
        choose(**options)
