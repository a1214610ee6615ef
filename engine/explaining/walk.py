"""Walks a rule as far as answers lead: known requests are asked for, what depends on the others is sketched. Pure."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field

from engine.api.messages import Request, Response
from engine.config.model import Limits
from engine.errors import Stage, Undeliverable
from engine.events.event import Event
from engine.rules.model import RequestRule, Rule
from engine.rules.plan import opening, steps
from engine.rules.preview import Known, Open, Sight, left_out, sights
from engine.rules.sandbox import Scope
from engine.rules.templates import RenderFailed


@dataclass(frozen=True, slots=True)
class Given:
    """An accepted answer, and where it came from, in words."""

    response: Response
    source: str


@dataclass(frozen=True, slots=True)
class Ask:
    """A request whose answer would lead further. `rule`: that it is made by; `turn`: of its requests, from 0."""

    rule: RequestRule
    request: Request
    turn: int


@dataclass(frozen=True, slots=True)
class Step:
    """One request of the story, or one item of it.

    Attributes:
        number: of the rule's request, from 1.
        sight: what is known of it.
        answers: one a page; empty where it was not answered.
    """

    number: int
    sight: Sight
    answers: list[Given] = field(default_factory=list)


Asking = Generator[Ask, Given | None, None]


class Walk:
    """One event's way through its rule.

    Args:
        rule: whose `when` is true for the event.
        event: a decoded event.
        limits: bounds of a plan.
        check: holds a request against its API's document; raises Undeliverable.

    Attributes:
        steps: what was met so far, in order.
    """

    def __init__(self, rule: Rule, event: Event, limits: Limits, check: Callable[[Request], None]) -> None:
        self.steps: list[Step] = []
        self._rule = rule
        self._event = event
        self._limits = limits
        self._check = check

    def run(self) -> Asking:
        """All requests in order.

        Yields:
            What may be answered; `send` the answer, or None at the first of a request's asks: then it stays unanswered.

        Raises:
            Undeliverable: the event would be a dead letter.
        """
        scope = opening(self._rule, self._event)
        unanswered: dict[str, str] = {}
        for number, request in enumerate(self._rule.requests, 1):
            try:
                if not (yield from self._request(number, request, scope, unanswered)):
                    unanswered[request.id] = request.id
            except RenderFailed as error:
                raise Undeliverable(Stage.RENDER, str(error), request_id=request.id) from error

    def _request(
        self, number: int, request: RequestRule, scope: Scope, unanswered: Mapping[str, str]
    ) -> Generator[Ask, Given | None, bool]:
        """Whether its answer is known afterwards."""
        met: list[Step] = []
        for sight in sights(request, scope, self._event, self._limits, unanswered):
            step = Step(number, sight)
            self.steps.append(step)
            met.append(step)
            if isinstance(sight, Known):
                self._check(sight.request)
        if left_out(request, [step.sight for step in met], scope):
            return True
        if any(isinstance(step.sight, Open) for step in met) or self._judged_by(request, unanswered):
            return False
        known = [(step, step.sight) for step in met if isinstance(step.sight, Known)]
        first = yield Ask(request, known[0][1].request, 0)
        if first is None:
            return False
        yield from self._answered(request, scope, [step for step, _ in known], first)
        return True

    def _answered(self, request: RequestRule, scope: Scope, met: list[Step], given: Given) -> Asking:
        """The plan itself, fed; its requests are those that were met, and pages of them."""
        plan, at, turn = steps(request, scope, self._event, self._limits), 0, 0
        next(plan)
        while True:
            met[at].answers.append(given)
            try:
                asked = plan.send(given.response)
            except StopIteration:
                return
            turn += 1
            at += asked.next_link is None
            answer = yield Ask(request, asked, turn)
            if answer is None:
                raise RuntimeError("who answers the first request answers all of them")
            given = answer

    @staticmethod
    def _judged_by(request: RequestRule, unanswered: Mapping[str, str]) -> bool:
        """Its `expect` reads an answer that is not known."""
        return any(name in unanswered for template in request.templates() for name in template.names)
