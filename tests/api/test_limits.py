"""Pace and throttle are reservations over a clock."""

from __future__ import annotations

from engine.api.limits import Pace, Throttle
from engine.config.model import RetryPolicy

POLICY = RetryPolicy()


def test_moments_are_evenly_spaced() -> None:
    """Four a second: each waits for a quarter of a second more."""
    pace = Pace(4.0)
    assert [0.0, 0.25, 0.5, 0.75] == [pace.reserve(10.0) for _ in range(4)]


def test_a_late_waiter_costs_nothing() -> None:
    """Who asks while moments lie ahead gets the next one; idle time is not saved up."""
    pace = Pace(4.0)
    assert [0.0, 0.25] == [pace.reserve(10.0), pace.reserve(10.0)]
    assert 0.25 == pace.reserve(10.25)
    assert [0.0, 0.25] == [pace.reserve(60.0), pace.reserve(60.0)]


def test_no_rate_is_no_limit() -> None:
    """Without a rate nobody waits."""
    assert not Pace(None).limited


def test_throttle_waits_as_asked() -> None:
    """Retry-After holds the whole API, up to max_delay."""
    throttle = Throttle()
    assert 30.0 == throttle.hit(POLICY, 30.0, 0.0, 100.0, 0.5)
    assert 130.0 == throttle.until


def test_throttle_backs_off_where_nothing_is_asked() -> None:
    """Each round waits longer; answers to requests that were sent together are one round."""
    throttle = Throttle()
    throttle.hit(POLICY, None, 99.0, 100.0, 0.5)
    throttle.hit(POLICY, None, 99.5, 100.5, 0.5)
    assert (1, 101.0) == (throttle.rounds, throttle.until)
    throttle.hit(POLICY, None, 101.0, 101.1, 0.5)
    assert (2, 103.1) == (throttle.rounds, throttle.until)


def test_throttle_eases() -> None:
    """After any other answer the next 429 is a first one."""
    throttle = Throttle()
    throttle.hit(POLICY, None, 0.0, 100.0, 0.5)
    throttle.hit(POLICY, None, 101.0, 101.0, 0.5)
    throttle.ease()
    assert 1.0 == throttle.hit(POLICY, None, 200.0, 200.0, 0.5)


def test_a_straggler_may_ask_for_more() -> None:
    """A 429 of the same round that names a later time is heard."""
    throttle = Throttle()
    throttle.hit(POLICY, None, 99.0, 100.0, 0.5)
    throttle.hit(POLICY, 20.0, 99.0, 100.0, 0.5)
    assert 120.0 == throttle.until
