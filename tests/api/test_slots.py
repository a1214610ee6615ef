"""Slots are a fair semaphore."""

from __future__ import annotations

import asyncio

import pytest

from engine.api.slots import Seat, Slots


async def test_no_more_than_there_are() -> None:
    """Two slots: the third waits, and gets the first that is given back."""
    slots = Slots(2)
    assert [True, True, False] == [slots.take() for _ in range(3)]
    waiting = asyncio.ensure_future(slots.wait())
    await asyncio.sleep(0)
    assert not waiting.done()
    slots.give()
    await waiting
    assert not slots.take()


async def test_first_come_first_served() -> None:
    """Whoever waits longest is next."""
    slots = Slots(1)
    slots.take()
    order: list[int] = []

    async def one(number: int) -> None:
        await slots.wait()
        order.append(number)
        slots.give()

    tasks = [asyncio.ensure_future(one(number)) for number in range(5)]
    await asyncio.sleep(0)
    slots.give()
    await asyncio.gather(*tasks)
    assert [0, 1, 2, 3, 4] == order
    assert slots.take()


async def test_an_event_goes_on_with_its_slot_and_leaves_it_to_the_next() -> None:
    """Its second request does not wait; an event of the same key that begins does not pass the one that waits."""
    slots = Slots(1)
    first, second, third = Seat(kept=True), Seat(kept=True), Seat(kept=True)
    await first.take(slots)
    waiting = asyncio.ensure_future(second.take(slots))
    await asyncio.sleep(0)
    await first.take(slots)
    assert (slots, None) == (first.slots, second.slots)
    first.leave()
    first.leave()
    late = asyncio.ensure_future(third.take(slots))
    await waiting
    await asyncio.sleep(0)
    assert (None, slots, None) == (first.slots, second.slots, third.slots)
    second.leave()
    await late


async def test_a_seat_is_in_one_place() -> None:
    """An event that goes on at another API leaves the first."""
    here, there = Slots(1), Slots(1)
    seat = Seat(kept=True)
    await seat.take(here)
    await seat.take(there)
    assert (True, False) == (here.take(), there.take())


async def test_a_holder_and_waiters_that_are_cancelled_together_lose_no_slot() -> None:
    """A partition that is lost cancels all at once: the holder gives before the waiters hear of their own end."""
    slots = Slots(1)

    async def hold() -> None:
        if not slots.take():
            await slots.wait()
        try:
            await asyncio.Event().wait()
        finally:
            slots.give()

    tasks = [asyncio.ensure_future(hold()) for _ in range(3)]
    await asyncio.sleep(0)
    for task in tasks:
        task.cancel()
    ends = await asyncio.gather(*tasks, return_exceptions=True)
    assert [asyncio.CancelledError] * 3 == [type(end) for end in ends]
    assert [True, False] == [slots.take(), slots.take()]


@pytest.mark.parametrize("given", [False, True])
async def test_a_cancelled_wait_loses_no_slot(given: bool) -> None:
    """Cancelled before or in the moment of its turn: the slot is there for the next."""
    slots = Slots(1)
    slots.take()
    waiting = asyncio.ensure_future(slots.wait())
    await asyncio.sleep(0)
    if given:
        slots.give()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    if not given:
        slots.give()
    assert [True, False] == [slots.take(), slots.take()]
