"""Replays dead letters: in order per key, keys side by side, each success made durable before the next of its key."""

from __future__ import annotations

import asyncio

import structlog

from engine.api.limits import Pace
from engine.config.model import Limits
from engine.deadletters.conversation import Beginning, begin
from engine.deadletters.gathering import Gathering, ParkedLane
from engine.deadletters.preparation import Job, Preparation, Ways
from engine.deadletters.tally import Tally
from engine.errors import Revoked, Stage, Undeliverable
from engine.events.event import Event
from engine.outcome import Dead, Outcome, Skipped
from engine.pipeline import Journey, Pipeline, internal
from engine.rules.model import Rule
from engine.stream.lanes import Lanes
from engine.stream.lease import Lease
from engine.stream.letter import compose
from engine.stream.reader import Place
from engine.stream.state import Entry, Fate, Lane, LetterState, Source, lane_id, letter_entry, released_entry
from engine.stream.storm import Storm

_BATCH = 100  # letters that are read at once

log = structlog.get_logger()


class Turn:
    """One letter's leave to send; while it waits, another letter has its turn."""

    __slots__ = ("_lease", "_turns")

    def __init__(self, lease: Lease, turns: asyncio.Semaphore) -> None:
        self._lease = lease
        self._turns = turns

    async def permit(self) -> None:
        """See `pipeline.Leave`."""
        await self._lease.permit()

    async def sleep(self, seconds: float) -> None:
        """See `pipeline.Leave`."""
        self._turns.release()
        try:
            await self._lease.sleep(seconds)
        finally:
            await self._turns.acquire()


