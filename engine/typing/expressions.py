"""The type of an expression, by walking Jinja's tree; what is wrong in it is noted on the way.

A faulty expression is UNKNOWN, so that one fault is one flaw.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from jinja2 import nodes

from engine.findings import Level
from engine.rules.sandbox import expression as spelled
from engine.typing import model
from engine.typing.arithmetic import arithmetic, concat, sign
from engine.typing.comparing import compare
from engine.typing.fields import access, slices
from engine.typing.filters import apply
from engine.typing.flaws import FlawKind, Flaws
from engine.typing.judging import judge
from engine.typing.model import Bytes, Field, ListOf, Map, Null, Number, NumberKind, Record, Source, Type
from engine.typing.narrowing import narrow, truth_of
from engine.typing.scope import Env, is_sure, names_in, proven

GUARD = "use default('...', true), or check it with `is not none`"
"""What to write where null fails."""


class Typer:
    """Types the expressions of one template for one version of its event.

    Attributes:
        flaws: what was found so far.
    """

    __slots__ = ("_known", "_proven", "flaws")

    def __init__(self, flaws: Flaws) -> None:
        self.flaws = flaws
        # by identity, each with what has to stay alive for it; the flag says that its flaws were noted
        self._known: dict[tuple[int, int, bool], tuple[Type, bool, Env]] = {}
        self._proven: dict[tuple[int, int, bool], tuple[Env, bool, Env]] = {}

    def of(self, node: nodes.Node | None, env: Env, *, lenient: bool = False) -> Type:
        """The type of an expression.

        Args:
            node: the expression.
            env: what it sees.
            lenient: it may be missing: a filter or test around it asks for that.
        """
        key = (id(node), id(env), lenient)
        known = self._known.get(key)
        if known is not None and (known[1] or self.flaws.is_muted):
            return known[0]
        found = self._typed(node, env, lenient)
        self._known[key] = (found, not self.flaws.is_muted, env)
        return found

    def _typed(self, node: nodes.Node | None, env: Env, lenient: bool) -> Type:
        if lenient and isinstance(node, (nodes.Getattr, nodes.Getitem)):
            return access(self, node, env, lenient=True)
        if lenient and isinstance(node, nodes.CondExpr):
            return _inline_if(self, node, env, lenient=True)
        known = _BY_NODE.get(type(node))
        return model.UNKNOWN if known is None or node is None else known(self, node, env)

    def not_null(self, node: nodes.Node, env: Env, why: str, remedy: str = GUARD) -> Type:
        """The type of an expression where null fails; with a flaw for each part of it that may be null.

        Args:
            node: the expression.
            env: what it sees.
            why: why null fails, as the end of a sentence.
            remedy: what to write instead.
        """
        found = self.of(node, env)
        if not model.may_be_null(found):
            return found
        if self.blame_null(node, env, why, remedy):
            return model.UNKNOWN
        return model.without(found, Null) or model.UNKNOWN

    def blame_null(self, node: nodes.Node, env: Env, why: str, remedy: str = GUARD, level: Level = Level.ERROR) -> bool:
        """Note what may be null in an expression that may be null; False where nothing certain enough is."""
        parts = self.parts(node, env, model.may_be_null)
        blamed = False
        for part, where in parts:
            if where.faulty or not is_sure(part, where):
                continue
            name = spelled(part) if isinstance(part, nodes.Expr) else ""
            subject = f"'{name}'" if name and "(...)" not in name else "this"
            verb = "is" if isinstance(part, nodes.Const) else "may be"
            self.flaws.add(FlawKind.NULLABLE, part, f"{subject} {verb} null, {why}", remedy, level=level)
            blamed = True
        return blamed

    def declared(self, node: nodes.Node, env: Env) -> Type:
        """The type without what conditions have proven."""
        with self.flaws.muted:
            return self.of(node, env.unproven())

    def text(self, node: nodes.Node, env: Env, why: str = "which has no text") -> Type:
        """The type of an expression that becomes text."""
        found = self.not_null(node, env, why)
        if any(isinstance(one, Bytes) for one in model.members(found)):
            return self.operand(node, "bytes have no text", "use b64encode")
        return found

    def where(self, node: nodes.Node, env: Env, *, truth: bool) -> Env:
        """What holds where a condition is true, or where it is false; the condition is typed on the way."""
        found = self.of(node, env)
        key = (id(node), id(env), truth)
        known = self._proven.get(key)
        if known is not None and (known[1] or self.flaws.is_muted):
            return known[0]
        value = self.truth(node, found, env)
        proven = narrow(self, node, env, truth=truth) if value is None or value is truth else env.end()
        if self.flaws.within(node) or (env.broken and any(name in env.broken for name in names_in(node))):
            proven = proven.doubt()
        self._proven[key] = (proven, not self.flaws.is_muted, env)
        return proven

    def operand(self, node: nodes.Node, said: str, remedy: str = "") -> Type:
        """Note a value of a type that does not go where it stands; gives UNKNOWN."""
        place = leftmost(node) if isinstance(node, nodes.Compare) else node
        self.flaws.add(FlawKind.OPERAND, place, said, remedy)
        return model.UNKNOWN

    def truth(self, node: nodes.Node, found: Type, env: Env) -> bool | None:
        """Whether a value always, or never, counts as true; None where that is not certain."""
        value = truth_of(found)
        return value if value is None or is_sure(node, env) else None

    def branch(self, node: nodes.Node, found: Type, env: Env, *, has_else: bool) -> None:
        """Note a branch that cannot be reached, as its condition is always the same."""
        value = self.truth(node, found, env)
        node = leftmost(node)
        self.flaws.look(node)
        if value is False:
            said = "this is never true: the branch is never taken"
            self.flaws.add(FlawKind.UNREACHABLE, node, said)
        elif value is True and has_else:
            self.flaws.add(FlawKind.UNREACHABLE, node, "this is always true: the `else` is never taken")

    def parts(self, node: nodes.Node, env: Env, wrong: Callable[[Type], bool]) -> list[tuple[nodes.Node, Env]]:
        """The parts of an expression that make its value one of a wrong type, each with what holds there."""
        with self.flaws.muted:
            return list(self._parts(node, env, wrong))

    def _parts(self, node: nodes.Node, env: Env, wrong: Callable[[Type], bool]) -> Iterator[tuple[nodes.Node, Env]]:
        if env.dead or not wrong(self.of(node, env, lenient=True)):
            return
        match node:
            case nodes.CondExpr():
                yield from self._parts(node.expr1, self.where(node.test, env, truth=True), wrong)
                if node.expr2 is not None:
                    yield from self._parts(node.expr2, self.where(node.test, env, truth=False), wrong)
            case nodes.Or() | nodes.And():
                is_or = isinstance(node, nodes.Or)
                found, rest = self.of(node.left, env), self.where(node.left, env, truth=not is_or)
                kept = model.truthy(found) if is_or else model.falsy(found)
                if kept is not None and wrong(kept):
                    yield from self._parts(node.left, env, wrong)
                yield from self._parts(node.right, rest, wrong)
            case nodes.Filter(name="default" | "d", node=nodes.Expr() as subject):
                if len(node.args) < 2 and not node.kwargs:
                    yield from self._parts(subject, env, wrong)
                for instead in node.args[:1]:
                    yield from self._parts(instead, env, wrong)
            case _:
                yield node, env


def leftmost(node: nodes.Node) -> nodes.Node:
    """Where an expression begins; Jinja itself gives a comparison the place behind it."""
    match node:
        case nodes.Compare():
            return leftmost(node.expr)
        case nodes.Test() | nodes.Filter() | nodes.Getattr() | nodes.Getitem() if node.node is not None:
            return leftmost(node.node)
        case nodes.And() | nodes.Or() | nodes.BinExpr():
            return leftmost(node.left)
        case nodes.CondExpr():
            return leftmost(node.expr1)
        case _:
            return node


def _const(_: Typer, node: nodes.Const, env: Env) -> Type:  # noqa: ARG001 - as the others
    value = node.value
    if value is None:
        return model.NULL
    if isinstance(value, bool):
        return model.TRUE if value else model.FALSE
    if isinstance(value, int | float):
        kind = NumberKind.INTEGER if isinstance(value, int) else NumberKind.FLOAT
        return Number(kind, (value,), Source.RULE)
    return model.text_of(value) if isinstance(value, str) else model.UNKNOWN


def _name(_: Typer, node: nodes.Name, env: Env) -> Type:
    found = proven(node, env)
    return env.names.get(node.name, model.UNKNOWN) if found is None else found


def _getattr(typer: Typer, node: nodes.Getattr, env: Env) -> Type:
    return access(typer, node, env)


def _getitem(typer: Typer, node: nodes.Getitem, env: Env) -> Type:
    return slices(typer, node, env) if isinstance(node.arg, nodes.Slice) else access(typer, node, env)


def _list(typer: Typer, node: nodes.List | nodes.Tuple, env: Env) -> Type:
    return ListOf(model.union(*(typer.of(one, env) for one in node.items)) if node.items else model.NOTHING)


def _dict(typer: Typer, node: nodes.Dict, env: Env) -> Type:
    fields: dict[str, Field] = {}
    for pair in node.items:
        value = typer.of(pair.value, env)
        if isinstance(pair.key, nodes.Const) and isinstance(pair.key.value, str):
            fields[pair.key.value] = Field(value)
    if len(fields) == len(node.items):
        return Record(fields, source=Source.RULE)
    return Map(model.union(*(typer.of(pair.value, env) for pair in node.items)))


def _inline_if(typer: Typer, node: nodes.CondExpr, env: Env, *, lenient: bool = False) -> Type:
    found = typer.of(node.test, env)
    typer.branch(node.test, found, env, has_else=node.expr2 is not None)
    when, otherwise = typer.where(node.test, env, truth=True), typer.where(node.test, env, truth=False)
    values = []
    if not when.dead:
        values.append(typer.of(node.expr1, when, lenient=lenient))
    if not otherwise.dead and node.expr2 is not None:
        values.append(typer.of(node.expr2, otherwise, lenient=lenient))
    return model.union(*values)


def _and(typer: Typer, node: nodes.And, env: Env) -> Type:
    left, when = typer.of(node.left, env), typer.where(node.left, env, truth=True)
    if when.dead:
        return left
    right = typer.of(node.right, when)
    falsy = model.falsy(left)
    return right if falsy is None else _both(left, right, falsy)


def _both(left: Type, right: Type, falsy: Type) -> Type:
    """The value of `and`; of two conditions of which one has a flaw nothing is known."""
    if model.FALSE in (left, right) and model.UNKNOWN in (left, right):
        return model.UNKNOWN
    return model.FALSE if right == model.FALSE and falsy == model.FALSE else model.union(falsy, right)


def _or(typer: Typer, node: nodes.Or, env: Env) -> Type:
    left, otherwise = typer.of(node.left, env), typer.where(node.left, env, truth=False)
    if otherwise.dead:
        return left
    right = typer.of(node.right, otherwise)
    truthy = model.truthy(left)
    return right if truthy is None else model.union(truthy, right)


def _not(typer: Typer, node: nodes.Not, env: Env) -> Type:
    found = typer.of(node.node, env)
    value = typer.truth(node.node, found, env)
    if value is None:
        return model.UNKNOWN if found == model.UNKNOWN and typer.flaws.within(node.node) else model.BOOLEAN
    return model.FALSE if value else model.TRUE


def _filter(typer: Typer, node: nodes.Filter, env: Env) -> Type:
    return apply(typer, node, env)


def _test(typer: Typer, node: nodes.Test, env: Env) -> Type:
    return judge(typer, node, env)


def _call(typer: Typer, node: nodes.Call, env: Env) -> Type:
    for one in (*node.args, *(pair.value for pair in node.kwargs)):
        typer.of(one, env)
    is_range = isinstance(node.node, nodes.Name) and node.node.name == "range"
    return ListOf(model.INTEGER) if is_range else model.UNKNOWN


_BY_NODE: dict[type, Callable[[Typer, Any, Env], Type]] = {
    nodes.Const: _const,
    nodes.Name: _name,
    nodes.Getattr: _getattr,
    nodes.Getitem: _getitem,
    nodes.List: _list,
    nodes.Tuple: _list,
    nodes.Dict: _dict,
    nodes.CondExpr: _inline_if,
    nodes.And: _and,
    nodes.Or: _or,
    nodes.Not: _not,
    nodes.Filter: _filter,
    nodes.Test: _test,
    nodes.Call: _call,
    nodes.Compare: compare,
    nodes.Concat: concat,
    nodes.Neg: sign,
    nodes.Pos: sign,
    nodes.Add: arithmetic,
    nodes.Sub: arithmetic,
    nodes.Mul: arithmetic,
    nodes.Div: arithmetic,
    nodes.FloorDiv: arithmetic,
    nodes.Mod: arithmetic,
    nodes.Pow: arithmetic,
}
