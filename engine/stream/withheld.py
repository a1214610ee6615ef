"""Events that are not processed: skipped on purpose, sent twice by their producer, or parked behind a dead letter."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime

import structlog

from engine.config.model import Dedupe
from engine.errors import Stage, Undeliverable
from engine.outcome import Dead, Done, Duplicate, Outcome
from engine.pipeline import Journey, dead
from engine.rules.book import Book
from engine.rules.model import Rule
from engine.stream.keeper import Keeper
from engine.stream.notes import Hold, Notes
from engine.stream.partition import Job, Partition
from engine.stream.seen import Seen
from engine.stream.state import (
    Entry,
    Lane,
    Parked,
    Skip,
    Source,
    lane_id,
    parked_entry,
    released_entry,
    seen_entry,
    skip_entry,
)

_HAND_OVER = 2.0  # seconds for telling the next owner what was done; it is a courtesy, not a promise
_ERROR = 300  # characters of a dead letter's error that are kept with a parked key

log = structlog.get_logger()


class Withheld:
    """Knows which events of the assigned partitions are not to be processed. Lives on the event loop.

    Args:
        topic: of events.
        keeper: of the state topic; None: nothing is kept, as in tests of other things.
        dedupe: how many events are remembered; None: duplicates are not looked for.
        book: the rules now.
        partitions: assigned now, by number; the processor's own.
        look_again: takes a partition's records that wait for a schema once more.
        wall: the time, in UTC.
        redact: takes secrets out of a text.
        failed: told of a bug of ours, which ends the engine: a partition must not wait in silence.
        catch_up: seconds that a parked key waits for a replay that has shown to be near.
    """

    def __init__(
        self,
        topic: str,
        keeper: Keeper | None,
        dedupe: Dedupe | None,
        book: Callable[[], Book],
        partitions: dict[int, Partition],
        look_again: Callable[[Partition], None],
        wall: Callable[[], datetime],
        redact: Callable[[str], str],
        failed: Callable[[BaseException], None],
        catch_up: float = 30.0,
    ) -> None:
        self._topic = topic
        self._keeper = keeper
        self._dedupe = dedupe
        self._book = book
        self._partitions = partitions
        self._look_again = look_again
        self._wall = wall
        self._redact = redact
        self._failed = failed
        self._catch_up = catch_up
        self._tasks: set[asyncio.Task[None]] = set()
        if keeper is not None:
            keeper.listener = self

    # --- partitions come and go ---------------------------------------------------------------------------------------

    def attend(self, partition: Partition) -> None:
        """A partition is ours: its events wait in their lanes until everything that its former owner wrote is known.

        It does not pause meanwhile: librdkafka would take up to a second to go on.
        """
        if self._keeper is None:
            self._load(partition)
            return
        task = asyncio.create_task(self._attend(partition, self._keeper))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def hand_over(self, partitions: Iterable[Partition]) -> None:
        """Tell the next owners which events were done, so that they know a duplicate; takes two seconds at most."""
        changed = [one for one in partitions if one.notes.seen is not None and one.notes.seen.changed]
        if self._keeper is None or not changed:
            return
        for partition in changed:
            self._keeper.note(self._seen_entry(partition))
        await self._keeper.flush(_HAND_OVER)

    # --- jobs ---------------------------------------------------------------------------------------------------------

    async def wait(self, job: Job) -> None:
        """Return when it can be said what becomes of an event: a replay of its key may be about to catch up.

        Without this, a replay would never come to the end of a key whose events keep coming.

        Raises:
            Revoked: the partition goes meanwhile.
        """
        notes, lane, loop = job.partition.notes, lane_id(job.key), asyncio.get_running_loop()
        while (hold := notes.held.get(lane)) is not None:
            try:
                async with asyncio.timeout_at(hold.until):
                    await job.partition.lease.until(hold.over)
            except TimeoutError:
                if loop.time() >= hold.until:
                    del notes.held[lane]

    def verdict(self, job: Job) -> Dead | Duplicate | None:
        """How an event ends without being processed; None where it is to be processed."""
        notes = job.partition.notes
        if job.message.offset in notes.skips:
            return self.skipped(job, None)
        if job.event is None or job.failure is not None:
            return None
        if notes.seen is not None and self._is_duplicate(job, notes.seen):
            return Duplicate(self._rule(job))
        return self._parked(job, notes) if notes.parked else None

    def skipped(self, job: Job, journey: Journey | None) -> Dead:
        """The end of an event that `engine skip` named.

        Args:
            job: the event.
            journey: how far it came, None where it was not begun.
        """
        skip = job.partition.notes.skips.get(job.message.offset)
        reason = f": {skip.reason}" if skip is not None and skip.reason else ""
        error = Undeliverable(Stage.SKIPPED, f"skipped on purpose{reason}")
        if journey is None or journey.rule is None:
            return Dead(self._rule(job), error)
        error.attempts = journey.attempts
        return dead(journey, error)

    async def park(self, job: Job, outcome: Dead) -> None:
        """Make it durable that the key of a dead event is parked, where its rule says so; before its letter is written.

        Raises:
            Revoked: the partition goes meanwhile.
        """
        if job.event is None or job.failure is not None:
            return  # its ordering key is not known
        lane = self.lane(job)
        parked, offset = job.partition.notes.parked.get(lane.id), job.message.offset
        if parked is not None:
            parked = replace(parked, first=min(parked.first, offset), last=max(parked.last, offset))
        elif outcome.rule is not None and outcome.rule.on_dead == "park":
            parked = self._new(outcome, outcome.rule, offset)
            log.warning("key.parked", topic=lane.topic, partition=lane.partition, key=lane.id, rule=parked.rule)
        else:
            return
        job.partition.notes.parked[lane.id] = parked
        if self._keeper is not None:
            await self._keeper.write(parked_entry(lane, parked), lease=job.partition.lease)

    def ended(self, job: Job, outcome: Outcome) -> None:
        """An event ended: as a dead letter that is durable, or otherwise."""
        notes, offset = job.partition.notes, job.message.offset
        if notes.seen is not None:
            notes.seen.end(offset, done=isinstance(outcome, Done))
        if notes.skips and notes.skips.pop(offset, None) is not None:
            self._note(skip_entry(Source(self._topic, job.partition.number, offset), None))

    def lane(self, job: Job) -> Lane:
        """The lane of an event."""
        return Lane(self._topic, job.partition.number, lane_id(job.key))

    # --- told by the keeper -------------------------------------------------------------------------------------------

    def changed(self, what: Source | Lane) -> None:
        """See `keeper.Listener`."""
        partition = self._partitions.get(what.partition)
        if self._keeper is None or partition is None or what.topic != self._topic or not partition.notes.ready.is_set():
            return  # not ours, or all of it is looked at when the partition is ready
        if isinstance(what, Source):
            skip = self._keeper.state.skips.get(what)
            if skip is not None:
                self._skip(partition, what, skip)
        else:
            self._release(partition, what)

    # --- inside -------------------------------------------------------------------------------------------------------

    async def _attend(self, partition: Partition, keeper: Keeper) -> None:
        try:
            await keeper.caught_up()
            if not partition.lease.ended:
                self._load(partition)
        except Exception as error:
            self._failed(error)

    def _load(self, partition: Partition) -> None:
        """Take over what the former owner wrote; from now on this engine knows better than what it reads."""
        notes, number = partition.notes, partition.number
        state = None if self._keeper is None else self._keeper.state
        if self._dedupe is not None:
            text = "" if state is None else state.seen.get((self._topic, number), "")
            notes.seen = Seen(self._dedupe.window, text)
        if state is not None:
            notes.parked = {
                lane.id: parked
                for lane, parked in state.lanes()
                if (lane.topic, lane.partition) == (self._topic, number)
            }
            lanes = {one: state.released(Lane(self._topic, number, one)) for one in notes.parked}
            notes.released = {lane: through for lane, through in lanes.items() if through is not None}
            for source, skip in list(state.skips.items()):
                if (source.topic, source.partition) == (self._topic, number):
                    self._skip(partition, source, skip)
        notes.ready.set()

    def _skip(self, partition: Partition, source: Source, skip: Skip) -> None:
        if partition.progress.is_done(source.offset):
            self._note(skip_entry(source, None))
            return
        log.warning("event.to_be_skipped", **source._asdict(), reason=skip.reason)
        partition.notes.skips[source.offset] = skip
        partition.notes.interrupt(source.offset)
        if partition.waiting:
            self._look_again(partition)

    def _release(self, partition: Partition, lane: Lane) -> None:
        parked = partition.notes.parked.get(lane.id)
        released = None if self._keeper is None else self._keeper.state.released(lane)
        if parked is None or released is None or released < parked.first:
            return
        notes = partition.notes
        if released < parked.last:
            if notes.released.get(lane.id, -1) < released:  # else it is our own mark that was heard
                self._hold(notes, lane, released)
            return
        del notes.parked[lane.id]
        notes.released.pop(lane.id, None)
        hold = notes.held.pop(lane.id, None)
        if hold is not None:
            hold.over.set()
        log.info("key.released", topic=lane.topic, partition=lane.partition, key=lane.id, through=released)
        # in this order: without the first, the second would park the key again
        self._note(parked_entry(lane, None), released_entry(lane, None, self._wall()))

    def _hold(self, notes: Notes, lane: Lane, released: int) -> None:
        """A replay has come near: let it have the rest, and park no more meanwhile."""
        until = asyncio.get_running_loop().time() + self._catch_up
        hold = notes.held.setdefault(lane.id, Hold(until))
        hold.until = until
        notes.released[lane.id] = released
        log.info(
            "key.held",
            topic=lane.topic,
            partition=lane.partition,
            key=lane.id,
            through=released,
            at_most_s=self._catch_up,
        )

    def _parked(self, job: Job, notes: Notes) -> Dead | None:
        parked, offset = notes.parked.get(lane_id(job.key)), job.message.offset
        if parked is None or offset < parked.first:
            return None  # it came before the one that was dead: a crash before its commit brought it here again
        rule = self._rule(job)
        if offset == parked.first:  # the same, but its letter may not have been written
            return Dead(rule, Undeliverable(_stage(parked.stage), parked.error))
        text = f"parked: offset {parked.first} of the same key is a dead letter of {parked.rule}"
        return Dead(rule, Undeliverable(Stage.PARKED, text))

    def _new(self, outcome: Dead, rule: Rule, offset: int) -> Parked:
        error = outcome.error
        text = self._redact(" ".join(str(error).split()))[:_ERROR]
        return Parked(self._wall(), offset, offset, rule.name, str(error.stage), text)

    def _is_duplicate(self, job: Job, seen: Seen) -> bool:
        event, offset = job.event, job.message.offset
        if event is None:
            return False
        known = seen.look(offset, event.id, job.message.value or b"")
        if known is False:
            place = Source(self._topic, job.partition.number, offset)
            log.warning("event.id_used_again", event_id=event.id, **place._asdict(), means="its bytes are others")
        return known is True

    def _rule(self, job: Job) -> Rule | None:
        return None if job.event is None else self._book().find(job.event.type, job.event.version)

    def _seen_entry(self, partition: Partition) -> Entry:
        seen = partition.notes.seen
        if seen is None:
            raise LookupError("nothing is remembered")
        seen.changed = False
        return seen_entry(self._topic, partition.number, seen.text(), self._wall())

    def _note(self, *entries: Entry) -> None:
        if self._keeper is not None:
            self._keeper.note(*entries)


def _stage(name: str) -> Stage:
    try:
        return Stage(name)
    except ValueError:  # a newer engine's
        return Stage.PARKED
