"""The event loop's side of the stream: partitions come and go, jobs run in lanes, dead letters are written."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from datetime import UTC, datetime

import structlog
from confluent_kafka import Message as Record
from confluent_kafka import TopicPartition

from engine.config.model import Config
from engine.errors import Revoked, Stage, Undeliverable
from engine.events.event import Event
from engine.observe.journal import Journal
from engine.observe.metrics import Metrics
from engine.outcome import Dead, Done, Outcome
from engine.pipeline import Journey, Pipeline, internal
from engine.stream.arrivals import Arrivals
from engine.stream.commits import Committer
from engine.stream.deadletters import DeadLetters
from engine.stream.intake import Intake
from engine.stream.keeper import Keeper
from engine.stream.lease import Lease, Stamp
from engine.stream.letter import compose
from engine.stream.partition import Job, Partition
from engine.stream.progress import Progress
from engine.stream.source import Assigned, size_of
from engine.stream.state import lane_id
from engine.stream.storm import Storm
from engine.stream.withheld import Withheld

_ON_PURPOSE = frozenset({Stage.PARKED, Stage.SKIPPED})

log = structlog.get_logger()


class Processor:
    """What `source.Owner` tells ends here. Lives on the event loop.

    Args:
        config: all of it.
        pipeline: processes events.
        intake: makes jobs of records.
        committer: commits.
        dead_letters: writes them.
        journal: told of every end.
        metrics: for counts that are nobody's event.
        stamp: renewed by the consumer thread.
        trust: seconds that a stamp is good for.
        clock: monotonic seconds.
        redact: takes secrets out of a text.
        on_change: called when partitions or the storm changed, for /readyz.
        keeper: of the state topic; None: what is parked, done or to be skipped is not kept.

    Attributes:
        partitions: assigned now, by number.
        storm: whether the engine holds.
        failure: resolves with the error that ended the consumer thread.
    """

    def __init__(
        self,
        config: Config,
        pipeline: Pipeline,
        intake: Intake,
        committer: Committer,
        dead_letters: DeadLetters,
        journal: Journal,
        metrics: Metrics,
        *,
        stamp: Stamp,
        trust: float,
        clock: Callable[[], float],
        redact: Callable[[str], str],
        on_change: Callable[[], None],
        keeper: Keeper | None = None,
    ) -> None:
        self._drain_within = config.shutdown_timeout
        self._pipeline = pipeline
        self._intake = intake
        self._arrivals = Arrivals(self._take)
        self._committer = committer
        self._dead_letters = dead_letters
        self._journal = journal
        self._metrics = metrics
        self._stamp = stamp
        self._trust = trust
        self._clock = clock
        self._redact = redact
        self._on_change = on_change
        self.partitions: dict[int, Partition] = {}
        self._withheld = Withheld(
            config.kafka.topic,
            keeper,
            config.dedupe,
            lambda: pipeline.book,
            self.partitions,
            intake.look_again,
            lambda: datetime.now(UTC),
            redact,
            self.failed,
        )
        self.storm = Storm(config.dlq, self._hold_all)
        self.failure: asyncio.Future[BaseException] = asyncio.get_running_loop().create_future()
        self.joined = False
        self._stopping = False

    # --- told by the consumer thread ----------------------------------------------------------------------------------

    def assigned(self, partitions: list[Assigned]) -> None:
        """See `source.Owner`."""
        for one in partitions:
            progress = Progress(one.start, one.done)
            progress.changed = one.fresh
            partition = Partition(one.number, progress, one.flow, self._lease(one.number), self._handle)
            partition.flow.hold("storm", self.storm.holding)
            if self._stopping:
                self._close(partition)
            before = self.partitions.get(one.number)
            if before is not None:
                before.lease.drop()  # its end was too slow for the consumer thread
            self.partitions[one.number] = partition
            self._withheld.attend(partition)
        self.joined = True
        log.info("partitions.assigned", partitions=sorted(one.number for one in partitions))
        self._on_change()

    def deliver(self, records: list[Record]) -> None:
        """See `source.Owner`."""
        found = [(self.partitions.get(record.partition()), record) for record in records]
        self._arrivals.put([(partition, record) for partition, record in found if partition is not None])

    def expired(self, partition: int, messages: int) -> None:
        """See `source.Owner`."""
        self._metrics.expired(partition, messages)

    async def revoke(self, partitions: list[int]) -> list[TopicPartition]:
        """See `source.Owner`."""
        going = await self._drain(partitions)
        await self._withheld.hand_over(going)
        await self._committer.quiet()
        offsets = [self._committer.offset(partition) for partition in going if partition.progress.changed]
        self._forget(going)
        log.info("partitions.revoked", partitions=sorted(partitions))
        return offsets

    async def lose(self, partitions: list[int]) -> None:
        """See `source.Owner`."""
        gone = self._chosen(partitions)
        for partition in gone:
            partition.lease.drop()
        await asyncio.gather(*(partition.lanes.abort() for partition in gone))
        self._forget(gone)

    def failed(self, error: BaseException) -> None:
        """See `source.Owner`."""
        if not self.failure.done():
            self.failure.set_result(error)

    # --- told by the service ------------------------------------------------------------------------------------------

    async def commit(self) -> None:
        """Commit what changed since the last time."""
        await self._committer.commit(list(self.partitions.values()))

    async def drain(self) -> None:
        """Begin no event any more, finish what is under way, commit. The partitions stay ours."""
        self._stopping = True
        for partition in self.partitions.values():
            self._close(partition)
        await self._withheld.hand_over(await self._drain(list(self.partitions)))
        for _ in range(3):  # a rebalance under way may refuse one
            await self._committer.commit(list(self.partitions.values()), at_once=True)
            if not any(partition.progress.changed for partition in self.partitions.values()):
                return
            await asyncio.sleep(0.2)

    def stuck(self) -> list[Partition]:
        """Partitions that wait for records and hold nothing, although their watermark may be short of the end."""
        return [
            partition
            for partition in self.partitions.values()
            if not (partition.progress.pending or partition.waiting or partition.flow.events or partition.flow.holds)
        ]

    def in_flight(self) -> int:
        """Events taken and not done, of all partitions."""
        return sum(partition.progress.pending for partition in self.partitions.values())

    # --- records ------------------------------------------------------------------------------------------------------

    def _take(self, partition: Partition, record: Record) -> None:
        if partition.lease.ended:
            partition.passed(size_of(record))
            return
        try:
            self._intake.take(partition, record)
        except Exception as error:  # a bug of ours: nothing that comes after this record may be begun
            log.error("record.failed", partition=record.partition(), offset=record.offset(), exc_info=error)
            partition.lease.close()
            self.failed(error)

    # --- jobs ---------------------------------------------------------------------------------------------------------

    async def _handle(self, job: Job) -> bool:
        """One job to its end; False where it is given up, because the partition goes."""
        try:
            outcome = await self._end(job)
        except Revoked:
            return False
        except Exception as error:  # a bug of ours: nothing may be committed beyond this event, so the engine stops
            log.error("event.failed", offset=job.message.offset, partition=job.message.partition, exc_info=error)
            self.failed(error)
            return False
        if isinstance(outcome, Done):
            self.storm.succeeded()
        self._withheld.ended(job, outcome)
        job.partition.ended(job.message.offset, job.size)
        return True

    async def _end(self, job: Job) -> Outcome:
        lease = job.partition.lease
        while True:
            outcome = await self._outcome(job)
            seconds = self._clock() - job.taken_at
            if not isinstance(outcome, Dead):
                if job.event is not None:
                    self._journal.ended(job.event, outcome, seconds)
                return outcome
            stage = outcome.error.stage
            if self.storm.holding and stage not in _ON_PURPOSE:
                continue  # it failed while the engine began to hold: tried again with the rules as they are then
            if lease.dropped:
                raise Revoked("the partition belongs to another consumer")  # it ends the event, not we
            await self._withheld.park(job, outcome)
            lane = None if job.event is None or job.failure is not None else lane_id(job.key)
            letter = compose(job.message, job.event, outcome, datetime.now(UTC), self._redact, lane)
            await self._dead_letters.write(letter, lease)
            self._journal.dead_lettered(job.message, job.event, outcome, seconds)
            if self.storm.dead(job.key, stage):
                self._say_why(outcome)
            return outcome

    async def _outcome(self, job: Job) -> Outcome:
        """How an event ends, by what the API answers or otherwise; `engine skip` may interrupt it."""
        notes, offset, lease = job.partition.notes, job.message.offset, job.partition.lease
        journey = None if job.event is None else Journey(job.event, job.key, lease, self._journal)
        notes.begin(offset, job.key)
        try:
            if not notes.ready.is_set():
                await lease.until(notes.ready)
            if self.storm.holding and offset not in notes.skips:
                await self.storm.wait(lease)
            if notes.held and offset not in notes.skips:
                await self._withheld.wait(job)
            if lease.ended:
                raise Revoked("the partition goes")
            withheld = self._withheld.verdict(job)
            if withheld is not None:
                return withheld
            unfit = None if job.failure is None else self._unfit(job)
            if journey is None or unfit is not None:
                return unfit or Dead(None, Undeliverable(Stage.DECODE, "the record has no event"))
            return await self._pipeline.process(journey)
        except asyncio.CancelledError:
            if not notes.was_interrupted(offset):
                raise
            return self._withheld.skipped(job, journey)
        finally:
            notes.end(offset)

    def _unfit(self, job: Job) -> Dead | None:
        """The end of a record that is no event, or that has no ordering key by the rules as they are now."""
        event = job.event
        failure = job.failure if event is None else self._refusal(event)
        rule = None if event is None else self._pipeline.book.find(event.type, event.version)
        return None if failure is None else Dead(rule, failure)

    def _refusal(self, event: Event) -> Undeliverable | None:
        """Why an event without an ordering key has none; None where the rules were mended since it was taken."""
        try:
            self._intake.order_key(event)
        except Undeliverable as error:
            return error
        except Exception as error:
            return internal(Stage.RENDER, error)
        return None

    def _say_why(self, last: Dead) -> None:
        log.error(
            "engine.holding",
            rule=None if last.rule is None else last.rule.name,
            stage=str(last.error.stage),
            error=str(last.error),
            what_to_do="too many dead letters in a row: mend the rule (a reload goes on), or send SIGHUP, or restart",
        )

    def _hold_all(self, on: bool) -> None:
        for partition in self.partitions.values():
            partition.flow.hold("storm", on)
        if not on:
            log.warning("engine.goes_on")
        self._on_change()

    # --- partitions ---------------------------------------------------------------------------------------------------

    def _lease(self, number: int) -> Lease:
        async def confirm() -> None:
            partition = self.partitions.get(number)
            if partition is None:
                await asyncio.sleep(0.05)
            else:
                await self._committer.confirm(partition)

        return Lease(self._stamp, self._trust, confirm, self._clock)

    def _close(self, partition: Partition) -> None:
        partition.flow.hold("stop", True)
        partition.lease.close()

    def _chosen(self, numbers: Iterable[int]) -> list[Partition]:
        return [self.partitions[number] for number in numbers if number in self.partitions]

    async def _drain(self, numbers: list[int]) -> list[Partition]:
        going = self._chosen(numbers)
        for partition in going:
            partition.lease.close()
        ended = await asyncio.gather(*(partition.lanes.drain(self._drain_within) for partition in going))
        if not all(ended):
            late = [partition.number for partition, in_time in zip(going, ended, strict=True) if not in_time]
            log.warning("drain.too_slow", partitions=late, shutdown_timeout_s=self._drain_within)
        return going

    def _forget(self, gone: list[Partition]) -> None:
        for partition in gone:
            partition.lease.drop()
            if self.partitions.get(partition.number) is partition:
                del self.partitions[partition.number]
            self._metrics.forget_partition(partition.number)
        self._on_change()
