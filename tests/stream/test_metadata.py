"""Done intervals as text: nothing that is not done is ever claimed."""

from __future__ import annotations

import random

import pytest

from engine.stream.metadata import LIMIT, Unreadable, decode, encode, remember
from engine.stream.progress import Interval, Progress


def _intervals(chance: random.Random, watermark: int, count: int, widest: int) -> list[Interval]:
    found, at = [], watermark
    for _ in range(count):
        first = at + chance.randrange(1, widest)
        at = first + chance.randrange(1, widest)
        found.append((first, at))
    return found


def _offsets(intervals: list[Interval]) -> set[int]:
    return {offset for first, end in intervals for offset in range(first, end)}


@pytest.mark.parametrize("widest", [2, 3, 20, 300])
@pytest.mark.parametrize("seed", range(15))
def test_what_is_written_is_read_again(seed: int, widest: int) -> None:
    """Any intervals that fit come back as they were, at any watermark."""
    chance = random.Random(seed)
    watermark = chance.choice((0, 7, 10**12))
    done = _intervals(chance, watermark, chance.randrange(1, 200), widest)
    text = encode(watermark, done)
    assert done == decode(watermark, text)
    assert len(text) <= LIMIT
    assert text.isascii()
    assert "\0" not in text


@pytest.mark.parametrize("widest", [2, 40, 5_000, 10**7])
@pytest.mark.parametrize("seed", range(5))
def test_what_does_not_fit_is_forgotten_never_invented(seed: int, widest: int) -> None:
    """A text over the limit loses intervals from the far end; what is left is true."""
    chance = random.Random(seed)
    done = _intervals(chance, 50, 12_000, widest)
    text = encode(50, done)
    kept = decode(50, text)
    assert len(text) <= LIMIT
    assert done[: len(kept)] == kept
    assert kept
    assert len(kept) < len(done)


@pytest.mark.parametrize("share", [0.0, 0.02, 0.3, 0.9, 1.0])
@pytest.mark.parametrize("seed", range(20))
def test_progress_is_remembered_as_its_intervals_are(seed: int, share: float) -> None:
    """Whatever is pending and whatever a former owner did: the same text as that of the intervals."""
    chance = random.Random(seed)
    start = chance.choice((0, 9, 10**12))
    progress = Progress(start, _intervals(chance, start, chance.randrange(4), chance.choice((3, 3_000))))
    offset = start
    for _ in range(chance.choice((1, 50, 2_500))):
        offset += chance.choice((1, 1, 1, 5))  # a gap is an aborted transaction
        if progress.begin(offset) and chance.random() < share:
            progress.finish(offset)
    assert encode(progress.watermark, progress.done()) == remember(progress)
    assert [one for one in progress.done() if one[1] > one[0]] == decode(progress.watermark, remember(progress))


def test_nothing_done_is_no_text() -> None:
    """The usual case costs no byte."""
    assert ("", []) == (encode(5, []), decode(5, ""))


def test_the_shorter_form_is_taken() -> None:
    """Long runs are counted, scattered events are a bitmap."""
    assert encode(0, [(1, 100_000)]).startswith("1r")
    assert encode(0, [(offset, offset + 1) for offset in range(1, 400, 2)]).startswith("1b")


def test_the_worst_thousand_events_fit() -> None:
    """Every other of 2,000 offsets undone is far below the limit."""
    text = encode(0, [(offset, offset + 1) for offset in range(1, 2_000, 2)])
    assert len(text) < 400


def test_a_run_of_more_than_the_bitmap_may_span_is_no_bitmap() -> None:
    """One event far away does not make a bitmap of its distance."""
    done = [(1, 2), (10**9, 10**9 + 1)]
    assert done == decode(0, encode(0, done))
    assert len(encode(0, done)) < 20


@pytest.mark.parametrize(
    "text",
    [
        "x",
        "1",
        "2rAQE=",
        "hello world",
        "1r*",
        "1rAQ==",  # one run without its counterpart
        "1rAAE=",  # an empty run
        "1rgA==",  # a number that does not end
        "1r//////////////////8B",  # a number beyond 63 bits
        "1bé",
        "1r\n",
        '{"version": 3}',
    ],
)
def test_what_somebody_else_wrote_is_refused(text: str) -> None:
    """Another program's metadata, a newer engine's, and what was cut off."""
    with pytest.raises(Unreadable):
        decode(0, text)


@pytest.mark.parametrize("seed", range(30))
def test_mutated_text_raises_nothing_else(seed: int) -> None:
    """Whatever stands there, it is either refused or sorted intervals at or beyond the watermark."""
    chance = random.Random(seed)
    text = list(encode(9, _intervals(chance, 9, 40, 9)))
    for _ in range(chance.randrange(1, 4)):
        text[chance.randrange(2, len(text))] = chance.choice("ABCabc019+/=!")
    try:
        found = decode(9, "".join(text))
    except Unreadable:
        return
    edges = [9, *(edge for interval in found for edge in interval)]
    assert edges == sorted(edges)
    assert len(edges) - 1 == len(set(edges[1:]))


def test_bitmap_bits_are_offsets_from_the_watermark() -> None:
    """The form is fixed: an older engine must read what a newer one wrote."""
    assert [(11, 13), (15, 16)] == decode(10, "1bJg==")
    assert [(11, 13), (15, 16)] == decode(10, "1rAQICAQ==")
    assert {11, 12, 15} == _offsets(decode(10, encode(10, [(11, 13), (15, 16)])))
