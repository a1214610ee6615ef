"""One key after the other, different keys side by side."""

from __future__ import annotations

import asyncio
import random
from collections import defaultdict

import pytest

from engine.stream.lanes import Lanes


class Worker:
    """Handles jobs; each waits until it is let go."""

    def __init__(self) -> None:
        self.running: list[str] = []
        self.ended: list[str] = []
        self.gates: dict[str, asyncio.Future[bool]] = {}

    async def __call__(self, job: str) -> bool:
        self.running.append(job)
        gate = self.gates[job] = asyncio.get_running_loop().create_future()
        try:
            kept: bool = await gate
            return kept
        finally:
            self.running.remove(job)
            self.ended.append(job)

    async def let(self, job: str, kept: bool = True) -> None:
        self.gates[job].set_result(kept)
        await _settle()


async def _settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_one_key_is_handled_one_after_the_other_while_others_run() -> None:
    """The second job of a key begins when its first has ended; another key does not wait."""
    worker = Worker()
    lanes = Lanes(worker)
    for key, job in (("a", "a1"), ("a", "a2"), ("b", "b1")):
        lanes.put(key, job)
    await _settle()
    assert ["a1", "b1"] == worker.running
    await worker.let("a1")
    assert ["b1", "a2"] == worker.running
    await lanes.abort()


async def test_a_lane_that_was_given_up_lets_nothing_of_its_key_pass() -> None:
    """Neither what waited in it nor what comes later begins."""
    worker = Worker()
    lanes = Lanes(worker)
    lanes.put("a", "a1")
    lanes.put("a", "a2")
    await _settle()
    await worker.let("a1", kept=False)
    lanes.put("a", "a3")
    await _settle()
    assert ([], ["a1"]) == (worker.running, worker.ended)
    assert await lanes.drain(1.0)


async def test_a_lane_that_was_cancelled_lets_nothing_of_its_key_pass() -> None:
    """The same after `abort`."""
    worker = Worker()
    lanes = Lanes(worker)
    lanes.put("a", "a1")
    await _settle()
    await lanes.abort()
    lanes.put("a", "a2")
    await _settle()
    assert ([], ["a1"]) == (worker.running, worker.ended)


async def test_a_lane_that_is_empty_is_forgotten_and_begins_anew() -> None:
    """A million keys are not a million lanes."""
    worker = Worker()
    lanes = Lanes(worker)
    for job in ("a1", "a2"):
        lanes.put("a", job)
        await _settle()
        await worker.let(job)
        assert ({}, {}) == (lanes._lanes, lanes._tasks)
    assert ["a1", "a2"] == worker.ended


async def test_draining_waits_for_what_runs() -> None:
    """True when everything ended in time."""
    worker = Worker()
    lanes = Lanes(worker)
    lanes.put("a", "a1")
    await _settle()
    drained = asyncio.create_task(lanes.drain(60.0))
    await _settle()
    assert not drained.done()
    await worker.let("a1")
    assert await drained


async def test_draining_cancels_what_is_late() -> None:
    """False, and nothing runs any more when it returns."""
    worker = Worker()
    lanes = Lanes(worker)
    lanes.put("a", "a1")
    await _settle()
    assert not await lanes.drain(0.01)
    assert ([], ["a1"]) == (worker.running, worker.ended)


async def test_what_runs_for_one_key_can_be_cancelled() -> None:
    """The other keys go on; a key that runs nothing is no error."""
    worker = Worker()
    lanes = Lanes(worker)
    for key, job in (("a", "a1"), ("b", "b1")):
        lanes.put(key, job)
    await _settle()
    lanes.cancel("a")
    lanes.cancel("c")
    await _settle()
    assert (["b1"], ["a1"]) == (worker.running, worker.ended)
    await lanes.abort()


async def test_draining_nothing_is_at_once() -> None:
    """No lane, no waiting."""
    assert await Lanes(Worker()).drain(60.0)


@pytest.mark.parametrize("seed", range(5))
async def test_order_within_a_key_holds_whatever_the_durations(seed: int) -> None:
    """A thousand jobs of ten keys with random pauses end in order per key, never two of a key at once."""
    chance = random.Random(seed)
    active: set[int] = set()
    ended: dict[int, list[int]] = defaultdict(list)

    async def handle(job: tuple[int, int]) -> bool:
        key, number = job
        assert key not in active
        active.add(key)
        for _ in range(chance.randrange(4)):
            await asyncio.sleep(0)
        active.remove(key)
        ended[key].append(number)
        return True

    lanes = Lanes(handle)
    for number in range(1000):
        lanes.put(number % 10, (number % 10, number))
        if chance.random() < 0.2:
            await asyncio.sleep(0)
    assert await lanes.drain(30.0)
    assert {key: list(range(key, 1000, 10)) for key in range(10)} == ended
