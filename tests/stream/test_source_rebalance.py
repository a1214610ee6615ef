"""The consumer thread, really running: where a partition starts, and how it goes."""

from __future__ import annotations

import asyncio
from typing import Literal

import pytest
from confluent_kafka import KafkaError, TopicPartition
from structlog.testing import capture_logs

from engine.config.model import Limits
from engine.stream.metadata import encode
from engine.stream.source import Assigned
from tests.stream.fakes import TOPIC, kafka_error, record, refusal
from tests.stream.stage import Make, Stage, begun

# --- where a partition starts -----------------------------------------------------------------------------------------


async def _assigned(stage: Stage) -> Assigned:
    begun(stage)
    await stage.until(lambda: stage.owner.partitions)
    await stage.until(lambda: [entry for entry in stage.consumer.log if entry[0] == "assign"])
    return stage.owner.partitions[0]


@pytest.mark.parametrize(("start", "offset"), [("earliest", 10), ("latest", 90)])
async def test_without_an_offset_the_configuration_says_where(
    stages: Make, start: Literal["earliest", "latest"], offset: int
) -> None:
    """And that place is to be committed, so that it is the same after a crash."""
    stage = stages(start=start)
    stage.consumer.low, stage.consumer.high = 10, 90
    found = await _assigned(stage)
    assert (offset, [], True) == (found.start, found.done, found.fresh)
    assert ("assign", (0, offset)) in stage.consumer.log


async def test_a_member_without_a_partition_is_told_so(stages: Make) -> None:
    """More members than partitions: the one that gets none is ready all the same."""
    stage = stages()
    stage.consumer.assign_partitions()
    stage.source.begin()
    await stage.until(lambda: stage.owner.told)
    assert [("assigned",)] == stage.owner.told


async def test_the_committed_offset_and_its_metadata_are_taken_up(stages: Make) -> None:
    """What a former owner finished beyond it is known."""
    stage = stages(start="latest")
    stage.consumer.offsets[0] = (40, encode(40, [(42, 45), (50, 51)]))
    found = await _assigned(stage)
    assert (40, [(42, 45), (50, 51)], False) == (found.start, found.done, found.fresh)


@pytest.mark.parametrize("text", ["", "2rsomething", "written by hand", "1rAQ=="])
async def test_metadata_that_is_not_ours_is_ignored(stages: Make, text: str) -> None:
    """The offset still counts."""
    stage = stages()
    stage.consumer.offsets[0] = (40, text)
    found = await _assigned(stage)
    assert (40, [], False) == (found.start, found.done, found.fresh)


async def test_metadata_never_claims_what_is_not_there_yet(stages: Make) -> None:
    """A log that was cut by a broker's loss grows again with other records."""
    stage = stages()
    stage.consumer.high = 60
    stage.consumer.offsets[0] = (40, encode(40, [(42, 45), (50, 80), (90, 95)]))
    assert [(42, 45), (50, 60)] == (await _assigned(stage)).done


async def test_a_committed_offset_that_expired_is_told(stages: Make) -> None:
    """It starts at the first that is there, without what metadata says of those that are gone."""
    stage = stages()
    stage.consumer.low = 100
    stage.consumer.offsets[0] = (40, encode(40, [(42, 45), (99, 103)]))
    found = await _assigned(stage)
    assert (100, [(99, 103)]) == (found.start, found.done)
    assert ("expired", 0, 60) in stage.owner.told


async def test_an_offset_beyond_the_end_starts_anew(stages: Make) -> None:
    """The topic was deleted and made again."""
    stage = stages()
    stage.consumer.low, stage.consumer.high = 0, 10
    stage.consumer.offsets[0] = (40, "")
    found = await _assigned(stage)
    assert (0, True) == (found.start, found.fresh)


async def test_the_broker_is_asked_until_it_knows(stages: Make) -> None:
    """A guess would repeat or lose events: refusals, failures of one partition and timeouts are waited out."""
    stage = stages()
    failed = TopicPartition(TOPIC, 0)
    broken = type("Failed", (), {"error": kafka_error(KafkaError._TIMED_OUT), "partition": 0})()
    stage.consumer.offsets[0] = (40, "")
    stage.consumer.answers += [refusal(KafkaError._TRANSPORT), [failed, broken]]
    stage.consumer.unknown.append(refusal(KafkaError._TRANSPORT))
    assert 40 == (await _assigned(stage)).start


