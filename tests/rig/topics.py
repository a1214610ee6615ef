"""The broker's side of a test: produce, read dead letters, look at what a group committed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, Producer, TopicPartition

from tests.rig.waiting import eventually

Headers = Sequence[tuple[str, bytes | None]]


@dataclass(frozen=True, slots=True)
class Record:
    """A record as it stands on a topic; `headers` in order, duplicates included."""

    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]

    def text(self, name: str) -> str | None:
        """The value of one header, None without it. An assertion fails where it stands there twice."""
        found = [value for header, value in self.headers if header == name]
        assert len(found) <= 1, f"{name} stands there {len(found)} times"
        return None if not found or found[0] is None else found[0].decode()

    @property
    def source(self) -> tuple[int, int]:
        """Of a dead letter: partition and offset of the event."""
        return int(self.text("dlq.source.partition") or -1), int(self.text("dlq.source.offset") or -1)


class Topics:
    """Produces and reads with librdkafka directly, never through the engine.

    Args:
        settings: how to reach the broker, e.g. `Kafka.client()`.
    """

    def __init__(self, settings: Mapping[str, object]) -> None:
        self._settings = {**settings, "log_level": 0}
        self._producer: Producer | None = None

    def produce(
        self,
        topic: str,
        value: bytes | None,
        key: str | bytes | None = None,
        *,
        partition: int = -1,
        headers: Headers = (),
        timestamp: int = 0,
    ) -> None:
        """Queue a message; `flush` waits for all."""
        if self._producer is None:
            self._producer = Producer({**self._settings, "acks": "all", "linger.ms": 5})
        while True:
            try:
                self._producer.produce(
                    topic, value, key, partition, headers=list(headers), timestamp=timestamp, on_delivery=_must
                )
            except BufferError:
                self._producer.poll(0.1)
            else:
                return

    def flush(self) -> None:
        """Return when every message is acknowledged."""
        assert self._producer is not None
        assert 0 == self._producer.flush(30)

    def ends(self, topic: str) -> dict[int, tuple[int, int]]:
        """First offset and end of each partition; empty without the topic."""
        consumer = self._consumer("ends")
        try:
            found = consumer.list_topics(topic, timeout=10).topics[topic]
            if found.error is not None:
                return {}
            return {
                number: consumer.get_watermark_offsets(TopicPartition(topic, number), timeout=10)
                for number in found.partitions
            }
        except KafkaException:
            return {}
        finally:
            consumer.close()

    def count(self, topic: str) -> int:
        """Messages of a topic."""
        return sum(end - first for first, end in self.ends(topic).values())

    def read(self, topic: str) -> list[Record]:
        """All records of a topic, in order within each partition."""
        left = {number: end for number, (first, end) in self.ends(topic).items() if end > first}
        consumer = self._consumer("reader")
        consumer.assign([TopicPartition(topic, number, OFFSET_BEGINNING) for number in left])
        found: list[Record] = []

        def all_read() -> bool:
            messages = consumer.consume(1000, timeout=0.2)
            found.extend(_record(message) for message in messages if message.error() is None)
            for place in consumer.position([TopicPartition(topic, number) for number in left]):
                if place.offset >= left[place.partition]:
                    del left[place.partition]
            return not left

        try:
            eventually(all_read, every=0.0, what=f"{topic} is read")
        finally:
            consumer.close()
        return sorted(found, key=lambda record: (record.partition, record.offset))

    def letters(self, topic: str, count: int, *, within: float = 40.0) -> list[Record]:
        """The records of a topic when there are at least so many."""
        eventually(lambda: self.count(topic) >= count, within=within, every=0.1, what=f"{count} messages in {topic}")
        return self.read(topic)

    def committed(self, topic: str, group: str) -> dict[int, tuple[int, str]]:
        """Offset and metadata that a group committed, by partition; -1001 where nothing."""
        consumer = self._consumer(group)
        try:
            partitions = consumer.list_topics(topic, timeout=10).topics[topic].partitions
            found = consumer.committed([TopicPartition(topic, number) for number in partitions], timeout=20)
            return {one.partition: (one.offset, one.metadata or "") for one in found}
        finally:
            consumer.close()

    def lag(self, topic: str, group: str) -> int:
        """Messages between what the group committed and the ends of the partitions."""
        done = self.committed(topic, group)
        return sum(end - max(done[number][0], first) for number, (first, end) in self.ends(topic).items())

    def _consumer(self, group: str) -> Consumer:
        settings = {**self._settings, "group.id": group, "enable.auto.commit": False, "enable.partition.eof": False}
        return Consumer({**settings, "auto.offset.reset": "earliest", "fetch.wait.max.ms": 50})


def _record(message: object) -> Record:
    return Record(
        message.partition(),  # type: ignore[attr-defined]
        message.offset(),  # type: ignore[attr-defined]
        message.key(),  # type: ignore[attr-defined]
        message.value(),  # type: ignore[attr-defined]
        tuple(message.headers() or ()),  # type: ignore[attr-defined]
    )


def _must(error: object, _message: object) -> None:
    assert error is None, f"the test's own message was not taken: {error}"
