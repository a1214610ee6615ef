"""What the records of the state topic say."""

from __future__ import annotations

from collections.abc import Hashable
from datetime import UTC, datetime

import pytest

from engine.stream.state import (
    Entry,
    Fate,
    Lane,
    LetterState,
    Parked,
    Skip,
    Source,
    State,
    lane_id,
    letter_entry,
    parked_entry,
    released_entry,
    seen_entry,
    skip_entry,
)

AT = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
SOURCE = Source("observation", 3, 17)
LANE = Lane("observation", 3, lane_id("AC-1"))
PARKED = Parked(AT, 17, 17, "note", "expect", "no")


def fold(*entries: Entry, letters: bool = True) -> State:
    """The state after these records."""
    state = State(letters=letters)
    for entry in entries:
        state.apply(entry.key, entry.value)
    assert 0 == state.unreadable
    return state


@pytest.mark.parametrize("fate", list(Fate))
@pytest.mark.parametrize("replays", [0, 1, 5, 65_535])
def test_what_became_of_a_letter_is_read_as_it_was_written(fate: Fate, replays: int) -> None:
    """Its fate, its time to the second, its replays."""
    found = LetterState(fate, AT, replays)
    assert found == fold(letter_entry(SOURCE, found)).letter(SOURCE)


def test_of_several_records_of_a_source_the_last_counts() -> None:
    """Other offsets, partitions and topics have their own."""
    first, last = LetterState(Fate.OPEN, AT, 1), LetterState(Fate.REPLAYED, AT, 2)
    state = fold(letter_entry(SOURCE, first), letter_entry(SOURCE, last))
    assert last == state.letter(SOURCE)
    assert [None] * 3 == [
        state.letter(one) for one in (SOURCE._replace(offset=18), SOURCE._replace(partition=4), Source("other", 3, 17))
    ]


def test_a_null_takes_a_record_back() -> None:
    """As compaction, and tools that write nulls, do."""
    state = fold(
        letter_entry(SOURCE, LetterState(Fate.REPLAYED, AT)),
        Entry(letter_entry(SOURCE, LetterState(Fate.REPLAYED, AT)).key, None),
        skip_entry(SOURCE, Skip(AT)),
        skip_entry(SOURCE, None),
        parked_entry(LANE, PARKED),
        parked_entry(LANE, None),
        Entry(seen_entry("observation", 3, "x", AT).key, None),
    )
    assert (None, {}, [], {}) == (state.letter(SOURCE), state.skips, list(state.lanes()), state.seen)


def test_open_letters_are_counted_without_keeping_each() -> None:
    """Each place counts once, within the bounds, whatever came first; also where single letters are not kept."""
    replayed = LetterState(Fate.REPLAYED, AT, 1)
    state = fold(
        letter_entry(SOURCE, replayed, [(0, 100), (1, 5)]),
        letter_entry(SOURCE._replace(offset=18), replayed, [(0, 3), (0, 100)]),
        letter_entry(SOURCE._replace(offset=19), replayed, [(0, 4099)]),
        letters=False,
    )
    assert None is state.letter(SOURCE)
    assert [3, 1, 2, 1, 0, 1, 0, 0] == [
        state.settled(*bounds)
        for bounds in [
            (0, 0, 10_000), (0, 0, 100), (0, 0, 101), (0, 101, 5_000), (0, 101, 4_099), (1, 0, 6), (1, 6, 9), (2, 0, 9)
        ]
    ]  # fmt: skip
    assert [True, False] == [state.is_settled(0, 100), state.is_settled(0, 101)]


