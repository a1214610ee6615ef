"""The loop's side: partitions come and go, events end, nothing is lost on the way."""

from __future__ import annotations

import asyncio

import pytest

from engine.errors import Revoked, Stage, Undeliverable
from engine.events.event import Event, Message
from engine.outcome import Done, Skipped
from engine.rules.book import Book
from engine.stream.flow import Flow
from engine.stream.source import Assigned
from tests.rules.making import rule
from tests.stream.fakes import record, refusal
from tests.stream.hall import RULE, Hall, records

# --- events -----------------------------------------------------------------------------------------------------------


async def test_an_event_that_is_done_moves_the_watermark() -> None:
    """Its requests were sent, it is told, nothing is under way."""
    hall = Hall()
    (flow,) = hall.assign(0)
    await hall.deliver(*records("ada", "bob"))
    assert ([("ada", 0), ("bob", 1)], 2, 0, 0) == (hall.client.sent, hall.watermark(), flow.events, flow.bytes)
    assert [("done", 0), ("done", 1)] == hall.journal.ends


async def test_a_held_key_holds_up_its_own_events_alone() -> None:
    """Those of another key pass it; the watermark stays."""
    hall = Hall()
    (flow,) = hall.assign(0)
    hall.client.held.add("ada")
    await hall.deliver(*records("ada", "bob", "ada", "bob"))
    assert ([("bob", 1), ("bob", 3)], 0, 2) == (hall.client.sent, hall.watermark(), flow.events)
    await hall.let("ada", 0)
    assert [("ada", 2)] == hall.client.running
    await hall.let("ada", 2)
    assert (4, 0) == (hall.watermark(), flow.events)


async def test_a_dead_letter_is_acknowledged_before_its_event_is_done() -> None:
    """While it cannot be written the watermark stays, and so does what is told."""
    hall = Hall()
    (flow,) = hall.assign(0)
    hall.letters.gate.clear()
    await hall.deliver(*records("bad", "bob"))
    assert (0, [("done", 1)]) == (hall.watermark(), hall.journal.ends)
    hall.letters.gate.set()
    await hall.settle()
    assert (2, ("dead decode", 0), 0) == (hall.watermark(), hall.journal.ends[-1], flow.events)


async def test_a_request_that_is_refused_for_good_is_a_dead_letter() -> None:
    """With the key's next event after it."""
    hall = Hall()
    hall.assign(0)
    hall.client.ends["ada"] = Undeliverable(Stage.EXPECT, "no")
    await hall.deliver(*records("ada", "ada"))
    assert ([0, 1], 2) == (hall.letters.written, hall.watermark())


async def test_a_tombstone_is_done() -> None:
    """Nothing is sent for it."""
    hall = Hall()
    (flow,) = hall.assign(0)
    await hall.deliver(record(0, None))
    assert ([("tombstone", 0)], 1, 0) == (hall.journal.ends, hall.watermark(), flow.events)


async def test_what_a_former_owner_finished_is_not_repeated() -> None:
    """Metadata of its commit said so."""
    hall = Hall()
    (flow,) = hall.assign(0, start=10, done=[(11, 12)])
    await hall.deliver(*records("ada", "bob", "eve", first=10))
    assert ([("ada", 10), ("eve", 12)], 13, 0) == (hall.client.sent, hall.watermark(), flow.events)


async def test_a_bug_of_ours_outside_the_rules_ends_the_engine_and_loses_nothing() -> None:
    """The event stays pending, its key is closed, the watermark never passes it."""
    hall = Hall()
    hall.assign(0)

    def broken(event: Event, outcome: Done | Skipped, seconds: float) -> None:
        if event.message.offset == 0:
            raise LookupError("bug")

    hall.journal.ended = broken  # type: ignore[method-assign]
    await hall.deliver(*records("ada", "bob", "ada"))
    assert isinstance(hall.processor.failure.result(), LookupError)
    assert (0, [("ada", 0), ("bob", 1)]) == (hall.watermark(), hall.client.sent)


