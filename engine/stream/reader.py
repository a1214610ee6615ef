"""Reads a topic outside the group, newest record first, or single records; memory stays flat. Blocks."""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple, TypeVar

from confluent_kafka import KafkaError, KafkaException, TopicPartition
from confluent_kafka import Message as Record

from engine.config.model import Kafka
from engine.errors import Unavailable, Unusable
from engine.events.event import Message
from engine.quix import Consumer, onlooker
from engine.stream.intake import message_of

_PATIENCE = 10.0  # seconds for one answer of the broker
_SILENCE = 30.0  # seconds without a record after which reading is given up
_BATCH = 64  # records handed over at once; each may be a megabyte
_HELD = 16_000  # parsed records of all partitions that are held at most
_FIRST = 128  # records of the first look at a partition: whoever wants the newest twenty gets them soon
_APART = 500  # offsets between two wanted records, from which a second look is quicker than reading on

_END = KafkaError._PARTITION_EOF  # noqa: SLF001 - confluent-kafka's names for librdkafka's own codes
_GONE = frozenset({KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC, KafkaError._UNKNOWN_PARTITION})  # noqa: SLF001
_EXPIRED = frozenset({KafkaError.OFFSET_OUT_OF_RANGE, KafkaError._AUTO_OFFSET_RESET})  # noqa: SLF001

_OPTIONS = {
    "max.partition.fetch.bytes": 1024 * 1024,
    "queued.min.messages": 10_000,
    "queued.max.messages.kbytes": 16 * 1024,
    "fetch.wait.max.ms": 20,  # at a partition's end the next look would wait for this one
}

Parsed = TypeVar("Parsed")
Progress = Callable[[int, int], None]
"""Told how many records were read so far, and of how many."""


class Place(NamedTuple):
    """Where a record stands on a topic."""

    partition: int
    offset: int


def reader(kafka: Kafka) -> Consumer:
    """A consumer for reading much, fast."""
    return onlooker(kafka, _OPTIONS)


