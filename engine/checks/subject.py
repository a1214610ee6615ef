"""A rule as the checks see it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from jinja2 import nodes

from engine.checks.expressions import first_use, span_of
from engine.documents import Document, Pointer
from engine.findings import Finding, Level, Span, many, spell
from engine.openapi.api import KnownApi
from engine.openapi.operation import Operation
from engine.rules.model import RequestRule, Rule
from engine.rules.scope import Place
from engine.rules.syntax import whole_expression
from engine.rules.templates import Template
from engine.typing.flaws import FlawKind
from engine.typing.memo import TypeMemo
from engine.typing.rule import Fault, TypedRule
from engine.typing.schemas import EventTypes

T = TypeVar("T")


class Memo:
    """Answers about texts: rules repeat themselves, and several checks ask the same."""

    __slots__ = ("_known", "types")

    def __init__(self) -> None:
        self._known: dict[tuple[Callable[[Template], Any], str], Any] = {}
        self.types = TypeMemo()

    def ask(self, question: Callable[[Template], T], template: Template) -> T:
        """The answer for a template; `question` looks at nothing but its text."""
        key = (question, template.source)
        if key not in self._known:
            self._known[key] = question(template)
        answer: T = self._known[key]
        return answer


@dataclass(frozen=True, slots=True)
class Subject:
    """One rule whose shape is sound.

    Attributes:
        document: where it stands.
        rule: compiled; templates that have findings already are missing from it.
        places: its templates, each with the names that it sees.
        whole: no template is missing from the rule.
        memo: shared by the rules of one run.
        events: the types of the project's events.
        typed: the types of the rule's templates, and what is wrong by them.
        apis: those with a document, by their names in `apis`; "" for `api`.
        kept: what several checks work out of the rule, by who works it out.
    """

    document: Document
    rule: Rule
    places: tuple[Place, ...]
    whole: bool
    memo: Memo
    events: EventTypes
    typed: TypedRule
    apis: Mapping[str, KnownApi]
    kept: dict[Any, Any] = field(default_factory=dict)

    def operation(self, request: RequestRule) -> Operation | None:
        """What the API's document says of a request; None where there is no document, or nothing in it.

        A path that only lacks its slash at the end is taken as if it had it: that is said once, elsewhere.
        """
        api = self.apis.get(request.api)
        if api is None:
            return None
        return api.operation(request.method, request.path) or api.operation(request.method, f"{request.path}/")

    def of(self, question: Callable[[Template], T], place: Place) -> T:
        """What a question about the text of a template gives; the same text is asked once."""
        return self.memo.ask(question, place.template)

    def once(self, work: Callable[[Subject, RequestRule], T], request: RequestRule) -> T:
        """What a function gives for a request of this rule, worked out once."""
        key = (work, request.pointer)
        if key not in self.kept:
            self.kept[key] = work(self, request)
        found: T = self.kept[key]
        return found

    def faults(self, kind: FlawKind) -> Iterator[tuple[Fault, Spot]]:
        """What is wrong by the types, with its places."""
        for fault in self.typed.faults:
            if fault.flaw.kind is kind:
                part = span_of(fault.template.source, fault.flaw.node)
                yield fault, Spot(self, fault.template.pointer, part, key=False)

    @property
    def data(self) -> Mapping[str, Any]:
        """The rule as written."""
        data: Mapping[str, Any] = self.document.data
        return data

    def written(self, request: Pointer) -> Mapping[str, Any]:
        """A request as written."""
        found: Any = self.data
        for step in request:
            found = found[step]
        return dict(found)

    def at(self, pointer: Pointer, *, key: bool = False) -> Spot:
        """A value, or its key."""
        return Spot(self, pointer, None, key)

    def inside(self, place: Place, start: int, end: int) -> Spot:
        """Characters of a template."""
        return Spot(self, place.template.pointer, (start, end), key=False)

    def token(self, place: Place, node: nodes.Node) -> Spot:
        """The token of a node of a template."""
        return self.inside(place, *span_of(place.template.source, node))

    def use(self, place: Place, name: str) -> Spot | None:
        """Where a template first takes a name from its scope; None where it sets the name itself."""
        node = first_use(place.template.ast(), name)
        return None if node is None else self.token(place, node)


@dataclass(frozen=True, slots=True)
class Spot:
    """Where a finding points."""

    subject: Subject
    pointer: Pointer
    part: tuple[int, int] | None
    key: bool

    @property
    def span(self) -> Span:
        """Where that is in the file."""
        document = self.subject.document
        if self.part is None:
            return document.span(self.pointer, key=self.key)
        return document.inside(self.pointer, *self.part)

    def error(self, check: str, said: str, remedy: str = "") -> Finding:
        """A finding that has to be fixed."""
        return self._finding(Level.ERROR, check, said, remedy)

    def warning(self, check: str, said: str, remedy: str = "") -> Finding:
        """A finding that may be meant."""
        return self._finding(Level.WARNING, check, said, remedy)

    def fault(self, check: str, fault: Fault) -> Finding:
        """A finding about types, naming the versions of the event that it is about."""
        flaw, versions = fault.flaw, ", ".join(map(str, fault.versions))
        which = f" ({many(len(fault.versions), 'version').partition(' ')[2]} {versions})" if versions else ""
        return self._finding(flaw.level, check, flaw.said + which, flaw.remedy)

    def _finding(self, level: Level, check: str, said: str, remedy: str) -> Finding:
        document, span = self.subject.document, self.span
        where = spell(self.pointer[:-1] if self.key else self.pointer)
        return Finding(document.path, span, level, check, f"{where}: {said}" if where else said, remedy)


def expressions(subject: Subject, *roles: str) -> Iterator[tuple[Place, nodes.Expr]]:
    """The templates of these roles that are one whole expression."""
    for place in subject.places:
        if place.role in roles:
            found = whole_expression(place.template.ast())
            if found is not None:
                yield place, found