def test_a_lane_is_parked_until_it_is_released_far_enough() -> None:
    """A release counts only through the last event that was parked, in whichever order the two came."""
    last = Parked(AT, 17, 30, "note", "expect", "no")
    assert PARKED == fold(parked_entry(LANE, PARKED)).parked(LANE)
    for entries in [
        (parked_entry(LANE, last), released_entry(LANE, 29, AT)),
        (released_entry(LANE, 29, AT), parked_entry(LANE, last)),
    ]:
        state = fold(*entries)
        assert (last, [(LANE, last)]) == (state.parked(LANE), list(state.lanes()))
    for entries in [
        (parked_entry(LANE, last), released_entry(LANE, 30, AT)),
        (released_entry(LANE, 30, AT), parked_entry(LANE, last)),
    ]:
        state = fold(*entries)
        assert (None, [], 30) == (state.parked(LANE), list(state.lanes()), state.released(LANE))


def test_a_release_of_long_ago_does_not_release_what_is_parked_later() -> None:
    """Offsets only grow."""
    later = Parked(AT, 40, 40, "note", "expect", "no")
    assert later == fold(released_entry(LANE, 30, AT), parked_entry(LANE, later)).parked(LANE)


def test_skips_and_what_was_seen_are_kept_by_place() -> None:
    """With the reason that somebody gave."""
    state = fold(skip_entry(SOURCE, Skip(AT, "why")), seen_entry("observation", 3, "text", AT))
    assert ({SOURCE: Skip(AT, "why")}, {("observation", 3): "text"}) == (state.skips, state.seen)


def test_a_change_says_what_it_is_about() -> None:
    """The lane or the event; nothing for what a former owner remembered."""
    state = State()
    entries = [parked_entry(LANE, PARKED), released_entry(LANE, 1, AT), skip_entry(SOURCE, Skip(AT))]
    assert [LANE, LANE, SOURCE, None] == [
        state.apply(one.key, one.value) for one in [*entries, seen_entry("observation", 3, "", AT)]
    ]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        (None, b"{}"),
        (b"", b"{}"),
        (b"\xff", b"{}"),
        (b"letter/observation/3", b"{}"),
        (b"letter/observation/x/17", b"{}"),
        (b"letter/observation/3/17", b"not json"),
        (b"letter/observation/3/17", b"[]"),
        (b"letter/observation/3/17", b'{"state":"lost","at":"2026-11-24T03:00:00Z","replays":0}'),
        (b"letter/observation/3/17", b'{"state":"open","at":"2026-11-24T03:00:00Z","replays":0,"letters":[[0,-1]]}'),
        (b"parked/observation/3/QQ==", b'{"state":"parked"}'),
        (b"from-the-future/observation/3/1", b"{}"),
    ],
)
def test_a_record_of_somebody_else_is_counted_and_passed_over(key: bytes | None, value: bytes) -> None:
    """Nothing of it is taken, nothing is raised."""
    state = State()
    assert None is state.apply(key, value)
    assert 1 == state.unreadable
    assert None is state.letter(SOURCE)


def test_places_too_far_apart_take_no_memory() -> None:
    """An offset that cannot be one of the same topic would need gigabytes."""
    state = fold(letter_entry(SOURCE, LetterState(Fate.REPLAYED, AT), [(0, 5)]))
    entry = letter_entry(SOURCE, LetterState(Fate.REPLAYED, AT), [(0, 1 << 50)])
    state.apply(entry.key, entry.value)
    assert (1, 1) == (state.unreadable, state.settled(0, 0, 1 << 60))


@pytest.mark.parametrize(
    ("key", "expected"),
    [("AC-1", "QUMtMQ=="), (b"AC-1", "QUMtMQ=="), ("", ""), (7, "-"), (None, "-"), ("ä?>", "w6Q_Pg==")],
)
def test_the_id_of_a_key_is_its_bytes(key: Hashable, expected: str) -> None:
    """Text and its UTF-8 are the same; events without a key have the partition's lane."""
    assert expected == lane_id(key)


def test_a_long_key_has_a_short_id() -> None:
    """Two long keys that differ at the end have different ids, without a slash in them."""
    ids = {lane_id("x" * 5000 + end) for end in "ab"}
    assert (2, True) == (len(ids), all(len(one) == 71 and "/" not in one for one in ids))
