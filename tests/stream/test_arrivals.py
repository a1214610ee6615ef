"""Records go into their lanes a few a turn, in order."""

from __future__ import annotations

import asyncio
from typing import Any, cast

from engine.stream.arrivals import Arrivals


def batch(first: int, end: int) -> list[Any]:
    """Pairs of a partition and a record; a queue does not look into them."""
    return [("partition", number) for number in range(first, end)]


async def _turns(number: int) -> None:
    for _ in range(number):
        await asyncio.sleep(0)


async def test_a_small_batch_is_taken_at_once() -> None:
    """What a slow topic delivers waits for nothing."""
    taken: list[int] = []
    Arrivals(lambda _, record: taken.append(cast("int", record))).put(batch(0, 5))
    assert [0, 1, 2, 3, 4] == taken


async def test_a_large_batch_lets_others_have_their_turn() -> None:
    """What was ready before runs between its parts, and what comes later waits behind it."""
    seen: list[object] = []
    arrivals = Arrivals(lambda _, record: seen.append(record))
    arrivals.put(batch(0, 100))
    first = len(seen)
    assert 0 < first < 100
    asyncio.get_running_loop().call_soon(seen.append, "an answer")
    arrivals.put(batch(100, 110))
    assert first == len(seen)
    await _turns(10)
    assert list(range(110)) == [one for one in seen if one != "an answer"]
    assert seen.index("an answer") < 100


async def test_a_record_belongs_to_the_partition_as_it_was_when_it_came() -> None:
    """A partition that went and came back meanwhile is another one: its offsets may begin anew."""
    taken: list[object] = []
    old, new = object(), object()
    arrivals = Arrivals(lambda partition, _: taken.append(partition))
    arrivals.put(cast("Any", [(old, number) for number in range(50)]))
    arrivals.put(cast("Any", [(new, 0)]))
    await _turns(10)
    assert [old] * 50 + [new] == taken
