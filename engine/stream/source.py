"""The consumer thread: reads the topic, hands batches to the event loop, pauses, obeys rebalances."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from threading import Event, Thread
from typing import Any, Literal, Protocol, TypeVar

import structlog
from confluent_kafka import OFFSET_BEGINNING, KafkaError, KafkaException, Message, TopicPartition

from engine.config.model import Limits
from engine.quix import Consumer
from engine.stream.flow import Flow
from engine.stream.lease import Stamp
from engine.stream.metadata import Unreadable, decode
from engine.stream.pauses import Pauses
from engine.stream.progress import Interval

_BATCH = 200  # records handed over at once
_POLL = 0.1  # seconds between two looks at what should pause
_BUSY_POLL = 0.01  # the same while a partition is paused, because it may go on at any moment
_ASK = 10.0  # seconds for one question to the broker

# librdkafka's own codes; confluent-kafka names them with an underscore
_EXPIRED = KafkaError._AUTO_OFFSET_RESET  # noqa: SLF001
_FATAL = KafkaError._FATAL  # noqa: SLF001

Answer = TypeVar("Answer")

log = structlog.get_logger()


class Fatal(Exception):
    """librdkafka cannot go on."""


@dataclass(frozen=True, slots=True)
class Assigned:
    """A partition that is ours from now on.

    Attributes:
        number: of the partition.
        start: the first offset that is not known to be done.
        done: intervals beyond it that are.
        flow: its counts.
        fresh: the group had no offset: where it starts is to be committed.
    """

    number: int
    start: int
    done: list[Interval]
    flow: Flow
    fresh: bool


class Owner(Protocol):
    """Who is told, on the event loop."""

    def assigned(self, partitions: list[Assigned]) -> None:
        """Partitions are ours; their records follow."""
        ...

    def deliver(self, records: list[Message]) -> None:
        """Records, in order within each partition."""
        ...

    def expired(self, partition: int, messages: int) -> None:
        """Retention removed records that were never read."""
        ...

    async def revoke(self, partitions: list[int]) -> list[TopicPartition]:
        """Finish what is under way; what to commit."""
        ...

    async def lose(self, partitions: list[int]) -> None:
        """Send nothing more for them."""
        ...

    def failed(self, error: BaseException) -> None:
        """The thread ended with an error."""
        ...


class Source:
    """The thread and its consumer.

    Args:
        consumer: of Quix; commits nothing by itself.
        topic: of events.
        start: where a partition begins for which the group has no offset.
        limits: when a partition pauses.
        owner: told on `loop`.
        loop: the event loop.
        stamp: renewed after each look at the topic.
        beat: called as often, for /livez.
        paused: told partition, reason and whether it is paused now.
        patience: seconds to wait for the owner when partitions are revoked.
    """

    def __init__(
        self,
        consumer: Consumer,
        topic: str,
        start: Literal["earliest", "latest"],
        limits: Limits,
        owner: Owner,
        loop: asyncio.AbstractEventLoop,
        *,
        stamp: Stamp,
        beat: Callable[[], None],
        paused: Callable[[int, str, bool], None],
        patience: float,
    ) -> None:
        self._consumer = consumer
        self._topic = topic
        self._start = start
        self._owner = owner
        self._loop = loop
        self._stamp = stamp
        self._beat = beat
        self._patience = patience
        self._flows: dict[int, Flow] = {}
        self._pauses = Pauses(consumer, topic, limits, paused)
        self._next: dict[int, int] = {}  # the offset of each partition that is to come next
        self._stop = Event()
        self._thread = Thread(target=self._run, name="consumer", daemon=True)

    def begin(self) -> None:
        """Join the group."""
        self._thread.start()

    def stop(self, within: float) -> None:
        """Leave the group and wait for the thread, at most `within` seconds. Blocks."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(within)

    # --- the thread -------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            self._consumer.subscribe([self._topic], self._on_assign, self._on_revoke, self._on_lost)
            while not self._stop.is_set():
                self._turn()
            self._consumer.close()  # type: ignore[no-untyped-call]
        except BaseException as error:  # whatever it is, the loop must know that nobody reads any more
            self._call(self._owner.failed, error)

    def _turn(self) -> None:
        self._pauses.regulate(self._flows, self._next)
        first = self._consumer.poll(_BUSY_POLL if self._pauses.reasons else _POLL)
        self._stamp.looked(time.monotonic())
        self._beat()
        if first is None:
            return
        records = [first]
        # counted after the first: it may have come with a new partition
        room = self._pauses.room(self._flows, _BATCH) - 1
        if room > 0:
            records += self._consumer.consume(room, timeout=0)
        good = [record for record in records if record.error() is None]
        for record in good:
            flow = self._flows.get(record.partition() or 0)
            if flow is not None:
                flow.sent += 1
                flow.sent_bytes += size_of(record)
                self._next[record.partition() or 0] = (record.offset() or 0) + 1
        if good:
            self._call(self._owner.deliver, good)
        if len(good) < len(records):
            for record in records:
                if record.error() is not None:
                    self._on_error(record)

    def _on_error(self, record: Message) -> None:
        """Errors come inside records; none of them is an event."""
        error = record.error()
        code = error.code()
        if code == _EXPIRED:
            self._skip_expired(record.partition())
        elif code == _FATAL:
            raise Fatal(error.str())
        else:
            log.warning("consumer.error", code=error.name(), text=error.str())
            self._read_again(record.partition())

    def _read_again(self, number: int | None) -> None:
        """Begin where the error stands: librdkafka takes it for a record read, and a pause would skip the real one."""
        if number in self._flows:
            self._consumer.seek(TopicPartition(self._topic, number, self._next[number]))

    def _skip_expired(self, number: int) -> None:
        """The offset to read next is gone: go on at the first that is there."""
        if number not in self._flows:
            return  # it went meanwhile
        partition = TopicPartition(self._topic, number)
        low, _ = self._bounds(partition)
        self._tell_expired(number, self._next[number], low)
        self._next[number] = low
        self._consumer.seek(TopicPartition(self._topic, number, low))

    def _tell_expired(self, number: int, wanted: int, low: int) -> None:
        lost = max(0, low - wanted) if wanted >= 0 else 0
        log.error("events.expired", topic=self._topic, partition=number, offset=wanted, earliest=low, messages=lost)
        self._call(self._owner.expired, number, lost)

    # --- rebalances: called by the consumer, on its thread ------------------------------------------------------------

    def _on_assign(self, _consumer: object, partitions: list[TopicPartition]) -> None:
        found = [self._place(partition) for partition in self._committed(partitions)]
        if self._stop.is_set():
            found = []  # nothing of them will be read, and what could not be asked is not known
        if found or not partitions:  # a member that gets none, as there are too few, is one all the same
            self._flows.update({one.number: one.flow for one in found})
            self._next.update({one.number: one.start for one in found})
            self._call(self._owner.assigned, found)
        self._consumer.incremental_assign([TopicPartition(self._topic, one.number, one.start) for one in found])

    def _committed(self, partitions: list[TopicPartition]) -> list[TopicPartition]:
        """What the group committed; asked until there is an answer, because a guess would repeat or lose events."""
        while partitions and not self._stop.is_set():
            try:
                found = self._consumer.committed(partitions, timeout=_ASK)
            except KafkaException as error:
                log.warning("offsets.unknown", text=str(error))
            else:
                failed = [one for one in found if one.error is not None]
                if not failed:
                    return found
                log.warning("offsets.unknown", text=str(failed[0].error))
            self._beat()
            time.sleep(0.5)
        return []

    def _place(self, committed: TopicPartition) -> Assigned:
        number = committed.partition
        low, high = self._bounds(TopicPartition(self._topic, number))
        if committed.offset < 0:
            start = low if self._start == "earliest" else high
            return Assigned(number, start, [], Flow(), fresh=True)
        if committed.offset < low:
            self._tell_expired(number, committed.offset, low)
        start = max(committed.offset, low)
        if start > high >= 0:  # the topic was made anew; below 0 the end is not known, as the engine stops
            log.error("offset.beyond_end", topic=self._topic, partition=number, offset=start, end=high)
            return Assigned(number, low, [], Flow(), fresh=True)
        try:
            done = decode(committed.offset, committed.metadata or "")
        except Unreadable as error:
            log.warning("metadata.ignored", topic=self._topic, partition=number, reason=str(error))
            done = []
        there = [(first, min(end, high)) for first, end in done if first < high and end > start]
        return Assigned(number, start, there, Flow(), fresh=False)

    def _bounds(self, partition: TopicPartition) -> tuple[int, int]:
        while not self._stop.is_set():
            try:
                return self._consumer.get_watermark_offsets(partition, timeout=_ASK)
            except KafkaException as error:
                log.warning("offsets.unknown", text=str(error))
                self._beat()
                time.sleep(0.5)
        return OFFSET_BEGINNING, OFFSET_BEGINNING

    def _on_revoke(self, _consumer: object, partitions: list[TopicPartition]) -> None:
        numbers = [partition.partition for partition in partitions]
        try:
            offsets = self._wait(self._owner.revoke(numbers))
            if offsets:
                self._consumer.commit(offsets=offsets, asynchronous=False)
        except Exception as error:  # one that got out would lose the other partitions' commits
            log.warning("revoke.not_committed", topic=self._topic, partitions=numbers, text=str(error))
        self._forget(numbers)

    def _on_lost(self, _consumer: object, partitions: list[TopicPartition]) -> None:
        numbers = [partition.partition for partition in partitions]
        log.warning("partitions.lost", topic=self._topic, partitions=numbers)
        try:
            self._wait(self._owner.lose(numbers))
        except Exception as error:
            log.warning("lose.failed", text=str(error))
        self._forget(numbers)

    def _forget(self, numbers: list[int]) -> None:
        for number in numbers:
            self._flows.pop(number, None)
        self._pauses.forget(numbers)

    def _wait(self, coroutine: Coroutine[Any, Any, Answer]) -> Answer:
        try:
            told = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        except RuntimeError:  # the loop is closed
            coroutine.close()
            raise
        return told.result(self._patience)

    def _call(self, function: Callable[..., None], *arguments: Any) -> None:
        try:
            self._loop.call_soon_threadsafe(self._tell, function, *arguments)
        except RuntimeError:  # the loop is closed: nobody is interested any more
            self._stop.set()

    def _tell(self, function: Callable[..., None], *arguments: Any) -> None:
        """On the loop: what the owner cannot take ends the engine; nothing after it may hide it."""
        try:
            function(*arguments)
        except Exception as error:
            self._owner.failed(error)


def size_of(record: Message) -> int:
    """Bytes of key and value."""
    return len(record.key() or b"") + len(record.value() or b"")