class Replay:
    """One replay; `run` may be called once.

    Args:
        ways: how to reach the world.
        pipeline: processes events.
        limits: bounds of a plan, and of what is held at a time.
        preparation: makes jobs.
        gathering: what is to be done.
        turns: letters between their first request and the record that they are done, at most; that many a `kill -9`
            repeats, so there are no more than the APIs take requests at a time.
        lease: leave to send; closed where the replay is to stop.
        storm: says when nothing but failures come; None: goes on whatever comes.
        rate: letters a second, None for no limit.
        from_start: begin at the first request in any case.
        tally: how it goes; what this replay has to do is added.
        patience: seconds for what is under way when it is to stop.

    Attributes:
        tally: how it goes.
        hopeless: it stopped because nothing but failures came.
        failure: a bug that ended it.
    """

    def __init__(
        self,
        ways: Ways,
        pipeline: Pipeline,
        limits: Limits,
        preparation: Preparation,
        gathering: Gathering,
        *,
        turns: int,
        lease: Lease,
        storm: Storm | None,
        rate: float | None,
        from_start: bool,
        tally: Tally,
        patience: float,
    ) -> None:
        self._ways = ways
        self._pipeline = pipeline
        self._limits = limits
        self._preparation = preparation
        self._gathering = gathering
        self._turns = asyncio.Semaphore(turns)
        self._lease = lease
        self._storm = storm
        self._pace = Pace(rate)
        self._from_start = from_start
        self._patience = patience
        self._lanes: Lanes[Job] = Lanes(self._handle)
        self._held = self._held_bytes = 0
        self._change = asyncio.Event()
        self.tally = tally
        tally.total += len(gathering)
        self.hopeless = False
        self.failure: Exception | None = None

    async def run(self) -> None:
        """Replay until all is done, or the lease is closed; then what is under way ends."""
        await self._release_empty()
        try:
            for batch in self._gathering.batches(_BATCH):
                await self._take(batch)
            while self._held:
                await self._next_change()
        except Revoked:
            pass  # what is under way ends
        await self._lanes.drain(self._patience)

    async def _release_empty(self) -> None:
        """Release keys whose letters are all done: a replay before this one was killed before it could say so."""
        at = self._ways.wall()
        entries = [released_entry(lane, through, at) for lane, through in self._gathering.finished().items()]
        if entries:
            await self._ways.note(*entries)
            self.tally.released += len(entries)

    async def _take(self, batch: list[tuple[Source, Place]]) -> None:
        messages = await asyncio.to_thread(self._ways.load, [place for _, place in batch])
        for _, place in batch:
            message = messages.get(place)
            job = None if message is None else await self._preparation.job(message)
            if job is None:
                self.tally.gone += 1
                continue
            await self._room(job)
            self._held += 1
            self._held_bytes += job.size
            self._lanes.put(job.key, job)

    async def _room(self, job: Job) -> None:
        """Return when there is room for a job, and it is its turn by the rate.

        Raises:
            Revoked: the replay is to stop.
        """
        while self._held >= self._limits.in_flight or (
            self._held and self._held_bytes + job.size > self._limits.buffer
        ):
            await self._next_change()
        if self._pace.limited and (wait := self._pace.reserve(self._ways.clock())) > 0.0:
            await self._lease.sleep(wait)
        if self._lease.ended:
            raise Revoked("the replay stops")

    async def _next_change(self) -> None:
        self._change.clear()
        await self._lease.until(self._change)

    # --- jobs ---------------------------------------------------------------------------------------------------------

    async def _handle(self, job: Job) -> bool:
        """One letter to its end; False where the replay stops."""
        try:
            async with self._turns:
                if self._lease.ended:
                    return False
                await self._replay(job)
        except Revoked:
            return False
        except Exception as error:  # a bug of ours: this letter stays as it is, and nothing of its key may follow
            log.error("replay.failed", **job.letter.source._asdict(), exc_info=error)
            self.failure = error
            self._lease.close()
            return False
        finally:
            self._held -= 1
            self._held_bytes -= job.size
            self._change.set()
        return True

    async def _replay(self, job: Job) -> None:
        lane, offset = job.lane, job.letter.source.offset
        if lane is not None and lane.left and lane.left[0] < offset:
            self.tally.behind += 1
            return
        outcome = await self._outcome(job)
        if isinstance(outcome, Dead):
            await self._failed(job, outcome)
        else:
            await self._succeeded(job, outcome)

    async def _outcome(self, job: Job) -> Outcome:
        event, failure = job.event, job.failure
        rule = None if event is None else self._pipeline.book.find(event.type, event.version)
        if event is None or failure is not None:
            return Dead(rule, failure or Undeliverable(Stage.DECODE, "the record has no event"))
        try:
            beginning = Beginning() if rule is None else self._begin(rule, event, job)
        except Exception as error:  # a bug of ours: the letter comes again, with where it happened
            return Dead(rule, internal(Stage.RENDER, error))
        self.tally.resumed += bool(beginning.answers)
        self.tally.repeating += bool(beginning.repeated)
        journey = Journey(event, job.key, Turn(self._lease, self._turns), self._ways.observer, beginning.answers)
        return await self._pipeline.process(journey)

    def _begin(self, rule: Rule, event: Event, job: Job) -> Beginning:
        return begin(rule, event, self._limits, job.letter, job.conversation, from_start=self._from_start)

    async def _succeeded(self, job: Job, outcome: Outcome) -> None:
        lane, entries = job.lane, [self._entry(job, Fate.REPLAYED)]
        mine = lane is not None and bool(lane.left) and lane.left[0] == job.letter.source.offset
        if lane is not None and len(lane.left) <= mine:
            entries.append(self._release(job, lane))
        await self._ways.note(*entries)
        if lane is not None and mine:
            lane.left.popleft()
        self.tally.released += len(entries) - 1
        if isinstance(outcome, Skipped):
            self.tally.skipped += 1
        else:
            self.tally.done += 1

    def _release(self, job: Job, lane: ParkedLane) -> Entry:
        topic, partition, _ = job.letter.source
        return released_entry(Lane(topic, partition, job.letter.lane or ""), lane.through, self._ways.wall())

    async def _failed(self, job: Job, dead: Dead) -> None:
        """A new letter, durable before the old ones are settled; it names the event where it first stood."""
        parked_as = job.letter.lane if job.lane is not None else None
        known = job.event is not None and job.failure is None
        lane = parked_as or (lane_id(job.key[1]) if known and isinstance(job.key, tuple) else None)
        now = self._ways.wall()
        resume = None if job.conversation is None else job.resume
        letter = compose(job.message, job.event, dead, now, self._ways.redact, lane, job.replays + 1, resume)
        await self._ways.bury(letter, self._lease)
        await self._ways.note(self._entry(job, Fate.OPEN))
        self.tally.failed += 1
        error = dead.error
        self.tally.causes.meet(
            error.stage, None if dead.rule is None else dead.rule.name, self._ways.redact(str(error))
        )
        nothing = not self.tally.done + self.tally.skipped
        if nothing and self._storm is not None and self._storm.dead(job.key, error.stage):
            self.hopeless = True
            self._lease.close()

    def _entry(self, job: Job, fate: Fate) -> Entry:
        # never before the letter's own time: the clocks of two machines may differ
        at = max(self._ways.wall(), job.letter.failed_at)
        return letter_entry(job.letter.source, LetterState(fate, at, job.replays + 1), job.places)
