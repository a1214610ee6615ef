"""Commits, on their real thread, over a consumer that follows a script."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator

import pytest
from confluent_kafka import TopicPartition

from engine.stream import commits as module
from engine.stream.commits import Cadence, Committer
from engine.stream.flow import Flow
from engine.stream.lease import Lease, Stamp
from engine.stream.metadata import decode
from engine.stream.partition import Job, Partition
from engine.stream.progress import Progress
from tests.stream.fakes import TOPIC, FakeConsumer, refusal


class Blocking(FakeConsumer):
    """A consumer whose commits wait for a gate."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = threading.Event()
        self.gate.set()
        self.entered = threading.Event()

    def commit(self, offsets: list[TopicPartition], asynchronous: bool) -> list[TopicPartition]:
        self.entered.set()
        assert self.gate.wait(10)
        return super().commit(offsets, asynchronous)


class Desk:
    """A committer and its clock."""

    def __init__(self) -> None:
        self.consumer = Blocking()
        self.now = 100.0
        self.stamp = Stamp(100.0, 5.0)
        self.failures = 0
        self.committer = Committer(
            self.consumer.as_consumer, TOPIC, stamp=self.stamp, clock=lambda: self.now, failed=self._failed
        )

    def _failed(self) -> None:
        self.failures += 1

    def partition(self, number: int, *, begun: int = 3, finished: tuple[int, ...] = (0,)) -> Partition:
        lease = Lease(self.stamp, 5.0, _nothing, lambda: self.now)
        partition = Partition(number, Progress(0), Flow(), lease, _handle)
        for offset in range(begun):
            partition.progress.begin(offset)
        for offset in finished:
            partition.progress.finish(offset)
        return partition

    def block(self) -> None:
        self.consumer.entered.clear()
        self.consumer.gate.clear()

    async def blocked(self) -> None:
        assert await asyncio.to_thread(self.consumer.entered.wait, 10)


async def _nothing() -> None:
    return


async def _handle(_job: Job) -> bool:
    return True


@pytest.fixture
async def desk(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Desk]:
    monkeypatch.setattr(module, "_AGAIN", 0.001)
    made = Desk()
    yield made
    made.consumer.gate.set()
    made.committer.close()


async def test_only_what_changed_is_committed(desk: Desk) -> None:
    """Watermark and what is done beyond it; then there is nothing to say."""
    one, two = desk.partition(1, finished=(0, 2)), desk.partition(2)
    two.progress.changed = False
    await desk.committer.commit([one, two])
    await desk.committer.commit([one, two])
    ((committed,),) = desk.consumer.commits
    assert (1, 1, [(2, 3)]) == (committed[0], committed[1], decode(1, committed[2]))


async def test_a_refused_commit_is_repeated_with_fresh_offsets(desk: Desk) -> None:
    """Counted, never fatal."""
    one = desk.partition(1)
    desk.consumer.refusals.append(refusal())
    await desk.committer.commit([one])
    one.progress.finish(1)
    await desk.committer.commit([one])
    assert ([[(1, 2, "")]], 1) == (desk.consumer.commits, desk.failures)


async def test_one_refused_partition_is_repeated_alone(desk: Desk) -> None:
    """The answer says which."""
    one, two = desk.partition(1), desk.partition(2)
    desk.consumer.refused.add(2)
    await desk.committer.commit([one, two])
    desk.consumer.refused.clear()
    await desk.committer.commit([one, two])
    assert [[1, 2], [2]] == [[place[0] for place in commit] for commit in desk.consumer.commits]


async def test_what_ends_during_a_commit_is_committed_next(desk: Desk) -> None:
    """Nothing is forgotten between asking and answering."""
    one = desk.partition(1)
    desk.block()
    committing = asyncio.create_task(desk.committer.commit([one]))
    await desk.blocked()
    one.progress.finish(1)
    desk.consumer.gate.set()
    await committing
    await desk.committer.commit([one])
    assert [[(1, 1, "")], [(1, 2, "")]] == desk.consumer.commits


async def test_an_unexpected_failure_forgets_nothing(desk: Desk) -> None:
    """It is raised; the partition still has something to commit."""
    one = desk.partition(1)
    desk.consumer.refusals.append(RuntimeError("Consumer closed"))
    with pytest.raises(RuntimeError):
        await desk.committer.commit([one])
    assert one.progress.changed


async def test_a_cancelled_commit_forgets_nothing(desk: Desk) -> None:
    """Nobody knows what became of it, so it is committed again."""
    one = desk.partition(1)
    desk.block()
    committing = asyncio.create_task(desk.committer.commit([one]))
    await desk.blocked()
    committing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await committing
    assert one.progress.changed


async def test_quiet_means_no_commit_is_under_way(desk: Desk) -> None:
    """Not even one whose asker was cancelled: it could overwrite a newer one of another thread."""
    one = desk.partition(1)
    desk.block()
    committing = asyncio.create_task(desk.committer.commit([one]))
    await desk.blocked()
    committing.cancel()
    await asyncio.gather(committing, return_exceptions=True)
    quiet = asyncio.create_task(desk.committer.quiet())
    await asyncio.sleep(0.02)
    assert not quiet.done()
    desk.consumer.gate.set()
    await quiet
    assert 1 == len(desk.consumer.commits)


