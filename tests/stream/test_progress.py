"""The watermark and what is done beyond it, against a model that remembers every offset."""

from __future__ import annotations

import random

import pytest

from engine.stream.progress import Interval, Progress


class Model:
    """The naive truth: which offsets exist, and which of them are done.

    An offset below `start`, in `restored`, or passed over by delivery (it does not exist) is done.
    """

    def __init__(self, start: int, restored: list[Interval]) -> None:
        self.start = self.next = start
        self.restored = {offset for first, end in restored for offset in range(first, end)}
        self.pending: set[int] = set()

    def begin(self, offset: int) -> bool:
        fresh = offset >= self.next and offset not in self.restored
        if fresh:
            self.pending.add(offset)
        self.next = max(self.next, offset + 1)
        return fresh

    def is_done(self, offset: int) -> bool:
        return offset not in self.pending and (offset < self.next or offset in self.restored)

    @property
    def watermark(self) -> int:
        offset = self.start
        while self.is_done(offset):
            offset += 1
        return offset


def _intervals(chance: random.Random, start: int) -> list[Interval]:
    found, at = [], start
    for _ in range(chance.randrange(4)):
        first = at + chance.randrange(1, 6)
        at = first + chance.randrange(1, 6)
        found.append((first, at))
    return found


def _same(progress: Progress, model: Model, horizon: int) -> None:
    assert model.watermark == progress.watermark
    assert len(model.pending) == progress.pending
    done = progress.done()
    claimed = {offset for first, end in done for offset in range(first, end)}
    beyond = {offset for offset in range(progress.watermark, horizon) if model.is_done(offset)}
    assert beyond == claimed
    edges = [edge for interval in done for edge in interval]
    assert edges == sorted(set(edges)), "sorted, not empty, apart from each other"
    assert not done or done[0][0] > progress.watermark


@pytest.mark.parametrize("seed", range(60))
def test_it_agrees_with_the_naive_model(seed: int) -> None:
    """Watermark, pending and intervals are the model's after every step: gaps, restored intervals, ends, repeats."""
    chance = random.Random(seed)
    start = chance.randrange(1000)
    restored = _intervals(chance, start)
    progress, model = Progress(start, restored), Model(start, restored)
    horizon = start + 400
    offset = start
    for _ in range(120):
        action = chance.random()
        if action < 0.5:
            offset += chance.choice((0, 0, 0, 0, 1, 3))
            assert model.begin(offset) == progress.begin(offset)
            offset += 1
        elif action < 0.55 and offset > start:
            old = chance.randrange(start, offset)
            assert model.begin(old) == progress.begin(old), "delivered again"
        elif action < 0.95 and model.pending:
            ended = chance.choice(sorted(model.pending))
            model.pending.remove(ended)
            progress.finish(ended)
        elif action >= 0.95:
            offset += chance.choice((0, 2))
            model.next = max(model.next, offset)
            progress.reach(offset)
        _same(progress, model, horizon)


@pytest.mark.parametrize("seed", range(20))
def test_a_successor_repeats_exactly_what_was_not_done(seed: int) -> None:
    """From watermark and intervals a new owner begins the events that were pending, and those never delivered."""
    chance = random.Random(seed)
    first = Progress(0)
    for offset in range(60):
        first.begin(offset)
    done = {offset for offset in range(60) if chance.random() < 0.6}
    for offset in done:
        first.finish(offset)
    second = Progress(first.watermark, first.done())
    begun = [offset for offset in range(first.watermark, 80) if second.begin(offset)]
    assert [offset for offset in range(80) if offset not in done] == begun


def test_a_gap_before_the_only_pending_event_moves_the_watermark() -> None:
    """Offsets that a transaction used up are passed with the next event, and that is worth a commit."""
    progress = Progress(5)
    assert progress.begin(9)
    assert (9, True) == (progress.watermark, progress.changed)


def test_the_end_of_the_partition_moves_the_watermark_over_a_last_gap() -> None:
    """After an aborted transaction nothing comes any more; the lag still reaches 0."""
    progress = Progress(5)
    progress.begin(5)
    progress.finish(5)
    progress.reach(8)
    assert (8, []) == (progress.watermark, progress.done())


def test_the_end_never_passes_what_is_pending() -> None:
    """The watermark stays at the first pending event."""
    progress = Progress(5)
    progress.begin(5)
    progress.reach(8)
    assert (5, [(6, 8)]) == (progress.watermark, progress.done())


def test_an_end_that_was_passed_changes_nothing() -> None:
    """It came late."""
    progress = Progress(5)
    progress.begin(5)
    progress.changed = False
    progress.reach(6)
    progress.reach(3)
    assert (5, False) == (progress.watermark, progress.changed)


def test_restored_intervals_that_touch_the_start_join_it() -> None:
    """What a former owner finished at once is no memory but the start itself."""
    progress = Progress(5, [(5, 7), (9, 10)])
    assert (7, [(9, 10)]) == (progress.watermark, progress.done())


def test_a_restored_event_that_comes_again_closes_the_gap_before_it() -> None:
    """It is not handled again, and nothing can come before it any more: the lag reaches 0."""
    progress = Progress(5, [(7, 9)])
    progress.changed = False
    assert not progress.begin(7)
    assert (9, [], True) == (progress.watermark, progress.done(), progress.changed)


def test_finishing_what_is_not_pending_changes_nothing() -> None:
    """A second end of the same event, or one of an event that never began, is harmless."""
    progress = Progress(0)
    progress.begin(0)
    progress.finish(0)
    progress.changed = False
    progress.finish(0)
    progress.finish(7)
    assert (1, False) == (progress.watermark, progress.changed)


def test_the_callers_intervals_stay_as_they_are() -> None:
    """A list that was passed in is not used up."""
    restored = [(3, 4), (6, 8)]
    progress = Progress(0, restored)
    for offset in range(10):
        progress.begin(offset)
    assert [(3, 4), (6, 8)] == restored
