"""Records become jobs in lanes: decoded, matched with a rule for their ordering key; held while a schema is away."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable

import structlog
from confluent_kafka import Message as Record

from engine.config.model import Events
from engine.errors import SchemaPending, Stage, Unavailable, Undeliverable
from engine.events.envelope import to_event
from engine.events.event import Event, Message
from engine.events.registry import Registry
from engine.pipeline import Pipeline, internal
from engine.quix import Topic
from engine.stream.partition import Job, Partition
from engine.stream.source import size_of

_AGAIN = 0.5  # seconds before the registry is asked again; doubles up to _MOST
_MOST = 30.0

log = structlog.get_logger()


class Intake:
    """Takes the records of partitions; lives on the event loop.

    Args:
        topic: of events, with its deserializer.
        events: the envelope and the format.
        registry: asked for schemas that are not cached, in a worker thread.
        pipeline: knows the rules.
        tombstone: told of each record without a value.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        topic: Topic,
        events: Events,
        registry: Registry,
        pipeline: Pipeline,
        tombstone: Callable[[Message], None],
        clock: Callable[[], float],
    ) -> None:
        self._topic = topic
        self._envelope = events.envelope
        self._format = events.format
        self._registry = registry
        self._pipeline = pipeline
        self._tombstone = tombstone
        self._clock = clock
        self._fetching: dict[int | str, asyncio.Task[None]] = {}

    def take(self, partition: Partition, record: Record) -> None:
        """Put a record into its lane, or behind those that wait for a schema."""
        if partition.waiting:
            partition.waiting.append(record)
        else:
            self._admit(partition, record)

    async def close(self) -> None:
        """Ask for no schema any more."""
        tasks = list(self._fetching.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _admit(self, partition: Partition, record: Record) -> None:
        message, failure = message_of(record)
        size = size_of(record)
        event: Event | None = None
        key: Hashable = message.key
        if message.value is not None and failure is None:
            try:
                event = to_event(self._topic.deserialize(record).value, message, self._envelope, self._format)
                key = self.order_key(event)
            except SchemaPending as pending:
                if message.offset not in partition.notes.skips:
                    self._hold(partition, record, pending.schema_id)
                    return
                failure = Undeliverable(Stage.DECODE, str(pending))
            except Undeliverable as error:
                failure = error
            except Exception as error:  # a bug of ours: the record is kept, with where it happened
                failure = internal(Stage.DECODE if event is None else Stage.RENDER, error)
        if not partition.progress.begin(message.offset):
            partition.passed(size)
        elif message.value is None:
            self._tombstone(message)
            partition.ended(message.offset, size)
        else:
            if key is None:
                key = partition.number  # no key: one lane for the partition
            partition.lanes.put(key, Job(partition, message, event, failure, key, size, self._clock()))

    def order_key(self, event: Event) -> Hashable:
        """The ordering key of an event by the rules as they are now.

        Raises:
            Undeliverable: stage render.
        """
        rule = self._pipeline.book.find(event.type, event.version)
        return event.message.key if rule is None else rule.order_key(event)

    def _hold(self, partition: Partition, record: Record, schema_id: int | str) -> None:
        partition.waiting.appendleft(record)
        partition.flow.hold("schema", True)
        task = self._fetching.get(schema_id)
        if task is None:
            task = self._fetching[schema_id] = asyncio.create_task(self._fetch(schema_id))
            task.add_done_callback(lambda _: self._fetching.pop(schema_id, None))
        task.add_done_callback(lambda done: None if done.cancelled() else self.look_again(partition))

    async def _fetch(self, schema_id: int | str) -> None:
        """Until the registry says what the schema is, or that there is none."""
        delay = _AGAIN
        while True:
            try:
                return await asyncio.to_thread(self._registry.fetch, schema_id)
            except Unavailable as error:
                log.warning("registry.away", schema_id=schema_id, reason=str(error), again_in_s=delay)
            except Exception as error:  # a bug of ours: no event is at fault, the partition holds
                log.error("registry.failed", schema_id=schema_id, again_in_s=delay, exc_info=error)
            await asyncio.sleep(delay)
            delay = min(_MOST, delay * 2)

    def look_again(self, partition: Partition) -> None:
        """Take the records once more that wait for a schema: it may be there, or the first is to be skipped."""
        if partition.lease.ended:
            return
        partition.flow.hold("schema", False)
        waiting = list(partition.waiting)
        partition.waiting.clear()
        for record in waiting:
            self.take(partition, record)


def message_of(record: Record) -> tuple[Message, Undeliverable | None]:
    """A record of librdkafka as the engine's own value, and why it cannot be handled.

    Headers with a name that is not UTF-8 are left out: what confluent-kafka makes of them must not be touched.
    """
    failure = None
    try:
        headers = tuple(record.headers() or ())
    except (SystemError, UnicodeError) as error:
        headers = ()
        failure = Undeliverable(Stage.DECODE, "the name of a header is not UTF-8 text; the headers cannot be kept")
        failure.__cause__ = error
    kind, timestamp = record.timestamp()
    return Message(
        record.topic(),
        record.partition(),
        record.offset(),
        record.key(),
        record.value(),
        headers,
        timestamp if kind else None,
    ), failure
