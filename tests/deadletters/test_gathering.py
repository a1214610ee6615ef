"""What a replay has to do, in order."""

from __future__ import annotations

from typing import Any

from engine.deadletters.gathering import Gathering
from engine.deadletters.selection import Standing
from engine.deadletters.standing import Line
from engine.errors import Stage
from engine.stream.reader import Place
from engine.stream.state import Lane, Parked, State, lane_id, parked_entry
from tests.deadletters.making import FAILED_AT, letter, source

LANE = Lane("observation", 0, lane_id("key"))


def _line(
    offset: int, standing: Standing = Standing.OPEN, *, meant: bool = True, replays: int = 0, **more: Any
) -> Line:
    return Line(letter(offset, **more), standing, replays, meant)


def _parked(last: int = 9) -> State:
    state = State()
    entry = parked_entry(LANE, Parked(FAILED_AT, 3, last, "a", "request", "it failed"))
    state.apply(entry.key, entry.value)
    return state


def _order(gathering: Gathering, size: int = 100) -> list[list[int]]:
    return [[one.offset for one, _ in batch] for batch in gathering.batches(size)]


def test_events_come_by_partition_and_offset() -> None:
    """Whatever the order of their letters; a batch is no larger than asked for."""
    gathering = Gathering("observation", State(), None)
    gathering.take([_line(5, partition=1), _line(2**40), _line(5, place=Place(3, 2**33)), _line(6)])
    assert 4 == len(gathering)
    batches = list(gathering.batches(3))
    assert [[source(5), source(6), source(2**40)], [source(5, 1)]] == [[one for one, _ in batch] for batch in batches]
    assert Place(3, 2**33) == batches[0][0][1]


def test_what_is_not_meant_stays() -> None:
    """It is counted among what became of all."""
    gathering = Gathering("observation", State(), None)
    gathering.take([_line(5, Standing.REPLAYED, meant=False), _line(6)])
    assert [[6]] == _order(gathering)
    assert {Standing.REPLAYED: 1, Standing.OPEN: 1} == gathering.standings


def test_what_was_replayed_too_often_is_refused() -> None:
    """Unless there is no limit."""
    for most, refused in ((5, 1), (None, 0)):
        gathering = Gathering("observation", State(), most)
        gathering.take([_line(5, replays=5), _line(6, replays=4)])
        assert (refused, 2 - refused) == (gathering.refused, len(gathering))


def test_letters_of_another_engine_are_left() -> None:
    """Two engines may share a dead-letter topic; their rules are others."""
    gathering = Gathering("observation", State(), None)
    gathering.take([_line(5, topic="other"), _line(6)])
    assert ([[6]], 1) == (_order(gathering), gathering.others)


def test_all_that_is_left_of_a_parked_key_is_known() -> None:
    """Also what is not meant; what is settled only says how far the key goes."""
    gathering = Gathering("observation", _parked(), None)
    gathering.take([
        _line(9, Standing.PARKED, lane=LANE.id, stage=Stage.PARKED),
        _line(3, lane=LANE.id, meant=False),
        _line(12, Standing.REPLAYED, lane=LANE.id, meant=False),
        _line(4, lane=lane_id("other")),
    ])  # fmt: skip
    assert [[4, 9]] == _order(gathering)
    assert ([3, 9], 12) == (list(gathering.lanes[LANE].left), gathering.lanes[LANE].through)
    assert {} == gathering.finished()


def test_a_parked_key_with_nothing_left_is_finished() -> None:
    """Its release was not written: a kill came before."""
    gathering = Gathering("observation", _parked(), None)
    gathering.take([_line(9, Standing.REPLAYED, lane=LANE.id, meant=False)])
    assert {LANE: 9} == gathering.finished()


def test_a_parked_key_without_letters_is_left_alone() -> None:
    """They may just be on their way."""
    assert {} == Gathering("observation", _parked(), None).finished()


def test_only_some_keys_may_be_meant() -> None:
    """Those that were released just now."""
    gathering = Gathering("observation", _parked(), None, {LANE})
    gathering.take([_line(9, lane=LANE.id), _line(4, lane=lane_id("other")), _line(5)])
    assert [[9]] == _order(gathering)
