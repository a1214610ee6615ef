"""What a condition proves about the values in it, where it is true and where it is false."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from jinja2 import nodes

from engine.typing import model
from engine.typing.model import Boolean, ListOf, Map, Moment, Null, Number, Record, Text, Type
from engine.typing.scope import Env, is_sure, join, path_of

if TYPE_CHECKING:
    from engine.typing.expressions import Typer

_KEEPING = frozenset({"trim", "lower", "upper", "capitalize", "title", "string", "list", "length", "count", "int"})
"""Filters that make something empty, or 0, of what is empty: where the result counts as true, so does the value."""

_MEANS_TRUE = {("gt", 0), ("ne", 0)}
"""Comparisons of a number of things with 0 that are true of no empty thing."""

_OF_TYPE: dict[str, tuple[type, ...]] = {
    "none": (Null,),
    "string": (Text,),
    "number": (Number, Boolean),
    "boolean": (Boolean,),
    "mapping": (Map, Record),
}


def truth_of(found: Type) -> bool | None:
    """Whether a value counts as true; None where both may be."""
    if isinstance(found, Boolean):
        return found.value
    if found == model.UNKNOWN:
        return None
    if model.truthy(found) is None:
        return False
    is_certain = isinstance(found, Text | Number | Moment) and model.falsy(found) is None
    return True if is_certain and not isinstance(found, Moment) else None


def narrow(typer: Typer, node: nodes.Node, env: Env, *, truth: bool) -> Env:
    """What holds where a condition is true, or where it is false.

    Args:
        typer: types what has to be typed; every node in the condition was typed before.
        node: the condition.
        env: what holds before it.
        truth: which of the two.
    """
    if env.dead:
        return env
    with typer.flaws.muted:
        return _narrow(typer, node, env, truth)


def _narrow(typer: Typer, node: nodes.Node, env: Env, truth: bool) -> Env:
    known = _BY_NODE.get(type(node))
    if known is not None:
        return known(typer, node, env, truth)
    return _keep(typer, node, env, model.truthy if truth else model.falsy)


def _not(typer: Typer, node: nodes.Not, env: Env, truth: bool) -> Env:
    return _narrow(typer, node.node, env, not truth)


def _and(typer: Typer, node: nodes.And, env: Env, truth: bool) -> Env:
    last = _narrow(typer, node.right, _narrow(typer, node.left, env, True), truth)
    return last if truth else join(_narrow(typer, node.left, env, False), last)


def _or(typer: Typer, node: nodes.Or, env: Env, truth: bool) -> Env:
    last = _narrow(typer, node.right, _narrow(typer, node.left, env, False), truth)
    return join(_narrow(typer, node.left, env, True), last) if truth else last


def _const(_: Typer, node: nodes.Const, env: Env, truth: bool) -> Env:
    return env if bool(node.value) is truth else env.end()


def _chosen(typer: Typer, node: nodes.CondExpr, env: Env, truth: bool) -> Env:
    """An inline if: one branch or the other."""
    first = _narrow(typer, node.expr1, _narrow(typer, node.test, env, True), truth)
    otherwise = _narrow(typer, node.test, env, False)
    return join(first, otherwise if node.expr2 is None else _narrow(typer, node.expr2, otherwise, truth))


def _test(typer: Typer, node: nodes.Test, env: Env, truth: bool) -> Env:
    """`is none`, `is string`, `is eq x`."""
    name, subject = node.name, node.node
    kinds = _OF_TYPE.get(name)
    if kinds is not None:
        return _keep(typer, subject, env, lambda found: _of_kinds(found, kinds, truth))
    if name in ("true", "false"):
        wanted = name == "true"
        return _keep(typer, subject, env, lambda found: Boolean(wanted) if truth and found != model.UNKNOWN else found)
    if name in ("eq", "equalto", "==", "sameas", "ne", "!=", "in") and len(node.args) == 1:
        operator = {"ne": "ne", "!=": "ne", "in": "in"}.get(name, "eq")
        return _comparison(typer, subject, operator, node.args[0], env, truth)
    if name in ("integer", "float", "sequence", "iterable", "odd", "even", "divisibleby", "lower", "upper") and truth:
        return _keep(typer, subject, env, lambda found: model.without(found, Null))
    if name in ("gt", "ge", "lt", "le", ">", ">=", "<", "<=", "greaterthan", "lessthan"):
        return _keep(typer, subject, env, lambda found: model.without(found, Null))
    return env


def _of_kinds(found: Type, kinds: tuple[type, ...], truth: bool) -> Type | None:
    if found == model.UNKNOWN:
        return model.NULL if kinds == (Null,) and truth else found
    kept = [one for one in model.members(found) if isinstance(one, kinds) is truth]
    return model.union(*kept) if kept else None


def _compare(typer: Typer, node: nodes.Compare, env: Env, truth: bool) -> Env:
    """One comparison; of `a < b < c` nothing is said."""
    if len(node.ops) != 1:
        return _keep(typer, node, env, model.truthy if truth else model.falsy)
    return _comparison(typer, node.expr, node.ops[0].op, node.ops[0].expr, env, truth)


def _comparison(typer: Typer, left: nodes.Expr, operator: str, right: nodes.Expr, env: Env, truth: bool) -> Env:
    if operator in ("eq", "ne"):
        is_equal = truth is (operator == "eq")
        env = _equal(typer, left, right, env, is_equal)
        env = _equal(typer, right, left, env, is_equal)
        return _counted(typer, left, operator, right, env, truth)
    if operator in ("in", "notin"):
        is_in = truth is (operator == "in")
        return _member(typer, left, right, env) if is_in else _no_member(typer, left, right, env)
    for node in (left, right):
        env = _keep(typer, node, env, lambda found: model.without(found, Null))
    return _counted(typer, left, operator, right, env, truth)


def _counted(typer: Typer, left: nodes.Expr, operator: str, right: nodes.Expr, env: Env, truth: bool) -> Env:
    """`x | length > 0` says as much as `x` alone."""
    is_count = isinstance(left, nodes.Filter) and left.name in ("length", "count")
    number = right.value if isinstance(right, nodes.Const) else None
    if not truth or not is_count or type(number) is not int:
        return env
    means = (operator, number) in _MEANS_TRUE or (operator in ("eq", "gt", "gteq") and number > 0)
    return _narrow(typer, left, env, True) if means else env


def _equal(typer: Typer, node: nodes.Expr, other: nodes.Expr, env: Env, is_equal: bool) -> Env:
    """What `node == other`, or its opposite, says of `node`."""
    theirs = typer.of(other, env)
    if is_equal:
        return _keep(typer, node, env, lambda found: _common(found, theirs))
    if isinstance(theirs, Null):
        return _keep(typer, node, env, lambda found: model.without(found, Null))
    only = model.symbols(theirs)
    if only is not None and len(only) == 1:
        return _keep(typer, node, env, lambda found: _less(found, only))
    return env


def _common(found: Type, theirs: Type) -> Type | None:
    """What is left of a type where its value equals one of another type."""
    if theirs == model.UNKNOWN:
        return found
    if isinstance(theirs, Null):
        return model.NULL if found == model.UNKNOWN or model.may_be_null(found) else None
    if found == model.UNKNOWN:
        return found
    left = found if model.may_be_null(theirs) else model.without(found, Null)
    wanted = model.symbols(theirs)
    if left is None or wanted is None:
        return left
    kept = [one for member in model.members(left) if (one := _with_symbols(member, wanted)) is not None]
    return model.union(*kept) if kept else left


def _with_symbols(one: Type, wanted: tuple[str, ...]) -> Type | None:
    if not isinstance(one, Text):
        return None
    if one.symbols is None:
        return replace(one, symbols=wanted)
    kept = tuple(symbol for symbol in one.symbols if symbol in wanted)
    return replace(one, symbols=kept) if kept else None


def _less(found: Type, unwanted: tuple[str, ...]) -> Type | None:
    """The type without these symbols."""
    kept: list[Type] = []
    for one in model.members(found):
        if isinstance(one, Text) and one.symbols is not None:
            left = tuple(symbol for symbol in one.symbols if symbol not in unwanted)
            kept += [replace(one, symbols=left)] if left else []
        else:
            kept.append(one)
    return model.union(*kept) if kept else None


def _member(typer: Typer, left: nodes.Expr, right: nodes.Expr, env: Env) -> Env:
    """`left in right`."""
    if isinstance(right, nodes.List | nodes.Tuple):
        theirs: Type = model.union(*(typer.of(one, env) for one in right.items))
        return _keep(typer, left, env, lambda found: _common(found, theirs))
    holder = typer.of(right, env)
    env = _keep(typer, right, env, lambda found: model.without(found, Null))
    if isinstance(holder, ListOf):
        return _keep(typer, left, env, lambda found: _common(found, holder.item))
    if isinstance(holder, Text):
        return _keep(typer, left, env, lambda found: model.without(found, Null))
    return env


def _no_member(typer: Typer, left: nodes.Expr, right: nodes.Expr, env: Env) -> Env:
    """`left not in right`."""
    if not isinstance(right, nodes.List | nodes.Tuple):
        return env
    for one in right.items:
        env = _equal(typer, left, one, env, is_equal=False)
    return env


def _through(typer: Typer, node: nodes.Filter, env: Env, truth: bool) -> Env:
    """A filter whose result counts as true only if its value does."""
    subject = node.node
    if not truth or subject is None:
        return env
    if node.name in _KEEPING:
        return _narrow(typer, subject, env, True)
    if node.name in ("default", "d"):
        instead = typer.of(node.args[0], env) if node.args else model.text_of("")
        return _narrow(typer, subject, env, True) if model.truthy(instead) is None else env
    return env


def _keep(typer: Typer, node: nodes.Node, env: Env, left: Callable[[Type], Type | None]) -> Env:
    """What is left of the type of a value with a path; other values have nothing that could be proven."""
    if env.dead:
        return env
    path = path_of(node, env)
    if path is None:
        return _around(typer, node, env, left)
    found = typer.of(node, env, lenient=True)
    kept = left(found)
    if kept == found or (kept is None and not is_sure(node, env)):
        return env
    return env.prove(path, kept)


def _around(typer: Typer, node: nodes.Node, env: Env, left: Callable[[Type], Type | None]) -> Env:
    """`(x | default(none)) is not none` proves that `x` is not null."""
    if isinstance(node, nodes.Filter) and node.name in ("default", "d") and isinstance(node.node, nodes.Expr):
        instead = typer.of(node.args[0], env) if node.args else model.text_of("")
        return _keep(typer, node.node, env, left) if left(instead) is None else env
    return env


_BY_NODE: dict[type, Callable[[Typer, Any, Env, bool], Env]] = {
    nodes.Not: _not,
    nodes.And: _and,
    nodes.Or: _or,
    nodes.Const: _const,
    nodes.CondExpr: _chosen,
    nodes.Test: _test,
    nodes.Compare: _compare,
    nodes.Filter: _through,
}
