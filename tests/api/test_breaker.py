"""The breaker is a state machine."""

from __future__ import annotations

from engine.api.breaker import Breaker
from engine.config.model import Outage


def test_opens_after_failures_of_different_keys() -> None:
    """Three keys, three failures, no success between them."""
    breaker: Breaker[str] = Breaker(Outage(open_after=3))
    assert [False, False, True] == [breaker.failed(key) for key in "abc"]
    assert breaker.is_open


def test_one_poison_key_never_opens() -> None:
    """However often one key fails, it counts once."""
    breaker: Breaker[str] = Breaker(Outage(open_after=2))
    for _ in range(100):
        breaker.failed("poison")
    assert not breaker.is_open


def test_a_success_starts_the_count_anew() -> None:
    """Failures on both sides of a success are not added up."""
    breaker: Breaker[str] = Breaker(Outage(open_after=2))
    breaker.failed("a")
    assert not breaker.succeeded()
    breaker.failed("b")
    assert not breaker.is_open


def test_closes_with_a_success() -> None:
    """Only the success that closes it says so."""
    breaker: Breaker[str] = Breaker(Outage(open_after=1))
    breaker.failed("a")
    assert [True, False] == [breaker.succeeded(), breaker.succeeded()]
    assert not breaker.is_open


def test_outage_off() -> None:
    """Without `outage` nothing ever opens it."""
    breaker: Breaker[str] = Breaker(None)
    for number in range(1000):
        breaker.failed(number)
    assert not breaker.is_open
    assert not breaker.dirty


def test_probes_take_turns() -> None:
    """The oldest event of one key, then of the next, and round again."""
    breaker: Breaker[str] = Breaker(Outage())
    for key, ticket in [("a", "a1"), ("a", "a2"), ("b", "b1"), ("a", "a3"), ("c", "c1")]:
        breaker.hold(key, ticket)
    assert ["a1", "b1", "c1", "a2", "a3", None] == [breaker.next_probe() for _ in range(6)]


def test_a_probe_that_returns_is_still_the_oldest_of_its_key() -> None:
    """It goes before the younger events of its key, but after the other keys."""
    breaker: Breaker[str] = Breaker(Outage())
    for key, ticket in [("a", "a1"), ("a", "a2"), ("b", "b1")]:
        breaker.hold(key, ticket)
    assert "a1" == breaker.next_probe()
    breaker.hold("a", "a1", first=True)
    assert ["b1", "a1", "a2"] == [breaker.next_probe() for _ in range(3)]


def test_who_leaves_is_forgotten() -> None:
    """A revoked event does not take a turn; leaving twice does nothing."""
    breaker: Breaker[str] = Breaker(Outage())
    breaker.hold("a", "a1")
    breaker.hold("b", "b1")
    breaker.leave("a", "a1")
    breaker.leave("a", "a1")
    assert ["b1"] == breaker.release()
    assert [] == breaker.release()
