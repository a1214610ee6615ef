"""The running engine's side of the state topic: follows it on a thread of its own, writes to it on another."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from threading import Event, Thread
from typing import Protocol

import structlog
from confluent_kafka import KafkaException

from engine.errors import EngineError, Unavailable, Unusable
from engine.stream.lease import Lease
from engine.stream.state import Entry, Lane, Source, State
from engine.stream.state_topic import Record, StateLost, StateMissing, StateReader, StateWriter

_LOOK = 0.1  # seconds between two looks for somebody who asks, while nothing comes
_AGAIN = 0.5  # seconds before a record is written again; doubles up to _MOST
_MOST = 30.0
_CHECK = 10.0  # seconds between two looks whether the topic is still there
_RETURN = 2.0  # seconds before a topic that cannot be read is tried again
_MISSING_FOR = 60.0  # seconds for which a topic that is not there is not written to again
_LETTER = b"letter/"

log = structlog.get_logger()


class Listener(Protocol):
    """Who is told, on the event loop, what the topic says."""

    def changed(self, what: Source | Lane) -> None:
        """An event is to be skipped, or is not any more; a lane was parked or released."""
        ...


@dataclass(slots=True)
class _Asked:
    """Somebody waits until everything that stands in the topic now is known."""

    answer: asyncio.Future[None]
    end: int = field(default=-1)


class Keeper:
    """Knows what the topic says, and writes to it; lives on the event loop.

    Without the topic the engine goes on: a warning says what is not kept.

    Args:
        topic: the state topic.
        open_reader: opens the topic at its first record.
        writer: writes to it.
        create: makes the topic where it was lost; raises Unusable where it must not. Blocks.
        clock: monotonic seconds.

    Attributes:
        state: what stands there, as far as it was read; without what became of single letters.
        listener: told of changes; None: nobody.
        known: the topic was read to its end once, or is not there.
    """

    def __init__(
        self,
        topic: str,
        open_reader: Callable[[], StateReader],
        writer: StateWriter,
        create: Callable[[], None],
        clock: Callable[[], float],
    ) -> None:
        self._topic = topic
        self._open = open_reader
        self._writer = writer
        self._create = create
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self.state = State(letters=False)
        self.listener: Listener | None = None
        self.known = False
        self._settled = State(letters=False)  # of letters; folded on the thread, because there may be a million
        self._questions: SimpleQueue[_Asked] = SimpleQueue()
        self._stop = Event()
        self._thread = Thread(target=self._run, name="state", daemon=True)
        self._pen = ThreadPoolExecutor(1, "state-writer")
        self._unwritten: list[tuple[tuple[Entry, ...], asyncio.Future[None] | None]] = []
        self._writing: asyncio.Task[None] | None = None
        self._missing_until = 0.0

    def begin(self) -> None:
        """Follow the topic."""
        self._thread.start()

    async def caught_up(self) -> None:
        """Return when everything that stands in the topic now is in `state`; for as long as it takes."""
        asked = _Asked(self._loop.create_future())
        self._questions.put(asked)
        await asked.answer

    def settled(self, partition: int, low: int, high: int) -> int:
        """Dead letters of a partition of their topic, from `low` up to `high`, that are not open any more."""
        return self._settled.settled(partition, low, high)

    async def write(self, *entries: Entry, lease: Lease) -> None:
        """Return when records are durable, or where there is no topic; tried for as long as it takes.

        Raises:
            Revoked: the partition goes meanwhile.
        """
        delay = _AGAIN
        while True:
            written: asyncio.Future[None] = self._loop.create_future()
            self._put(entries, written)
            try:
                return await asyncio.shield(written)
            except StateMissing:
                return None
            except EngineError as error:
                log.error("state.not_written", topic=self._topic, reason=str(error), again_in_s=delay)
            await lease.sleep(delay)
            delay = min(_MOST, delay * 2)

    def note(self, *entries: Entry) -> None:
        """Write records whose loss does no harm; after those of all calls before."""
        self._put(entries, None)

    async def flush(self, within: float) -> None:
        """Return when nothing is left to be written, at most after so many seconds."""
        if self._writing is not None:
            await asyncio.wait({self._writing}, timeout=within)

    async def close(self, within: float) -> None:
        """Write what is left and end the threads, at most after so many seconds."""
        await self.flush(within)
        self._stop.set()
        if self._thread.is_alive():
            await asyncio.to_thread(self._thread.join, within)
        self._pen.shutdown(wait=False)

    # --- writing ------------------------------------------------------------------------------------------------------

    def _put(self, entries: tuple[Entry, ...], written: asyncio.Future[None] | None) -> None:
        self._unwritten.append((entries, written))
        if self._writing is None or self._writing.done():
            self._writing = self._loop.create_task(self._write_all())

    async def _write_all(self) -> None:
        """What came while the last batch was under way goes together."""
        while self._unwritten:
            batch, self._unwritten = self._unwritten, []
            error = await self._write([entry for entries, _ in batch for entry in entries])
            for _, written in batch:
                if written is not None and not written.done():
                    _settle(written, error)

    async def _write(self, entries: list[Entry]) -> EngineError | None:
        if self._clock() < self._missing_until:
            return StateMissing(self._topic)
        try:
            await self._loop.run_in_executor(self._pen, self._write_or_create, entries)
        except StateMissing as error:
            self._missing_until = self._clock() + _MISSING_FOR
            log.warning(
                "state.missing",
                topic=self._topic,
                reason=str(error),
                means="until it is there again, parked keys are forgotten at the next restart or rebalance",
            )
            return error
        except EngineError as error:
            return error
        except Exception as error:  # a bug of ours: whoever waits must be told
            log.error("state.failed", topic=self._topic, exc_info=error)
            return Unavailable(type(error).__name__)
        return None

    def _write_or_create(self, entries: list[Entry]) -> None:
        try:
            self._writer.write(entries)
        except StateMissing:
            try:
                self._create()
            except Unusable as error:
                raise StateMissing(str(error)) from error
            self._writer.write(entries)

    # --- the thread ---------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        waiting: list[_Asked] = []
        missing = False
        while not self._stop.is_set():
            try:
                with self._open() as reader:
                    self._follow(reader, waiting)
            except StateMissing as error:
                if not missing:
                    log.warning("state.missing", topic=self._topic, reason=str(error), means="nothing of it is known")
                missing = True
                self._answer(waiting, None)
            except StateLost as error:
                log.warning("state.lost", topic=self._topic, reason=str(error), means="it is read from its beginning")
                continue
            except (EngineError, KafkaException) as error:
                log.warning("state.away", topic=self._topic, reason=str(error), again_in_s=_RETURN)
            except Exception as error:  # a bug of ours: without this thread, partitions would wait in silence
                log.error("state.failed", topic=self._topic, again_in_s=_RETURN, exc_info=error)
            self._stop.wait(_RETURN)

    def _follow(self, reader: StateReader, waiting: list[_Asked]) -> None:
        for asked in waiting:
            asked.end = -1
        due = 0.0
        while not self._stop.is_set():
            self._hear(reader, waiting)
            if self._clock() >= due:  # nobody tells a consumer that its topic was deleted
                due = self._clock() + _CHECK
                self._end(reader)
            records = reader.take(_LOOK)
            if records:
                self._fold(records)
            if waiting:
                self._answer(waiting, reader.position)

    def _hear(self, reader: StateReader, waiting: list[_Asked]) -> None:
        """Whoever asks waits for the end that the topic has now."""
        try:
            while True:
                waiting.append(self._questions.get_nowait())
        except Empty:
            pass
        new = [asked for asked in waiting if asked.end < 0]
        if new:
            end = self._end(reader)
            for asked in new:
                asked.end = end

    def _end(self, reader: StateReader) -> int:
        end = reader.end()
        if end < reader.position:
            raise StateLost(f"{self._topic} ends at {end}, {reader.position} was to be read next")
        return end

    def _fold(self, records: list[Record]) -> None:
        others = []
        for key, value in records:
            if key is not None and key.startswith(_LETTER):
                self._settled.apply(key, value)
            else:
                others.append((key, value))
        if others:
            self._tell(self._apply, others)

    def _answer(self, waiting: list[_Asked], position: int | None) -> None:
        """Answer whoever waits for no more than `position`; None: everybody, also who asks just now."""
        if position is None:
            while not self._questions.empty():
                waiting.append(self._questions.get_nowait())
        for asked in list(waiting):
            if position is None or 0 <= asked.end <= position:
                waiting.remove(asked)
                self._tell(self._know, asked.answer)

    def _tell(self, function: Callable[..., None], *arguments: object) -> None:
        try:
            self._loop.call_soon_threadsafe(function, *arguments)
        except RuntimeError:  # the loop is closed
            self._stop.set()

    # --- on the loop, told by the thread ------------------------------------------------------------------------------

    def _apply(self, records: list[Record]) -> None:
        before = self.state.unreadable
        for key, value in records:
            what = self.state.apply(key, value)
            if what is not None and self.listener is not None:
                self.listener.changed(what)
        if self.state.unreadable > before:
            log.warning("state.unreadable", topic=self._topic, records=self.state.unreadable - before)

    def _know(self, answer: asyncio.Future[None]) -> None:
        self.known = True
        _settle(answer, None)


def _settle(future: asyncio.Future[None], error: Exception | None) -> None:
    if future.done():
        return
    if error is None:
        future.set_result(None)
    else:
        future.set_exception(error)
        future.exception()  # looked at, also where nobody waits any more
