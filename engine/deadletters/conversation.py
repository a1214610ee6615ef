"""Where a replay begins: at the request that failed, fed with the answers of the first try, or at the first. Pure."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from engine.api.messages import Request, Response
from engine.config.model import Limits
from engine.deadletters.letter import DeadLetter
from engine.errors import Stage, Undeliverable
from engine.events.event import Event
from engine.rules.headers_read import reads_answer_headers
from engine.rules.model import Rule
from engine.rules.plan import run


@dataclass(frozen=True, slots=True)
class Recorded:
    """One answer of the first try, with the id of its request."""

    id: str
    status: int
    body: Any


@dataclass(frozen=True, slots=True)
class Conversation:
    """What `dlq.resume` says.

    Attributes:
        digest: of the rule that it was had by.
        answers: all that were accepted, in order.
    """

    digest: str
    answers: tuple[Recorded, ...]


@dataclass(frozen=True, slots=True)
class Beginning:
    """Where a replay begins.

    Attributes:
        answers: those of the first try that the plan is fed with; none: it begins at the first request.
        request: what is sent next; None where the plan sends nothing any more, or fails.
        repeated: ids of requests that write and had an accepted answer, and are sent again.
        why: for people, why it does not begin at the request that failed; "" where it does, or nothing was before it.
        failure: why nothing can be sent.
    """

    answers: tuple[Response, ...] = ()
    request: Request | None = None
    repeated: tuple[str, ...] = ()
    why: str = ""
    failure: Undeliverable | None = None


def read_conversation(resume: bytes | None) -> Conversation | None:
    """Parse `dlq.resume`; None without one, or where it is not the engine's."""
    if resume is None:
        return None
    try:
        data = orjson.loads(resume)
        answers = tuple(Recorded(str(one["id"]), int(one["status"]), one["body"]) for one in data["answers"])
        return Conversation(str(data["rule"]), answers)
    except (ValueError, KeyError, TypeError):
        return None


def begin(
    rule: Rule,
    event: Event,
    limits: Limits,
    letter: DeadLetter,
    conversation: Conversation | None,
    *,
    from_start: bool = False,
) -> Beginning:
    """Decide where the replay of a letter begins; nothing is sent, so writes are never repeated without being named.

    Args:
        rule: as it is now.
        event: the letter's event.
        limits: bounds of a plan.
        letter: what failed, and where.
        conversation: the answers so far; None: they were not kept.
        from_start: begin at the first request in any case.
    """
    why = _hindrance(rule, letter, conversation, from_start=from_start)
    if conversation is not None and not why:
        kept = _keep(rule, event, limits, conversation.answers)
        if kept is not None:
            return kept
        why = "the answers so far do not fit the rule's requests"
    try:
        first = next(run(rule, event, limits), None)
    except Undeliverable as error:
        return Beginning(why=why, failure=error)
    return Beginning((), first, _repeated(rule, letter, conversation), why)


def _hindrance(rule: Rule, letter: DeadLetter, conversation: Conversation | None, *, from_start: bool) -> str:
    """Why the answers so far cannot be used; "" where they can, or where there were none."""
    if conversation is None:
        return "the answers so far were not kept" if _before(rule, letter) else ""
    if from_start:
        return "asked for"
    if conversation.digest != rule.digest:
        return "the rule has changed"
    if rule.restart:
        return "the rule's retries restart"
    if reads_answer_headers(rule):
        return "the rule reads headers of answers, which are not kept"
    return ""


def _before(rule: Rule, letter: DeadLetter) -> list[str]:
    """Ids of the requests before the one that failed, as the rule is now; all of them where it is not known."""
    ids = [request.id for request in rule.requests]
    if letter.request is None:
        return []  # it failed before its first request
    return ids[: ids.index(letter.request)] if letter.request in ids else ids


def _repeated(rule: Rule, letter: DeadLetter, conversation: Conversation | None) -> tuple[str, ...]:
    writes = {request.id for request in rule.requests if request.method not in ("GET", "HEAD", "OPTIONS")}
    if conversation is None:
        return tuple(one for one in _before(rule, letter) if one in writes)
    answered = dict.fromkeys(one.id for one in conversation.answers)
    failed = letter.request if letter.stage == Stage.EXPECT else None  # is sent again in any case
    return tuple(one for one in answered if one in writes and one != failed)


@dataclass(frozen=True, slots=True)
class _Fed:
    """A plan that was fed with answers: the requests they belong to, the next one, or why there is none."""

    asked: list[Request]
    request: Request | None = None
    failure: Undeliverable | None = None


def _keep(rule: Rule, event: Event, limits: Limits, answers: Sequence[Recorded]) -> Beginning | None:
    """What the plan is fed with, and what it asks for then; None where the answers do not fit its requests.

    What failed is sent again as a whole: with all its pages, and with the answer that was not what was expected. Where
    a template failed, the lookups since the last write are made again, too: it failed for what they said.
    """
    fed = _feed(rule, event, limits, answers)
    if fed is None:
        return None
    asked, count = fed.asked, len(fed.asked)
    if fed.failure is not None and fed.failure.stage == Stage.EXPECT:
        count = _first_page(asked, count - 1)
    elif fed.failure is not None:
        while count and not asked[count - 1].is_write:
            count -= 1
    elif fed.request is not None and fed.request.next_link is not None:
        count = _first_page(asked, count - 1)
    if count < len(asked):
        fed = _feed(rule, event, limits, answers[:count])
        if fed is None:
            return None
    kept = tuple(Response(one.status, {}, one.body) for one in answers[:count])
    return Beginning(kept, fed.request, failure=fed.failure)


def _first_page(asked: Sequence[Request], index: int) -> int:
    while asked[index].next_link is not None:
        index -= 1
    return index


def _feed(rule: Rule, event: Event, limits: Limits, answers: Sequence[Recorded]) -> _Fed | None:
    """Feed a plan; None where an answer is not that of the request that the plan asks for."""
    plan = run(rule, event, limits)
    asked: list[Request] = []
    try:
        request = next(plan, None)
        for answer in answers:
            if request is None or request.id != answer.id:
                return None
            asked.append(request)
            request = _next(plan, Response(answer.status, {}, answer.body))
    except Undeliverable as error:
        return _Fed(asked, failure=error) if len(asked) == len(answers) else None
    return _Fed(asked, request)


def _next(plan: Generator[Request, Response, None], answer: Response) -> Request | None:
    try:
        return plan.send(answer)
    except StopIteration:
        return None
