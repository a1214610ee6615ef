"""Records become jobs, in order, whatever their bytes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, cast

import pytest
from confluent_kafka import Message as Record

from engine.config.model import Events, Limits
from engine.errors import SchemaPending, Stage, Unavailable, Undeliverable
from engine.events.event import Message
from engine.events.registry import Registry
from engine.pipeline import Pipeline
from engine.quix import Topic
from engine.rules.book import Book
from engine.stream import intake as module
from engine.stream.flow import Flow
from engine.stream.intake import Intake
from engine.stream.lease import Lease, Stamp
from engine.stream.partition import Job, Partition
from engine.stream.progress import Progress
from engine.stream.source import size_of
from tests.rules.making import rule
from tests.stream.fakes import record

_RULE = "order_by: '{{ event.who }}'\nrequest: {method: GET, path: /a/}"


class FakeTopic:
    """`b"who"` is a record with that field; `b"?7:who"` needs schema 7 first; `b"!"` raises."""

    def __init__(self) -> None:
        self.known: set[int] = set()

    def deserialize(self, record: Record) -> Any:
        value = record.value() or b""
        record.headers()
        if value.startswith(b"!"):
            raise KeyError("bug")
        if value == b"bad":
            raise Undeliverable(Stage.DECODE, "bad bytes")
        if value.startswith(b"?"):
            schema, value = int(value[1:2]), value[3:]
            if schema not in self.known:
                raise SchemaPending(schema)
        fields = {"event_id": None, "event_type": "changed", "version": 1, "who": value.decode()}
        return type("Decoded", (), {"value": fields})()


class FakeRegistry:
    """Answers when it is told to; called in worker threads."""

    def __init__(self, topic: FakeTopic) -> None:
        self.topic = topic
        self.away: list[Exception] = []
        self.asked: list[int] = []

    def fetch(self, schema_id: int) -> None:
        self.asked.append(schema_id)
        if self.away:
            raise self.away.pop(0)
        self.topic.known.add(schema_id)


class Desk:
    """An intake over one partition whose jobs are only recorded."""

    def __init__(self, text: str = _RULE) -> None:
        self.topic = FakeTopic()
        self.registry = FakeRegistry(self.topic)
        self.tombstones: list[Message] = []
        self.jobs: list[Job] = []
        self.pipeline = Pipeline(Book([rule(text)]), {}, Limits(), skip_unknown=False, wall=lambda: 0.0)
        self.intake = Intake(
            cast("Topic", self.topic),
            Events(format="json"),
            cast("Registry", self.registry),
            self.pipeline,
            self.tombstones.append,
            clock=lambda: 12.0,
        )
        self.partition = self.assign()

    def assign(self) -> Partition:
        lease = Lease(Stamp(0.0), 1.0, _nothing, lambda: 0.0)
        return Partition(3, Progress(0), Flow(), lease, self._handle)

    async def _handle(self, job: Job) -> bool:
        self.jobs.append(job)
        return True

    async def take(self, *records: Record) -> None:
        for one in records:
            self.partition.flow.sent += 1
            self.partition.flow.sent_bytes += size_of(one)
            self.intake.take(self.partition, one)
        await asyncio.sleep(0)

    async def until(self, true: Callable[[], object]) -> None:
        async with asyncio.timeout(10):
            while not true():  # noqa: ASYNC110 - another thread makes it true
                await asyncio.sleep(0.002)

    @property
    def offsets(self) -> list[int]:
        return [job.message.offset for job in self.jobs]


async def _nothing() -> None:
    return


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The registry is asked again at once."""
    monkeypatch.setattr(module, "_AGAIN", 0.01)


async def test_a_record_becomes_a_job_with_its_key() -> None:
    """The rule says what the key is; the job knows when it was taken and how large it is."""
    desk = Desk()
    await desk.take(record(5, b"ada", headers=[("h", None)]))
    (job,) = desk.jobs
    assert ("ada", 4, 12.0, None) == (job.key, job.size, job.taken_at, job.failure)
    assert job.event is not None
    assert Message("observation", 0, 5, b"k", b"ada", (("h", None),), 1_700_000_000_000) == job.message
    assert 1 == desk.partition.progress.pending


@pytest.mark.parametrize(("key", "lane"), [(b"k", "k"), (b"\xff", b"\xff"), (None, 3)])
async def test_without_order_by_the_messages_key_counts_else_the_partition(key: bytes | None, lane: object) -> None:
    """Text where it is UTF-8; without any key the partition is one lane."""
    desk = Desk("request: {method: GET, path: /a/}")
    await desk.take(record(0, b"ada", key))
    assert lane == desk.jobs[0].key


async def test_bad_bytes_are_a_job_that_failed() -> None:
    """It will be a dead letter in the lane of the message's key."""
    desk = Desk()
    await desk.take(record(0, b"bad"))
    (job,) = desk.jobs
    assert (None, b"k") == (job.event, job.key)
    assert job.failure is not None
    assert Stage.DECODE is job.failure.stage


async def test_an_ordering_key_that_cannot_be_rendered_keeps_the_event() -> None:
    """The event is known, its key is the message's."""
    desk = Desk("order_by: '{{ event.nobody }}'\nrequest: {method: GET, path: /a/}")
    await desk.take(record(0, b"ada"))
    (job,) = desk.jobs
    assert b"k" == job.key
    assert job.event is not None
    assert job.failure is not None
    assert Stage.RENDER is job.failure.stage