async def test_a_record_that_cannot_be_taken_ends_the_engine_and_loses_nothing() -> None:
    """Nothing that comes after it in its partition is begun."""
    hall = Hall()
    hall.assign(0, 1)

    def broken(_message: Message) -> None:
        raise LookupError("bug")

    hall.intake._tombstone = broken
    await hall.deliver(*records("ada"))
    await hall.deliver(record(1, None), *records("bob", first=2), record(0, b"eve", partition=1))
    await hall.deliver(*records("bob", first=3))
    assert isinstance(hall.processor.failure.result(), LookupError)
    assert ([("ada", 0), ("eve", 0)], 1) == (sorted(hall.client.sent), hall.watermark())


async def test_a_stale_stamp_is_confirmed_before_anything_is_sent() -> None:
    """A refusal is no leave; the first commit that succeeds is."""
    hall = Hall()
    hall.assign(0)
    hall.consumer.refusals += [refusal(), refusal()]
    hall.now += 60.0
    await hall.deliver(*records("ada"))
    assert [] == hall.client.sent
    hall.now += 0.1
    await hall.until(lambda: len(hall.consumer.refusals) == 1)
    hall.now += 0.1
    await hall.until(lambda: hall.client.sent)
    assert hall.now == hall.stamp.at


# --- storm ------------------------------------------------------------------------------------------------------------


async def _storm(hall: Hall) -> list[str]:
    """Twelve dead letters of as many keys; the names."""
    names = [f"n{number}" for number in range(12)]
    for name in names:
        hall.client.ends[name] = Undeliverable(Stage.EXPECT, "no")
    await hall.deliver(*records(*names))
    return names


async def test_a_storm_holds_and_the_next_are_tried_again_afterwards() -> None:
    """All partitions pause, also one that comes meanwhile; after the release the events go the usual way."""
    hall = Hall()
    (flow,) = hall.assign(0)
    await _storm(hall)
    assert (True, 12) == (hall.processor.storm.holding, len(hall.letters.written))
    (late,) = hall.assign(1)
    assert [frozenset({"storm"})] * 2 == [flow.holds, late.holds]
    await hall.deliver(*records("n0", "bob", first=12))
    assert ([], 2) == (hall.client.sent, flow.events)
    hall.client.ends.clear()
    hall.processor.storm.release()
    await hall.settle()
    assert ([("n0", 12), ("bob", 13)], 14, 0) == (hall.client.sent, hall.watermark(), flow.events)
    assert [frozenset()] * 2 == [flow.holds, late.holds]


async def test_what_failed_while_the_engine_began_to_hold_is_tried_again() -> None:
    """It is no dead letter: the rule may be mended."""
    hall = Hall()
    hall.assign(0)
    hall.client.held.add("late")
    await hall.deliver(*records("late", first=0))
    names = [f"n{number}" for number in range(12)]
    hall.client.ends |= {name: Undeliverable(Stage.EXPECT, "no") for name in [*names, "late"]}
    await hall.deliver(*records(*names, first=1))
    await hall.let("late", 0)
    assert (12, 0) == (len(hall.letters.written), hall.watermark())
    hall.client.ends.clear()
    hall.processor.storm.release()
    await hall.settle()
    assert (12, 13, [("late", 0)]) == (len(hall.letters.written), hall.watermark(), hall.client.sent)


async def test_an_ordering_key_that_was_mended_saves_the_events_that_wait() -> None:
    """They were taken by the old rules, and are judged by the new ones."""
    hall = Hall("order_by: '{{ event.nobody }}'\nrequest: {method: POST, path: /a/}")
    hall.assign(0)
    await hall.deliver(*(record(offset, b"ada", b"%d" % offset) for offset in range(12)))
    assert hall.processor.storm.holding
    await hall.deliver(*records("bob", first=12))
    hall.pipeline.book = Book([rule(RULE)])
    hall.processor.storm.release()
    await hall.settle()
    assert ([("bob", 12)], 12) == (hall.client.sent, len(hall.letters.written))


