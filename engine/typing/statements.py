"""Whole templates: `{% if %}`, `{% for %}`, `{% set %}`, and values that become text."""

from __future__ import annotations

from collections.abc import Iterable

from jinja2 import nodes

from engine.typing import lists, model
from engine.typing.expressions import Typer
from engine.typing.families import Family, families
from engine.typing.model import ListOf, Type, describe
from engine.typing.scope import Env, is_sure, loop, path_of

_WALKED = frozenset({Family.LIST, Family.MAP, Family.TEXT})


def type_text(typer: Typer, tree: nodes.Template, env: Env) -> None:
    """Look at every statement and value of a template that makes text."""
    _body(typer, tree.body, env)


def _body(typer: Typer, body: Iterable[nodes.Node], env: Env) -> Env:
    """What the names are after statements."""
    for node in body:
        match node:
            case nodes.Output():
                for child in node.nodes:
                    if not isinstance(child, nodes.TemplateData):
                        typer.text(child, env)
            case nodes.If():
                env = _if(typer, node, env)
            case nodes.For():
                _for(typer, node, env)
            case nodes.Assign():
                env = _assign(typer, node, env)
            case nodes.AssignBlock():
                _body(typer, node.body, env)
                env = _bind(env, node.target, model.TEXT, sure=True)
            case _:
                pass
    return env


def _if(typer: Typer, node: nodes.If, env: Env) -> Env:
    """The branches, each with what its condition proves; afterwards a name is what any of them has made of it."""
    after: list[Env] = []
    rest = env
    branches = [node, *node.elif_]
    for index, branch in enumerate(branches):
        if rest.dead:
            break
        found = typer.of(branch.test, rest)
        has_else = index + 1 < len(branches) or bool(node.else_)
        typer.branch(branch.test, found, rest, has_else=has_else)
        when = typer.where(branch.test, rest, truth=True)
        if not when.dead:
            after.append(_body(typer, branch.body, when))
        rest = typer.where(branch.test, rest, truth=False)
    if not rest.dead:
        after.append(_body(typer, node.else_, rest))
    return _merge(env, after)


def _merge(env: Env, branches: list[Env]) -> Env:
    changed = {name for one in branches for name, found in one.names.items() if env.names.get(name) is not found}
    for name in changed:
        found = model.union(*(one.names.get(name, model.UNKNOWN) for one in branches))
        env = env.bind(name, found, sure=all(name in one.sure for one in branches))
    return env


def _for(typer: Typer, node: nodes.For, env: Env) -> None:
    found = typer.not_null(node.iter, env, "and null has no elements", "use default([], true)")
    known = families(found)
    if known is not None and known.isdisjoint(_WALKED):
        found = typer.operand(node.iter, f"{describe(found)} has no elements to go through")
    sure = is_sure(node.iter, env)
    item = lists.of_elements(found)
    inside = _targets(typer, node, env, item, sure).bind("loop", loop(item), sure=True)
    if node.test is not None:
        inside = typer.where(node.test, inside, truth=True)
    if not inside.dead:
        _body(typer, node.body, inside)
    _body(typer, node.else_, env)


def _targets(typer: Typer, node: nodes.For, env: Env, item: Type, sure: bool) -> Env:
    """The names of a `for`; of the pairs that `items` and `dictsort` give, the key is text."""
    steps, target = node.iter, node.target
    is_pairs = isinstance(steps, nodes.Filter) and steps.name in ("items", "dictsort")
    if is_pairs and isinstance(target, nodes.Tuple) and len(target.items) == 2 and isinstance(steps, nodes.Filter):
        with typer.flaws.muted:
            values = lists.values_of(typer.of(steps.node, env))
        env = _bind(env, target.items[0], model.TEXT, sure=True)
        return _bind(env, target.items[1], values, sure=sure)
    if isinstance(target, nodes.Tuple):
        each = item.item if isinstance(item, ListOf) else model.UNKNOWN
        for one in target.items:
            env = _bind(env, one, each, sure=sure)
        return env
    return _bind(env, target, item, sure=sure)


def _assign(typer: Typer, node: nodes.Assign, env: Env) -> Env:
    found = typer.of(node.node, env)
    sure, broken = is_sure(node.node, env), typer.flaws.within(node.node)
    if isinstance(node.target, nodes.Name):
        return env.bind(node.target.name, found, sure=sure, alias=path_of(node.node, env), broken=broken)
    for name in node.target.find_all(nodes.Name):
        env = env.bind(name.name, model.UNKNOWN, sure=False)
    return env


def _bind(env: Env, target: nodes.Node, found: Type, *, sure: bool) -> Env:
    names = [target] if isinstance(target, nodes.Name) else list(target.find_all(nodes.Name))
    for name in names:
        env = env.bind(name.name, found if target is name else model.UNKNOWN, sure=sure)
    return env
