"""Commits what is done: synchronously, on a thread of its own, only what changed."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

import structlog
from confluent_kafka import KafkaException, TopicPartition

from engine.quix import Consumer
from engine.stream.lease import Stamp
from engine.stream.partition import Partition

_AGAIN = 0.2  # seconds before a commit that has to succeed is tried again
_LONG = 1024  # characters of metadata from which a partition is committed once a second only
_LONG_EVERY = 1.0
_SHORTEST = 0.25  # of the interval: the least between two beginnings
_FORGET = 0.9  # what is left of a slow commit's time at the next one

log = structlog.get_logger()


class Committer:
    """Commits partitions; lives on the event loop, waits on its thread.

    Args:
        consumer: shared with the consumer thread; librdkafka allows it.
        topic: of events.
        stamp: a commit that succeeded proves the membership, so it is renewed.
        clock: monotonic seconds.
        failed: called for each commit that failed, for metrics.
    """

    def __init__(
        self,
        consumer: Consumer,
        topic: str,
        *,
        stamp: Stamp,
        clock: Callable[[], float],
        failed: Callable[[], None],
    ) -> None:
        self._consumer = consumer
        self._topic = topic
        self._stamp = stamp
        self._clock = clock
        self._failed = failed
        self._thread = ThreadPoolExecutor(1, "commit")
        self._one = asyncio.Lock()
        self._long_at = -math.inf
        self._refused = 0

    def offset(self, partition: Partition) -> TopicPartition:
        """What to commit of a partition now; marks it as unchanged."""
        progress = partition.progress
        progress.changed = False
        metadata = partition.metadata()
        return TopicPartition(self._topic, partition.number, progress.watermark, metadata)

    async def commit(self, partitions: Iterable[Partition], *, at_once: bool = False) -> None:
        """Commit what changed. What fails is committed next time, with the offsets of then.

        Args:
            partitions: all that are ours.
            at_once: also those whose metadata is long.
        """
        now = self._clock()
        with_long = at_once or now - self._long_at >= _LONG_EVERY
        async with self._one:
            ours = [p for p in partitions if p.progress.changed and not p.lease.dropped]  # one may have gone meanwhile
            chosen = [p for p in ours if with_long or p.metadata_length <= _LONG]
            if with_long:
                self._long_at = now
            if chosen:
                await self._commit(chosen)

    async def confirm(self, partition: Partition) -> None:
        """One synchronous commit that proves the membership, or a pause; see Lease."""
        refused = self._refused
        async with self._one:
            if self._clock() - self._stamp.at <= partition.lease.trust or partition.lease.dropped:
                return
            # a hundred lanes may ask at once; one refusal is the answer to all of them
            proved = self._refused == refused and await self._commit([partition])
        if not proved:
            await asyncio.sleep(_AGAIN)

    async def quiet(self) -> None:
        """Return when no commit is under way, not even one that nobody waits for any more."""
        async with self._one:
            await asyncio.get_running_loop().run_in_executor(self._thread, int)

    def close(self) -> None:
        """End the thread."""
        self._thread.shutdown(wait=False)

    async def _commit(self, partitions: list[Partition]) -> bool:
        asked = self._clock()
        offsets = [self.offset(partition) for partition in partitions]
        loop = asyncio.get_running_loop()
        try:
            committed = await loop.run_in_executor(self._thread, self._ask, offsets)
            errors = {one.partition: one.error for one in committed or () if one.error is not None}
        except KafkaException as error:
            errors = {partition.number: error for partition in partitions}
        except BaseException:  # nobody knows what became of it
            self._again(partitions)
            raise
        self._again(partition for partition in partitions if partition.number in errors)
        if errors:
            self._refused += 1
            self._failed()
            text = "; ".join(sorted({str(error) for error in errors.values()}))
            log.warning("commit.failed", topic=self._topic, partitions=sorted(errors), text=text)
            return False
        self._stamp.at = max(self._stamp.at, asked)
        return True

    def _again(self, partitions: Iterable[Partition]) -> None:
        for partition in partitions:
            partition.progress.changed = True

    def _ask(self, offsets: list[TopicPartition]) -> list[TopicPartition] | None:
        return self._consumer.commit(offsets=offsets, asynchronous=False)


class Cadence:
    """When commits begin: so early that the broker's answer to the next one is there within the interval.

    A crash repeats what finished since the last commit began that was answered, so the answer's time counts, too.

    Args:
        interval: seconds, from the beginning of one commit to the answer of the next.
    """

    __slots__ = ("_interval", "_slow")

    def __init__(self, interval: float) -> None:
        self._interval = interval
        self._slow = 0.0

    def after(self, took: float) -> float:
        """Seconds from the beginning of a commit that took so long to that of the next."""
        self._slow = max(min(took, self._interval), self._slow * _FORGET)
        return max(self._interval - self._slow, self._interval * _SHORTEST)
