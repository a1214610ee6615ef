"""Writes dead letters, on a thread of its own; a letter counts only when all replicas acknowledged it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from queue import Empty, SimpleQueue
from threading import Event, Thread
from typing import Any, cast

import structlog
from confluent_kafka import KafkaError, KafkaException, Message

from engine.errors import Revoked, Unavailable
from engine.quix import Producer
from engine.stream.lease import Lease
from engine.stream.letter import Letter

_AGAIN = 0.5  # seconds before a letter is tried again; doubles up to _MOST
_MOST = 30.0
_IDLE = 0.1
_BUSY = 0.01

log = structlog.get_logger()


class TooBig(Exception):
    """The topic does not take a message of this size."""


class DeadLetters:
    """The dead-letter topic's writer; used from the event loop.

    Args:
        open_producer: makes a producer (acks=all, idempotent); called again after a fatal error.
        topic: the dead-letter topic.
        same_partitions: it has as many as the topic of events, so a letter goes to its source's number.
        failed: called for each letter that could not be written yet, for metrics.
    """

    def __init__(
        self,
        open_producer: Callable[[], Producer],
        topic: str,
        *,
        same_partitions: bool,
        failed: Callable[[], None],
    ) -> None:
        self._open = open_producer
        self._topic = topic
        self._same = same_partitions
        self._failed = failed
        self._queue: SimpleQueue[tuple[Letter, asyncio.Future[None]]] = SimpleQueue()
        self._loop = asyncio.get_running_loop()
        self._stop = Event()
        self._fatal = False
        self._producer = open_producer()  # here, where options that librdkafka refuses end the start
        self._thread = Thread(target=self._run, name="dead-letters", daemon=True)
        self._thread.start()

    async def write(self, letter: Letter, lease: Lease) -> None:
        """Return when the letter is durable; tried for as long as it takes.

        Raises:
            Revoked: the partition is gone, or goes meanwhile.
        """
        whole, delay = letter, _AGAIN
        while True:
            if lease.dropped:
                raise Revoked("the partition belongs to another consumer")  # which ends the event itself
            try:
                return await self._once(letter)
            except TooBig:
                smaller = letter.smaller()
                if smaller is not None:
                    letter = smaller
                    continue
                reason = "the key and the original headers alone are too big for the topic"
                letter = whole  # whoever mends the topic lets it take all of it again
            except Unavailable as error:
                reason = str(error)
            self._failed()
            log.error("dead_letter.not_written", topic=self._topic, reason=reason, again_in_s=delay)
            await lease.sleep(delay)
            delay = min(_MOST, delay * 2)

    def close(self, within: float) -> None:
        """Write what is queued and end the thread, at most `within` seconds. Blocks."""
        self._stop.set()
        self._thread.join(within)

    async def _once(self, letter: Letter) -> None:
        written: asyncio.Future[None] = self._loop.create_future()
        self._queue.put((letter, written))
        await asyncio.shield(written)

    # --- the thread -------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        under_way: set[asyncio.Future[None]] = set()
        while not (self._stop.is_set() and self._queue.empty() and not under_way):
            if self._fatal:
                self._replace(under_way)
            try:
                letter, written = self._queue.get(timeout=_BUSY if under_way else _IDLE)
            except Empty:
                self._producer.poll(0)
                continue
            under_way.add(written)
            self._produce(letter, written, under_way)
        self._producer.flush(1.0)

    def _replace(self, under_way: set[asyncio.Future[None]]) -> None:
        """A new producer for one that failed for good; the letters that it still had are tried again."""
        try:
            self._producer.purge()  # type: ignore[no-untyped-call]
            self._producer.flush(1.0)
            self._producer, self._fatal = self._open(), False
        except Exception as error:  # the thread must live: without it every dead letter would wait in silence
            log.error("dead_letters.no_producer", reason=" ".join(str(error).split()), again_in_s=_AGAIN)
            self._stop.wait(_AGAIN)
        for written in list(under_way):
            self._tell(written, Unavailable("the producer failed"), under_way)

    def _produce(self, letter: Letter, written: asyncio.Future[None], under_way: set[asyncio.Future[None]]) -> None:
        def delivered(error: KafkaError | None, _message: Message) -> None:
            self._fatal = self._fatal or (error is not None and error.fatal())
            self._tell(written, None if error is None else _meaning(error), under_way)

        try:
            self._producer.produce(
                self._topic,
                value=letter.value,
                key=letter.key,
                headers=cast("Any", list(letter.headers)),  # its type forgets null headers
                partition=letter.partition if self._same else None,
                on_delivery=delivered,
            )
        except KafkaException as error:
            self._fatal = error.args[0].fatal()
            self._tell(written, _meaning(error.args[0]), under_way)
        except BufferError:
            self._tell(written, Unavailable("the producer's queue is full"), under_way)
        except Exception as error:
            self._tell(written, Unavailable(f"{type(error).__name__}: {error}"), under_way)

    def _tell(
        self, written: asyncio.Future[None], error: Exception | None, under_way: set[asyncio.Future[None]]
    ) -> None:
        under_way.discard(written)
        try:
            self._loop.call_soon_threadsafe(_settle, written, error)
        except RuntimeError:  # the loop is closed: nobody waits any more
            return


def _meaning(error: KafkaError) -> Exception:
    if error.code() in {KafkaError.MSG_SIZE_TOO_LARGE, KafkaError.INVALID_MSG_SIZE}:
        return TooBig(error.str())
    return Unavailable(f"{error.name()}: {error.str()}")


def _settle(written: asyncio.Future[None], error: Exception | None) -> None:
    if written.done():
        return
    if error is None:
        written.set_result(None)
    else:
        written.set_exception(error)
        written.exception()  # looked at, also where the lane was cancelled
