"""`+ - * / // % **`, signs, and `~`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jinja2 import nodes

from engine.typing import model
from engine.typing.families import Family, families
from engine.typing.model import ListOf, Number, NumberKind, Source, Text, Type, describe
from engine.typing.scope import Env

if TYPE_CHECKING:
    from engine.typing.expressions import Typer

_NUMBER = frozenset({Family.NUMBER})
_TEXT = frozenset({Family.TEXT})
_JOINABLE = frozenset({Family.NUMBER, Family.TEXT, Family.LIST})
_DATES = frozenset({Family.DATETIME, Family.LOCAL, Family.DATE})
_SIGNS = {nodes.Add: "+", nodes.Sub: "-", nodes.Mul: "*", nodes.Div: "/", nodes.FloorDiv: "//", nodes.Pow: "**"}
_WHY = "and cannot be computed with"


def arithmetic(typer: Typer, node: nodes.BinExpr, env: Env) -> Type:
    """The type of an operator's result."""
    if isinstance(node, nodes.Mod):
        return _modulo(typer, node, env)
    left, right = typer.not_null(node.left, env, _WHY), typer.not_null(node.right, env, _WHY)
    mine, theirs = families(left), families(right)
    if mine is None or theirs is None or _do_go(node, mine, theirs):
        return _result(typer, node, left, right)
    sign = _SIGNS.get(type(node), "?")
    wrong, said = (node.left, left) if mine.isdisjoint(_JOINABLE | _DATES) else (node.right, right)
    other = right if wrong is node.left else left
    return typer.operand(
        wrong, f"{describe(said)} does not go with {describe(other)} and `{sign}`", _remedy(mine, theirs)
    )


def sign(typer: Typer, node: nodes.UnaryExpr, env: Env) -> Type:
    """The type of `-a` and `+a`."""
    found = typer.not_null(node.node, env, _WHY)
    known = families(found)
    if known is not None and known.isdisjoint(_NUMBER):
        return typer.operand(node.node, f"{describe(found)} is not a number")
    if isinstance(node, nodes.Neg) and isinstance(found, Number) and found.values is not None:
        return Number(found.kind, tuple(-value for value in found.values), found.source)
    return found if isinstance(found, Number) else model.UNKNOWN


def concat(typer: Typer, node: nodes.Concat, env: Env) -> Type:
    """The type of `a ~ b`."""
    for part in node.nodes:
        typer.text(part, env)
    return model.TEXT


def _modulo(typer: Typer, node: nodes.BinExpr, env: Env) -> Type:
    """A remainder, or text that is filled."""
    left = typer.not_null(node.left, env, _WHY)
    known = families(left)
    if known == _TEXT:
        for filled in node.right.items if isinstance(node.right, nodes.Tuple) else [node.right]:
            typer.text(filled, env)
        return model.TEXT
    if known is None:
        return model.UNKNOWN
    if known.isdisjoint(_TEXT | _NUMBER):
        return typer.operand(node.left, f"{describe(left)} has no remainder")
    right = typer.not_null(node.right, env, _WHY)
    theirs = families(right)
    if theirs is not None and known == _NUMBER and theirs.isdisjoint(_NUMBER):
        return typer.operand(node.right, f"{describe(right)} is not a number")
    return left if isinstance(left, Number) and left.values is None else model.UNKNOWN


def _do_go(node: nodes.BinExpr, left: frozenset[Family], right: frozenset[Family]) -> bool:
    """True where some value of one goes with some value of the other."""
    if left & right & _NUMBER:
        return True
    if isinstance(node, nodes.Add):
        return bool(left & right & _JOINABLE)
    if isinstance(node, nodes.Mul):
        return bool((left & _JOINABLE and right & _NUMBER) or (left & _NUMBER and right & _JOINABLE))
    return isinstance(node, nodes.Sub) and bool(left & right & _DATES)


def _result(typer: Typer, node: nodes.BinExpr, left: Type, right: Type) -> Type:
    if isinstance(left, Number) and isinstance(right, Number):
        return _number(typer, node, left, right)
    if isinstance(node, nodes.Mul):
        return _repeated(typer, node, left, right)
    if isinstance(node, nodes.Add) and isinstance(left, Text) and isinstance(right, Text):
        return model.TEXT
    if isinstance(node, nodes.Add) and isinstance(left, ListOf) and isinstance(right, ListOf):
        return ListOf(model.union(left.item, right.item))
    return model.UNKNOWN


def _repeated(typer: Typer, node: nodes.BinExpr, left: Type, right: Type) -> Type:
    """Text or a list, several times."""
    for what, times, at in ((left, right, node.right), (right, left, node.left)):
        is_whole = isinstance(times, Number) and (times.kind is NumberKind.INTEGER or times.source is Source.RESPONSE)
        if isinstance(what, Text | ListOf) and isinstance(times, Number):
            repeated = model.TEXT if isinstance(what, Text) else what
            return (
                repeated if is_whole else typer.operand(at, f"{describe(what)} cannot be repeated by {describe(times)}")
            )
    return model.UNKNOWN


def _number(typer: Typer, node: nodes.BinExpr, left: Number, right: Number) -> Type:
    kinds = {left.kind, right.kind}
    if kinds == {NumberKind.DECIMAL, NumberKind.FLOAT} and Source.RESPONSE not in (left.source, right.source):
        return typer.operand(node.right, "a decimal and a float cannot be computed with each other", "use `| float`")
    if NumberKind.DECIMAL in kinds:
        return model.DECIMAL
    if isinstance(node, nodes.Div | nodes.Pow) or NumberKind.FLOAT in kinds:
        return model.FLOAT
    return model.INTEGER


def _remedy(left: frozenset[Family], right: frozenset[Family]) -> str:
    if {Family.TEXT, Family.NUMBER} == left | right:
        return "use `~` to join text, or `| int` to compute"
    return "use `~` to join text" if Family.TEXT in left | right else ""
