"""The loop's side: partitions come and go, events end, nothing is lost on the way."""

from __future__ import annotations

from engine.errors import Stage, Undeliverable
from engine.events.event import Event, Message
from engine.outcome import Done, Skipped
from engine.rules.book import Book
from tests.rules.making import rule
from tests.stream.fakes import record, refusal
from tests.stream.hall import RULE, Hall, records, storm

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


async def test_a_storm_holds_and_the_next_are_tried_again_afterwards() -> None:
    """All partitions pause, also one that comes meanwhile; after the release the events go the usual way."""
    hall = Hall()
    (flow,) = hall.assign(0)
    await storm(hall)
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
    await storm(hall)
    await hall.deliver(*records("bob", first=12))
    assert [12] == [place.offset for place in await hall.processor.revoke([0])]
