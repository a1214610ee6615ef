"""The state topic: read from its first record to its end, followed while it grows, written with acknowledgement.

All records stand in partition 0: they are few, every engine needs all of them, and what is written later must be read
later, also under another key.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import cast

import structlog
from confluent_kafka import OFFSET_BEGINNING, KafkaError, KafkaException, TopicPartition

from engine.config.model import Config, Kafka
from engine.errors import Unavailable
from engine.quix import Consumer, Producer, onlooker, producer
from engine.stream.state import Entry, State

_PATIENCE = 10.0  # seconds for one answer of the broker
_SILENCE = 30.0  # seconds without a record after which reading is given up
_BATCH = 1000
_LOOK = 0.1

# librdkafka's own codes; confluent-kafka names them with an underscore
_END = KafkaError._PARTITION_EOF  # noqa: SLF001
_GONE = frozenset({KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC, KafkaError._UNKNOWN_PARTITION})  # noqa: SLF001
_LOST = frozenset({KafkaError.OFFSET_OUT_OF_RANGE, KafkaError._AUTO_OFFSET_RESET})  # noqa: SLF001

_WRITER_OPTIONS = {
    "linger.ms": 0,
    "topic.metadata.propagation.max.ms": 5_000,  # a topic that is not there is known as that after so long, not 30 s
}

Record = tuple[bytes | None, bytes | None]
"""Key and value."""

log = structlog.get_logger()


class StateMissing(Unavailable):
    """There is no state topic."""


def topic_name(dlq_topic: str) -> str:
    """The state topic that belongs to a dead-letter topic."""
    return f"{dlq_topic}.state"


def read_state(config: Config, *, letters: bool = True, progress: Callable[[int, int], None] | None = None) -> State:
    """Read the whole topic, up to the end that it has when this is called. Blocks.

    Args:
        config: `kafka` and `dlq.topic`.
        letters: keep what became of each source offset, see `State`.
        progress: told the offset read next and the end, after each batch.

    Returns:
        What stands there. Without the topic: nothing, and a warning is logged, because nothing else can be done.

    Raises:
        Unavailable: the broker does not answer.
    """
    state = State(letters=letters)
    topic = topic_name(config.dlq.topic)
    try:
        with StateReader(config.kafka, topic) as reader:
            _read(reader, state, progress)
    except StateMissing:
        log.warning("state.missing", topic=topic, means="no dead letter is known as replayed, no key as parked")
    return state


def _read(reader: StateReader, state: State, progress: Callable[[int, int], None] | None) -> None:
    end = reader.end()
    heard = time.monotonic()
    while reader.position < end:
        records = reader.take(1.0)
        for key, value in records:
            state.apply(key, value)
        if records:
            heard = time.monotonic()
        elif time.monotonic() - heard > _SILENCE and reader.position < end:
            raise Unavailable(f"{reader.topic} was read up to offset {reader.position} of {end}; no more comes")
        if progress is not None:
            progress(min(reader.position, end), end)


class StateReader:
    """A consumer outside the group, at the topic's first record when it is opened. Used on one thread.

    Attributes:
        topic: the state topic.
        position: the offset that is read next; at the end also where the last records were compacted away.
    """

    def __init__(self, kafka: Kafka, topic: str, open_consumer: Callable[[Kafka], Consumer] = onlooker) -> None:
        self.topic = topic
        self.position = 0
        self._consumer = open_consumer(kafka)

    def __enter__(self) -> StateReader:
        """Begin at the first record."""
        self.rewind()
        return self

    def __exit__(self, *_: object) -> None:
        """Close the consumer."""
        self._consumer.close()  # type: ignore[no-untyped-call]

    def rewind(self) -> None:
        """Begin at the first record again, e.g. because the topic was made anew."""
        self._consumer.assign([TopicPartition(self.topic, 0, OFFSET_BEGINNING)])
        self.position = 0

    def end(self) -> int:
        """The offset behind the last record now.

        Raises:
            StateMissing: there is no such topic.
            Unavailable: the broker does not answer.
        """
        try:
            _, end = self._consumer.get_watermark_offsets(TopicPartition(self.topic, 0), timeout=_PATIENCE)
        except KafkaException as error:
            raise _meaning(error.args[0]) from error
        return end

    def take(self, timeout: float) -> list[Record]:
        """Records that came, as keys and values; waits at most `timeout` seconds for the first.

        Raises:
            StateMissing: the topic is gone.
            StateLost: its records are, e.g. because it was made anew; `rewind` begins anew.
        """
        first = self._consumer.poll(timeout)
        if first is None:
            return []
        found: list[Record] = []
        for record in [first, *self._consumer.consume(_BATCH, timeout=0)]:
            error = record.error()
            if error is None:
                found.append(cast("Record", (record.key(), record.value())))
                self.position = max(self.position, (record.offset() or 0) + 1)
            elif error.code() == _END:
                self.position = max(self.position, record.offset() or 0)
            elif error.code() in _GONE:
                raise StateMissing(f"{self.topic}: {error.str()}")
            elif error.code() in _LOST:
                raise StateLost(f"{self.topic}: {error.str()}")
            else:
                log.debug("state.consumer_error", code=error.name(), text=error.str())
        return found


class StateLost(Unavailable):
    """Records that were to be read next are not there any more."""


class StateWriter:
    """Writes records that count when all replicas acknowledged them. Used on one thread at a time; blocks.

    Args:
        kafka: how to reach the broker.
        topic: the state topic.
        open_producer: makes a producer (acks=all, idempotent), at the first record and after a fatal error.
    """

    def __init__(self, kafka: Kafka, topic: str, open_producer: Callable[[Kafka], Producer] = producer) -> None:
        self._kafka = replace(kafka, producer_options={**kafka.producer_options, **_WRITER_OPTIONS})
        self._topic = topic
        self._open = open_producer
        self._producer: Producer | None = None

    def write(self, entries: Iterable[Entry]) -> None:
        """Return when all of them are durable, in this order.

        Raises:
            StateMissing: there is no such topic.
            Unavailable: they could not be written; some of them may be.
        """
        made = self._producer
        if made is None:  # an idle producer is false: its length is that of its queue
            made = self._producer = self._open(self._kafka)
        answers: list[KafkaError | None] = []
        sent = 0
        try:
            for entry in entries:
                made.produce(
                    self._topic,
                    value=entry.value,
                    key=entry.key,
                    partition=0,
                    on_delivery=lambda error, _message: answers.append(error),
                )
                sent += 1
            while len(answers) < sent:  # `delivery.timeout.ms` ends it; `flush` would look only twice a second
                made.poll(_LOOK)
        except KafkaException as error:
            answers.append(error.args[0])
        except BufferError as error:
            raise Unavailable(f"{self._topic}: the producer's queue is full") from error
        errors = [error for error in answers if error is not None]
        if errors:
            if any(error.fatal() for error in errors):
                self._producer = None
            raise _meaning(errors[0])

    def close(self) -> None:
        """Let go of the producer; everything that `write` returned for is durable."""
        self._producer = None


def _meaning(error: KafkaError) -> Unavailable:
    text = f"{error.name()}: {error.str()}"
    return StateMissing(text) if error.code() in _GONE else Unavailable(text)