async def test_a_bug_of_ours_loses_no_record() -> None:
    """What decoding raises unexpectedly is a failure of the record; the next one is taken."""
    desk = Desk()
    await desk.take(record(0, b"!"), record(1, b"ada"))
    failure = desk.jobs[0].failure
    assert failure is not None
    assert "internal error: KeyError" == str(failure)
    assert isinstance(failure.__cause__, KeyError)
    assert ([0, 1], 2) == (desk.offsets, desk.partition.progress.pending)


async def test_a_timestamp_beyond_all_years_loses_no_record() -> None:
    """A producer may write any number; a rule that reads it fails for this record only."""
    desk = Desk("order_by: '{{ message.timestamp.year }}'\nrequest: {method: GET, path: /a/}")
    await desk.take(record(0, b"ada", timestamp=(1, 2**62)))
    failure = desk.jobs[0].failure
    assert failure is not None
    assert Stage.RENDER is failure.stage


async def test_a_header_whose_name_is_not_text_is_never_touched() -> None:
    """Asked once, confluent-kafka raises; asked twice, it would give something that crashes the process."""

    class Poisoned:
        asked = 0

        def headers(self) -> None:
            self.asked += 1
            raise SystemError("<method 'headers'> returned a result with an exception set")

        def __getattr__(self, name: str) -> Any:
            return getattr(record(0, b"ada"), name)

    desk, poisoned = Desk(), Poisoned()
    await desk.take(cast("Record", poisoned))
    (job,) = desk.jobs
    assert (1, ()) == (poisoned.asked, job.message.headers)
    assert job.failure is not None
    assert (Stage.DECODE, b"ada") == (job.failure.stage, job.message.value)


async def test_a_record_that_came_before_is_passed() -> None:
    """It is not handled twice, and not under way."""
    desk = Desk()
    await desk.take(record(0, b"ada"), record(0, b"ada"))
    assert ([0], 1) == (desk.offsets, desk.partition.flow.events)


async def test_a_tombstone_is_done_at_once() -> None:
    """It never reaches the deserializer."""
    desk = Desk()
    await desk.take(record(0, None))
    assert [0] == [message.offset for message in desk.tombstones]
    assert ([], 1, 0) == (desk.offsets, desk.partition.progress.watermark, desk.partition.flow.events)


async def test_records_wait_for_a_schema_in_order() -> None:
    """What comes meanwhile waits behind; nothing of it counts as begun, so nothing can be committed beyond it."""
    desk = Desk()
    await desk.take(record(0, b"ada"), record(1, b"?7:ada"), record(2, b"bob"), record(3, None))
    assert ([0], frozenset({"schema"}), 3) == (desk.offsets, desk.partition.flow.holds, len(desk.partition.waiting))
    assert 0 == desk.partition.progress.watermark
    desk.partition.ended(0, 4)
    assert 1 == desk.partition.progress.watermark
    await desk.until(lambda: len(desk.jobs) == 3)
    assert ([0, 1, 2], frozenset(), 0) == (desk.offsets, desk.partition.flow.holds, len(desk.partition.waiting))
    assert ([7], 2) == (desk.registry.asked, desk.partition.flow.events)


async def test_a_second_unknown_schema_holds_again() -> None:
    """Also among those that waited; order is kept."""
    desk = Desk()
    await desk.take(record(0, b"?7:ada"), record(1, b"?8:ada"), record(2, b"?7:ada"), record(3, b"?9:ada"))
    await desk.until(lambda: len(desk.jobs) == 4)
    assert ([0, 1, 2, 3], [7, 8, 9]) == (desk.offsets, desk.registry.asked)
    assert frozenset() == desk.partition.flow.holds


async def test_partitions_wait_for_the_same_schema_together() -> None:
    """It is asked for once."""
    desk = Desk()
    other = desk.assign()
    desk.registry.away.append(Unavailable("away"))
    await desk.take(record(0, b"?7:ada"))
    desk.intake.take(other, record(5, b"?7:ada"))
    await desk.until(lambda: len(desk.jobs) == 2)
    assert [7, 7] == desk.registry.asked, "in vain, then once more"
    assert {} == desk.intake._fetching


@pytest.mark.parametrize("trouble", [Unavailable("away"), LookupError("bug")])
async def test_the_registry_is_asked_until_it_answers(trouble: Exception) -> None:
    """Nobody's event is at fault, not even where the fault is ours."""
    desk = Desk()
    desk.registry.away += [trouble, trouble]
    await desk.take(record(0, b"?7:ada"))
    await desk.until(lambda: desk.jobs)
    assert [7, 7, 7] == desk.registry.asked


async def test_a_partition_that_goes_takes_nothing_more() -> None:
    """What waited for the schema is the next owner's."""
    desk = Desk()
    await desk.take(record(0, b"?7:ada"))
    desk.partition.lease.close()
    await desk.until(lambda: desk.topic.known)
    await desk.until(lambda: not desk.intake._fetching)
    assert ([], 0) == (desk.offsets, desk.partition.progress.watermark)


async def test_closing_ends_the_asking() -> None:
    """However long the registry is away."""
    desk = Desk()
    desk.registry.away += [Unavailable("away")] * 10_000
    await desk.take(record(0, b"?7:ada"))
    await desk.intake.close()
    assert {asyncio.current_task()} == asyncio.all_tasks()


async def test_the_ordering_key_follows_the_rules_as_they_are() -> None:
    """After a reload the new rule counts."""
    desk = Desk("order_by: '{{ event.nobody }}'\nrequest: {method: GET, path: /a/}")
    await desk.take(record(0, b"ada"))
    event = desk.jobs[0].event
    assert event is not None
    with pytest.raises(Undeliverable):
        desk.intake.order_key(event)
    desk.pipeline.book = Book([rule(_RULE)])
    assert "ada" == desk.intake.order_key(event)
