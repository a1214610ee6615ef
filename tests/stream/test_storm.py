"""Too many dead letters in a row hold the engine."""

from __future__ import annotations

import asyncio

import pytest

from engine.config.model import Dlq
from engine.errors import Revoked, Stage
from engine.stream.lease import Lease, Stamp
from engine.stream.storm import KEYS, Storm


def _storm(dead_after: int = 12, storm: str = "hold") -> tuple[Storm, list[bool]]:
    told: list[bool] = []
    return Storm(Dlq(storm="continue" if storm == "continue" else "hold", dead_after=dead_after), told.append), told


def _lease() -> Lease:
    async def confirm() -> None:
        return

    return Lease(Stamp(0.0), 1.0, confirm, lambda: 0.0)


def test_it_holds_after_so_many_of_ten_keys() -> None:
    """Exactly the one that makes them too many says so; further ones change nothing."""
    storm, told = _storm()
    said = [storm.dead(f"key-{number % KEYS}", Stage.EXPECT) for number in range(15)]
    assert [False] * 11 + [True] + [False] * 3 == said
    assert (True, [True]) == (storm.holding, told)


def test_few_keys_never_hold_it() -> None:
    """One poison key, or nine of them, stop nobody."""
    storm, told = _storm()
    assert not any(storm.dead(number % (KEYS - 1), Stage.REQUEST) for number in range(500))
    assert (False, []) == (storm.holding, told)


def test_the_tenth_key_counts_those_before() -> None:
    """A hundred of nine keys, then one of another."""
    storm, _ = _storm()
    for number in range(100):
        storm.dead(number % (KEYS - 1), Stage.RENDER)
    assert storm.dead("another", Stage.RENDER)


@pytest.mark.parametrize("stage", [Stage.DECODE, Stage.ENVELOPE])
def test_bad_bytes_neither_count_nor_reset(stage: Stage) -> None:
    """Nobody can stop the service with them, nor keep it from holding."""
    storm, _ = _storm()
    assert not any(storm.dead(number, stage) for number in range(500))
    for number in range(11):
        storm.dead(number, Stage.ROUTE)
        storm.dead(number, stage)
    assert storm.dead(11, Stage.ROUTE)


def test_a_success_begins_anew() -> None:
    """Dead letters that are not in a row are no storm, nor are keys remembered."""
    storm, _ = _storm()
    for _ in range(5):
        assert not any(storm.dead(number, Stage.EXPECT) for number in range(11))
        storm.succeeded()
    assert not storm.holding


def test_it_can_be_switched_off() -> None:
    """`storm: continue`."""
    storm, _ = _storm(storm="continue")
    assert not any(storm.dead(number, Stage.EXPECT) for number in range(500))


async def test_waiting_ends_with_the_release() -> None:
    """And the count begins anew."""
    storm, told = _storm()
    for number in range(12):
        storm.dead(number, Stage.EXPECT)
    waiting = asyncio.create_task(storm.wait(_lease()))
    await asyncio.sleep(0)
    assert not waiting.done()
    storm.release()
    await waiting
    assert [True, False] == told
    assert not any(storm.dead(number, Stage.EXPECT) for number in range(11))


async def test_waiting_is_given_up_when_the_partition_goes() -> None:
    """A held engine can be stopped."""
    storm, _ = _storm()
    for number in range(12):
        storm.dead(number, Stage.EXPECT)
    lease = _lease()
    waiting = asyncio.create_task(storm.wait(lease))
    await asyncio.sleep(0)
    lease.close()
    with pytest.raises(Revoked):
        await waiting


async def test_a_calm_engine_waits_for_nothing() -> None:
    """The usual case does not even yield."""
    storm, told = _storm()
    storm.release()
    waiting = storm.wait(_lease())
    with pytest.raises(StopIteration):
        waiting.send(None)
    assert [] == told
