"""Events that are not processed: parked, skipped, sent twice."""

from __future__ import annotations

import asyncio
from collections.abc import Hashable
from datetime import UTC, datetime
from typing import Any, cast
from uuid import uuid5

import pytest

from engine.errors import Stage, Undeliverable
from engine.events.envelope import NAMESPACE
from engine.stream.flow import Flow
from engine.stream.keeper import Keeper, Listener
from engine.stream.lease import Lease
from engine.stream.notes import Notes
from engine.stream.partition import Partition
from engine.stream.state import (
    Entry,
    Lane,
    Parked,
    Skip,
    Source,
    State,
    lane_id,
    parked_entry,
    released_entry,
    skip_entry,
)
from tests.stream.fakes import TOPIC
from tests.stream.hall import RULE, Hall, records

PARK = f"on_dead: park\n{RULE}"
AT = datetime(2026, 11, 24, tzinfo=UTC)


class FakeKeeper:
    """A state topic in memory; `gate` holds back its readers, `pen` its writers. What is written is told at once."""

    def __init__(self) -> None:
        self.state = State(letters=False)
        self.listener: Listener | None = None
        self.gate, self.pen = asyncio.Event(), asyncio.Event()
        self.gate.set()
        self.pen.set()
        self.log: list[Entry] = []

    async def caught_up(self) -> None:
        await self.gate.wait()

    async def write(self, *entries: Entry, lease: Lease) -> None:
        await lease.until(self.pen) if not self.pen.is_set() else None
        self.tell(*entries)

    def note(self, *entries: Entry) -> None:
        self.tell(*entries)

    async def flush(self, within: float) -> None:
        return

    def tell(self, *entries: Entry) -> None:
        """As if these records came from the topic."""
        for entry in entries:
            self.log.append(entry)
            what = self.state.apply(entry.key, entry.value)
            if what is not None and self.listener is not None:
                self.listener.changed(what)


class Place:
    """A hall with a state topic."""

    def __init__(self, text: str = PARK) -> None:
        self.keeper = FakeKeeper()
        self.hall = Hall(text, keeper=cast("Keeper", self.keeper))

    async def assign(self, *numbers: int, start: int = 0) -> list[Flow]:
        flows = self.hall.assign(*numbers, start=start)
        await self.hall.settle()
        return flows

    def refuse(self, *names: str) -> None:
        for name in names:
            self.hall.client.ends[name] = Undeliverable(Stage.EXPECT, f"no {name}")

    def stages(self) -> list[tuple[int, str]]:
        """Offset and stage of the dead letters, in order."""
        found = []
        for letter in self.hall.letters.letters:
            headers = dict(letter.headers)
            found.append((int(headers["dlq.source.offset"] or b""), (headers["dlq.stage"] or b"").decode()))
        return found

    def partition(self, number: int = 0) -> Partition:
        return self.hall.processor.partitions[number]


def _lane(who: str) -> Lane:
    return Lane(TOPIC, 0, lane_id(who))


def _parked(first: int, last: int) -> Parked:
    return Parked(AT, first, last, "changed", "expect", "no ada")


# --- parking ----------------------------------------------------------------------------------------------------------


async def test_later_events_of_a_dead_ones_key_follow_it() -> None:
    """In order, as `parked`; other keys go on; nothing of it is sent."""
    place = Place()
    await place.assign(0)
    place.refuse("ada")
    await place.hall.deliver(*records("ada", "bob", "ada", "bob", "ada"))
    assert [(0, "expect"), (2, "parked"), (4, "parked")] == place.stages()
    assert [("bob", 1), ("bob", 3)] == place.hall.client.sent
    assert 5 == place.hall.watermark()
    parked = place.keeper.state.parked(_lane("ada"))
    assert (0, 4, "expect", "no ada") == (parked and (parked.first, parked.last, parked.stage, parked.error))


async def test_a_rule_without_on_dead_parks_nothing() -> None:
    """The next event of the key is tried."""
    place = Place(RULE)
    await place.assign(0)
    place.refuse("ada")
    await place.hall.deliver(*records("ada", "ada"))
    assert ([(0, "expect"), (1, "expect")], []) == (place.stages(), place.keeper.log)


async def test_a_key_is_parked_before_its_letter_is_written() -> None:
    """And both before the offset can be committed; until then the next event of the key waits."""
    place = Place()
    await place.assign(0)
    place.refuse("ada")
    place.keeper.pen.clear()
    await place.hall.deliver(*records("ada", "ada"))
    assert ([], 0) == (place.stages(), place.hall.watermark())
    place.keeper.pen.set()
    await place.hall.settle()
    assert ([(0, "expect"), (1, "parked")], 2) == (place.stages(), place.hall.watermark())


