"""What became of a source offset."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from engine.deadletters.selection import Selection, Standing
from engine.deadletters.standing import Newest, standing
from engine.errors import Stage
from engine.stream.reader import Place
from engine.stream.state import Fate, State
from tests.deadletters.making import FAILED_AT, letter, moved, record, settle


def test_without_a_record_of_it_a_letter_is_open() -> None:
    """Also where the state topic was lost."""
    assert Standing.OPEN == standing(letter(), State())


def test_what_came_behind_a_dead_letter_is_parked() -> None:
    """By its stage."""
    assert Standing.PARKED == standing(letter(stage=Stage.PARKED), State())


@pytest.mark.parametrize(
    ("fate", "became"),
    [(Fate.REPLAYED, Standing.REPLAYED), (Fate.GIVEN_UP, Standing.GIVEN_UP), (Fate.OPEN, Standing.OPEN)],
)
def test_the_state_says_what_became_of_it(fate: Fate, became: Standing) -> None:
    """A replay that failed again leaves it open."""
    state = State()
    settle(state, letter(), fate)
    assert became == standing(letter(), state)


def test_a_letter_that_came_after_the_replay_is_open() -> None:
    """The engine met the event again and it was dead again; within the same second its place tells it."""
    state = State()
    settle(state, letter(), after=0.0)
    assert Standing.OPEN == standing(moved(letter(), place=Place(0, 1)), state)


def test_topics_that_were_made_anew_are_not_confused() -> None:
    """The same places, but the letter failed after it was settled: it is another one."""
    state = State()
    settle(state, letter())
    assert Standing.OPEN == standing(moved(letter(), failed_at=FAILED_AT + timedelta(days=1)), state)


def test_another_offset_is_another_letter() -> None:
    """A place that is settled says nothing of a source offset that is not."""
    state = State()
    settle(state, letter(7))
    assert Standing.OPEN == standing(letter(8), state)


def _lines(newest: Newest, *records: Any) -> list[tuple[int, bool]]:
    parsed = [found for one in records if (found := newest.parse(one)) is not None]
    return [(line.letter.source.offset, line.meant) for line in newest.lines(parsed)]


def test_of_several_letters_the_newest_counts() -> None:
    """Also where an older one fits the selection and the newest does not; the places of all are known."""
    newest = Newest(State(), Selection(stages=frozenset({"expect"})))
    last = record(7, place=Place(1, 9), stage=Stage.REQUEST)
    found = _lines(
        newest, last, record(8, place=Place(0, 4), stage=Stage.EXPECT), record(7, place=Place(0, 2), stage=Stage.EXPECT)
    )
    assert [(7, False), (8, True)] == found
    assert (Place(1, 9), Place(0, 2)) == newest.places(letter(7, place=Place(1, 9)))


def test_offsets_far_apart_and_other_partitions_are_told_apart() -> None:
    """A bit each, in pages."""
    newest = Newest(State(), Selection())
    records = [record(offset, partition=partition) for offset in (0, 32_767, 32_768, 2**40) for partition in (0, 1)]
    assert 8 == len(_lines(newest, *records, *records))


def test_what_the_state_counts_is_not_forgotten() -> None:
    """The greater number of replays counts: a crash may have kept the new letter from being written."""
    state = State()
    settle(state, letter(7), Fate.OPEN, replays=4)
    newest = Newest(state, Selection())
    parsed = newest.parse(record(7, replays=2))
    assert parsed is not None
    assert [4] == [line.replays for line in newest.lines([parsed])]


def test_a_foreign_record_is_counted() -> None:
    """It is on no line."""
    newest = Newest(State(), Selection())
    at = record(7)
    assert [] == _lines(newest, type(at)("observation.dlq", 0, 0, None, b"x"))
    assert 1 == newest.foreign
