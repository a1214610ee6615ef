"""Consumers come, go and crash at random over one partition; what is promised holds in every run."""

from __future__ import annotations

import random

import pytest

from engine.api.messages import Request, Response
from engine.pipeline import Journey
from engine.stream.metadata import decode
from tests.stream.fakes import record, refusal
from tests.stream.hall import FakeClient, Hall

_KEYS = 6


class Truth:
    """What happened to events, over all consumers.

    Attributes:
        done: offsets whose request was accepted, at least once.
        settled: those of them that a commit, or an orderly end, has remembered since: they must not begin again.
    """

    def __init__(self, log: list[tuple[int, str | None]]) -> None:
        self.log = log
        self.done: set[int] = set()
        self.settled: set[int] = set()
        self.repeated = 0

    def begins(self, who: str, offset: int) -> None:
        earlier = {other for other, name in self.log if name == who and other < offset}
        assert earlier <= self.done, f"{offset} overtakes {sorted(earlier - self.done)}"
        assert offset not in self.settled, f"{offset} is repeated although it was remembered"
        self.repeated += offset in self.done


class Client(FakeClient):
    """Each request waits for its gate; beginnings and ends are checked."""

    def __init__(self, truth: Truth) -> None:
        super().__init__()
        self.held = {f"k{number}" for number in range(_KEYS)}
        self.truth = truth

    async def send(self, request: Request, call: Journey) -> Response:
        who, offset = str(call.event.record["who"]), call.event.message.offset
        await call.permit()
        self.truth.begins(who, offset)
        response = await super().send(request, call)
        self.truth.done.add(offset)
        return response


class Run:
    """One run: a log, what the broker remembers of the group, and the consumer of now."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        offset, log = 0, []
        for _ in range(120):
            offset += self.chance.choice((1, 1, 1, 1, 2, 5))
            log.append((offset, None if self.chance.random() < 0.05 else f"k{self.chance.randrange(_KEYS)}"))
        self.log: list[tuple[int, str | None]] = log
        self.truth = Truth(self.log)
        self.committed = (0, "")
        self._join()

    def _join(self) -> None:
        """The next consumer takes over where the broker says."""
        self.hall = Hall(within=0.001)
        self.client = self.hall.client = Client(self.truth)
        self.hall.pipeline._clients = {"": self.client}  # type: ignore[dict-item]
        offset, text = self.committed
        self.hall.assign(0, start=offset, done=decode(offset, text))
        self.position = offset

    async def deliver(self) -> None:
        following = [entry for entry in self.log if entry[0] >= self.position][: self.chance.randrange(1, 15)]
        batch = [record(offset, None if who is None else who.encode()) for offset, who in following]
        if following:
            self.position = following[-1][0] + 1
        await self.hall.deliver(*batch)

    async def finish(self) -> None:
        """Some of what runs is answered."""
        running = list(self.client.running)
        for who, offset in self.chance.sample(running, self.chance.randrange(len(running) + 1)):
            await self.hall.let(who, offset)

    async def commit(self) -> None:
        if self.chance.random() < 0.2:
            self.hall.consumer.refusals.append(refusal())
        done = set(self.truth.done)
        await self.hall.processor.commit()
        self.hall.consumer.refusals.clear()
        if self.hall.consumer.commits:
            ((_, offset, text),) = self.hall.consumer.commits.pop()
            self.committed = (offset, text)
            self.truth.settled |= done

    async def rebalance(self) -> None:
        """An orderly end: nothing that was done is repeated."""
        for place in await self.hall.processor.revoke([0]):
            self.committed = (place.offset, place.metadata or "")
        self.truth.settled |= self.truth.done
        self._join()

    async def crash(self) -> None:
        """Nothing is committed any more."""
        await self.hall.processor.lose([0])
        self._join()

    async def read_to_the_end(self) -> None:
        for _ in range(1_000):
            await self.deliver()
            for who, offset in list(self.client.running):
                await self.hall.let(who, offset)
            if self.hall.watermark() > self.log[-1][0]:
                return
        raise AssertionError("it never ends")


@pytest.mark.parametrize("seed", range(25))
async def test_nothing_is_lost_overtaken_or_needlessly_repeated(seed: int) -> None:
    """Whatever happens in between: every event is done, in order per key, and not again once that is remembered."""
    run = Run(seed)
    steps = (run.deliver, run.finish, run.commit, run.rebalance, run.crash)
    for _ in range(120):
        (step,) = run.chance.choices(steps, (30, 30, 20, 3, 2))
        await step()
    await run.read_to_the_end()
    assert {offset for offset, who in run.log if who is not None} == run.truth.done
    partition = run.hall.processor.partitions[0]
    assert (0, 0, 0) == (partition.progress.pending, partition.flow.events, partition.flow.bytes)
    assert {} == partition.lanes._lanes
    await run.commit()
    await run.hall.processor.lose([0])


async def test_the_simulation_sees_repetitions() -> None:
    """A crash repeats what was done since the last commit, else it would prove nothing."""
    repeated = 0
    for seed in range(5):
        run = Run(seed)
        for _ in range(10):
            await run.deliver()
            await run.finish()
        await run.crash()
        await run.read_to_the_end()
        repeated += run.truth.repeated
        await run.hall.processor.lose([0])
    assert repeated > 0
