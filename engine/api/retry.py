"""When to try again: pure arithmetic over a policy; the client owns the waiting."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from datetime import UTC
from email.utils import parsedate_to_datetime

from engine.api.messages import RetryOverrides
from engine.config.model import RetryPolicy
from engine.errors import Throttled, Transient

_OVERRIDES = tuple(field.name for field in fields(RetryOverrides))


def merge(policy: RetryPolicy, overrides: RetryOverrides) -> RetryPolicy:
    """The policy with what a rule or request sets differently."""
    given = {name: value for name in _OVERRIDES if (value := getattr(overrides, name)) is not None}
    return replace(policy, **given) if given else policy


def backoff(policy: RetryPolicy, n: int, jitter: float) -> float:
    """Seconds before retry `n` (from 1): min(max_delay, initial_delay * multiplier^(n-1)), give or take `jitter`.

    Args:
        policy: delays and the share that jitter may change.
        n: number of the retry, at least 1.
        jitter: random, in [0, 1); 0.5 changes nothing.
    """
    try:
        delay = min(policy.max_delay, policy.initial_delay * policy.multiplier ** (n - 1))
    except OverflowError:
        delay = policy.max_delay
    return delay * (1.0 + policy.jitter * (2.0 * jitter - 1.0))


def patience(policy: RetryPolicy, retry_after: float | None, n: int, jitter: float) -> float:
    """Seconds to wait: what the API asks for, up to max_delay; else, or where it asks for nothing, the backoff."""
    if retry_after is not None and retry_after > 0.0:
        return min(retry_after, policy.max_delay)
    return backoff(policy, n, jitter)


class Budget:
    """What one request (or, with `restart`, one event) may still spend.

    Attributes:
        attempts: failures so far, free ones included: times the request was sent in vain.
    """

    __slots__ = ("_policy", "_since", "_spent", "_throttled", "attempts")

    def __init__(self, policy: RetryPolicy) -> None:
        self._policy = policy
        self._spent = 0
        self._throttled = 0
        self._since: float | None = None  # when the run of nothing but 429 began
        self.attempts = 0

    def after(self, failure: Transient, now: float, jitter: float) -> float | None:
        """Seconds to wait before the next attempt; None: give up.

        Args:
            failure: what the attempt ended with.
            now: seconds of a monotonic clock.
            jitter: random, in [0, 1).
        """
        self.attempts += 1
        if isinstance(failure, Throttled):
            return self._after_throttled(failure, now, jitter)
        self._since = None
        self._throttled = 0
        if failure.free:
            return 0.0  # the breaker's gate decides when
        self._spent += 1
        if self._spent > self._policy.max_retries:
            return None
        return patience(self._policy, failure.retry_after, self._spent, jitter)

    def _after_throttled(self, failure: Throttled, now: float, jitter: float) -> float | None:
        if self._since is None:
            self._since = now
        if now - self._since >= self._policy.throttled_for:
            return None
        self._throttled += 1
        return patience(self._policy, failure.retry_after, self._throttled, jitter)


def retry_after(headers: Mapping[str, str], wall: float) -> float | None:
    """Seconds that a `Retry-After` header asks for, as seconds or as a date; None without a readable one.

    Args:
        headers: of the answer, lower-case names.
        wall: seconds since the epoch, used where the answer tells no time of its own.
    """
    text = headers.get("retry-after", "").strip()
    if not text:
        return None
    if text.isascii() and text.isdigit():
        return float(text[:9])
    when = _date(text)
    if when is None:
        return None
    sent = _date(headers.get("date", ""))  # by the API's own clock, ours may differ
    return max(0.0, when - (wall if sent is None else sent))


def _date(text: str) -> float | None:
    try:
        when = parsedate_to_datetime(text)
        return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None
