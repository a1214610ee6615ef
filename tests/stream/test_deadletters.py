"""The writer of dead letters, on its real thread, over a producer that follows a script."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import Any, TypeAlias, cast

import pytest
from confluent_kafka import KafkaError, KafkaException

from engine.errors import Revoked
from engine.quix import Producer
from engine.stream import deadletters
from engine.stream.deadletters import DeadLetters
from engine.stream.lease import Lease, Stamp
from engine.stream.letter import Letter
from tests.stream.fakes import kafka_error

LETTER = Letter(2, b"k", b"v", (("dlq.resume", b"{}"), ("dlq.stage", b"decode"), ("null", None)))
LOST = kafka_error(KafkaError._MSG_TIMED_OUT)
TOO_BIG = kafka_error(KafkaError.MSG_SIZE_TOO_LARGE)
FATAL = kafka_error(KafkaError._FENCED, fatal=True)

Step: TypeAlias = KafkaError | Exception | str | None


class FakeProducer:
    """Answers from a script: None delivers, an error refuses, an exception is raised, "keep" stays silent."""

    def __init__(self, script: deque[Step]) -> None:
        self.script = script
        self.sent: list[dict[str, Any]] = []
        self.waiting: list[tuple[Callable[..., None], KafkaError | None]] = []
        self.purged = False
        self.flushed = False

    def produce(self, topic: str, on_delivery: Callable[..., None], **what: Any) -> None:
        step = self.script.popleft() if self.script else None
        if isinstance(step, Exception):
            raise step
        self.sent.append({"topic": topic, **what})
        if not isinstance(step, str):  # an error must not be compared with a text: confluent-kafka fails at that
            self.waiting.append((on_delivery, step))

    def poll(self, _timeout: float = 0) -> None:
        waiting, self.waiting = self.waiting, []
        for tell, error in waiting:
            tell(error, None)

    def purge(self) -> None:
        self.purged = True

    def flush(self, _timeout: float) -> None:
        self.flushed = True
        self.poll()


class Desk:
    """Dead letters over producers that share a script."""

    def __init__(self, *script: Step, same_partitions: bool = True) -> None:
        self.script: deque[Step] = deque(script)
        self.producers: list[FakeProducer] = []
        self.refusals: list[Exception] = []
        self.failures = 0
        self.failed = asyncio.Event()
        self.letters = DeadLetters(self._open, "observation.dlq", same_partitions=same_partitions, failed=self._failed)
        self.lease = Lease(Stamp(0.0), 1.0, _nothing, lambda: 0.0)

    def _open(self) -> Producer:
        if self.refusals:
            raise self.refusals.pop(0)
        self.producers.append(FakeProducer(self.script))
        return cast("Producer", self.producers[-1])

    def _failed(self) -> None:
        self.failures += 1
        self.failed.set()

    @property
    def sent(self) -> list[dict[str, Any]]:
        return [one for producer in self.producers for one in producer.sent]

    async def write(self, letter: Letter = LETTER) -> None:
        async with asyncio.timeout(10):
            await self.letters.write(letter, self.lease)


async def _nothing() -> None:
    return


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits half a second for a second try."""
    monkeypatch.setattr(deadletters, "_AGAIN", 0.01)


@pytest.fixture
async def desks() -> AsyncIterator[Callable[..., Desk]]:
    """Makes desks, and ends their threads."""
    made: list[Desk] = []

    def make(*script: Step, **more: Any) -> Desk:
        made.append(Desk(*script, **more))
        return made[-1]

    yield make
    for desk in made:
        desk.letters.close(5.0)
        assert not desk.letters._thread.is_alive()


async def test_a_letter_is_written_when_it_is_acknowledged(desks: Callable[..., Desk]) -> None:
    """To the partition of its source, with null headers kept."""
    desk = desks()
    await desk.write()
    assert [
        {
            "topic": "observation.dlq",
            "key": b"k",
            "value": b"v",
            "headers": list(LETTER.headers),
            "partition": 2,
        }
    ] == desk.sent
    assert 0 == desk.failures


