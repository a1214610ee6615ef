"""The loop's side of rebalances, commits and the end of the engine."""

from __future__ import annotations

import asyncio

import pytest

from engine.errors import Revoked
from engine.stream.flow import Flow
from engine.stream.source import Assigned
from tests.stream.fakes import record, refusal
from tests.stream.hall import Hall, records, storm

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
    assert ({}, [], (place.metadata or "").startswith("1")) == (hall.processor.partitions, hall.client.running, True)


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
    await storm(hall)
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