async def test_a_stop_while_the_broker_is_asked_assigns_nothing(stages: Make) -> None:
    """What could not be asked is not known, so it is neither begun nor committed, and no error is told of it."""
    stage = stages()
    stage.consumer.answers.append([TopicPartition(TOPIC, 0, 5)])
    stage.consumer.unknown += [refusal(KafkaError._TRANSPORT)] * 100
    with capture_logs() as logs:
        begun(stage)
        await stage.until(lambda: len(stage.consumer.unknown) < 100)
        await asyncio.to_thread(stage.source.stop, 10.0)
    assert ([], [("assign",)]) == (stage.owner.told, stage.consumer.log)
    assert {"offsets.unknown"} == {line["event"] for line in logs}


# --- rebalances -------------------------------------------------------------------------------------------------------


async def test_a_revoked_partition_is_committed_before_it_goes(stages: Make) -> None:
    """With what the owner says, on the consumer's thread."""
    stage = begun(stages(), 0, 1)
    await stage.until(lambda: stage.owner.partitions)
    stage.owner.to_commit = [TopicPartition(TOPIC, 1, 7, "1rAQE=")]
    stage.consumer.revoke_partitions(1)
    await stage.until(lambda: stage.consumer.commits)
    assert [[(1, 7, "1rAQE=")]] == stage.consumer.commits
    stage.consumer.give(record(9, partition=1))
    await stage.heard("record", 9)
    assert 0 == stage.owner.partitions[1].flow.sent


@pytest.mark.parametrize("how", ["revoke_partitions", "lose_partitions"])
async def test_no_exception_leaves_a_rebalance(stages: Make, how: str) -> None:
    """One that got out would cost the other partitions their commit, or end the thread."""
    stage = begun(stages())
    await stage.until(lambda: stage.owner.partitions)
    stage.owner.to_commit = RuntimeError("bug")
    getattr(stage.consumer, how)(0)
    await stage.turns()
    assert not stage.owner.failure.done()
    assert {} == stage.source._flows


async def test_a_refused_commit_does_not_leave_a_rebalance(stages: Make) -> None:
    """The next owner repeats a few events."""
    stage = begun(stages())
    await stage.until(lambda: stage.owner.partitions)
    stage.owner.to_commit = [TopicPartition(TOPIC, 0, 7)]
    stage.consumer.refusals.append(refusal())
    stage.consumer.revoke_partitions(0)
    await stage.heard("revoke", 0)
    await stage.turns()
    assert not stage.owner.failure.done()


async def test_an_owner_that_does_not_answer_is_not_waited_for_for_ever(stages: Make) -> None:
    """The session would end."""
    stage = stages(patience=0.01)
    gate = asyncio.Event()

    async def hang(_partitions: list[int]) -> list[TopicPartition]:
        await gate.wait()
        return []

    stage.owner.revoke = hang  # type: ignore[method-assign, assignment]
    begun(stage)
    await stage.until(lambda: stage.owner.partitions)
    stage.consumer.revoke_partitions(0)
    await stage.turns()
    assert {} == stage.source._flows
    gate.set()
    await asyncio.sleep(0)


@pytest.mark.parametrize("how", ["revoke_partitions", "lose_partitions"])
async def test_a_partition_that_was_paused_runs_when_it_comes_back(stages: Make, how: str) -> None:
    """Librdkafka remembers the pause of a partition that went and came again: it is lifted before it goes."""
    stage = stages(Limits(in_flight=2))
    stage.consumer.give(*(record(offset) for offset in range(4)))
    begun(stage)
    await stage.until(lambda: stage.pauses)
    getattr(stage.consumer, how)(0)
    stage.consumer.assign_partitions(0)
    await stage.heard("record", 3)
    assert [0, 1, 2, 3] == stage.owner.offsets
    kinds = [entry[0] for entry in stage.consumer.log]
    assert ["assign", "pause", "resume", "assign"] == kinds[:4]


async def test_records_before_a_revocation_are_told_before_it(stages: Make) -> None:
    """What was handed over is never mistaken for the next assignment's."""
    stage = stages()
    stage.consumer.give(record(0), record(1))
    begun(stage)
    await stage.heard("record", 1)
    stage.consumer.revoke_partitions(0)
    stage.consumer.assign_partitions(0)
    stage.consumer.give(record(2))
    await stage.heard("record", 2)
    kinds = [entry[0] for entry in stage.owner.told]
    assert ["assigned", "record", "record", "revoke", "assigned", "record"] == kinds
