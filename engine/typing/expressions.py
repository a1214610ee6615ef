"""The type of an expression, by walking Jinja's tree; what is wrong in it is noted on the way.

A faulty expression is UNKNOWN, so that one fault is one flaw.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from jinja2 import nodes

from engine.rules.sandbox import expression as spelled
from engine.typing import model
from engine.typing.arithmetic import arithmetic, concat, sign
from engine.typing.comparing import compare
from engine.typing.fields import field_of
from engine.typing.filters import apply
from engine.typing.flaws import FlawKind, Flaws
from engine.typing.judging import judge
from engine.typing.model import Boolean, Bytes, Field, ListOf, Map, Null, Number, NumberKind, Record, Source, Text, Type
from engine.typing.narrowing import narrow
from engine.typing.scope import Env, is_sure, path_of


class Typer:
    """Types the expressions of one template for one version of its event.

    Attributes:
        flaws: what was found so far.
    """

    __slots__ = ("flaws",)

    def __init__(self, flaws: Flaws) -> None:
        self.flaws = flaws

    def of(self, node: nodes.Node, env: Env, *, lenient: bool = False) -> Type:
        """The type of an expression.

        Args:
            node: the expression.
            env: what it sees.
            lenient: it may be missing: a filter or test around it asks for that.
        """
        if lenient and isinstance(node, nodes.Getattr | nodes.Getitem | nodes.CondExpr):
            return _access(self, node, env, lenient=True) if not isinstance(node, nodes.CondExpr) else _inline_if(
                self, node, env, lenient=True
            )
        known = _BY_NODE.get(type(node))
        return model.UNKNOWN if known is None else known(self, node, env)

    def not_null(self, node: nodes.Node, env: Env, why: str, remedy: str = "") -> Type:
        """The type of an expression where null fails; with a flaw for each part of it that may be null.

        Args:
            node, env: as for `of`.
            why: why null fails, as the end of a sentence.
            remedy: what to write instead, "" for the usual one.
        """
        found = self.of(node, env)
        if not model.may_be_null(found):
            return found
        if self.blame_null(node, env, why, remedy):
            return model.UNKNOWN
        left = model.without(found, Null)
        return model.UNKNOWN if left is None else left

    def blame_null(self, node: nodes.Node, env: Env, why: str, remedy: str = "", *, warn: bool = False) -> bool:
        """Note what may be null in an expression that may be; False where that is not certain enough."""
        blamed = False
        for part, where in self.null_parts(node, env):
            if where.faulty or not is_sure(part, where):
                continue
            name = spelled(part) if isinstance(part, nodes.Expr) else "(...)"
            said = "is null" if isinstance(part, nodes.Const) else "may be null"
            subject = "this" if "(...)" in name else f"'{name}'"
            level = model_level(warn)
            usual = "use default('...', true), or check it with `is not none`"
            self.flaws.add(FlawKind.NULLABLE, part, f"{subject} {said}, {why}", remedy or usual, level=level)
            blamed = True
        return blamed

    def null_parts(self, node: nodes.Node, env: Env) -> Iterator[tuple[nodes.Node, Env]]:
        """The parts of an expression whose null would be its value, each with what holds there."""
        with self.flaws.muted():
            parts = list(self._null_parts(node, env))
        return iter(parts)

    def declared(self, node: nodes.Node, env: Env) -> Type:
        """The type without what conditions have proven."""
        with self.flaws.muted():
            return self.of(node, env.unproven())

    def text(self, node: nodes.Node, env: Env, why: str = "which has no text") -> Type:
        """The type of an expression that becomes text."""
        found = self.not_null(node, env, why)
        if any(isinstance(one, Bytes) for one in model.members(found)):
            said = "bytes have no text" if isinstance(found, Bytes) else "this may be bytes, which have no text"
            self.flaws.add(FlawKind.OPERAND, node, said, "use b64encode")
            return model.UNKNOWN
        return found

    def condition(self, node: nodes.Node, env: Env) -> tuple[Type, Env, Env]:
        """The type of a condition, what holds where it is true, and what holds where it is false."""
        found = self.of(node, env)
        when, otherwise = narrow(self, node, env, truth=True), narrow(self, node, env, truth=False)
        if self.flaws.within(node) or _reads_broken(node, env):
            when, otherwise = when.doubt(), otherwise.doubt()
        value = truth_of(found)
        if value is True:
            otherwise = otherwise.end()
        elif value is False:
            when = when.end()
        return found, when, otherwise

    def operand(self, node: nodes.Node, said: str, remedy: str = "") -> Type:
        """Note a value of a type that does not go where it stands; UNKNOWN."""
        self.flaws.add(FlawKind.OPERAND, node, said, remedy)
        return model.UNKNOWN

    def branch(self, node: nodes.Node, found: Type, has_else: bool) -> None:
        """Note a branch that cannot be reached, as its condition is always the same."""
        self.flaws.look(node)
        value = truth_of(found)
        if value is False:
            said = "this is never true, so what depends on it is never used"
            self.flaws.add(FlawKind.UNREACHABLE, node, said)
        elif value is True and has_else:
            self.flaws.add(FlawKind.UNREACHABLE, node, "this is always true, so the `else` is never used")

    def _null_parts(self, node: nodes.Node, env: Env) -> Iterator[tuple[nodes.Node, Env]]:
        if env.dead or not model.may_be_null(self.of(node, env)):
            return
        match node:
            case nodes.CondExpr():
                _, when, otherwise = self.condition(node.test, env)
                yield from self._null_parts(node.expr1, when)
                if node.expr2 is not None:
                    yield from self._null_parts(node.expr2, otherwise)
            case nodes.Or():
                _, _, otherwise = self.condition(node.left, env)
                yield from self._null_parts(node.right, otherwise)
            case nodes.And():
                _, when, _ = self.condition(node.left, env)
                yield from self._null_parts(node.left, env)
                yield from self._null_parts(node.right, when)
            case nodes.Filter(name="default" | "d", node=nodes.Expr() as subject, args=[nodes.Expr() as instead, *more]):
                if not more and not node.kwargs:
                    yield from self._null_parts(subject, env)
                yield from self._null_parts(instead, env)
            case _:
                yield node, env


def model_level(warn: bool) -> Any:
    """The level of a flaw."""
    from engine.findings import Level

    return Level.WARNING if warn else Level.ERROR
