"""Looks at an event as its group sees it, and asks the engine to skip it; for `engine skip`. Blocks."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeVar

from confluent_kafka import KafkaException, TopicPartition

from engine.config.model import Config
from engine.errors import Unavailable, Unusable
from engine.events.event import Message
from engine.quix import Consumer, onlooker
from engine.stream.intake import message_of
from engine.stream.metadata import Unreadable, decode
from engine.stream.progress import Progress
from engine.stream.state import Skip, Source, skip_entry
from engine.stream.state_topic import StateMissing, StateWriter, topic_name
from engine.stream.topics import create_state_topic

Answer = TypeVar("Answer")

_PATIENCE = 10.0  # seconds for one answer of the broker
_LOOK = 0.3  # seconds between two looks at what the group committed


class Desk:
    """One event of the topic, and what its group did with it; a context manager.

    Args:
        config: `kafka` and `dlq.topic`.
        partition: of the event.
        offset: of the event.
    """

    def __init__(self, config: Config, partition: int, offset: int) -> None:
        self._config = config
        self.source = Source(config.kafka.topic, partition, offset)
        self._place = TopicPartition(config.kafka.topic, partition)
        self._consumer: Consumer = onlooker(config.kafka)

    def __enter__(self) -> Desk:
        """Nothing is asked yet."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the consumer."""
        self._consumer.close()  # type: ignore[no-untyped-call]

    def event(self) -> Message:
        """The event as it stands on the topic.

        Raises:
            Unusable: there is no such topic, partition or event.
            Unavailable: the broker does not answer.
        """
        topic, number, offset = self.source
        low, high = self._asking(self._bounds)
        if not low <= offset < high:
            there = f"it has the offsets {low} to {high - 1}" if high > low else "it is empty"
            raise Unusable(f"--offset: there is no offset {offset} in partition {number} of {topic}; {there}")
        self._consumer.assign([TopicPartition(topic, number, offset)])
        until = time.monotonic() + _PATIENCE
        while time.monotonic() < until:
            record = self._consumer.poll(0.5)
            if record is None or record.error() is not None:
                continue
            if record.offset() != offset:
                raise Unusable(f"--offset: there is no event at offset {offset}; the next one is at {record.offset()}")
            return message_of(record)[0]
        raise Unavailable(f"offset {offset} of partition {number} could not be read")

    def is_done(self) -> bool:
        """Whether the group has committed the event as done, skipped or dead.

        Raises:
            Unavailable: the broker does not answer.
        """
        (committed,) = self._asking(lambda: self._consumer.committed([self._place], timeout=_PATIENCE))
        if committed.offset < 0:
            return False
        try:
            intervals = decode(committed.offset, committed.metadata or "")
        except Unreadable:
            intervals = []
        return Progress(committed.offset, intervals).is_done(self.source.offset)

    def ask(self, reason: str, now: datetime | None = None) -> None:
        """Write down that the event is to be skipped; the engine that has the partition, or gets it next, does it.

        Raises:
            Unusable: there is no state topic, and it must not be created.
            Unavailable: the broker does not answer.
        """
        writer = StateWriter(self._config.kafka, topic_name(self._config.dlq.topic))
        entry = skip_entry(self.source, Skip(now or datetime.now(UTC), reason))
        try:
            writer.write([entry])
        except StateMissing:
            create_state_topic(self._config)
            writer.write([entry])

    def wait(self, seconds: float) -> bool:
        """Wait until the event is done, at most so long; whether it is."""
        until = time.monotonic() + seconds
        while not self.is_done():
            if time.monotonic() >= until:
                return False
            time.sleep(_LOOK)
        return True

    def _bounds(self) -> tuple[int, int]:
        found = self._consumer.list_topics(self.source.topic, timeout=_PATIENCE).topics[self.source.topic]
        if found.error is not None:
            raise Unusable(f"kafka.topic: the broker has no topic {self.source.topic!r}, or does not show it")
        if self.source.partition not in found.partitions:
            raise Unusable(f"--partition: {self.source.topic} has the partitions 0 to {len(found.partitions) - 1}")
        return self._consumer.get_watermark_offsets(self._place, timeout=_PATIENCE)

    def _asking(self, ask: Callable[[], Answer]) -> Answer:
        try:
            return ask()
        except KafkaException as error:
            raise Unavailable(f"{self._config.kafka.brokers} does not answer: {error.args[0].str()}") from error
