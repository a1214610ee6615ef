"""Commits what is done: synchronously, on a thread of its own, only what changed."""

from __future__ import annotations

import asyncio
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
        self._long_at = 0.0

    def offset(self, partition: Partition) -> TopicPartition:
        """What to commit of a partition now; marks it as unchanged."""
        progress = partition.progress
        progress.changed = False
        metadata = partition.metadata()
        return TopicPartition(self._topic, partition.number, progress.watermark, metadata)

    async def commit(self, partitions: Iterable[Partition]) -> None:
        """Commit what changed. What fails is committed next time, with the offsets of then."""
        now = self._clock()
        with_long = now - self._long_at >= _LONG_EVERY
        async with self._one:
            chosen = [p for p in partitions if p.progress.changed and (with_long or p.metadata_length <= _LONG)]
            if with_long:
                self._long_at = now
            if chosen:
                await self._commit(chosen)

    async def confirm(self, partition: Partition) -> None:
        """One synchronous commit that proves the membership, or a pause; see Lease."""
        async with self._one:
            if self._clock() - self._stamp.at <= partition.lease.trust or partition.lease.dropped:
                return
            if not await self._commit([partition]):
                await asyncio.sleep(_AGAIN)

    async def quiet(self) -> None:
        """Return when no commit is under way."""
        async with self._one:
            return

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
        for partition in partitions:
            if partition.number in errors:
                partition.progress.changed = True
        if errors:
            self._failed()
            text = "; ".join(sorted({str(error) for error in errors.values()}))
            log.warning("commit.failed", topic=self._topic, partitions=sorted(errors), text=text)
            return False
        self._stamp.at = max(self._stamp.at, asked)
        return True

    def _ask(self, offsets: list[TopicPartition]) -> list[TopicPartition] | None:
        return self._consumer.commit(offsets=offsets, asynchronous=False)
