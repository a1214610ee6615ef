"""Sends requests: waits for their turn, proves who we are, retries. What an answer means is Judge's to say."""

from __future__ import annotations

from asyncio import CancelledError
from collections.abc import Callable

from engine.api.auth import Credentials, Desk
from engine.api.auth.registry import authenticator
from engine.api.call import Call
from engine.api.contract import Contract
from engine.api.files import Files, NoFiles, filled
from engine.api.gate import Gate, OnOutage
from engine.api.headers import Outgoing
from engine.api.judge import Judge, place
from engine.api.limits import Pace, Throttle
from engine.api.messages import Request, Response, RetryOverrides
from engine.api.origin import Origin
from engine.api.retry import Budget, merge
from engine.api.slots import Slots
from engine.api.transports import Answer, Transport
from engine.config.model import Api, Limits, Outage, RetryPolicy
from engine.errors import NoAnswer, Revoked, Stage, Throttled, Transient, Undeliverable

_REDIRECTS = 5
_MOVED = frozenset({301, 302, 303, 307, 308})
_RENEW_EVERY = 5.0  # seconds between two renewals of credentials where there is no `outage`


class Client:
    """One API: its connections, credentials, limits and state of health. Lives on one event loop.

    Args:
        api: where and how.
        retry: the configured policy; rules and requests set parts of it differently.
        outage: when the API is held to be away, None for never.
        limits: `body` bounds every answer.
        transport: what sends.
        clock: seconds of a monotonic clock.
        random: gives numbers in [0, 1) for the jitter.
        contract: the API's OpenAPI document, None for no check.
        on_outage: told the API's name and whether it is away, at each change.
        files: where files come from that a rule names by their address; None for nowhere.
    """

    def __init__(
        self,
        api: Api,
        retry: RetryPolicy,
        outage: Outage | None,
        limits: Limits,
        *,
        transport: Transport,
        clock: Callable[[], float],
        random: Callable[[], float],
        contract: Contract | None = None,
        on_outage: OnOutage | None = None,
        files: Files | None = None,
    ) -> None:
        place_of = f"apis.{api.name}" if api.name else "api"
        self._api = api
        self._retry = retry
        self._limit = limits.body
        self._transport = transport
        self._clock = clock
        self._random = random
        self._contract = contract
        self._files = files or NoFiles()
        self._origin = Origin(api.url, f"{place_of}.url")
        interval = _RENEW_EVERY if outage is None else outage.probe_every
        self._auth = authenticator(Desk(api, self._origin, transport, limits.body, interval, clock))
        self._gate = Gate(api.name, outage, on_outage)
        self._pace = Pace(api.rate)
        self._throttle = Throttle()
        self._slots = Slots(max(api.concurrency, 1))
        self._outgoing = Outgoing()
        self._policies: dict[RetryOverrides, RetryPolicy] = {}
        self._judge = Judge(self.policy, self._auth.secrets)

    @property
    def breaker(self) -> Gate:
        """The API's state: `.is_open` while it is held to be away."""
        return self._gate

    def policy(self, request: Request) -> RetryPolicy:
        """The configured policy with what the rule and the request set differently."""
        merged = self._policies.get(request.retry)
        if merged is None:
            merged = self._policies[request.retry] = merge(self._retry, request.retry)
        return merged

    async def close(self) -> None:
        """Close the connections; nothing may be sent afterwards."""
        self._gate.close()
        await self._transport.close()

    async def send(self, request: Request, call: Call) -> Response:
        """Send until there is an accepted answer or the budget is spent.

        Raises:
            Undeliverable: stage `request`, `expect` or `render`; a further attempt would not help or is not allowed.
            Revoked: the partition is no longer ours.
        """
        try:
            return await self.attempt(request, call)
        except Transient as failure:
            return await self._again(request, call, failure)

    async def _again(self, request: Request, call: Call, failure: Transient) -> Response:
        budget = Budget(self.policy(request))
        while True:
            delay = self.wait(budget, failure)
            if delay is None:
                raise given_up(request, failure, budget.attempts) from failure
            call.retried(request, failure.reason, budget.attempts, delay, str(failure))
            if delay > 0.0:
                await call.sleep(delay)
            try:
                response = await self.attempt(request, call)
            except Transient as another:
                failure = another
            except Undeliverable as error:
                error.attempts += budget.attempts
                raise
            else:
                return Response(response.status, response.headers, response.body, budget.attempts + 1)

    def wait(self, budget: Budget, failure: Transient) -> float | None:
        """Seconds before the next attempt; None: give up. For whoever calls `attempt` in a loop of their own.

        An event whose budget is spent while the API is away is held (0: at the gate), unless it was the probe that
        spent the last of it: else a poison event could keep the API closed for ever.
        """
        delay = budget.after(failure, self._clock(), self._random())
        if delay is None and failure.outage and not failure.probe and self._gate.is_open:
            return 0.0
        return delay

    async def attempt(self, request: Request, call: Call) -> Response:
        """Send once, when it is the request's turn: one answer, with one renewal of credentials if they were refused.

        Raises:
            Transient: it may succeed later.
            Undeliverable: it will not.
            Revoked: the partition is no longer ours; nothing was sent.
        """
        if self._contract is not None and request.next_link is None:
            self._contract.check(request, self._origin.base)
        url = self._origin.url(request)
        if request.headers:
            self._outgoing.check(request)
        probe = False
        while True:
            if self._gate.is_open and not probe:
                call.seat.leave()
                probe = await self._gate.enter(call)
            try:
                if call.seat.slots is not self._slots:
                    await call.seat.take(self._slots)
                # With the slot, so that only `concurrency` requests hold files at a time; before leave is asked.
                whole = await self._whole(request, probe) if request.sources else request
                # After the slot: a moment of the pace that passed in waiting for one would be used too late.
                if self._throttle.until > 0.0 or self._pace.limited:
                    await self._in_turn(call)
                response = await self._exchange(whole, url, call, probe)
            except BaseException as error:
                call.seat.leave()
                if probe and isinstance(error, Revoked | CancelledError):
                    self._gate.unused()
                raise
            if response is None or not call.seat.kept:
                call.seat.leave()
            if response is not None:
                return response

    async def _whole(self, request: Request, probe: bool) -> Request:
        """The request with its files. A store that fails says nothing of the API: a probe's turn goes on."""
        try:
            return await filled(request, self._files)
        except (Transient, Undeliverable) as error:
            if probe:
                self._gate.unused()
            if isinstance(error, Undeliverable):
                error.request_id = request.id
            raise

    async def _in_turn(self, call: Call) -> None:
        """Wait while a 429 slows the API down, then for the configured rate."""
        while (wait := self._throttle.until - self._clock()) > 0.0:
            await call.sleep(wait)
        if self._pace.limited and (wait := self._pace.reserve(self._clock())) > 0.0:
            await call.sleep(wait)

    async def _exchange(self, request: Request, url: str, call: Call, probe: bool) -> Response | None:
        """One answer, judged; None where, having got leave, the API turned out to be away or throttled meanwhile."""
        started = 0.0
        try:
            credentials = self._auth.current()
            if credentials is None:
                credentials = await self._auth.renew(None)
            await call.permit()
            started = self._clock()
            if started < self._throttle.until or (self._gate.is_open and not probe):
                return None
            answer = await self._wire(request, url, credentials, call)
            if answer.status // 100 in (3, 4) and answer.status not in request.accept:
                answer = await self._pursue(request, url, credentials, call, answer)
            response = self._judge.response(request, answer)
        except Transient as failure:
            self._failed(call, failure, self.policy(request), started, probe)
            if failure.ambiguous and request.is_write and self.policy(request).ambiguous == "dead":
                raise given_up(request, failure, 1) from failure
            raise
        except Undeliverable as error:
            self._ended(request, error)
            raise
        self._healthy()
        return response

    def _healthy(self) -> None:
        self._gate.succeeded()
        if self._throttle.rounds:
            self._throttle.ease()

    def _ended(self, request: Request, error: Undeliverable) -> None:
        error.request_id = request.id
        if error.status is not None:  # without one nothing was sent
            error.attempts = 1
            self._healthy()

    def _failed(self, call: Call, failure: Transient, policy: RetryPolicy, started: float, probe: bool) -> None:
        """What a failure means for the whole API, and so for this event's budget."""
        failure.probe = probe
        if isinstance(failure, Throttled):
            self._throttle.hit(policy, failure.retry_after, started, self._clock(), self._random())
        elif failure.outage:
            self._gate.failed(call.key)
            failure.free = failure.status is None and self._gate.is_open

    async def _pursue(
        self, request: Request, url: str, credentials: Credentials | None, call: Call, answer: Answer
    ) -> Answer:
        """The answer after one renewal of refused credentials and, for a GET, redirects within the origin."""
        if answer.status == 401:
            renewed = await self._auth.renew(credentials)
            if renewed is None:
                return answer
            credentials = renewed
            await call.permit()
            answer = await self._wire(request, url, credentials, call)
        for _ in range(_REDIRECTS if request.method == "GET" else 0):
            location = answer.headers.get("location")
            if location is None or answer.status not in _MOVED or answer.status in request.accept:
                break
            target = self._origin.redirect(url, location)
            if target is None:
                break
            url = target
            await call.permit()
            answer = await self._wire(request, url, credentials, call)
        return answer

    async def _wire(self, request: Request, url: str, credentials: Credentials | None, call: Call) -> Answer:
        started = self._clock()
        status = None
        try:
            answer = await self._transport.send(
                request.method,
                url,
                self._outgoing.headers(request, credentials),
                request.body,
                deadline=request.timeout or self._api.timeout,
                limit=self._limit,
            )
            status = answer.status
        except NoAnswer as failure:
            raise NoAnswer(f"{place(request)}: {failure}", reason=failure.reason) from failure
        finally:
            call.sent(request, status, self._clock() - started)
        return answer


def given_up(request: Request, failure: Transient, attempts: int) -> Undeliverable:
    """The end of a request whose budget is spent."""
    return Undeliverable(Stage.REQUEST, str(failure), request_id=request.id, status=failure.status, attempts=attempts)