async def test_no_event_begins_before_the_former_owners_marks_are_known() -> None:
    """They wait, and the partition does not pause meanwhile; then what was parked is parked."""
    place = Place()
    place.keeper.gate.clear()
    (flow,) = await place.assign(0, start=5)
    await place.hall.deliver(*records("ada", "bob", first=5))
    assert (frozenset(), [], []) == (flow.holds, place.hall.client.sent, place.stages())
    place.keeper.tell(parked_entry(_lane("ada"), _parked(1, 4)))
    place.keeper.gate.set()
    await place.hall.settle()
    assert ([("bob", 6)], [(5, "parked")]) == (place.hall.client.sent, place.stages())


async def test_a_partition_that_goes_before_its_marks_are_known_begins_nothing() -> None:
    """Its events are the next owner's."""
    place = Place()
    place.keeper.gate.clear()
    await place.assign(0)
    await place.hall.deliver(*records("ada"))
    assert [0] == [one.offset for one in await place.hall.processor.revoke([0])]
    place.keeper.gate.set()
    await place.hall.settle()
    assert ([], []) == (place.hall.client.sent, place.stages())


@pytest.mark.parametrize("released", [False, True])
async def test_after_a_crash_the_dead_event_itself_is_not_tried_again(released: bool) -> None:
    """What came before it is; it becomes the letter that may not have been written. Released, all are tried."""
    place = Place()
    place.keeper.tell(parked_entry(_lane("ada"), _parked(2, 3)))
    if released:
        place.keeper.tell(released_entry(_lane("ada"), 3, AT))
    await place.assign(0, start=1)
    await place.hall.deliver(*records("ada", "ada", "ada", first=1))
    if released:
        assert [("ada", 1), ("ada", 2), ("ada", 3)] == place.hall.client.sent
    else:
        assert ([("ada", 1)], [(2, "expect"), (3, "parked")]) == (place.hall.client.sent, place.stages())
        assert b"no ada" == dict(place.hall.letters.letters[0].headers)["dlq.error"]


async def test_a_release_far_enough_lets_the_key_go_on() -> None:
    """The marks are taken back, the mark first; a new dead event parks the key anew."""
    place = Place()
    await place.assign(0)
    place.refuse("ada")
    await place.hall.deliver(*records("ada", "ada"))
    place.keeper.tell(released_entry(_lane("ada"), 0, AT))
    assert 1 == len(place.partition().notes.parked)  # not far enough
    place.keeper.tell(released_entry(_lane("ada"), 1, AT))
    assert {} == place.partition().notes.parked
    assert [(b"parked", None), (b"released", None)] == [
        (entry.key.partition(b"/")[0], entry.value) for entry in place.keeper.log[-2:]
    ]
    await place.hall.deliver(*records("ada", "ada", first=2))
    assert [(2, "expect"), (3, "parked")] == place.stages()[2:]
    parked = place.keeper.state.parked(_lane("ada"))
    assert (2, 3) == (parked and (parked.first, parked.last))


async def test_a_key_whose_replay_is_near_waits_instead_of_being_parked_further() -> None:
    """So the replay comes to an end; then the events that waited are done, in order."""
    place = Place()
    await place.assign(0)
    place.refuse("ada")
    await place.hall.deliver(*records("ada", "ada", "ada"))
    place.hall.client.ends.clear()
    place.keeper.tell(released_entry(_lane("ada"), 1, AT))
    await place.hall.deliver(*records("ada", "bob", "ada", first=3))
    assert ([("bob", 4)], 3) == (place.hall.client.sent, len(place.stages()))
    place.keeper.tell(released_entry(_lane("ada"), 2, AT))
    await place.hall.settle()
    assert ([("bob", 4), ("ada", 3), ("ada", 5)], 3) == (place.hall.client.sent, len(place.stages()))
    assert ({}, {}) == (place.partition().notes.parked, place.partition().notes.held)


async def test_a_replay_that_does_not_come_is_not_waited_for() -> None:
    """After a while the key is parked further; nobody waits a second time for the same sign."""
    place = Place()
    place.hall.processor._withheld._catch_up = 0.02
    await place.assign(0)
    place.refuse("ada")
    await place.hall.deliver(*records("ada", "ada"))
    place.keeper.tell(released_entry(_lane("ada"), 0, AT))
    await place.hall.deliver(*records("ada", "ada", first=2))
    assert 2 == len(place.stages())
    await place.hall.until(lambda: len(place.stages()) == 4)
    assert [(2, "parked"), (3, "parked")] == place.stages()[2:]
    assert {} == place.partition().notes.held