async def test_another_number_of_partitions_leaves_the_choice_to_the_key(desks: Callable[..., Desk]) -> None:
    """Partition 2 may not be there."""
    desk = desks(same_partitions=False)
    await desk.write()
    assert None is desk.sent[0]["partition"]


@pytest.mark.parametrize("how", [LOST, KafkaException(LOST), BufferError("full"), ValueError("odd")])
async def test_a_letter_is_tried_until_it_is_written(desks: Callable[..., Desk], how: Step) -> None:
    """Whatever the failure; each is counted."""
    desk = desks(how, how, None)
    await desk.write()
    assert 2 == desk.failures


@pytest.mark.parametrize("how", [TOO_BIG, KafkaException(TOO_BIG)])
async def test_a_letter_that_is_too_big_is_made_smaller(desks: Callable[..., Desk], how: Step) -> None:
    """At once, and that is no failure: first without its resume, at last without its value."""
    desk = desks(how, how, how, None)
    await desk.write()
    last = desk.sent[-1]
    assert (None, ("dlq.truncated", b"value")) == (last["value"], last["headers"][-1])
    assert 0 == desk.failures


async def test_a_letter_that_stays_too_big_holds(desks: Callable[..., Desk]) -> None:
    """Its key alone is too big: counted, and tried until the partition goes."""
    desk = desks(*[TOO_BIG] * 100)
    writing = asyncio.create_task(desk.write())
    await asyncio.wait_for(desk.failed.wait(), 10)
    desk.lease.close()
    with pytest.raises(Revoked):
        await writing


async def test_nothing_is_written_for_a_partition_that_is_gone(desks: Callable[..., Desk]) -> None:
    """Its new owner ends the event, perhaps with another outcome."""
    desk = desks()
    desk.lease.drop()
    with pytest.raises(Revoked):
        await desk.write()
    assert [] == desk.sent


async def test_a_fatal_producer_is_replaced(desks: Callable[..., Desk]) -> None:
    """The letter goes out by the new one."""
    desk = desks(FATAL, None)
    await desk.write()
    assert [1, 1] == [len(producer.sent) for producer in desk.producers]
    assert (True, True) == (desk.producers[0].purged, desk.producers[0].flushed)


async def test_letters_that_a_dead_producer_had_are_written_by_the_next(desks: Callable[..., Desk]) -> None:
    """An acknowledgement that can never come does not hold a partition for ever."""
    desk = desks("keep", FATAL)
    await asyncio.gather(desk.write(), desk.write())
    assert 2 == len(desk.producers[1].sent)


async def test_the_thread_survives_a_producer_that_cannot_be_made(desks: Callable[..., Desk]) -> None:
    """It goes on trying."""
    desk = desks(FATAL, KafkaException(FATAL), KafkaException(FATAL))
    desk.refusals += [KafkaException(LOST), RuntimeError("no memory")]
    await desk.write()
    assert ([], 2) == (desk.refusals, len(desk.producers))


async def test_options_that_are_refused_end_the_start() -> None:
    """Not the first dead letter."""

    def refuse() -> Producer:
        raise ValueError("no such option")

    with pytest.raises(ValueError, match="no such option"):
        DeadLetters(refuse, "dlq", same_partitions=True, failed=lambda: None)


async def test_a_cancelled_lane_leaves_its_letter_to_be_written(desks: Callable[..., Desk]) -> None:
    """Nobody waits for it any more; the thread and the next letter do not mind."""
    desk = desks(LOST)
    writing = asyncio.create_task(desk.write())
    await asyncio.sleep(0)
    writing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await writing
    await desk.write()
    assert 2 == len(desk.sent)


async def test_closing_writes_what_is_queued(desks: Callable[..., Desk]) -> None:
    """The thread ends when the queue is empty and everything is acknowledged."""
    desk = desks()
    writing = [asyncio.create_task(desk.write()) for _ in range(20)]
    await asyncio.sleep(0)
    await asyncio.to_thread(desk.letters.close, 5.0)
    await asyncio.gather(*writing)
    assert 20 == len(desk.sent)