async def test_a_partition_that_went_is_not_committed(desk: Desk) -> None:
    """It was taken away while the commit waited for its turn: another consumer's offset would be overwritten."""
    one, two = desk.partition(1), desk.partition(2)
    desk.block()
    first = asyncio.create_task(desk.committer.commit([one]))
    await desk.blocked()
    second = asyncio.create_task(desk.committer.commit([two]))
    await asyncio.sleep(0)
    two.lease.drop()
    desk.consumer.gate.set()
    await asyncio.gather(first, second)
    assert [1] == [place[0] for commit in desk.consumer.commits for place in commit]


async def test_long_metadata_is_committed_once_a_second(desk: Desk) -> None:
    """Short ones each time; `at_once` means all."""
    long = desk.partition(1, begun=20_000, finished=tuple(offset for offset in range(1, 20_000) if offset % 300))
    short = desk.partition(2, begun=100)
    committed: list[list[int]] = []
    for number, now in enumerate((100.0, 100.5, 101.0, 101.1), 1):
        desk.now = now
        desk.consumer.commits.clear()
        for partition in (long, short):
            partition.progress.finish(partition.progress.watermark)
        long.metadata_length, long.progress.changed = 1025, True
        await desk.committer.commit([long, short], at_once=number == 4)
        committed.append([place[0] for commit in desk.consumer.commits for place in commit])
    assert [[1, 2], [2], [1, 2], [1, 2]] == committed


async def test_a_commit_that_succeeds_renews_the_stamp(desk: Desk) -> None:
    """As of when it was asked; one that is refused does not."""
    one = desk.partition(1)
    desk.now = 200.0
    desk.consumer.refusals.append(refusal())
    await desk.committer.commit([one])
    assert 100.0 == desk.stamp.at
    await desk.committer.commit([one])
    assert 200.0 == desk.stamp.at


async def test_confirming_commits_although_nothing_changed(desk: Desk) -> None:
    """That is the proof of the membership."""
    one = desk.partition(1)
    one.progress.changed = False
    desk.now = 200.0
    await desk.committer.confirm(one)
    assert ([[(1, 1, "")]], 200.0) == (desk.consumer.commits, desk.stamp.at)


async def test_confirming_what_is_fresh_or_gone_commits_nothing(desk: Desk) -> None:
    """Another lane was quicker, or there is nothing to prove any more."""
    fresh, gone = desk.partition(1), desk.partition(2)
    await desk.committer.confirm(fresh)
    desk.now = 200.0
    gone.lease.drop()
    await desk.committer.confirm(gone)
    assert [] == desk.consumer.commits


async def test_many_lanes_confirm_with_one_commit(desk: Desk) -> None:
    """Whether it succeeds or is refused: a rebalance must not wait for a hundred refusals."""
    partitions = [desk.partition(number) for number in range(100)]
    desk.now = 200.0
    await asyncio.gather(*(desk.committer.confirm(partition) for partition in partitions))
    assert 1 == len(desk.consumer.commits)
    desk.now = 300.0
    desk.consumer.refusals += [refusal()] * 100
    await asyncio.gather(*(desk.committer.confirm(partition) for partition in partitions))
    assert (99, 1) == (len(desk.consumer.refusals), desk.failures)


async def test_a_refused_confirmation_is_asked_again(desk: Desk) -> None:
    """The next time round, see Lease."""
    one = desk.partition(1)
    desk.now = 200.0
    desk.consumer.refusals.append(refusal())
    await desk.committer.confirm(one)
    desk.now = 200.2
    await desk.committer.confirm(one)
    assert 200.2 == desk.stamp.at


async def test_the_lock_is_free_while_a_refused_confirmation_pauses(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A revocation does not wait for it."""
    monkeypatch.setattr(module, "_AGAIN", 60.0)
    desk.now = 200.0
    desk.consumer.refusals.append(refusal())
    confirming = asyncio.create_task(desk.committer.confirm(desk.partition(1)))
    async with asyncio.timeout(10):
        while not desk.failures:  # noqa: ASYNC110 - another thread makes it true
            await asyncio.sleep(0.002)
        await desk.committer.quiet()
    assert not confirming.done()
    confirming.cancel()


def test_a_commit_begins_early_enough_to_be_answered_within_the_interval() -> None:
    """A slow answer is remembered for a while; however slow, a quarter of the interval lies between two beginnings."""
    cadence = Cadence(1.0)
    assert [1.0, 0.75, 0.75, 0.775] == [round(cadence.after(took), 4) for took in (0.0, 0.25, 0.25, 0.1)]
    assert [0.25, 0.25] == [cadence.after(took) for took in (500.0, 0.0)]
    assert 0.9 < [cadence.after(0.0) for _ in range(25)][-1] <= 1.0