@pytest.mark.parametrize("how", ["skip", "revoke"])
async def test_an_event_that_waits_for_a_replay_can_be_skipped_or_taken_away(how: str) -> None:
    """It waits as any other."""
    place = Place()
    await place.assign(0)
    place.refuse("ada")
    await place.hall.deliver(*records("ada", "ada"))
    place.keeper.tell(released_entry(_lane("ada"), 0, AT))
    await place.hall.deliver(*records("ada", first=2))
    if how == "skip":
        place.keeper.tell(_skip(2))
        await place.hall.settle()
        assert (2, "skipped") == place.stages()[-1]
    else:
        assert [2] == [one.offset for one in await place.hall.processor.revoke([0])]
        assert 2 == len(place.stages())


async def test_bytes_without_meaning_are_not_parked_and_park_nothing() -> None:
    """Their ordering key is not known."""
    place = Place()
    await place.assign(0)
    await place.hall.deliver(*records("bad", "ada", "bad"))
    assert [(0, "decode"), (2, "decode")] == place.stages()
    assert ([("ada", 1)], []) == (place.hall.client.sent, place.keeper.log)


async def test_parked_events_are_no_storm() -> None:
    """However many: only dead events count."""
    place = Place()
    await place.assign(0)
    names = [f"n{number}" for number in range(11)]
    place.refuse(*names)
    await place.hall.deliver(*records(*names, *names, *names))
    assert (33, False) == (len(place.stages()), place.hall.processor.storm.holding)


async def test_an_event_that_waits_for_its_letter_goes_with_its_partition() -> None:
    """The topic of state cannot be written to: nothing is lost, the next owner begins with the event."""
    place = Place()
    await place.assign(0)
    place.refuse("ada")
    place.keeper.pen.clear()
    await place.hall.deliver(*records("ada"))
    assert [0] == [one.offset for one in await place.hall.processor.revoke([0])]
    assert [] == place.stages()


# --- skip -------------------------------------------------------------------------------------------------------------


def _skip(offset: int, reason: str = "") -> Entry:
    return skip_entry(Source(TOPIC, 0, offset), Skip(AT, reason))


async def test_an_event_under_way_is_interrupted_and_its_key_goes_on() -> None:
    """Once, with the reason; the request is taken back; what was asked for is not wanted any more."""
    place = Place(RULE)
    await place.assign(0)
    place.hall.client.held.add("ada")
    await place.hall.deliver(*records("ada", "ada", "bob"))
    assert [("ada", 0)] == place.hall.client.running
    place.keeper.tell(_skip(0, "why"), _skip(0, "why"))
    await place.hall.settle()
    assert ([(0, "skipped")], [("ada", 1)]) == (place.stages(), place.hall.client.running)
    assert b"skipped on purpose: why" == dict(place.hall.letters.letters[0].headers)["dlq.error"]
    assert ({}, {}) == (place.partition().notes.skips, place.keeper.state.skips)
    await place.hall.let("ada", 1)
    assert 3 == place.hall.watermark()


@pytest.mark.parametrize("when", ["before it came", "behind another", "before the assignment"])
async def test_an_event_that_has_not_begun_is_skipped_at_its_turn(when: str) -> None:
    """Nothing is sent for it."""
    place = Place(RULE)
    if when == "before the assignment":
        place.keeper.tell(_skip(1))
    await place.assign(0)
    if when == "before it came":
        place.keeper.tell(_skip(1))
    place.hall.client.held.add("ada")
    await place.hall.deliver(*records("ada", "ada"))
    if when == "behind another":
        place.keeper.tell(_skip(1))
    assert [] == place.stages()
    await place.hall.let("ada", 0)
    assert ([(1, "skipped")], [("ada", 0)], 2) == (place.stages(), place.hall.client.sent, place.hall.watermark())


async def test_an_event_that_waits_for_its_schema_is_skipped() -> None:
    """Those behind it are taken on."""
    place = Place(RULE)
    (flow,) = await place.assign(0)

    def hold(partition: Partition, record: Any, _schema: int | str) -> None:
        partition.waiting.appendleft(record)

    place.hall.intake._hold = hold  # type: ignore[assignment, method-assign]
    await place.hall.deliver(*records("?", "ada"))
    assert 2 == len(place.partition().waiting)
    place.keeper.tell(_skip(0))
    await place.hall.settle()
    assert ([(0, "skipped")], [("ada", 1)], 0) == (place.stages(), place.hall.client.sent, flow.events)


