"""A partition's counts and its metadata."""

from __future__ import annotations

from engine.stream.flow import Flow
from engine.stream.lease import Lease, Stamp
from engine.stream.metadata import LIMIT, decode
from engine.stream.partition import Job, Partition
from engine.stream.progress import Interval, Progress


async def _nothing() -> None:
    return


async def _handle(_job: Job) -> bool:
    return True


def _partition(start: int = 0, done: list[Interval] | None = None) -> Partition:
    lease = Lease(Stamp(0.0), 1.0, _nothing, lambda: 0.0)
    return Partition(3, Progress(start, done), Flow(), lease, _handle)


def _scattered(partition: Partition, count: int, step: int) -> None:
    """So many pending events, `step` apart, everything between them done."""
    for offset in range(0, count * step, step):
        partition.progress.begin(offset)
        partition.progress.begin(offset + 1)
        partition.progress.finish(offset + 1)


async def test_an_ended_event_is_done_and_no_longer_under_way() -> None:
    """Progress and counts move together."""
    partition = _partition()
    partition.flow.sent, partition.flow.sent_bytes = 1, 5
    partition.progress.begin(0)
    partition.ended(0, 5)
    assert (1, 0, 0) == (partition.progress.watermark, partition.flow.events, partition.flow.bytes)


async def test_a_record_that_is_passed_is_not_done() -> None:
    """It was delivered before, or the partition goes."""
    partition = _partition()
    partition.flow.sent, partition.flow.sent_bytes = 1, 5
    partition.progress.begin(0)
    partition.passed(5)
    assert (0, 0, 0) == (partition.progress.watermark, partition.flow.events, partition.flow.bytes)


async def test_the_partition_pauses_before_its_metadata_would_not_fit() -> None:
    """And goes on when it is short again."""
    partition = _partition()
    _scattered(partition, 900, 400)
    text = partition.metadata()
    assert 2_500 < len(text) <= LIMIT
    assert frozenset({"metadata"}) == partition.flow.holds
    for offset in range(0, 700 * 400, 400):
        partition.progress.finish(offset)
    assert len(partition.metadata()) < 1_500
    assert frozenset() == partition.flow.holds


async def test_between_the_two_lengths_nothing_changes() -> None:
    """No flutter."""
    partition = _partition()
    _scattered(partition, 900, 400)
    partition.metadata()
    for offset in range(0, 400 * 400, 400):
        partition.progress.finish(offset)
    assert 1_500 < len(partition.metadata()) < 2_500
    assert frozenset({"metadata"}) == partition.flow.holds


async def test_a_former_owners_long_metadata_does_not_hold_an_idle_partition() -> None:
    """Only reading on makes it shorter: held with nothing pending, it would be held for ever."""
    done = [(offset + 1, offset + 200) for offset in range(0, 900 * 400, 400)]
    partition = _partition(0, done)
    assert len(partition.metadata()) > 2_500
    assert frozenset() == partition.flow.holds
    partition.progress.begin(0)
    partition.metadata()
    assert frozenset({"metadata"}) == partition.flow.holds
    partition.progress.finish(0)
    partition.metadata()
    assert frozenset() == partition.flow.holds


async def test_the_metadata_says_what_is_done_beyond_the_watermark() -> None:
    """And its length is remembered, for committing long ones less often."""
    partition = _partition()
    for offset in range(4):
        partition.progress.begin(offset)
    partition.ended(2, 0)
    text = partition.metadata()
    assert ([(2, 3)], len(text)) == (decode(0, text), partition.metadata_length)
