"""What the tests of this room put in place of librdkafka: records and a consumer that follow a script."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, cast

from confluent_kafka import KafkaError, KafkaException, Message, TopicPartition

from engine.quix import Consumer

TOPIC = "observation"
NOT_COMMITTED = -1001

Callback = Callable[[object, list[TopicPartition]], None]


def kafka_error(code: int, *, fatal: bool = False) -> KafkaError:
    """An error as librdkafka makes it; one of Python's own making does not know whether it is fatal."""
    return KafkaError(code, f"error {code}", fatal)


class Record:
    """A record as confluent-kafka gives it."""

    def __init__(
        self,
        offset: int,
        value: bytes | None = b"v",
        key: bytes | None = b"k",
        *,
        partition: int = 0,
        headers: Sequence[tuple[str, bytes | None]] | None = None,
        timestamp: tuple[int, int] = (1, 1_700_000_000_000),
        error: KafkaError | None = None,
    ) -> None:
        self._place = (partition, offset)
        self._key, self._value, self._headers, self._timestamp, self._error = key, value, headers, timestamp, error

    def topic(self) -> str:
        return TOPIC

    def partition(self) -> int:
        return self._place[0]

    def offset(self) -> int:
        return self._place[1]

    def key(self) -> bytes | None:
        return self._key

    def value(self) -> bytes | None:
        return self._value

    def headers(self) -> Sequence[tuple[str, bytes | None]] | None:
        return self._headers

    def timestamp(self) -> tuple[int, int]:
        return self._timestamp

    def error(self) -> KafkaError | None:
        return self._error


def record(offset: int, value: bytes | None = b"v", key: bytes | None = b"k", **more: Any) -> Message:
    """A record for whatever expects one of librdkafka."""
    return cast("Message", Record(offset, value, key, **more))


def trouble(code: int, offset: int = 0, partition: int = 0) -> Message:
    """An error that comes inside a message."""
    return record(offset, None, None, partition=partition, error=kafka_error(code))


class FakeConsumer:
    """A consumer over scripted partitions; called from the source's thread and, for commits, from another.

    Attributes:
        feed: records and errors to come, in order; those of a paused partition are passed over.
        calls: callables that the next `poll` makes first, on its thread, as librdkafka makes rebalance callbacks.
        log: what was asked of it that changes something.
    """

    def __init__(self) -> None:
        self.feed: deque[Message] = deque()
        self.calls: deque[Callable[[], object]] = deque()
        self.log: list[tuple[Any, ...]] = []
        self.paused: set[int] = set()
        self.low, self.high = 0, 1_000_000
        self.offsets: dict[int, tuple[int, str]] = {}
        self.answers: deque[Exception | list[TopicPartition]] = deque()  # of `committed`, before the true ones
        self.refusals: deque[Exception] = deque()  # of `commit`
        self.refused: set[int] = set()  # partitions whose commit fails by itself
        self.unknown: deque[Exception] = deque()  # of `get_watermark_offsets`
        self.unready: deque[Exception] = deque()  # of `seek`
        self.commits: list[list[tuple[int, int, str]]] = []
        self.lock = threading.Lock()
        self.most = 0  # the most records that one turn took
        self.closed = False

    @property
    def as_consumer(self) -> Consumer:
        return cast("Consumer", self)

    def subscribe(self, topics: list[str], on_assign: Callback, on_revoke: Callback, on_lost: Callback) -> None:
        self.on_assign, self.on_revoke, self.on_lost = on_assign, on_revoke, on_lost

    def assign_partitions(self, *numbers: int) -> None:
        self.calls.append(lambda: self.on_assign(self, [TopicPartition(TOPIC, number) for number in numbers]))

    def revoke_partitions(self, *numbers: int) -> None:
        self.calls.append(lambda: self.on_revoke(self, [TopicPartition(TOPIC, number) for number in numbers]))

    def lose_partitions(self, *numbers: int) -> None:
        self.calls.append(lambda: self.on_lost(self, [TopicPartition(TOPIC, number) for number in numbers]))

    def poll(self, timeout: float) -> Message | None:
        while self.calls:
            self.calls.popleft()()
        taken = self._take(1)
        if not taken:
            threading.Event().wait(0.001)
        return taken[0] if taken else None

    def consume(self, most: int, timeout: float) -> list[Message]:
        taken = self._take(most)
        self.most = max(self.most, 1 + len(taken))
        return taken

    def _take(self, most: int) -> list[Message]:
        with self.lock:
            taken = [one for one in self.feed if one.partition() not in self.paused][:most]
            for one in taken:
                self.feed.remove(one)
            return taken

    def give(self, *records: Message) -> None:
        with self.lock:
            self.feed.extend(records)

    def pause(self, partitions: list[TopicPartition]) -> None:
        self.paused |= {one.partition for one in partitions}
        self.log.append(("pause", *(one.partition for one in partitions)))

    def resume(self, partitions: list[TopicPartition]) -> None:
        self.paused -= {one.partition for one in partitions}
        self.log.append(("resume", *(one.partition for one in partitions)))

    def incremental_assign(self, partitions: list[TopicPartition]) -> None:
        self.log.append(("assign", *((one.partition, one.offset) for one in partitions)))

    def committed(self, partitions: list[TopicPartition], timeout: float) -> list[TopicPartition]:
        if self.answers:
            answer = self.answers.popleft()
            if isinstance(answer, Exception):
                raise answer
            return answer
        places = [(one.partition, *self.offsets.get(one.partition, (NOT_COMMITTED, ""))) for one in partitions]
        return [TopicPartition(TOPIC, number, offset, text) for number, offset, text in places]

    def commit(self, offsets: list[TopicPartition], asynchronous: bool) -> list[TopicPartition]:
        assert not asynchronous
        if self.refusals:
            raise self.refusals.popleft()
        self.commits.append([(one.partition, one.offset, one.metadata or "") for one in offsets])
        return [cast("TopicPartition", _Committed(one.partition, self.refused)) for one in offsets]

    def get_watermark_offsets(self, partition: TopicPartition, timeout: float) -> tuple[int, int]:
        if self.unknown:
            raise self.unknown.popleft()
        return self.low, self.high

    def seek(self, partition: TopicPartition) -> None:
        if self.unready:
            raise self.unready.popleft()
        self.log.append(("seek", partition.partition, partition.offset))

    def close(self) -> None:
        self.closed = True


class _Committed:
    """One partition in the answer to a commit."""

    def __init__(self, partition: int, refused: set[int]) -> None:
        self.partition = partition
        self.error = kafka_error(KafkaError.ILLEGAL_GENERATION) if partition in refused else None


def refusal(code: int = KafkaError.ILLEGAL_GENERATION) -> KafkaException:
    """What librdkafka raises where the broker says no."""
    return KafkaException(kafka_error(code))