async def test_an_event_that_is_done_is_not_skipped() -> None:
    """The wish is taken back."""
    place = Place(RULE)
    await place.assign(0)
    await place.hall.deliver(*records("ada"))
    place.keeper.tell(_skip(0))
    assert ({}, {}, []) == (place.partition().notes.skips, place.keeper.state.skips, place.stages())


async def test_a_storm_does_not_hold_up_a_skip() -> None:
    """The event that waits for the end of the storm is given up."""
    place = Place(RULE)
    await place.assign(0)
    names = [f"n{number}" for number in range(12)]
    place.refuse(*names)
    await place.hall.deliver(*records(*names, "ada"))
    assert place.hall.processor.storm.holding
    place.keeper.tell(_skip(12))
    await place.hall.settle()
    assert (12, "skipped") == place.stages()[-1]


async def test_a_partition_that_is_lost_is_not_taken_for_a_skip() -> None:
    """Both at once: nothing is written any more."""
    place = Place(RULE)
    await place.assign(0)
    place.hall.client.held.add("ada")
    await place.hall.deliver(*records("ada"))
    place.keeper.tell(_skip(0))
    await place.hall.processor.lose([0])
    assert ([], []) == (place.stages(), place.hall.client.running)


async def test_a_skip_for_another_topic_or_partition_is_left_to_its_owner() -> None:
    """It stays on the topic."""
    place = Place(RULE)
    await place.assign(0)
    place.keeper.tell(skip_entry(Source("other", 0, 0), Skip(AT)), skip_entry(Source(TOPIC, 1, 0), Skip(AT)))
    await place.hall.deliver(*records("ada"))
    assert ([], 2) == (place.stages(), len(place.keeper.state.skips))


async def test_a_cancellation_by_somebody_else_is_none_of_ours() -> None:
    """Only `interrupt` makes one that is swallowed, and only once."""
    tasks: dict[Hashable, asyncio.Task[str]] = {}
    notes = Notes(lambda key: tasks[key].cancel())

    async def work() -> str:
        notes.begin(1, "ada")
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            if not notes.was_interrupted(1):
                raise
            return "interrupted"
        finally:
            notes.end(1)
        return "done"

    ours = tasks["ada"] = asyncio.create_task(work())
    await asyncio.sleep(0)
    notes.interrupt(1)
    notes.interrupt(2)
    assert "interrupted" == await ours
    theirs = asyncio.create_task(work())
    await asyncio.sleep(0)
    theirs.cancel()
    with pytest.raises(asyncio.CancelledError):
        await theirs
    both = tasks["ada"] = asyncio.create_task(work())
    await asyncio.sleep(0)
    notes.interrupt(1)
    both.cancel()
    with pytest.raises(asyncio.CancelledError):
        await both


# --- duplicates -------------------------------------------------------------------------------------------------------


async def test_what_was_done_is_handed_over_when_the_partition_goes() -> None:
    """The next owner knows it; nothing is written where nothing was done."""
    place = Place(RULE)
    await place.assign(0, 1)
    await place.hall.deliver(*records("ada"))
    await place.hall.processor.revoke([0, 1])
    assert [(TOPIC, 0)] == list(place.keeper.state.seen)
    await place.assign(0)
    seen = place.partition().notes.seen
    assert seen is not None
    assert True is seen.look(7, str(uuid5(NAMESPACE, f"{TOPIC}/0/0")), b"ada")


async def test_a_duplicate_is_told_as_one_and_done() -> None:
    """Its watermark moves on, nothing is sent."""
    place = Place(RULE)
    await place.assign(0)
    seen = place.partition().notes.seen
    assert seen is not None
    seen.look(0, str(uuid5(NAMESPACE, f"{TOPIC}/0/1")), b"ada")
    seen.end(0, done=True)
    await place.hall.deliver(*records("ada", "ada"))
    assert ([("ada", 0)], 2) == (place.hall.client.sent, place.hall.watermark())
    assert [("done", 0), ("duplicate", 1)] == place.hall.journal.ends


async def test_off_looks_for_none() -> None:
    """`dedupe: off`."""
    place = Place(RULE)
    place.hall.processor._withheld._dedupe = None
    await place.assign(0)
    await place.hall.deliver(*records("ada", "ada"))
    assert (None, 2) == (place.partition().notes.seen, place.hall.watermark())
