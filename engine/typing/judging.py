"""Tests: `a is b`. What they say of every value of a type, and what they cannot be asked of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jinja2 import nodes

from engine.typing import comparing, model
from engine.typing.families import Family, families
from engine.typing.model import (
    Boolean,
    Bytes,
    ListOf,
    Map,
    Moment,
    Null,
    Number,
    Record,
    Text,
    Type,
    Uuid,
    describe,
)
from engine.typing.scope import Env, is_sure

if TYPE_CHECKING:
    from engine.typing.expressions import Typer

_EQUAL = frozenset({"eq", "equalto", "=="})
_UNEQUAL = frozenset({"ne", "!="})
_ORDERING = {
    "gt": "gt", "greaterthan": "gt", ">": "gt", "ge": "gteq", ">=": "gteq", "lt": "lt", "lessthan": "lt", "<": "lt",
    "le": "lteq", "<=": "lteq",
}  # fmt: skip
_ARITHMETIC = frozenset({"odd", "even", "divisibleby"})

_KINDS: dict[str, tuple[type, ...]] = {
    "none": (Null,),
    "string": (Text,),
    "boolean": (Boolean,),
    "mapping": (Map, Record),
    "number": (Number, Boolean),
}
_CERTAIN = (Null, Boolean, Number, Text, Bytes, Moment, Uuid, ListOf, Map, Record)


def judge(typer: Typer, node: nodes.Test, env: Env) -> Type:
    """The type of a test's result: TRUE or FALSE where it is certain."""
    subject, name = node.node, node.name
    if name in ("defined", "undefined"):
        return _defined(typer, node, env)
    if len(node.args) == 1 and (name in _EQUAL or name in _UNEQUAL):
        found = comparing.equal(typer, subject, node.args[0], env)
        return found if name in _EQUAL else comparing.opposite(found)
    if len(node.args) == 1 and name in _ORDERING:
        return comparing.ordered(typer, _ORDERING[name], subject, node.args[0], env)
    if len(node.args) == 1 and name == "in":
        return comparing.among(typer, subject, node.args[0], env)
    for argument in node.args:
        typer.of(argument, env)
    if name in _ARITHMETIC:
        found = typer.not_null(subject, env, "and is no number")
        known = families(found)
        if known is not None and Family.NUMBER not in known:
            return typer.operand(subject, f"{describe(found)} is not a number, so it cannot be {name}")
        return model.BOOLEAN
    found = typer.of(subject, env)
    if found == model.UNKNOWN and typer.flaws.within(subject):
        return model.UNKNOWN
    return _of_kind(found, _KINDS[name]) if name in _KINDS and is_sure(subject, env) else model.BOOLEAN


def _of_kind(found: Type, kinds: tuple[type, ...]) -> Type:
    members = model.members(found)
    if not all(isinstance(one, _CERTAIN) for one in members):
        return model.BOOLEAN
    fitting = [isinstance(one, kinds) for one in members]
    return model.TRUE if all(fitting) else model.BOOLEAN if any(fitting) else model.FALSE


def _defined(typer: Typer, node: nodes.Test, env: Env) -> Type:
    """A field that one version lacks is not defined there; where it is there, it always is."""
    subject = node.node
    known = exists(typer, subject, env)
    typer.of(subject, env, lenient=True)
    if known is None or not is_sure(subject, env):
        return model.BOOLEAN
    return model.TRUE if known is (node.name == "defined") else model.FALSE


def exists(typer: Typer, subject: nodes.Node, env: Env) -> bool | None:
    """Whether a field is one of a record's; None where that depends on the event, or is not known."""
    if not isinstance(subject, nodes.Getattr | nodes.Getitem):
        return None
    key = subject.attr if isinstance(subject, nodes.Getattr) else getattr(subject.arg, "value", None)
    with typer.flaws.muted:
        owner = typer.of(subject.node, env)
    records = [one for one in model.members(owner) if isinstance(one, Record) and not one.open]
    if not isinstance(key, str) or len(records) != len(model.members(owner)):
        return None
    holders = [key in one.fields for one in records]
    return True if all(holders) else None if any(holders) else False
