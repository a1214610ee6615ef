"""Retries are pure arithmetic."""

from __future__ import annotations

import pytest

from engine.api.messages import RetryOverrides
from engine.api.retry import Budget, backoff, merge, retry_after
from engine.config.model import RetryPolicy
from engine.errors import NoAnswer, Refused, Throttled

POLICY = RetryPolicy()
REFUSED = Refused("503", status=503, outage=True)


def test_four_attempts() -> None:
    """max_retries 3 means that the fourth failure is the last."""
    budget = Budget(POLICY)
    assert [1.0, 2.0, 4.0, None] == [budget.after(REFUSED, 0.0, 0.5) for _ in range(4)]
    assert 4 == budget.attempts


@pytest.mark.parametrize(("n", "seconds"), [(1, 1.0), (2, 2.0), (6, 32.0), (7, 60.0), (5000, 60.0)])
def test_backoff_grows_to_its_maximum(n: int, seconds: float) -> None:
    """Delays double up to max_delay, and no count of retries overflows."""
    assert seconds == backoff(POLICY, n, 0.5)


@pytest.mark.parametrize(("jitter", "seconds"), [(0.0, 0.8), (0.5, 1.0), (1.0, 1.2)])
def test_jitter_is_a_share_of_the_delay(jitter: float, seconds: float) -> None:
    """0.2 means a fifth more or less."""
    assert seconds == pytest.approx(backoff(POLICY, 1, jitter))


@pytest.mark.parametrize(("asked", "seconds"), [(7.0, 7.0), (3600.0, 60.0), (0.0, 1.0), (None, 1.0)])
def test_retry_after_wins_up_to_max_delay(asked: float | None, seconds: float) -> None:
    """What the API asks for is honoured up to max_delay; nothing asked, or no time at all, is the backoff."""
    failure = Refused("503", status=503, retry_after=asked)
    assert seconds == Budget(POLICY).after(failure, 0.0, 0.9999 if asked else 0.5)


def test_429_spends_no_attempt() -> None:
    """An event may meet 429 many more times than it has attempts."""
    budget = Budget(POLICY)
    waits = [budget.after(Throttled("429", status=429, free=True), 0.0, 0.5) for _ in range(20)]
    assert None not in waits
    assert [1.0, 2.0, 4.0, None] == [budget.after(REFUSED, 0.0, 0.5) for _ in range(4)]


def test_only_429_for_too_long() -> None:
    """After throttled_for seconds of nothing but 429 the event is given up."""
    budget = Budget(POLICY)
    throttled = Throttled("429", status=429, free=True)
    assert budget.after(throttled, 100.0, 0.5) is not None
    assert budget.after(throttled, 999.0, 0.5) is not None
    assert budget.after(throttled, 1000.0, 0.5) is None


def test_another_failure_restarts_the_patience_with_429() -> None:
    """Only an unbroken run of 429 counts towards throttled_for."""
    budget = Budget(POLICY)
    throttled = Throttled("429", status=429, free=True)
    budget.after(throttled, 100.0, 0.5)
    budget.after(REFUSED, 900.0, 0.5)
    assert budget.after(throttled, 1000.0, 0.5) is not None


def test_free_failures_spend_nothing() -> None:
    """What fails without an answer in an outage is repeated as soon as the gate lets it through."""
    budget = Budget(POLICY)
    lost = NoAnswer("refused")
    lost.free = True
    assert [0.0] * 50 == [budget.after(lost, 0.0, 0.5) for _ in range(50)]
    assert 1.0 == budget.after(REFUSED, 0.0, 0.5)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("120", 120.0),
        (" 5 ", 5.0),
        ("Tue, 24 Nov 2026 12:00:10 GMT", 10.0),
        ("Tue, 24 Nov 2026 11:00:00 GMT", 0.0),
        ("soon", None),
        ("-5", None),
        ("", None),
        ("9" * 400, 999999999.0),
        ("Tue, 99 Nov 99999 11:00:00 GMT", None),
    ],
)
def test_reads_seconds_and_dates(text: str, seconds: float | None) -> None:
    """A Retry-After is seconds or a date; anything else is none."""
    assert seconds == retry_after({"retry-after": text}, 1795521600.0)


def test_a_date_is_judged_by_the_apis_own_clock() -> None:
    """An answer that tells its time is not judged by our clock."""
    headers = {"retry-after": "Tue, 24 Nov 2026 12:00:10 GMT", "date": "Tue, 24 Nov 2026 12:00:03 GMT"}
    assert 7.0 == retry_after(headers, 0.0)


def test_merge_keeps_what_is_not_overridden() -> None:
    """A rule sets what it names and nothing else, zero included."""
    merged = merge(POLICY, RetryOverrides(max_retries=0, ambiguous="dead"))
    assert (0, "dead", 60.0) == (merged.max_retries, merged.ambiguous, merged.max_delay)
    assert POLICY is merge(POLICY, RetryOverrides())