async def test_a_held_engine_gives_partitions_away() -> None:
    """What waits is the next owner's."""
    hall = Hall()
    hall.assign(0)
    await _storm(hall)
    await hall.deliver(*records("bob", first=12))
    assert [12] == [place.offset for place in await hall.processor.revoke([0])]


# --- partitions go ----------------------------------------------------------------------------------------------------


async def test_revoking_finishes_what_runs_and_gives_up_what_waits() -> None:
    """What to commit says exactly what was done; nothing of the partition remains."""
    hall = Hall()
    hall.assign(0)
    hall.client.held |= {"ada", "eve"}
    await hall.deliver(*records("ada", "ada", "eve", "bob"))
    revoking = asyncio.create_task(hall.processor.revoke([0]))
    await hall.settle()
    await hall.let("eve", 2)
    await hall.let("ada", 0)
    (place,) = await revoking
    assert (1, [("bob", 3), ("eve", 2), ("ada", 0)]) == (place.offset, hall.client.sent)
    assert ({}, [], "1r" in (place.metadata or "")) == (hall.processor.partitions, hall.client.running, True)


async def test_revoking_cancels_what_is_too_slow() -> None:
    """It is not done, so it is repeated elsewhere."""
    hall = Hall(within=0.01)
    hall.assign(0)
    hall.client.held.add("ada")
    await hall.deliver(*records("bob", "ada"))
    (place,) = await hall.processor.revoke([0])
    assert (1, []) == (place.offset, hall.client.running)


async def test_records_that_come_while_a_partition_closes_are_turned_away() -> None:
    """They count as neither under way nor done, and their key does not begin anew."""
    hall = Hall()
    (flow,) = hall.assign(0)
    hall.client.held.add("ada")
    await hall.deliver(*records("ada"))
    revoking = asyncio.create_task(hall.processor.revoke([0]))
    await hall.settle()
    await hall.deliver(*records("ada", "bob", first=1))
    assert (1, 0) == (flow.events, hall.watermark())
    await hall.let("ada", 0)
    assert [1] == [place.offset for place in await revoking]


async def test_a_dead_letter_that_waits_is_given_up() -> None:
    """Its event is the next owner's."""
    hall = Hall()
    hall.assign(0)
    hall.letters.gate.clear()
    await hall.deliver(*records("bob", "bad"))
    assert [1] == [place.offset for place in await hall.processor.revoke([0])]
    assert [] == hall.letters.written


async def test_nothing_changed_is_nothing_to_commit() -> None:
    """An idle partition costs no commit when it goes; one that is not ours neither."""
    hall = Hall()
    hall.assign(0)
    assert [] == await hall.processor.revoke([0, 5])


async def test_a_lost_partition_sends_nothing_more() -> None:
    """What runs is cancelled, nothing is committed."""
    hall = Hall()
    hall.assign(0, 1)
    hall.client.held.add("ada")
    await hall.deliver(*records("ada"))
    lease = hall.processor.partitions[0].lease
    await hall.processor.lose([0])
    await hall.processor.commit()
    assert ([], [], [1]) == (hall.client.running, hall.consumer.commits, list(hall.processor.partitions))
    with pytest.raises(Revoked):
        await lease.permit()


async def test_records_of_a_partition_that_went_are_dropped() -> None:
    """They were on their way to the loop when it was revoked; the next assignment reads them again."""
    hall = Hall()
    hall.assign(0)
    await hall.deliver(*records("ada"))
    await hall.processor.revoke([0])
    await hall.deliver(*records("bob", first=1))
    (flow,) = hall.assign(0, start=1)
    await hall.deliver(*records("bob", first=1))
    assert ([("ada", 0), ("bob", 1)], 2, 0) == (hall.client.sent, hall.watermark(), flow.events)


