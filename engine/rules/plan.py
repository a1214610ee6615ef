"""A rule as a generator: it yields requests, is sent responses, and never sees a socket, a clock or a log."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import replace
from typing import Any

from engine.api.messages import Request, Response
from engine.config.model import Limits
from engine.errors import Stage, Undeliverable
from engine.events.event import Event
from engine.rules.encode import build
from engine.rules.model import Condition, RequestRule, Rule
from engine.rules.parts import Part
from engine.rules.sandbox import Scope
from engine.rules.templates import RenderFailed
from engine.rules.values import OMIT, kind

Answer = dict[str, Any]
Steps = Generator[Request, Response, Answer]


def run(rule: Rule, event: Event, limits: Limits) -> Generator[Request, Response, None]:
    """The requests of one event, one after the other.

    The rule's own `when` is not asked here: see `Rule.applies`.

    Args:
        rule: the rule for the event.
        event: a decoded event.
        limits: `items`, `pages` and `rendered` bound what the plan does.

    Yields:
        The next request; `send` its accepted response.

    Raises:
        Undeliverable: stage `render` where a template fails for this event, stage `expect` where an answer is not what
            the rule expects, or has more pages or items than allowed.
    """
    scope = opening(rule, event)
    for request in rule.requests:
        try:
            yield from steps(request, scope, event, limits)
        except RenderFailed as error:
            raise Undeliverable(Stage.RENDER, str(error), request_id=request.id) from error


def opening(rule: Rule, event: Event) -> Scope:
    """What the first request sees: the event, and the rule's vars.

    Raises:
        Undeliverable: stage `render`: a var cannot be rendered.
    """
    try:
        scope = rule.scope(event)
        names = scope.names
        for name, part in rule.vars:
            names[name] = _var(name, part.value(scope))
    except RenderFailed as error:
        raise Undeliverable(Stage.RENDER, str(error)) from error
    return scope


def steps(
    request: RequestRule, scope: Scope, event: Event, limits: Limits
) -> Generator[Request, Response, Answer | None]:
    """One request of a rule, with all its items and pages; its answer is in the scope afterwards.

    Raises:
        RenderFailed: while it is iterated; see `run`, which says where.
    """
    if request.for_each is None:
        return _once(request, scope, event, limits)
    return _each(request, request.for_each, scope, event, limits)


def _var(name: str, value: Any) -> Any:
    if value is OMIT:
        raise RenderFailed(f"vars.{name}: is `omit`, which can only stand for a key or a list element of a request")
    return value


def _each(
    request: RequestRule, source: Part, scope: Scope, event: Event, limits: Limits
) -> Generator[Request, Response, None]:
    """One request an item; afterwards the id is the list of all answers."""
    answers = []
    for item in items_of(request, source, scope, limits):
        scope.names[request.item] = item
        answers.append((yield from _once(request, scope, event, limits)))
        del scope.names[request.id]
    scope.names.pop(request.item, None)
    scope.names[request.id] = answers


def items_of(request: RequestRule, source: Part, scope: Scope, limits: Limits) -> list[Any]:
    """The elements of `for_each`, checked.

    Raises:
        RenderFailed: it is no list, or has too many.
    """
    found = source.value(scope)
    if not isinstance(found, (list, tuple, range)):
        raise RenderFailed(f"{_place(request)}.for_each: must be a list, is {kind(found)}")
    if len(found) > limits.items:
        text = f"{_place(request)}.for_each: has {len(found)} items, limits.items allows {limits.items}"
        raise RenderFailed(text)
    return [item for item in found if item is not OMIT]


def _once(request: RequestRule, scope: Scope, event: Event, limits: Limits) -> Steps:
    """One request with its pages; leaves the answer in scope under the request's id."""
    when = request.when
    if when is not True and (when is False or not when.truth(scope)):
        answer: Answer = {"skipped": True}
        scope.names[request.id] = answer
        return answer
    made = build(request, scope, event.id, limits.rendered)
    response = yield made
    if request.paginate:
        answer, response = yield from _pages(made, response, limits)
    else:
        answer = _answer(response)
    scope.names[request.id] = answer
    if request.expect.that is not None:
        _expect(request, request.expect.that, scope, response)
    return answer


def _answer(response: Response) -> Answer:
    return {"skipped": False, "status": response.status, "headers": response.headers, "body": response.body}


def _pages(made: Request, response: Response, limits: Limits) -> Generator[Request, Response, tuple[Answer, Response]]:
    """Follow `next`: `items` are all results, `body` is the first page, `status` and `headers` are the last's."""
    first = response.body
    items = list(_results(made, response))
    seen: set[str] = set()
    while (link := _next(made, response)) is not None:
        if link in seen:
            raise _unexpected(made, response, "its `next` leads to a page that was read before")
        seen.add(link)
        if len(seen) >= limits.pages:
            raise _unexpected(made, response, f"has more pages than limits.pages allows ({limits.pages})")
        response = yield replace(made, next_link=link)
        items += _results(made, response)
        if len(items) > limits.items:
            break
    if len(items) > limits.items:
        raise _unexpected(made, response, f"has more items than limits.items allows ({limits.items})")
    return {**_answer(response), "body": first, "items": items}, response


def _results(made: Request, response: Response) -> list[Any]:
    body = response.body
    found = body.get("results") if isinstance(body, Mapping) else None
    if not isinstance(found, list):
        raise _unexpected(made, response, "is no page: `paginate` needs a map with a list `results`")
    return found


def _next(made: Request, response: Response) -> str | None:
    link = response.body.get("next")
    if link is None or link == "":
        return None
    if not isinstance(link, str):
        raise _unexpected(made, response, f"is no page: `next` must be text, is {kind(link)}")
    return link


def _expect(request: RequestRule, that: Condition, scope: Scope, response: Response) -> None:
    """Hold the answer against `expect.that`; a condition that cannot be judged is a failed one."""
    said = request.expect.message
    try:
        if that if isinstance(that, bool) else that.truth(scope):
            return
        text = f"{_place(request)}.expect.that is false"
        if said is not None:
            text = " ".join(str(said.value(scope)).split())
    except RenderFailed as error:
        text = str(error)
    raise Undeliverable(Stage.EXPECT, text, request_id=request.id, status=response.status, attempts=response.attempts)


def _unexpected(made: Request, response: Response, why: str) -> Undeliverable:
    text = f"the answer of {made.id} {why}"
    return Undeliverable(Stage.EXPECT, text, request_id=made.id, status=response.status, attempts=response.attempts)


def _place(request: RequestRule) -> str:
    step = request.pointer[-1]
    return f"requests[{step}]" if isinstance(step, int) else step
