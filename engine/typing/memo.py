"""What was typed once is not typed again: the rules of a project repeat each other's templates.

A template is typed anew only where its text, what is wanted of it, or the types of the names in it differ.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import Enum, auto

from jinja2 import nodes

from engine.rules.syntax import whole_expression
from engine.rules.templates import Template
from engine.typing import model, uses
from engine.typing.expressions import Typer
from engine.typing.flaws import Flaws
from engine.typing.model import Record, Type
from engine.typing.scope import Env, Path, response
from engine.typing.statements import type_text

_OF_THE_RULE = re.compile(r"\bevent\b(?!\s*\.\s*(?!version\b|event_type\b)\w)")
"""Where a template reads of the event what differs from rule to rule although the schemas are the same."""


class Use(Enum):
    """What is wanted of a template's value."""

    ANY = auto()
    LIST = auto()
    WHEN = auto()
    THAT = auto()
    QUERY = auto()
    FILTER = auto()
    MAY_BE_EMPTY = auto()
    HEADER = auto()
    FORM = auto()
    FORM_FIELD = auto()
    RAW = auto()


_CHECKS: Mapping[Use, Callable[[Typer, nodes.Expr, Env], Type]] = {
    Use.LIST: lambda typer, node, env: model.ListOf(uses.as_list(typer, node, env)),
    Use.WHEN: uses.as_when,
    Use.THAT: uses.as_condition,
    Use.QUERY: lambda typer, node, env: uses.as_mapping(typer, node, env, "the query"),
    Use.FILTER: lambda typer, node, env: uses.as_filter(typer, node, env, allow_empty=False),
    Use.MAY_BE_EMPTY: lambda typer, node, env: uses.as_filter(typer, node, env, allow_empty=True),
    Use.HEADER: uses.as_header,
    Use.FORM: lambda typer, node, env: uses.as_mapping(typer, node, env, "the body of a form"),
    Use.FORM_FIELD: uses.as_form,
    Use.RAW: uses.as_raw,
}


@dataclass(frozen=True, slots=True)
class Proof:
    """What a condition proves: see the fields of `Env`. `facts` are those that it adds."""

    facts: Mapping[Path, Type]
    faulty: bool
    dead: bool

    def apply(self, env: Env) -> Env:
        """What holds then."""
        if not (self.facts or self.faulty or self.dead):
            return env
        facts = {**env.facts, **self.facts}
        return replace(env, facts=facts, faulty=env.faulty or self.faulty, dead=env.dead or self.dead)


@dataclass(frozen=True, slots=True)
class Outcome:
    """A typed template.

    Attributes:
        type: of its value.
        flaws: what is wrong in it.
        true, false: what holds where a condition is true, and where it is false.
    """

    type: Type
    flaws: Flaws
    true: Proof | None = None
    false: Proof | None = None


class TypeMemo:
    """Outcomes by all that they depend on; one for all rules of a run."""

    __slots__ = ("_outcomes", "_responses")

    def __init__(self) -> None:
        self._outcomes: dict[object, Outcome] = {}
        self._responses: dict[tuple[Type, Type, bool], Record] = {}

    def outcome(self, template: Template, use: Use, env: Env) -> Outcome:
        """Type a template.

        Args:
            template: of the rule.
            use: what is wanted of its value; it counts where the template is one whole expression.
            env: what it sees.
        """
        key = (template.source, use, template.whole, *_seen_by(template, env))
        found = self._outcomes.get(key)
        if found is None:
            found = self._outcomes[key] = _outcome(template, use, env)
        return found

    def response(self, body: Type, item: Type, *, paginate: bool) -> Record:
        """The type of an answer; the same for the same body."""
        key = (body, item, paginate)
        found = self._responses.get(key)
        if found is None:
            found = self._responses[key] = response(body, item, paginate=paginate)
        return found


def _seen_by(template: Template, env: Env) -> tuple[object, ...]:
    """All of the env that the template can see."""
    names = sorted(template.names)
    roots = {env.aliases[name][0] if name in env.aliases else name for name in names}
    types = tuple(env.names.get(name) for name in names if name != "event")
    event: object = None
    if "event" in roots:
        event = env.names["event"] if _OF_THE_RULE.search(template.source) else env.event
    facts = frozenset(fact for fact in env.facts.items() if fact[0][0] in roots) if env.facts else None
    marks = tuple((name in env.sure, name in env.broken, env.aliases.get(name)) for name in names)
    return types, event, facts, marks, env.faulty


def _outcome(template: Template, use: Use, env: Env) -> Outcome:
    typer = Typer(Flaws())
    expression = whole_expression(template.ast()) if template.whole else None
    if expression is None:
        type_text(typer, template.ast(), env)
        return Outcome(model.TEXT, typer.flaws)
    check = _CHECKS.get(use)
    found = typer.of(expression, env) if check is None else check(typer, expression, env)
    if use not in (Use.WHEN, Use.THAT):
        return Outcome(found, typer.flaws)
    proofs = (_proof(env, typer.where(expression, env, truth=truth)) for truth in (True, False))
    return Outcome(found, typer.flaws, *proofs)


def _proof(before: Env, after: Env) -> Proof:
    facts = {path: found for path, found in after.facts.items() if before.facts.get(path) is not found}
    return Proof(facts, after.faulty, after.dead)
