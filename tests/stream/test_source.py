"""The consumer thread, really running: the bound, errors, beginning and end."""

from __future__ import annotations

import asyncio

from confluent_kafka import KafkaError

from engine.config.model import Limits
from engine.stream.source import Fatal, size_of
from tests.stream.fakes import record, refusal, trouble
from tests.stream.stage import Make, Stage, begun

# --- the bound --------------------------------------------------------------------------------------------------------


async def test_a_partition_pauses_exactly_at_the_bound(stages: Make) -> None:
    """Batches never overshoot it; nothing is lost, nothing comes twice."""
    stage = stages(Limits(in_flight=7))
    stage.consumer.give(*(record(offset) for offset in range(30)))
    begun(stage)
    await stage.until(lambda: stage.pauses)
    await stage.turns()
    assert list(range(7)) == stage.owner.offsets
    assert [(0, "in_flight", True)] == stage.pauses


async def test_it_goes_on_at_half(stages: Make) -> None:
    """Not one event earlier."""
    stage = stages(Limits(in_flight=8))
    stage.consumer.give(*(record(offset) for offset in range(30)))
    begun(stage)
    await stage.until(lambda: stage.pauses and stage.owner.partitions)
    stage.owner.done(4)
    await stage.turns()
    assert 8 == len(stage.owner.offsets)
    stage.owner.done(1)
    await stage.until(lambda: len(stage.pauses) == 3)
    await stage.turns()
    assert list(range(13)) == stage.owner.offsets
    assert [(0, "in_flight", True), (0, "in_flight", False), (0, "in_flight", True)] == stage.pauses


async def test_all_comes_in_order_through_many_pauses(stages: Make) -> None:
    """However often it pauses, each offset is delivered once, and never more than the bound is under way."""
    stage = stages(Limits(in_flight=5))
    stage.consumer.give(*(record(offset) for offset in range(300)))
    begun(stage)
    await stage.until(lambda: stage.owner.partitions)
    flow = stage.owner.partitions[0].flow
    while len(stage.owner.offsets) < 300:
        assert flow.events <= 5
        flow.ended = len(stage.owner.offsets)
        await asyncio.sleep(0.0005)
    assert list(range(300)) == stage.owner.offsets


async def test_going_on_seeks_the_offset_that_is_to_come(stages: Make) -> None:
    """A resume alone would not wake librdkafka; a partition that has not begun yet is tried again, and is paused."""
    stage = stages(Limits(in_flight=4))
    stage.consumer.give(*(record(offset) for offset in range(100, 106)))
    begun(stage)
    await stage.until(lambda: stage.pauses and stage.owner.partitions)
    stage.consumer.unready.append(refusal(KafkaError._STATE))
    stage.owner.done(4)
    await stage.until(lambda: len(stage.pauses) == 2)
    log = [entry for entry in stage.consumer.log if entry[0] != "assign"]
    assert [("pause", 0), ("resume", 0), ("pause", 0), ("resume", 0), ("seek", 0, 104)] == log
    await stage.heard("record", 105)
    assert list(range(100, 106)) == stage.owner.offsets


async def test_one_full_partition_does_not_hold_up_another(stages: Make) -> None:
    """Only the full one pauses."""
    stage = stages(Limits(in_flight=3))
    stage.consumer.give(*(record(offset) for offset in range(9)))
    begun(stage, 0, 1)
    await stage.until(lambda: stage.pauses)
    stage.consumer.give(*(record(offset, partition=1) for offset in (100, 101)))
    await stage.heard("record", 101)
    assert {0} == stage.consumer.paused


async def test_the_reason_told_is_the_one_that_holds_now(stages: Make) -> None:
    """A partition that stays paused for another reason says so; it does not read meanwhile."""
    stage = stages(Limits(in_flight=8))
    begun(stage)
    await stage.until(lambda: stage.owner.partitions)
    flow = stage.owner.partitions[0].flow
    flow.holds = frozenset({"state"})
    await stage.until(lambda: stage.pauses)
    flow.holds = frozenset({"schema"})
    await stage.until(lambda: len(stage.pauses) == 3)
    assert [(0, "state", True), (0, "state", False), (0, "schema", True)] == stage.pauses
    assert {0} == stage.consumer.paused


async def test_batches_are_bounded(stages: Make) -> None:
    """However much there is, the loop gets it in portions."""
    stage = stages()
    stage.consumer.give(*(record(offset) for offset in range(900)))
    begun(stage)
    await stage.heard("record", 899)
    assert 200 == stage.consumer.most


async def test_the_bytes_of_all_partitions_pause_those_with_events(stages: Make) -> None:
    """`limits.buffer`."""
    stage = stages(Limits(buffer=10))
    stage.consumer.give(record(0, b"x" * 20))
    begun(stage, 0, 1)
    await stage.until(lambda: stage.pauses)
    await stage.turns()
    assert [(0, "buffer", True)] == stage.pauses
    flow = stage.owner.partitions[0].flow
    flow.ended, flow.ended_bytes = flow.sent, flow.sent_bytes
    await stage.until(lambda: len(stage.pauses) == 2)
    assert 21 == flow.sent_bytes


