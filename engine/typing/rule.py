"""All templates of a rule, typed for each version of the event that the rule gets."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from engine.rules.model import Condition, RequestRule, Rule
from engine.rules.parts import Constant, Elements, Fields, Part, Single
from engine.rules.syntax import is_template, whole_expression
from engine.rules.templates import Pointer, Template
from engine.typing import model
from engine.typing.flaws import SHARED, Flaw, FlawKind, Flaws
from engine.typing.memo import Outcome, TypeMemo, Use
from engine.typing.model import Field, ListOf, Record, Source, Type
from engine.typing.scope import Env, event_scope, path_of

Version = int | None
"""A version of the event; None where the event's type has no schema."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a request gives.

    Attributes:
        body: of an accepted response.
        item: of the pages' results, for `paginate`.
    """

    body: Type = model.UNKNOWN
    item: Type = model.UNKNOWN


Answers = Callable[[RequestRule], Answer]
"""What the answers of a request are, by the document of its API."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A flaw of a rule.

    Attributes:
        template: where it is.
        flaw: what it is, in the words of the first version that has it.
        versions: those that have it; empty where the rule gets but one, or none is known.
        everywhere: all versions that come to this place have it.
    """

    template: Template
    flaw: Flaw
    versions: tuple[int, ...]
    everywhere: bool


@dataclass(frozen=True, slots=True)
class TypedRule:
    """The types of a rule's templates.

    Attributes:
        types: by version, then by the template's pointer. A template that an event of a version never comes to has
            no type there.
        faults: what is wrong.
    """

    types: Mapping[Version, Mapping[Pointer, Type]]
    faults: tuple[Fault, ...]

    def of(self, pointer: Pointer) -> Mapping[Version, Type]:
        """The type of the template at a place, by version."""
        return {version: known[pointer] for version, known in self.types.items() if pointer in known}

    def part(self, part: Part, version: Version) -> Type:
        """The type of a value that may hold templates at any depth; of a faulty template UNKNOWN."""
        return part_type(part, self.types[version])


def typed(
    rule: Rule,
    events: Mapping[int, Type],
    answers: Answers | None = None,
    *,
    whole: bool = True,
    memo: TypeMemo | None = None,
) -> TypedRule:
    """Type a rule.

    Args:
        rule: compiled.
        events: the types of the events that it gets, by version; empty where nothing is known of them.
        answers: what the requests give; None: nothing is known.
        whole: False where templates are missing from the rule because they have findings already.
        memo: one for all rules of a run.
    """
    versions: dict[Version, Type] = dict(events.items()) if events else {None: model.UNKNOWN}
    ask = _once(answers or (lambda _request: Answer()))
    known = memo or TypeMemo()
    walks = {version: _Walk(rule, version, event, ask, known, whole=whole) for version, event in versions.items()}
    for walk in walks.values():
        walk.run()
    return TypedRule({version: walk.types for version, walk in walks.items()}, tuple(_faults(walks)))


def part_type(part: Part, types: Mapping[Pointer, Type]) -> Type:
    """The type of a value of a rule from those of its templates.

    Args:
        part: the value.
        types: by pointer.
    """
    match part:
        case Constant():
            return literal(part.data)
        case Single():
            return types.get(part.template.pointer, model.UNKNOWN)
        case Fields():
            return Record({key: Field(part_type(one, types)) for key, one in part.items}, source=Source.RULE)
        case Elements():
            found = [part_type(one, types) for one in part.items]
            return ListOf(model.union(*(one for one in found if one != model.OMITTED)))


def literal(data: object) -> Type:
    """The type of plain data; of text with a template in it, which then has a finding already, UNKNOWN."""
    if data is None:
        return model.NULL
    if isinstance(data, bool):
        return model.TRUE if data else model.FALSE
    if isinstance(data, int | float):
        kind = model.NumberKind.INTEGER if isinstance(data, int) else model.NumberKind.FLOAT
        return model.Number(kind, (data,), Source.RULE)
    if isinstance(data, str):
        return model.UNKNOWN if is_template(data) else model.text_of(data)
    if isinstance(data, list):
        return ListOf(model.union(*map(literal, data)) if data else model.NOTHING)
    if isinstance(data, dict):
        return Record({key: Field(literal(value)) for key, value in data.items()}, source=Source.RULE)
    return model.UNKNOWN


def _once(answers: Answers) -> Answers:
    known: dict[Pointer, Answer] = {}

    def ask(request: RequestRule) -> Answer:
        if request.pointer not in known:
            known[request.pointer] = answers(request)
        return known[request.pointer]

    return ask


@dataclass(slots=True)
class _Walk:
    """One rule for one version, in the order in which its templates are rendered."""

    rule: Rule
    version: Version
    event: Type
    answers: Answers
    memo: TypeMemo
    whole: bool = field(kw_only=True)
    types: dict[Pointer, Type] = field(default_factory=dict)
    flaws: dict[Pointer, tuple[Template, Flaws]] = field(default_factory=dict)

    def run(self) -> None:
        env = event_scope(self.event, self.rule.event_type, self.version)
        if not self.whole:
            env = env.doubt()  # what is missing might prove something
        self._part(self.rule.order_by, env)
        env = self._when(self.rule.when, env)
        for name, part in self.rule.vars:
            if env.dead:
                return
            env = self._var(name, part, env)
        for request in self.rule.requests:
            if env.dead:
                return
            env = self._request(request, env)

    def _var(self, name: str, part: Part, env: Env) -> Env:
        found = self._part(part, env) or model.UNKNOWN
        expression = whole_expression(part.template.ast()) if isinstance(part, Single) and part.template.whole else None
        alias = None if expression is None else path_of(expression, env)
        broken = any(len(self.flaws[template.pointer][1]) for template in part.templates())
        return env.bind(name, found, sure=_is_sure(part, env), alias=alias, broken=broken)

    def _request(self, request: RequestRule, env: Env) -> Env:
        inside = env
        if request.for_each is not None:
            is_whole = isinstance(request.for_each, Single)
            found = self._part(request.for_each, env, Use.LIST if is_whole else Use.ANY)
            item = found.item if isinstance(found, ListOf) else model.UNKNOWN
            inside = env.bind(request.item, item, sure=_is_sure(request.for_each, env))
        inside = self._when(request.when, inside)
        answer = self.answers(request)
        one = self.memo.response(answer.body, answer.item, paginate=request.paginate)
        if not inside.dead:
            self._send(request, inside)
            inside = self._judge(request, inside.bind(request.id, one, sure=False))
        if request.for_each is not None:
            return env.bind(request.id, ListOf(one), sure=False)
        return inside if request.when is True and not inside.dead else env.bind(request.id, one, sure=False)

    def _send(self, request: RequestRule, env: Env) -> None:
        self._part(request.path_template, env)
        whole_query = isinstance(request.query, Single)
        self._part(request.query, env, Use.QUERY if whole_query else _FILTERS[request.allow_empty])
        for _, part in request.headers:
            self._part(part, env, Use.HEADER)
        for body, use in _body_uses(request):
            self._part(body, env, use)

    def _judge(self, request: RequestRule, env: Env) -> Env:
        """`that` and `message`; gives what holds afterwards."""
        that, after, otherwise = request.expect.that, env, env
        if isinstance(that, Template):
            outcome = self._template(that, env, Use.THAT)
            after, otherwise = (proof.apply(env) if proof else env for proof in (outcome.true, outcome.false))
        if not otherwise.dead:
            self._part(request.expect.message, otherwise)
        return env if after.dead else after

    def _when(self, when: Condition, env: Env) -> Env:
        if not isinstance(when, Template):
            return env
        outcome = self._template(when, env, Use.WHEN)
        return env if outcome.true is None else outcome.true.apply(env)

    def _part(self, part: Part | Template | None, env: Env, use: Use = Use.ANY) -> Type | None:
        """Type every template of a value."""
        if part is None:
            return None
        for template in (part,) if isinstance(part, Template) else part.templates():
            self._template(template, env, use)
        return None if isinstance(part, Template) else part_type(part, self.types)

    def _template(self, template: Template, env: Env, use: Use) -> Outcome:
        outcome = self.memo.outcome(template, use, env)
        self.types[template.pointer] = outcome.type
        self.flaws[template.pointer] = (template, outcome.flaws)
        return outcome


_FILTERS = {True: Use.MAY_BE_EMPTY, False: Use.FILTER}


def _body_uses(request: RequestRule) -> Iterator[tuple[Part | None, Use]]:
    """What is wanted of the body, or of each part of it."""
    body = request.body
    if request.encoding == "multipart" and isinstance(body, Fields):
        for _, field in body.items:
            for one in field.items if isinstance(field, Elements) else (field,):
                yield from _file_uses(one)
    elif request.encoding == "raw":
        yield body, Use.RAW
    elif request.encoding == "json":
        yield body, Use.ANY
    else:
        yield body, Use.FORM if isinstance(body, Single) else Use.FORM_FIELD


def _file_uses(one: Part) -> Iterator[tuple[Part, Use]]:
    """The content of a file may be bytes, which are no text of a field."""
    if isinstance(one, Fields):
        for key, inner in one.items:
            yield inner, Use.RAW if key == "content" else Use.ANY if key == "media_type" else Use.FORM_FIELD
    else:
        yield one, Use.FORM_FIELD


def _is_sure(part: Part, env: Env) -> bool:
    return all(name in env.sure for template in part.templates() for name in template.names)


@dataclass(slots=True)
class _Gathered:
    template: Template
    flaw: Flaw
    versions: list[Version] = field(default_factory=list)


_SUGGESTION = "did you mean"  # of several versions, the one that knows better is listened to


def _faults(walks: Mapping[Version, _Walk]) -> Iterator[Fault]:
    """The flaws of all versions, those that are one put together."""
    gathered: dict[tuple[Pointer, int, FlawKind, str], _Gathered] = {}
    for version, walk in walks.items():
        for pointer, (template, flaws) in walk.flaws.items():
            for flaw in flaws:
                key = (pointer, id(flaw.node), flaw.kind, flaw.said if flaw.kind is FlawKind.UNREACHABLE else "")
                one = gathered.setdefault(key, _Gathered(template, flaw))
                one.versions.append(version)
                if flaw.remedy.startswith(_SUGGESTION):
                    one.flaw = flaw
    for (pointer, node, _, _), one in gathered.items():
        came = [version for version, walk in walks.items() if _came(walk, pointer, node)]
        everywhere = set(one.versions) >= set(came)
        if everywhere or not (one.flaw.lenient or one.flaw.kind in SHARED):
            named = tuple(version for version in one.versions if version is not None) if len(walks) > 1 else ()
            yield Fault(one.template, one.flaw, named, everywhere)


def _came(walk: _Walk, pointer: Pointer, node: int) -> bool:
    """Whether an event of the version comes to a node."""
    return pointer in walk.flaws and node in walk.flaws[pointer][1].seen
