"""Which requests, `when` and `expect` of a rule the cases took, seen by conditions that note what they gave."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from engine.documents import Document, Pointer
from engine.findings import Span
from engine.rules.model import Condition, RequestRule, Rule
from engine.rules.sandbox import Scope
from engine.rules.templates import RenderFailed, Template


@dataclass(frozen=True, slots=True)
class Point:
    """Something that a case can take.

    Attributes:
        pointer: its place in the rule.
        kind: `request`, `when` or `expect`.
        branch: `sent`; `true` or `false`; `held` or `failed`.
        request: id of the request, "" for the rule itself.
    """

    pointer: Pointer
    kind: str
    branch: str
    request: str


@dataclass(frozen=True, slots=True)
class Gap:
    """A point that no case took, with its place in the rule file."""

    path: Path
    span: Span
    rule: str
    point: Point

    @property
    def text(self) -> str:
        """`request 'update' is never sent`."""
        of = f" of '{self.point.request}'" if self.point.request else ""
        match self.point.kind:
            case "request":
                return f"request '{self.point.request}' is never sent"
            case "when":
                return f"`when`{of} is never {self.point.branch}"
            case _:
                return f"`expect`{of} never {'holds' if self.point.branch == 'held' else 'fails'}"


class _Watched(Template):
    """A condition that tells what it gave."""

    __slots__ = ("_note",)

    def __init__(self, rule: Rule, condition: Template, note: Callable[[bool | None], None]) -> None:
        super().__init__(rule.sandbox, condition.source, condition.pointer)
        self._note = note

    def truth(self, scope: Scope) -> bool:
        """See `Template.truth`."""
        try:
            found = super().truth(scope)
        except RenderFailed:
            self._note(None)
            raise
        self._note(found)
        return found


class Coverage:
    """Of one rule.

    Attributes:
        rule: the same rule, but watched.
    """

    def __init__(self, rule: Rule, document: Document) -> None:
        self._document = document
        self._points = tuple(_points(rule))
        self._taken: set[tuple[str, str, str]] = set()
        self.rule = self._watch(rule)

    def sent(self, request_id: str) -> None:
        """A request of the rule was sent."""
        self._taken.add(("request", "sent", request_id))

    @property
    def total(self) -> int:
        """How many points there are."""
        return len(self._points)

    def gaps(self) -> Iterator[Gap]:
        """The points that no case took, in file order."""
        for point in self._points:
            if (point.kind, point.branch, point.request) not in self._taken:
                yield Gap(self.rule.path, self._document.span(point.pointer), self.rule.name, point)

    def _watch(self, rule: Rule) -> Rule:
        requests = tuple(self._request(rule, request) for request in rule.requests)
        return replace(rule, when=self._condition(rule, rule.when, "when", ""), requests=requests)

    def _request(self, rule: Rule, request: RequestRule) -> RequestRule:
        when = self._condition(rule, request.when, "when", request.id)
        if request.expect.that is None:
            return replace(request, when=when)
        that = self._condition(rule, request.expect.that, "expect", request.id)
        return replace(request, when=when, expect=replace(request.expect, that=that))

    def _condition(self, rule: Rule, condition: Condition, kind: str, request: str) -> Condition:
        if isinstance(condition, bool):
            return condition

        def note(found: bool | None) -> None:
            if kind == "expect":  # one that cannot be judged has failed
                self._taken.add((kind, "held" if found else "failed", request))
            elif found is not None:
                self._taken.add((kind, "true" if found else "false", request))

        return _Watched(rule, condition, note)


def _points(rule: Rule) -> Iterable[Point]:
    if isinstance(rule.when, Template):
        yield from (Point(("when",), "when", branch, "") for branch in ("true", "false"))
    for request in rule.requests:
        at = request.pointer
        if isinstance(request.when, Template):
            yield from (Point((*at, "when"), "when", branch, request.id) for branch in ("true", "false"))
        yield Point(at, "request", "sent", request.id)
        if isinstance(request.expect.that, Template):
            there = (*at, "expect", "that")
            yield from (Point(there, "expect", branch, request.id) for branch in ("held", "failed"))