async def test_a_reason_of_the_loop_pauses(stages: Make) -> None:
    """The loop says so in the partition's flow; its word is the metric's label."""
    stage = begun(stages())
    await stage.until(lambda: stage.owner.partitions)
    stage.owner.partitions[0].flow.hold("schema", True)
    await stage.until(lambda: stage.pauses)
    stage.owner.partitions[0].flow.hold("schema", False)
    await stage.until(lambda: len(stage.pauses) == 2)
    assert [(0, "schema", True), (0, "schema", False)] == stage.pauses


# --- ends and errors --------------------------------------------------------------------------------------------------


async def test_errors_inside_messages_are_no_events(stages: Make) -> None:
    """They are logged; what comes with them is delivered."""
    stage = stages()
    stage.consumer.give(trouble(KafkaError._TRANSPORT), record(0), trouble(KafkaError.TOPIC_AUTHORIZATION_FAILED))
    begun(stage)
    await stage.heard("record", 0)
    await stage.turns()
    assert [("assigned", 0), ("record", 0)] == stage.owner.told
    assert 1 == stage.owner.partitions[0].flow.sent


async def test_a_fatal_error_ends_the_thread(stages: Make) -> None:
    """And the owner knows."""
    stage = stages()
    stage.consumer.give(trouble(KafkaError._FATAL))
    begun(stage)
    assert isinstance(await asyncio.wait_for(stage.owner.failure, 10), Fatal)


async def test_an_exception_of_the_consumer_ends_the_thread(stages: Make) -> None:
    """Whatever it is."""
    stage = begun(stages())
    stage.consumer.calls.append(lambda: 1 // 0)
    assert isinstance(await asyncio.wait_for(stage.owner.failure, 10), ZeroDivisionError)


async def test_what_the_owner_cannot_take_ends_the_engine(stages: Make) -> None:
    """An exception on the loop is not left to the loop's handler."""
    stage = stages()
    stage.owner.breaks = LookupError("bug")
    stage.consumer.give(record(0))
    begun(stage)
    assert stage.owner.breaks is await asyncio.wait_for(stage.owner.failure, 10)


async def test_an_expired_position_goes_on_at_the_first_record(stages: Make) -> None:
    """Told with the number of records lost; the broker is asked until it answers."""
    stage = stages()
    stage.consumer.give(record(19))
    begun(stage)
    await stage.heard("record", 19)
    stage.consumer.low = 50
    stage.consumer.unknown.append(refusal(KafkaError._TIMED_OUT))
    stage.consumer.give(trouble(KafkaError._AUTO_OFFSET_RESET))
    await stage.heard("expired", 0, 30)
    await stage.turns()
    assert ("seek", 0, 50) == stage.consumer.log[-1]


async def test_after_an_error_a_partition_is_read_from_where_it_stood(stages: Make) -> None:
    """The error must not count as a record read."""
    stage = stages()
    stage.consumer.give(record(0), record(1), trouble(KafkaError._TRANSPORT, offset=2))
    begun(stage)
    await stage.heard("record", 1)
    await stage.until(lambda: any(entry[0] == "seek" for entry in stage.consumer.log))
    assert ("seek", 0, 2) == stage.consumer.log[-1]


async def test_an_expired_position_of_a_partition_that_went_is_nothing(stages: Make) -> None:
    """Seeking there would end the engine."""
    stage = begun(stages())
    stage.consumer.give(trouble(KafkaError._AUTO_OFFSET_RESET, partition=5))
    await stage.until(lambda: not stage.consumer.feed)
    await stage.turns()
    assert [("assigned", 0)] == stage.owner.told
    assert not [entry for entry in stage.consumer.log if entry[0] == "seek"]


# --- beginning and end ------------------------------------------------------------------------------------------------


async def test_stopping_closes_the_consumer(stages: Make) -> None:
    """Which leaves the group."""
    stage = begun(stages())
    await stage.turns()
    await asyncio.to_thread(stage.source.stop, 10.0)
    assert stage.consumer.closed


async def test_each_look_renews_the_stamp(stages: Make) -> None:
    """That is what senders look at."""
    stage = begun(stages())
    await stage.turns()
    assert stage.stamp.at > 0.0


def test_a_closed_loop_stops_the_thread() -> None:
    """Nobody is interested any more: the thread ends by itself, and no coroutine stays behind."""

    async def open_stage() -> Stage:
        return Stage(Limits(), "earliest", 1.0)

    with asyncio.Runner() as runner:
        stage = runner.run(open_stage())
    begun(stage)
    stage.consumer.revoke_partitions(0)
    stage.source._thread.join(10)
    assert not stage.source._thread.is_alive()


def test_the_size_is_key_and_value() -> None:
    """Either may be missing."""
    assert [3, 1, 2, 0] == [
        size_of(record(0, value, key)) for key, value in ((b"k", b"vv"), (b"k", None), (None, b"vv"), (None, None))
    ]
