"""A consumer thread that really runs, over a consumer that follows a script."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Literal

from confluent_kafka import Message, TopicPartition

from engine.config.model import Limits
from engine.stream.lease import Stamp
from engine.stream.source import Assigned, Source
from tests.stream.fakes import TOPIC, FakeConsumer


class Owner:
    """Remembers what it is told, in order."""

    def __init__(self) -> None:
        self.told: list[tuple[Any, ...]] = []
        self.partitions: dict[int, Assigned] = {}
        self.offsets: list[int] = []
        self.failure: asyncio.Future[BaseException] = asyncio.get_running_loop().create_future()
        self.to_commit: list[TopicPartition] | Exception = []
        self.breaks: Exception | None = None

    def assigned(self, partitions: list[Assigned]) -> None:
        self.partitions.update({one.number: one for one in partitions})
        self.told.append(("assigned", *(one.number for one in partitions)))

    def deliver(self, records: list[Message]) -> None:
        if self.breaks is not None:
            raise self.breaks
        for one in records:
            self.offsets.append(one.offset() or 0)
            self.told.append(("record", one.offset()))

    def expired(self, partition: int, messages: int) -> None:
        self.told.append(("expired", partition, messages))

    async def revoke(self, partitions: list[int]) -> list[TopicPartition]:
        self.told.append(("revoke", *partitions))
        if isinstance(self.to_commit, Exception):
            raise self.to_commit
        return self.to_commit

    async def lose(self, partitions: list[int]) -> None:
        self.told.append(("lose", *partitions))
        if isinstance(self.to_commit, Exception):
            raise self.to_commit

    def failed(self, error: BaseException) -> None:
        if not self.failure.done():
            self.failure.set_result(error)

    def done(self, events: int, partition: int = 0) -> None:
        """So many events of a partition are done."""
        self.partitions[partition].flow.ended += events


class Stage:
    """A source that runs."""

    def __init__(self, limits: Limits, start: Literal["earliest", "latest"], patience: float) -> None:
        self.consumer = FakeConsumer()
        self.owner = Owner()
        self.stamp = Stamp(0.0)
        self.beats = 0
        self.pauses: list[tuple[int, str, bool]] = []
        self.source = Source(
            self.consumer.as_consumer,
            TOPIC,
            start,
            limits,
            self.owner,
            asyncio.get_running_loop(),
            stamp=self.stamp,
            beat=self._beat,
            paused=lambda *what: self.pauses.append(what),
            patience=patience,
        )

    def _beat(self) -> None:
        self.beats += 1

    async def until(self, true: Callable[[], object]) -> None:
        async with asyncio.timeout(10):
            while not true():  # noqa: ASYNC110 - another thread makes it true
                await asyncio.sleep(0.002)

    async def turns(self, count: int = 4) -> None:
        """So many looks at the topic later."""
        beats = self.beats + count
        await self.until(lambda: self.beats >= beats)
        await asyncio.sleep(0)

    async def heard(self, *what: Any) -> None:
        await self.until(lambda: what in self.owner.told)


def begun(stage: Stage, *partitions: int) -> Stage:
    stage.consumer.assign_partitions(*(partitions or (0,)))
    stage.source.begin()
    return stage


Make = Callable[..., Stage]