async def test_a_partition_that_comes_again_too_early_takes_the_leave_from_the_old() -> None:
    """Its end was too slow for the consumer thread: nothing of the old assignment is sent beside the new."""
    hall = Hall()
    hall.assign(0)
    old = hall.processor.partitions[0]
    hall.assign(0)
    assert (True, False) == (old.lease.dropped, hall.processor.partitions[0].lease.dropped)


async def test_a_late_end_of_the_old_assignment_leaves_the_new_one() -> None:
    """Forgetting goes by identity, not by number."""
    hall = Hall()
    hall.assign(0)
    hall.client.held.add("ada")
    await hall.deliver(*records("ada"))
    revoking = asyncio.create_task(hall.processor.revoke([0]))
    await hall.settle()
    hall.assign(0)
    new = hall.processor.partitions[0]
    await hall.let("ada", 0)
    await revoking
    assert new is hall.processor.partitions[0]
    assert not new.lease.ended


# --- commits and the end ----------------------------------------------------------------------------------------------


async def test_draining_finishes_what_runs_commits_and_keeps_the_partitions() -> None:
    """Everything is paused, no event begins any more."""
    hall = Hall()
    (flow,) = hall.assign(0)
    hall.client.held.add("ada")
    await hall.deliver(*records("ada", "ada"))
    draining = asyncio.create_task(hall.processor.drain())
    await hall.settle()
    assert frozenset({"stop"}) == flow.holds
    await hall.let("ada", 0)
    await draining
    assert ([[(0, 1, "")]], [0]) == (hall.consumer.commits, list(hall.processor.partitions))


async def test_a_refused_commit_is_repeated_while_draining() -> None:
    """A rebalance under way may refuse one."""
    hall = Hall()
    hall.assign(0)
    await hall.deliver(*records("ada"))
    hall.consumer.refusals.append(refusal())
    await hall.processor.drain()
    assert [[(0, 1, "")]] == hall.consumer.commits


async def test_a_partition_that_comes_while_the_engine_stops_begins_nothing() -> None:
    """It would have to be drained again."""
    hall = Hall()
    await hall.processor.drain()
    (flow,) = hall.assign(0)
    await hall.deliver(*records("ada"))
    assert ([], frozenset({"stop"}), 0) == (hall.client.sent, flow.holds, flow.events)


async def test_a_fresh_partition_commits_where_it_starts() -> None:
    """So that `latest` means the same after a crash before the first event."""
    hall = Hall()
    hall.processor.assigned([Assigned(0, 7, [], Flow(), True)])
    await hall.processor.commit()
    await hall.processor.commit()
    assert [[(0, 7, "")]] == hall.consumer.commits


async def test_the_first_failure_is_kept() -> None:
    """Later ones follow from it."""
    hall = Hall()
    first = LookupError("first")
    hall.processor.failed(first)
    hall.processor.failed(LookupError("second"))
    assert first is hall.processor.failure.result()


async def test_whoever_watches_is_told_of_changes() -> None:
    """Assignments, ends and storms are changes of /readyz."""
    hall = Hall()
    assert not hall.processor.joined
    hall.assign(0)
    await _storm(hall)
    hall.processor.storm.release()
    await hall.processor.revoke([0])
    assert (4, True) == (hall.changes, hall.processor.joined)


async def test_in_flight_counts_what_is_not_done() -> None:
    """Of all partitions."""
    hall = Hall()
    hall.assign(0, 1)
    hall.client.held |= {"ada", "eve"}
    await hall.deliver(*records("ada", "bob"), record(0, b"eve", partition=1))
    assert 2 == hall.processor.in_flight()
    await hall.processor.lose([0, 1])


async def test_a_partition_is_stuck_only_where_nothing_is_under_way() -> None:
    """Only then may a gap at its end be passed: not while records are on their way, wait for a schema, or are held."""
    hall = Hall()
    (flow,) = hall.assign(0)
    assert [0] == [partition.number for partition in hall.processor.stuck()]
    flow.sent += 1
    assert [] == hall.processor.stuck()
    flow.ended += 1
    flow.hold("storm", True)
    assert [] == hall.processor.stuck()
