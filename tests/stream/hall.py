"""A processor over fakes of everything that leaves the process."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable
from typing import Any, cast

from confluent_kafka import Message as Record

from engine.api.client import Client
from engine.api.messages import Request, Response
from engine.config.model import Config, Dlq, Events
from engine.errors import SchemaPending, Stage, Undeliverable
from engine.events.event import Event, Message
from engine.events.registry import Registry
from engine.observe.journal import Journal
from engine.observe.metrics import Metrics
from engine.outcome import Dead, Done, Skipped
from engine.pipeline import Journey, Pipeline
from engine.quix import Topic
from engine.rules.book import Book
from engine.stream.commits import Committer
from engine.stream.deadletters import DeadLetters
from engine.stream.flow import Flow
from engine.stream.intake import Intake
from engine.stream.keeper import Keeper
from engine.stream.lease import Lease, Stamp
from engine.stream.letter import Letter
from engine.stream.processor import Processor
from engine.stream.progress import Interval
from engine.stream.source import Assigned, size_of
from tests.rules.making import rule
from tests.stream.fakes import TOPIC, FakeConsumer, record

RULE = "order_by: '{{ event.who }}'\nrequest: {method: POST, path: /a/}"


class FakeTopic:
    """A value is the field `who`."""

    def deserialize(self, record: Record) -> Any:
        value = record.value() or b""
        if value == b"bad":
            raise Undeliverable(Stage.DECODE, "bad bytes")
        if value == b"?":
            raise SchemaPending(1)
        fields = {"event_id": None, "event_type": "changed", "version": 1, "who": value.decode()}
        return type("Decoded", (), {"value": fields})()


class FakeClient:
    """Requests of the names in `held` wait; those in `ends` end so; the others succeed."""

    def __init__(self) -> None:
        self.held: set[str] = set()
        self.ends: dict[str, Exception] = {}
        self.sent: list[tuple[str, int]] = []
        self.running: list[tuple[str, int]] = []
        self.gates: dict[tuple[str, int], asyncio.Event] = defaultdict(asyncio.Event)

    async def send(self, request: Request, call: Journey) -> Response:
        await call.permit()
        who, offset = str(call.event.record["who"]), call.event.message.offset
        self.running.append((who, offset))
        try:
            if who in self.held:
                await self.gates[who, offset].wait()
            if who in self.ends:
                raise self.ends[who]
        finally:
            self.running.remove((who, offset))
        self.sent.append((who, offset))
        call.sent(request, 201, 0.0)
        return Response(201, {}, None)


class FakeLetters:
    """Dead letters wait for a gate; what was written is remembered."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.gate.set()
        self.written: list[int] = []
        self.letters: list[Letter] = []

    async def write(self, letter: Letter, lease: Lease) -> None:
        if not self.gate.is_set():
            await lease.until(self.gate)
        headers = dict(letter.headers)
        self.written.append(int(headers["dlq.source.offset"] or b""))
        self.letters.append(letter)


class RecordingJournal:
    """Remembers ends."""

    def __init__(self) -> None:
        self.ends: list[tuple[str, int]] = []

    def ended(self, event: Event, outcome: Done | Skipped, seconds: float) -> None:
        self.ends.append((type(outcome).__name__.lower(), event.message.offset))

    def dead_lettered(self, message: Message, event: Event | None, dead: Dead, seconds: float) -> None:
        self.ends.append((f"dead {dead.error.stage}", message.offset))

    def tombstone(self, message: Message) -> None:
        self.ends.append(("tombstone", message.offset))

    def sent(self, *_: Any) -> None:
        return

    def retried(self, *_: Any) -> None:
        return


class Hall:
    """A processor over fakes of everything that leaves the process."""

    def __init__(
        self, text: str = RULE, *, dead_after: int = 12, within: float = 10.0, keeper: Keeper | None = None
    ) -> None:
        self.config = Config(events=Events(format="json"), dlq=Dlq(dead_after=dead_after), shutdown_timeout=within)
        self.client, self.letters, self.journal = FakeClient(), FakeLetters(), RecordingJournal()
        self.consumer = FakeConsumer()
        self.now = 100.0
        self.stamp = Stamp(self.now, 5.0)
        self.changes = 0
        self.pipeline = Pipeline(
            Book([rule(text)]),
            {"": cast("Client", self.client)},
            self.config.limits,
            skip_unknown=False,
            wall=lambda: 0.0,
        )
        self.committer = Committer(
            self.consumer.as_consumer, TOPIC, stamp=self.stamp, clock=self._clock, failed=lambda: None
        )
        self.intake = Intake(
            cast("Topic", FakeTopic()),
            self.config.events,
            cast("Registry", None),
            self.pipeline,
            self.journal.tombstone,
            clock=self._clock,
        )
        self.processor = Processor(
            self.config,
            self.pipeline,
            self.intake,
            self.committer,
            cast("DeadLetters", self.letters),
            cast("Journal", self.journal),
            Metrics(),
            stamp=self.stamp,
            trust=5.0,
            clock=self._clock,
            redact=lambda text: text,
            on_change=self._changed,
            keeper=keeper,
        )

    def _clock(self) -> float:
        return self.now

    def _changed(self) -> None:
        self.changes += 1

    def assign(self, *numbers: int, start: int = 0, done: list[Interval] | None = None) -> list[Flow]:
        flows = [Flow() for _ in numbers]
        self.processor.assigned(
            [Assigned(number, start, done or [], flow, False) for number, flow in zip(numbers, flows, strict=True)]
        )
        return flows

    async def deliver(self, *records: Record) -> None:
        """As the source does: counted, then told; then everything that can happen happens."""
        for one in records:
            partition = self.processor.partitions.get(one.partition() or 0)
            if partition is not None:
                partition.flow.sent += 1
                partition.flow.sent_bytes += size_of(one)
        self.processor.deliver(list(records))
        await self.settle()

    async def settle(self) -> None:
        for _ in range(20):
            await asyncio.sleep(0)

    async def let(self, who: str, offset: int) -> None:
        self.client.gates[who, offset].set()
        await self.settle()

    def watermark(self, number: int = 0) -> int:
        return self.processor.partitions[number].progress.watermark

    async def until(self, true: Callable[[], object]) -> None:
        async with asyncio.timeout(10):
            while not true():  # noqa: ASYNC110 - another thread makes it true
                await asyncio.sleep(0.002)


def records(*names: str, first: int = 0) -> list[Record]:
    return [record(offset, name.encode()) for offset, name in enumerate(names, first)]


async def storm(hall: Hall) -> list[str]:
    """Twelve dead letters of as many keys; the names."""
    names = [f"n{number}" for number in range(12)]
    for name in names:
        hall.client.ends[name] = Undeliverable(Stage.EXPECT, "no")
    await hall.deliver(*records(*names))
    return names
