"""One event's way: its rule, the rule's requests, the outcome. No Kafka, no socket."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from typing import Protocol

from engine.api.client import Client, given_up
from engine.api.messages import Request, Response
from engine.api.retry import Budget
from engine.api.slots import Seat
from engine.config.model import Limits
from engine.errors import EngineError, Stage, Transient, Undeliverable
from engine.events.event import Event
from engine.outcome import Dead, Done, Outcome, Skipped
from engine.rules.book import Book
from engine.rules.model import Rule
from engine.rules.plan import run

Send = Callable[[Client, Request, "Journey"], Awaitable[Response]]


class Leave(Protocol):
    """Leave to send, see `api.call.Call`."""

    async def permit(self) -> None:
        """Return when sending is allowed, or raise Revoked."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait, or raise Revoked."""
        ...


class Observer(Protocol):
    """Who is told what happens to an event on its way."""

    def sent(self, journey: Journey, request: Request, status: int | None, seconds: float) -> None:
        """An attempt ended; `status` None: no answer."""
        ...

    def retried(self, journey: Journey, request: Request, reason: str, attempt: int, delay: float, text: str) -> None:
        """A retry follows in `delay` seconds."""
        ...


class Journey:
    """An event under way; what the client knows of it (`api.call.Call`).

    Attributes:
        event: the event.
        key: its ordering key.
        rule: its rule, None until it is found.
        attempts: requests sent so far, retries included.
        answers: accepted answers so far, in order, with the ids of their requests.
        recorded: answers of an earlier try that its plan is fed with; nothing is sent for them.
    """

    __slots__ = ("_observer", "answers", "attempts", "event", "key", "permit", "recorded", "rule", "seat", "sleep")

    def __init__(
        self, event: Event, key: Hashable, leave: Leave, observer: Observer, recorded: Sequence[Response] = ()
    ) -> None:
        self.event = event
        self.key = key
        self.rule: Rule | None = None
        self.attempts = 0
        self.answers: list[tuple[str, Response]] = []
        self.recorded = recorded
        self._observer = observer
        self.seat = Seat(kept=True)
        self.permit = leave.permit
        self.sleep = leave.sleep

    def sent(self, request: Request, status: int | None, seconds: float) -> None:
        """See `api.call.Call`."""
        self.attempts += 1
        self._observer.sent(self, request, status, seconds)

    def retried(self, request: Request, reason: str, attempt: int, delay: float, text: str) -> None:
        """See `api.call.Call`."""
        self._observer.retried(self, request, reason, attempt, delay, text)


class Pipeline:
    """Processes events by the rules of a book.

    Attributes:
        book: the rules; replaced as a whole when they are read again. Events under way keep the rule they began with.
    """

    def __init__(
        self,
        book: Book,
        clients: Mapping[str, Client],
        limits: Limits,
        *,
        skip_unknown: bool,
        wall: Callable[[], float],
    ) -> None:
        """Prepare.

        Args:
            book: the rules.
            clients: one an API, "" for `api`.
            limits: bounds of a plan.
            skip_unknown: an event whose type and version have no rule is skipped, not dead.
            wall: seconds since the epoch, for `max_age`.
        """
        self.book = book
        self._clients = clients
        self._limits = limits
        self._skip_unknown = skip_unknown
        self._wall = wall

    async def process(self, journey: Journey) -> Outcome:
        """Take an event to its end.

        Raises:
            Revoked: the partition is no longer ours; the event is neither done nor dead.
        """
        event = journey.event
        rule = journey.rule = self.book.find(event.type, event.version)
        try:
            if rule is None:
                return self._unrouted(event)
            if self._is_old(rule, event):
                return Skipped(rule, "old")
            if not rule.applies(event):
                return Skipped(rule, "when")
            if rule.restart:
                await self._restarting(rule, journey)
            else:
                await self._follow(rule, journey, _send)
        except Undeliverable as error:
            return dead(journey, error)
        except EngineError:
            raise
        except Exception as error:  # a bug of ours: the event is kept, with where it happened
            return dead(journey, internal(Stage.REQUEST if journey.attempts else Stage.RENDER, error))
        finally:
            journey.seat.leave()
        return Done(rule, journey.attempts)

    def _unrouted(self, event: Event) -> Outcome:
        if self._skip_unknown:
            return Skipped(None, "unknown_type")
        versions = event.type in self.book.event_types
        known = f"no rule covers version {event.version} of" if versions else "there is no rule for"
        raise Undeliverable(Stage.ROUTE, f"{known} event_type {event.type[:200]!r}")

    def _is_old(self, rule: Rule, event: Event) -> bool:
        stamp = event.message.timestamp
        if rule.max_age is None or stamp is None:
            return False
        age = self._wall() - stamp / 1000
        if age <= rule.max_age:
            return False
        if rule.on_old == "dead":
            raise Undeliverable(Stage.ROUTE, f"the event is {age:.0f} s old, max_age is {rule.max_age:.0f} s")
        return True

    async def _follow(self, rule: Rule, journey: Journey, send: Send) -> None:
        """The rule's plan from its first request to its end."""
        plan = run(rule, journey.event, self._limits)
        request = next(plan, None)
        recorded = iter(journey.recorded)
        while request is not None:
            response = next(recorded, None) or await send(self._clients[request.api], request, journey)
            journey.answers.append((request.id, response))
            try:
                request = plan.send(response)
            except StopIteration:
                return

    async def _restarting(self, rule: Rule, journey: Journey) -> None:
        """As `_follow`, but a retry begins at the first request again; the budget is the event's."""
        budget: Budget | None = None
        while True:
            try:
                return await self._follow(rule, journey, _attempt)
            except _Failed as failed:
                client, request, failure = failed.client, failed.request, failed.failure
            budget = budget or Budget(client.policy(request))
            delay = client.wait(budget, failure)
            if delay is None:
                raise given_up(request, failure, budget.attempts) from failure
            journey.retried(request, failure.reason, budget.attempts, delay, str(failure))
            if delay > 0.0:
                await journey.sleep(delay)
            journey.answers.clear()


class _Failed(Exception):
    """An attempt failed, with what a restart needs to know."""

    def __init__(self, client: Client, request: Request, failure: Transient) -> None:
        super().__init__(str(failure))
        self.client = client
        self.request = request
        self.failure = failure


def _send(client: Client, request: Request, journey: Journey) -> Awaitable[Response]:
    return client.send(request, journey)


async def _attempt(client: Client, request: Request, journey: Journey) -> Response:
    try:
        return await client.attempt(request, journey)
    except Transient as failure:
        raise _Failed(client, request, failure) from failure


def internal(stage: Stage, error: Exception) -> Undeliverable:
    """A bug of ours as the end of an event; its text stays out, because it may quote anything."""
    bug = Undeliverable(stage, f"internal error: {type(error).__name__}")
    bug.__cause__ = error
    return bug


def dead(journey: Journey, error: Undeliverable) -> Dead:
    """The end of an event that a retry would not help, with the answers so far."""
    answers = tuple({"id": id_, "status": answer.status, "body": answer.body} for id_, answer in journey.answers)
    return Dead(journey.rule, error, journey.attempts, answers)