class TopicReader:
    """Reads one topic; a context manager. Used on one thread at a time.

    Args:
        kafka: how to reach the broker.
        topic: its name.
        open_consumer: makes a consumer outside the group that tells partition ends.
    """

    def __init__(self, kafka: Kafka, topic: str, open_consumer: Callable[[Kafka], Consumer] = reader) -> None:
        self._topic = topic
        self._brokers = kafka.brokers
        self._consumer = open_consumer(kafka)

    def __enter__(self) -> TopicReader:
        """Nothing is asked yet."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the consumer."""
        self._consumer.close()  # type: ignore[no-untyped-call]

    def bounds(self) -> dict[int, tuple[int, int]]:
        """The first offset and the end of each partition.

        Raises:
            Unusable: there is no such topic.
            Unavailable: the broker does not answer.
        """
        try:
            found = self._consumer.list_topics(self._topic, timeout=_PATIENCE).topics[self._topic]
        except KafkaException as error:
            raise self._meaning(error.args[0]) from error
        if found.error is not None:
            raise self._meaning(found.error)
        return {number: self._bounds(number) for number in sorted(found.partitions)}

    def newest(
        self,
        parse: Callable[[Message], Parsed | None],
        progress: Progress | None = None,
        since: dict[int, int] | None = None,
    ) -> Iterator[Parsed]:
        """What `parse` makes of every record, the newest first; what it makes None of is left out.

        In each partition by offset, across partitions by the time of the record.

        Args:
            parse: what is kept of a record.
            progress: told after each look at a partition.
            since: offsets of partitions before which records are not read.

        Raises:
            Unusable, Unavailable: see `bounds`; also no more records come.
        """
        bounds = {
            number: (max(low, (since or {}).get(number, 0)), high) for number, (low, high) in self.bounds().items()
        }
        total, done = sum(max(0, high - low) for low, high in bounds.values()), 0

        def passed(records: int) -> None:
            nonlocal done
            done += records
            if progress is not None:
                progress(done, total)

        most = max(_FIRST, _HELD // max(1, len(bounds)))
        streams = (self._backwards(number, low, high, most, parse, passed) for number, (low, high) in bounds.items())
        for _, parsed in heapq.merge(*streams, key=lambda one: -one[0]):
            if parsed is not None:
                yield parsed

    def load(self, places: Iterable[Place]) -> dict[Place, Message]:
        """Single records; one that is not there any more is not among them.

        Raises:
            Unusable, Unavailable: as `newest`.
        """
        found: dict[Place, Message] = {}
        wanted = set(places)

        def keep(message: Message) -> None:
            place = Place(message.partition, message.offset)
            if place in wanted:
                found[place] = message

        for partition, first, last in _runs(sorted(wanted)):
            self._read(partition, first, last + 1, keep)
        return found

    def _backwards(
        self,
        partition: int,
        low: int,
        high: int,
        most: int,
        parse: Callable[[Message], Parsed | None],
        passed: Callable[[int], None],
    ) -> Iterator[tuple[int, Parsed | None]]:
        size = _FIRST
        while high > low:
            start = max(low, high - size)
            found: list[tuple[int, Parsed | None]] = []

            def take(message: Message, into: list[tuple[int, Parsed | None]] = found) -> None:
                into.append((message.timestamp or 0, parse(message)))

            self._read(partition, start, high, take)
            passed(high - start)
            while found:
                yield found.pop()
            high, size = start, min(most, size * 4)

    def _read(self, partition: int, start: int, end: int, take: Callable[[Message], None]) -> None:
        """Hand over the records from `start` up to `end`, as far as they are there."""
        self._consumer.assign([TopicPartition(self._topic, partition, start)])
        heard = time.monotonic()
        position = start
        while position < end:
            first = self._consumer.poll(0.5)
            for record in [] if first is None else [first, *self._consumer.consume(_BATCH, timeout=0)]:
                if record.error() is not None:
                    position = self._after(record, position, end, partition)
                elif position <= (offset := record.offset() or 0) < end:
                    position = offset + 1
                    take(message_of(record)[0])
                else:
                    position = max(position, offset)
            now = time.monotonic()
            if first is not None:
                heard = now
            elif now - heard > _SILENCE:
                raise Unavailable(f"{self._topic}[{partition}] was read up to offset {position}; no more comes")

    def _after(self, record: Record, position: int, end: int, partition: int) -> int:
        """Where to go on after an error among the records."""
        error = record.error()
        if error is None or error.code() == _END:
            return end  # the partition has no more
        if error.code() in _GONE:
            raise self._meaning(error)
        if error.code() in _EXPIRED:  # retention took them meanwhile, or the topic was made anew
            low, high = self._bounds(partition)
            start = max(position, low)
            if start >= min(high, end):
                return end
            self._consumer.assign([TopicPartition(self._topic, partition, start)])
            return start
        return position  # librdkafka tries again by itself

    def _bounds(self, partition: int) -> tuple[int, int]:
        where = TopicPartition(self._topic, partition)
        try:
            return self._consumer.get_watermark_offsets(where, timeout=_PATIENCE)
        except KafkaException as error:
            raise self._meaning(error.args[0]) from error

    def _meaning(self, error: KafkaError) -> Exception:
        if error.code() in _GONE:
            return Unusable(f"the broker has no topic {self._topic!r}, or does not show it to this user")
        return Unavailable(f"{self._brokers} does not answer: {error.str()} ({error.name()})")


def _runs(places: list[Place]) -> Iterator[tuple[int, int, int]]:
    """Sorted places as (partition, first, last) of what is read in one go."""
    run: tuple[int, int, int] | None = None
    for partition, offset in places:
        if run is not None and run[0] == partition and offset - run[2] <= _APART:
            run = (partition, run[1], offset)
            continue
        if run is not None:
            yield run
        run = (partition, offset, offset)
    if run is not None:
        yield run
