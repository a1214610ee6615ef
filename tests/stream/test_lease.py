"""Leave to send: fresh, doubted, closing, gone."""

from __future__ import annotations

import asyncio
import math

import pytest

from engine.errors import Revoked
from engine.stream.lease import Lease, Stamp


class Doubt:
    """A clock, and a confirmation that does what the test says."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.stamp = Stamp(1000.0, 5.0)
        self.asked = 0
        self.lease = Lease(self.stamp, 5.0, self.confirm, lambda: self.now)
        self.renews = True
        self.drops_at = 0

    async def confirm(self) -> None:
        self.asked += 1
        await asyncio.sleep(0)
        if self.asked == self.drops_at:
            self.lease.drop()
        elif self.renews:
            self.stamp.at = self.now


async def test_a_fresh_stamp_is_leave_to_send() -> None:
    """Nothing is asked within the trust."""
    doubt = Doubt()
    doubt.now += 5.0
    await doubt.lease.permit()
    assert 0 == doubt.asked


async def test_a_stale_stamp_is_confirmed_first() -> None:
    """Sending waits for the commit that proves the membership."""
    doubt = Doubt()
    doubt.now += 5.1
    await doubt.lease.permit()
    assert 1 == doubt.asked


async def test_it_is_asked_until_it_is_certain() -> None:
    """A confirmation that does not renew the stamp is asked for again; the loss ends it."""
    doubt = Doubt()
    doubt.now += 5.1
    doubt.renews, doubt.drops_at = False, 3
    with pytest.raises(Revoked):
        await doubt.lease.permit()
    assert 3 == doubt.asked


async def test_nothing_is_sent_for_a_dropped_partition() -> None:
    """Not even with a fresh stamp."""
    doubt = Doubt()
    doubt.lease.drop()
    with pytest.raises(Revoked):
        await doubt.lease.permit()
    assert (True, 0) == (doubt.lease.ended, doubt.asked)


async def test_what_is_under_way_may_send_while_the_partition_closes() -> None:
    """Closing lets an event finish its requests."""
    doubt = Doubt()
    doubt.lease.close()
    await doubt.lease.permit()
    assert (True, False) == (doubt.lease.ended, doubt.lease.dropped)


async def test_waiting_ends_by_itself() -> None:
    """The usual retry."""
    await Doubt().lease.sleep(0.001)
    await Doubt().lease.sleep(0.0)


@pytest.mark.parametrize("how", ["close", "drop"])
async def test_waiting_is_given_up_when_the_partition_goes(how: str) -> None:
    """A retry in an hour does not hold up a rebalance."""
    lease = Doubt().lease
    waiting = asyncio.create_task(lease.sleep(3600.0))
    await asyncio.sleep(0)
    getattr(lease, how)()
    with pytest.raises(Revoked):
        await waiting


async def test_waiting_for_a_partition_that_goes_already_is_refused() -> None:
    """It does not begin."""
    lease = Doubt().lease
    lease.close()
    with pytest.raises(Revoked):
        await lease.sleep(3600.0)


async def test_cancelling_a_wait_is_a_cancellation() -> None:
    """Not a Revoked, and not a timeout."""
    waiting = asyncio.create_task(Doubt().lease.sleep(3600.0))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting


async def test_until_returns_with_the_event() -> None:
    """And leaves no task behind."""
    event = asyncio.Event()
    waiting = asyncio.create_task(Doubt().lease.until(event))
    await asyncio.sleep(0)
    event.set()
    await waiting
    await asyncio.sleep(0)
    assert {asyncio.current_task()} == asyncio.all_tasks()


async def test_until_is_given_up_when_the_partition_goes() -> None:
    """Whatever the event does."""
    lease = Doubt().lease
    waiting = asyncio.create_task(lease.until(asyncio.Event()))
    await asyncio.sleep(0)
    lease.close()
    with pytest.raises(Revoked):
        await waiting


def test_a_look_renews_a_stamp() -> None:
    """The consumer thread's, again and again."""
    stamp = Stamp(10.0, 5.0)
    stamp.looked(15.0)
    stamp.looked(19.0)
    assert 19.0 == stamp.at


def test_a_look_after_a_stop_of_the_process_renews_nothing() -> None:
    """It goes on in the middle of a look, before it can have heard of its loss: only a commit proves more."""
    stamp = Stamp(10.0, 5.0)
    stamp.looked(70.0)
    stamp.looked(70.1)
    assert 10.0 == stamp.at
    stamp.at = 70.2  # by the commit
    stamp.looked(70.3)
    assert 70.3 == stamp.at


def test_a_stamp_without_trust_is_always_renewed() -> None:
    """For parts that have no session."""
    stamp = Stamp(0.0)
    stamp.looked(1e9)
    assert (1e9, math.inf) == (stamp.at, stamp.trust)
