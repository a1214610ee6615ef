"""The engine's side of the state topic: follows it, writes to it, survives its loss."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from threading import Lock
from typing import Any, cast

import pytest
from structlog.testing import capture_logs

from engine.errors import EngineError, Revoked, Unavailable, Unusable
from engine.stream.keeper import Keeper
from engine.stream.lease import Lease, Stamp
from engine.stream.state import (
    Entry,
    Fate,
    Lane,
    LetterState,
    Skip,
    Source,
    letter_entry,
    released_entry,
    skip_entry,
)
from engine.stream.state_topic import Record, StateLost, StateMissing, StateReader, StateWriter

AT = datetime(2026, 11, 24, tzinfo=UTC)
LANE = Lane("t", 0, "-")


class FakeLog:
    """A topic in memory. `trouble` is raised by readers and writers until it is None; None records are a gap.

    Attributes:
        batches: what was written at once.
        refusals: what the next writes raise.
    """

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.trouble: EngineError | None = None
        self.refusals: list[EngineError] = []
        self.batches: list[list[Entry]] = []
        self.created = 0
        self.opened = 0
        self.creating: EngineError | None = None
        self.lock = Lock()
        self.slow = 0.0

    def open(self) -> StateReader:
        self.opened += 1
        return cast("StateReader", FakeReader(self))

    def write(self, entries: Iterable[Entry]) -> None:
        batch = list(entries)
        time.sleep(self.slow)
        with self.lock:
            self.batches.append(batch)
            if self.refusals:
                raise self.refusals.pop(0)
            if self.trouble is not None:
                raise self.trouble
            self.records += [(entry.key, entry.value) for entry in batch]

    def create(self) -> None:
        self.created += 1
        if self.creating is not None:
            raise self.creating
        self.trouble = None


class FakeReader:
    def __init__(self, log: FakeLog) -> None:
        self._log = log
        self.position = 0

    def __enter__(self) -> FakeReader:
        return self

    def __exit__(self, *_: object) -> None:
        return

    def end(self) -> int:
        if self._log.trouble is not None:
            raise self._log.trouble
        return len(self._log.records)

    def take(self, _timeout: float) -> list[Record]:
        time.sleep(0.001)
        if self._log.trouble is not None:
            raise self._log.trouble
        found = self._log.records[self.position :][:3]
        self.position += len(found)
        return found


class Listening:
    def __init__(self) -> None:
        self.heard: list[Source | Lane] = []

    def changed(self, what: Source | Lane) -> None:
        self.heard.append(what)


@asynccontextmanager
async def keeping(log: FakeLog, clock: Callable[[], float] = time.monotonic) -> AsyncIterator[Keeper]:
    """A keeper that follows."""
    keeper = Keeper("dlq.state", log.open, cast("StateWriter", log), log.create, clock)
    keeper.begin()
    try:
        async with asyncio.timeout(10):
            yield keeper
    finally:
        await keeper.close(2.0)


def lease() -> Lease:
    """One that is good."""

    async def confirm() -> None:
        return

    return Lease(Stamp(0.0), math.inf, confirm, lambda: 0.0)


def _entries(number: int) -> list[Entry]:
    return [released_entry(LANE, one, AT) for one in range(number)]


async def test_what_stands_there_is_known_when_caught_up() -> None:
    """All of it, in order; the listener heard of it before."""
    log = FakeLog()
    log.write(_entries(10))
    async with keeping(log) as keeper:
        keeper.listener = listening = Listening()
        assert not keeper.known
        await keeper.caught_up()
        assert (9, True, [LANE] * 10) == (keeper.state.released(LANE), keeper.known, listening.heard)


async def test_what_others_write_later_is_heard() -> None:
    """Without asking."""
    log = FakeLog()
    async with keeping(log) as keeper:
        keeper.listener = listening = Listening()
        await keeper.caught_up()
        log.write([skip_entry(Source("t", 0, 7), Skip(AT))])
        while not listening.heard:  # noqa: ASYNC110 - another thread makes it true
            await asyncio.sleep(0.002)
        assert [Source("t", 0, 7)] == listening.heard


async def test_letters_are_counted_off_the_loop() -> None:
    """Nobody is told of each."""
    log = FakeLog()
    replayed = LetterState(Fate.REPLAYED, AT, 1)
    log.write([letter_entry(Source("t", 0, one), replayed, [(2, one)]) for one in range(20)])
    async with keeping(log) as keeper:
        keeper.listener = listening = Listening()
        await keeper.caught_up()
        assert (20, 5, []) == (keeper.settled(2, 0, 99), keeper.settled(2, 3, 8), listening.heard)


async def test_a_write_returns_when_it_is_durable() -> None:
    """What came meanwhile goes together, in order."""
    log = FakeLog()
    log.slow = 0.02
    async with keeping(log) as keeper:
        first, *others = [keeper.write(one, lease=lease()) for one in _entries(9)]
        writing = asyncio.create_task(first)
        await asyncio.sleep(0.005)
        await asyncio.gather(writing, *others)
        assert [1, 8] == [len(batch) for batch in log.batches]
        assert [entry.value for entry in _entries(9)] == [value for _, value in log.records]


async def test_a_write_is_tried_for_as_long_as_it_takes() -> None:
    """A broker that is away is no reason to go on; a partition that goes is one to give up."""
    log = FakeLog()
    log.refusals = [Unavailable("away")]
    going = lease()
    async with keeping(log) as keeper:
        with capture_logs() as logs:
            await keeper.write(*_entries(1), lease=going)
        assert (["state.not_written"], 1) == ([line["event"] for line in logs], len(log.records))
        log.refusals = [Unavailable("away")] * 9
        writing = asyncio.create_task(keeper.write(*_entries(1), lease=going))
        await asyncio.sleep(0.05)
        going.close()
        with pytest.raises(Revoked):
            await writing


async def test_a_bug_in_the_writer_is_told_to_whoever_waits() -> None:
    """It is no reason to commit."""
    log = FakeLog()
    log.refusals = [cast("Any", LookupError("bug"))]
    async with keeping(log) as keeper:
        await keeper.write(*_entries(1), lease=lease())
        assert 1 == len(log.records)


async def test_notes_come_after_what_was_written_before() -> None:
    """Nobody waits for them; `flush` does."""
    log = FakeLog()
    log.slow = 0.02
    async with keeping(log) as keeper:
        writing = asyncio.create_task(keeper.write(_entries(1)[0], lease=lease()))
        await asyncio.sleep(0)
        keeper.note(_entries(2)[1])
        await keeper.flush(5.0)
        await writing
        assert [entry.value for entry in _entries(2)] == [value for _, value in log.records]


async def test_a_missing_topic_holds_nobody_up_and_is_told_once() -> None:
    """Everything goes on without it: whoever asks is answered, whoever writes goes on; later it is tried again."""
    log = FakeLog()
    log.trouble, log.creating = StateMissing("gone"), Unusable("not allowed")
    now = 0.0
    with capture_logs() as logs:
        async with keeping(log, lambda: now) as keeper:
            await keeper.caught_up()
            for _ in range(3):
                await keeper.write(*_entries(1), lease=lease())
            assert (True, 1, 1) == (keeper.known, log.created, len(log.batches))
            now, log.trouble = 61.0, None
            await keeper.write(*_entries(1), lease=lease())
    assert 1 == len(log.records)
    assert ["state.missing"] * 2 == [line["event"] for line in logs]


async def test_a_lost_topic_is_made_anew() -> None:
    """The record is written to the new one."""
    log = FakeLog()
    log.trouble = StateMissing("gone")
    async with keeping(log) as keeper:
        await keeper.write(*_entries(1), lease=lease())
        assert (1, 1) == (log.created, len(log.records))


async def test_a_topic_that_was_made_anew_is_read_from_its_beginning() -> None:
    """Its end is before what was to be read next."""
    log = FakeLog()
    log.write(_entries(5))
    with capture_logs() as logs:
        async with keeping(log) as keeper:
            await keeper.caught_up()
            log.records = [(entry.key, entry.value) for entry in _entries(8)[7:]]
            await keeper.caught_up()
            assert (7, 2) == (keeper.state.released(LANE), log.opened)
    assert ["state.lost"] == [line["event"] for line in logs]


@pytest.mark.parametrize("trouble", [StateLost("lost"), Unavailable("away"), cast("EngineError", LookupError("bug"))])
async def test_whoever_asks_is_answered_when_the_trouble_is_over(trouble: EngineError) -> None:
    """Not before: a guess would do what is parked."""
    log = FakeLog()
    log.trouble = trouble
    with capture_logs() as logs:
        async with keeping(log) as keeper:
            asking = asyncio.create_task(keeper.caught_up())
            await asyncio.sleep(0.05)
            assert not asking.done()
            log.records = [(entry.key, entry.value) for entry in _entries(4)]
            log.trouble = None
            await asking
            assert 3 == keeper.state.released(LANE)
    assert logs


async def test_records_of_somebody_else_are_told_and_passed_over() -> None:
    """One line for a batch."""
    log = FakeLog()
    log.records = [(b"nonsense", b"x"), (None, b"x")]
    log.write(_entries(1))
    with capture_logs() as logs:
        async with keeping(log) as keeper:
            await keeper.caught_up()
            assert 0 == keeper.state.released(LANE)
    assert [("state.unreadable", 2)] == [(line["event"], line["records"]) for line in logs]
