"""Tokens that are fetched: kept until they expire or are refused, fetched by one attempt at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from math import inf

import orjson

from engine.api.answers import complaint
from engine.api.auth import Credentials
from engine.api.auth.fixed import sendable
from engine.api.retry import retry_after
from engine.api.transports import Answer
from engine.errors import Throttled, Transient

# A probe finds the interval a moment short of `probe_every`, because the last fetch began a moment after its probe.
_SLACK = 0.95
_EARLY = 30.0  # seconds before its end that a token is renewed, for long-lived ones


@dataclass(frozen=True, slots=True)
class Grant:
    """A token. `lifetime`: seconds, None where the API tells none."""

    token: str
    lifetime: float | None = None


class Tokens:
    """One API's token.

    Args:
        fetch: gets a new token; raises Transient.
        header: pair of header name and what stands before the token.
        interval: seconds that must lie between two fetches.
        clock: seconds of a monotonic clock.
        secrets: what must not appear in texts, besides the token.
    """

    def __init__(
        self,
        fetch: Callable[[], Awaitable[Grant]],
        header: tuple[str, str],
        interval: float,
        clock: Callable[[], float],
        secrets: Callable[[], Iterable[str]],
    ) -> None:
        self._fetch = fetch
        self._header = header
        self._interval = interval * _SLACK
        self._clock = clock
        self._secrets = secrets
        self._one = asyncio.Lock()
        self._current: Credentials | None = None
        self._renew_at = inf
        self._ends_at = inf
        self._tried_at = -inf
        self._failure: Transient | None = None

    def current(self) -> Credentials | None:
        """See Authenticator."""
        return self._current if self._renew_at == inf or self._clock() < self._renew_at else None

    async def renew(self, refused: Credentials | None) -> Credentials | None:
        """See Authenticator. Whoever comes while another fetches waits for it and takes the same token."""
        async with self._one:
            fresh = self.current()
            if fresh is not None and fresh is not refused:
                return fresh
            if self._clock() - self._tried_at < self._interval:
                return self._too_soon(refused)
            self._tried_at = self._clock()
            try:
                self._failure = None
                self._accept(await self._fetch())
            except Transient as failure:
                self._failure = failure
                return self._too_soon(refused)
            except asyncio.CancelledError:
                self._tried_at = -inf  # whoever comes next may try at once
                raise
            return self._current

    def _too_soon(self, refused: Credentials | None) -> Credentials | None:
        """No fetch is allowed now: the token at hand, if it still holds, else the last failure again."""
        if self._current is not None and self._current is not refused and self._clock() < self._ends_at:
            return self._current
        if self._failure is None:  # a token that lives shorter than the interval is sent on, for the API to judge
            return None if self._current is refused else self._current
        again = Throttled if isinstance(self._failure, Throttled) else Transient
        raise again(
            str(self._failure),
            outage=self._failure.outage,
            free=self._failure.free,
            retry_after=self._failure.retry_after,
            reason="auth",
        ) from self._failure

    def _accept(self, grant: Grant) -> None:
        name, prefix = self._header
        if not grant.token or not sendable(grant.token):
            raise Transient("the token that the API issued is empty or cannot be sent in a header", outage=True)
        self._current = ((name, prefix + grant.token),)
        if grant.lifetime is None:
            self._renew_at = self._ends_at = inf
            return
        self._ends_at = self._clock() + grant.lifetime
        self._renew_at = self._ends_at - min(_EARLY, grant.lifetime / 10)

    def secrets(self) -> Iterable[str]:
        """See Authenticator."""
        token = "" if self._current is None else self._current[0][1].removeprefix(self._header[1])
        return [token, *self._secrets()]


def read_grant(answer: Answer, place: str, secrets: Iterable[str]) -> object:
    """The JSON of a token endpoint's answer.

    Args:
        answer: of the endpoint.
        place: names the endpoint in texts, e.g. `the login at /auth/login`.
        secrets: what the API might repeat.

    Raises:
        Transient: no 2xx, or no JSON; a refusal counts towards an outage, because no event is at fault.
    """
    status = answer.status
    if status == 429:
        wait = retry_after(answer.headers, 0.0)
        raise Throttled(f"{place} answered 429", free=True, retry_after=wait, reason="auth")
    if status // 100 != 2:
        said = complaint(answer, secrets)
        what = "refused the credentials" if 400 <= status < 500 else "failed"
        raise Transient(f"{place} {what} ({status})" + (f": {said}" if said else ""), outage=True, reason="auth")
    try:
        parsed: object = orjson.loads(answer.body)
    except ValueError as error:
        raise Transient(f"{place} answered {status} without JSON", outage=True, reason="auth") from error
    return parsed
