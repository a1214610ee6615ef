"""Which names every template of a rule sees, and why it does not see the others; for the checks of `validate-rules`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from engine.rules.model import Condition, RequestRule, Rule
from engine.rules.parts import Part
from engine.rules.sandbox import GLOBALS
from engine.rules.templates import Pointer, Template


class Kind(StrEnum):
    """What a name stands for."""

    EVENT = "event"
    MESSAGE = "message"
    OMIT = "omit"
    FUNCTION = "function"
    VAR = "var"
    ITEM = "item"
    RESPONSE = "response"
    RESPONSES = "responses"  # of a request with `for_each`: a list


@dataclass(frozen=True, slots=True)
class Name:
    """A name in scope.

    Attributes:
        kind: what it stands for.
        pointer: where the rule declares it; () for the engine's own.
        request: the request whose item, response or responses it is.
        part: what gives a var its value, or an item its list.
    """

    kind: Kind
    pointer: Pointer = ()
    request: RequestRule | None = None
    part: Part | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """One template with what it sees.

    Attributes:
        template: the template; `.names` are those that it reads.
        role: the key it stands under: `order_by`, `when`, `vars`, `for_each`, `path`, `query`, `headers`, `body`,
            `that`, `message`.
        names: in scope here.
        hidden: names of the rule that are not in scope here, each with the reason as a sentence.
        request: the request it belongs to, None for those of the rule itself.
    """

    template: Template
    role: str
    names: Mapping[str, Name]
    hidden: Mapping[str, str]
    request: RequestRule | None = None


_ALWAYS: Mapping[str, Name] = {
    "event": Name(Kind.EVENT),
    "message": Name(Kind.MESSAGE),
    "omit": Name(Kind.OMIT),
    **{name: Name(Kind.FUNCTION) for name in GLOBALS},
}


def places(rule: Rule) -> Iterator[Place]:
    """Every template of the rule with what it sees, in the order in which they are rendered."""
    names: dict[str, Name] = dict(_ALWAYS)
    before = {**_items(rule, None), **_vars(rule, "only `vars` and requests see"), **_responses(rule.requests)}
    yield from _of("order_by", rule.order_by, names, before)
    yield from _of("when", rule.when, names, before)
    later = {**_items(rule, None), **_vars(rule, "a var sees only those above it, not"), **_responses(rule.requests)}
    for name, part in rule.vars:
        yield from _of("vars", part, names, later)
        names = {**names, name: Name(Kind.VAR, ("vars", name), part=part)}
        later = {other: why for other, why in later.items() if other != name}
    for index, request in enumerate(rule.requests):
        yield from _request(rule, request, index, names)
        kind = Kind.RESPONSE if request.for_each is None else Kind.RESPONSES
        names = {**names, request.id: Name(kind, request.pointer, request)}


def _request(rule: Rule, request: RequestRule, index: int, names: Mapping[str, Name]) -> Iterator[Place]:
    own = f"the response of '{request.id}' is there in its own `expect` and in later requests only"
    later = _responses(rule.requests[index + 1 :])
    hidden = {**_items(rule, request), **later, request.id: own}
    yield from _of("for_each", request.for_each, names, {**hidden, **_before_item(request)}, request)
    if request.for_each is not None:
        names = {**names, request.item: Name(Kind.ITEM, (*request.pointer, "for_each"), request, request.for_each)}
    yield from _of("when", request.when, names, hidden, request)
    yield from _of("path", request.path_template, names, hidden, request)
    yield from _of("query", request.query, names, hidden, request)
    for _, part in request.headers:
        yield from _of("headers", part, names, hidden, request)
    yield from _of("body", request.body, names, hidden, request)
    names = {**names, request.id: Name(Kind.RESPONSE, request.pointer, request)}
    hidden = {**_items(rule, request), **later}
    yield from _of("that", request.expect.that, names, hidden, request)
    yield from _of("message", request.expect.message, names, hidden, request)


def _of(
    role: str,
    part: Part | Condition | None,
    names: Mapping[str, Name],
    hidden: Mapping[str, str],
    request: RequestRule | None = None,
) -> Iterator[Place]:
    if part is None or isinstance(part, bool):
        return
    for template in (part,) if isinstance(part, Template) else part.templates():
        yield Place(template, role, names, hidden, request)


def _vars(rule: Rule, why: str) -> dict[str, str]:
    return {name: f"{why} '{name}'" for name, _ in rule.vars}


def _responses(requests: tuple[RequestRule, ...]) -> dict[str, str]:
    return {request.id: f"the request '{request.id}' has not run yet here" for request in requests}


def _items(rule: Rule, request: RequestRule | None) -> dict[str, str]:
    """Names of items that are not those of `request`."""
    own = request.item if request is not None and request.for_each is not None else None
    hidden = {"item": "'item' is there with `for_each` only"}
    for other in rule.requests:
        if other.for_each is not None:
            hidden[other.item] = f"'{other.item}' is the item of the request '{other.id}' only"
    return {name: why for name, why in hidden.items() if name != own}


def _before_item(request: RequestRule) -> dict[str, str]:
    if request.for_each is None:
        return {}
    return {request.item: f"`for_each` gives '{request.item}' its values, so it cannot use it"}
