"""How fast an API may be called: an even pace (`rate`), and the patience that a 429 asks of everybody.

Both are reservations over a clock, a dozen lines each. A library would bring its own sleeping and clock; here the
waiting is the call's, so that a revoked partition ends it.
"""

from __future__ import annotations

from engine.api.retry import patience
from engine.config.model import RetryPolicy


class Pace:
    """Evenly spaced sends: never more than `rate` a second, first come first served.

    Attributes:
        limited: False where there is no limit at all.
    """

    __slots__ = ("_gap", "_next", "limited")

    def __init__(self, rate: float | None) -> None:
        self.limited = rate is not None
        self._gap = 0.0 if rate is None else 1.0 / rate
        self._next = 0.0

    def reserve(self, now: float) -> float:
        """Take the next free moment; seconds until it comes.

        A waiter that wakes late loses nothing: the moments are laid out in advance.
        """
        at = max(self._next, now)
        self._next = at + self._gap
        return at - now


class Throttle:
    """After a 429 nobody is sent until it has passed.

    Attributes:
        until: moment of the clock before which nothing is sent; 0 before the first 429.
        rounds: 429s in a row; those of requests that were on their way together count once.
    """

    __slots__ = ("_hit_at", "rounds", "until")

    def __init__(self) -> None:
        self.until = 0.0
        self.rounds = 0
        self._hit_at = 0.0

    def hit(self, policy: RetryPolicy, asked: float | None, started: float, now: float, jitter: float) -> float:
        """A request sent at `started` was answered 429; seconds that the API is left alone now.

        Args:
            policy: for the backoff, where the API says no time.
            asked: seconds of its Retry-After, None without one.
            started: moment the request was sent.
            now: moment of the answer.
            jitter: random, in [0, 1).
        """
        if self.rounds == 0 or started >= self._hit_at:
            self.rounds += 1
            self._hit_at = now
            self.until = max(self.until, now + patience(policy, asked, self.rounds, jitter))
        elif asked is not None:
            self.until = max(self.until, now + min(asked, policy.max_delay))
        return max(0.0, self.until - now)

    def ease(self) -> None:
        """An answer that was no 429: the next one starts anew."""
        self.rounds = 0
