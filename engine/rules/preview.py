"""What a rule would ask for, as far as that can be known before anything is answered; for `engine explain`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from engine.api.messages import Request
from engine.config.model import Limits
from engine.errors import Stage, Undeliverable
from engine.events.event import Event
from engine.rules.encode import build
from engine.rules.model import Condition, RequestRule, Rule
from engine.rules.parts import Constant, Elements, Fields, Part, Single
from engine.rules.plan import items_of, opening
from engine.rules.sandbox import Scope
from engine.rules.templates import RenderFailed, Template
from engine.rules.values import OMIT


@dataclass(frozen=True, slots=True)
class Known:
    """A request that is fully known. `number`: of the item, from 1; None without `for_each`."""

    rule: RequestRule
    request: Request
    number: int | None = None


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A request whose `when` is false. `number` as for Known."""

    rule: RequestRule
    number: int | None = None


@dataclass(frozen=True, slots=True)
class Open:
    """A request that depends on answers; what does not is rendered, the rest stands as the rule writes it.

    Attributes:
        rule: the request's rule.
        needs: ids of the requests whose answers it needs.
        path: the path, with templates where a value is not known.
        query, headers, body: rendered as far as known.
        for_each, when: as written, None where they do not depend on an answer.
    """

    rule: RequestRule
    needs: tuple[str, ...]
    path: str
    query: Any
    headers: Mapping[str, Any]
    body: Any
    for_each: str | None
    when: str | None


Sight = Known | LeftOut | Open


def preview(rule: Rule, event: Event, limits: Limits) -> Iterator[Sight]:
    """The rule's requests in order, each as far as it is known.

    Raises:
        Undeliverable: stage `render`: a template fails for this event.
    """
    scope = opening(rule, event)
    answers: dict[str, str] = {}
    for request in rule.requests:
        try:
            seen = list(sights(request, scope, event, limits, answers))
        except RenderFailed as error:
            raise Undeliverable(Stage.RENDER, str(error)) from error
        yield from seen
        if not left_out(request, seen, scope):
            answers[request.id] = request.id


def left_out(request: RequestRule, seen: Sequence[Sight], scope: Scope) -> bool:
    """Whether nothing is sent for a request; then its answer is known, and put into the scope."""
    if not all(isinstance(sight, LeftOut) for sight in seen):
        return False
    skipped = [{"skipped": True} for _ in seen]
    scope.names[request.id] = skipped[0] if request.for_each is None else skipped
    return True


def sights(
    request: RequestRule, scope: Scope, event: Event, limits: Limits, answers: Mapping[str, str]
) -> Iterator[Sight]:
    """The sights of one request: several where a known list gives several items.

    Args:
        request: of the rule.
        scope: what the request's templates see.
        event: that it is made for.
        limits: `rendered` bounds a request.
        answers: ids of the requests before it whose answers are not known, each by its own name.

    Raises:
        RenderFailed: a template fails for this event.
    """
    if request.for_each is None:
        yield _one(request, scope, event, limits, answers)
        return
    needed = _needs(request.for_each.templates(), answers)
    if needed:
        yield _sketch(request, scope, {**answers, request.item: needed[0]})
        return
    for number, item in enumerate(items_of(request, request.for_each, scope, limits), 1):
        scope.names[request.item] = item
        sight = _one(request, scope, event, limits, answers)
        yield sight if isinstance(sight, Open) else replace(sight, number=number)
    scope.names.pop(request.item, None)


def _one(request: RequestRule, scope: Scope, event: Event, limits: Limits, answers: Mapping[str, str]) -> Sight:
    if isinstance(request.when, bool) or not _needs([request.when], answers):
        when = request.when
        if not (when if isinstance(when, bool) else when.truth(scope)):
            return LeftOut(request)
    if _needs(_making(request), answers):
        return _sketch(request, scope, answers)
    return Known(request, build(request, scope, event.id, limits.rendered))


def _sketch(request: RequestRule, scope: Scope, answers: Mapping[str, str]) -> Open:
    headers = {name: _drawn(part, scope, answers) for name, part in request.headers}
    return Open(
        rule=request,
        needs=_needs(_making(request), answers),
        path=_drawn_path(request, scope, answers),
        query=None if request.query is None else _drawn(request.query, scope, answers),
        headers={name: value for name, value in headers.items() if value is not None and value is not OMIT},
        body=None if request.body is None else _drawn(request.body, scope, answers),
        for_each=_written(request.for_each, answers),
        when=_written(request.when, answers),
    )


def _making(request: RequestRule) -> Iterator[Template]:
    """The templates that decide whether and what is sent; not those that judge the answer."""
    judging = [request.expect.that, *(request.expect.message.templates() if request.expect.message else ())]
    return (template for template in request.templates() if template not in judging)


def _needs(templates: Any, answers: Mapping[str, str]) -> tuple[str, ...]:
    """Ids of the requests whose answers the templates read, directly or as an item; in order, each once."""
    return tuple(dict.fromkeys(answers[name] for one in templates for name in answers if name in one.names))


def _drawn(part: Part, scope: Scope, answers: Mapping[str, str]) -> Any:
    if isinstance(part, Single):
        return part.template.source.strip() if _needs([part.template], answers) else part.plain(scope)
    if isinstance(part, Fields):
        drawn = {key: _drawn(one, scope, answers) for key, one in part.items}
        return {key: value for key, value in drawn.items() if value is not OMIT}
    if isinstance(part, Elements):
        return [value for one in part.items if (value := _drawn(one, scope, answers)) is not OMIT]
    return part.data


def _drawn_path(request: RequestRule, scope: Scope, answers: Mapping[str, str]) -> str:
    template = request.path_template
    if template is None or _needs([template], answers):
        return request.path
    return template.text(scope)


def _written(part: Part | Condition | None, answers: Mapping[str, str]) -> str | None:
    """The source of what depends on an answer."""
    if part is None or isinstance(part, (bool, Constant)):
        return None
    templates = [part] if isinstance(part, Template) else list(part.templates())
    return templates[0].source.strip() if _needs(templates, answers) else None
