"""What a value must be where a rule puts it: a condition, a list, a filter, a header, a body."""

from __future__ import annotations

from jinja2 import nodes

from engine.findings import Level
from engine.typing import model
from engine.typing.expressions import Typer, leftmost
from engine.typing.families import Family, families
from engine.typing.flaws import FlawKind
from engine.typing.model import (
    Boolean,
    Bytes,
    ListOf,
    Map,
    Null,
    Omitted,
    Record,
    Source,
    Text,
    Type,
    Unknown,
    describe,
)
from engine.typing.scope import Env

_LIST = frozenset({Family.LIST})
_MAP = frozenset({Family.MAP})
_RAW = frozenset({Family.TEXT, Family.BYTES})
_LEAVE_OUT = "write `... if ... is not none else omit` to leave the filter out, or say `allow_empty: true`"
_REMEDIES = {
    Text: "compare it: ... == 'text'",
    ListOf: "count it: ... | length > 0",
    model.Number: "compare it: ... > 0",
}


def as_condition(typer: Typer, node: nodes.Expr, env: Env) -> Type:
    """A `when` or `that`: a boolean, nothing else."""
    found = typer.of(node, env)
    if model.may_be_null(found):
        typer.blame_null(node, env, "and a condition must be true or false", "check it: `... is not none and ...`")
    for part, where in typer.parts(node, env, _no_boolean):
        with typer.flaws.muted:
            wrong = next(filter(_no_boolean, model.members(typer.of(part, where))), model.UNKNOWN)
        said = f"must be true or false, but this is {describe(wrong)}"
        typer.flaws.add(FlawKind.NOT_BOOLEAN, part, said, _REMEDIES.get(type(wrong), ""))
    return found


def as_when(typer: Typer, node: nodes.Expr, env: Env) -> Type:
    """A `when`: one that is never true does nothing."""
    found = as_condition(typer, node, env)
    place = leftmost(node)
    typer.flaws.look(place)
    if typer.truth(node, found, env) is False:
        typer.flaws.add(FlawKind.NEVER, place, "is never true", level=Level.WARNING)
    return found


def _no_boolean(found: Type) -> bool:
    return any(
        not isinstance(one, Boolean | Unknown | Null | Omitted) and not _doubtful(one) for one in model.members(found)
    )


def _doubtful(one: Type) -> bool:
    """What a document types as text may be anything."""
    return isinstance(one, Text) and one.source is Source.RESPONSE


def as_list(typer: Typer, node: nodes.Expr, env: Env) -> Type:
    """A `for_each`; gives the type of the items."""
    found = typer.not_null(node, env, "and `for_each` needs a list", "use default([], true)")
    known = families(found)
    if known is not None and known.isdisjoint(_LIST):
        typer.flaws.add(
            FlawKind.NOT_A_LIST, node, f"must be a list, but this is {describe(found)}", _list_remedy(found)
        )
        return model.UNKNOWN
    items = [one.item for one in model.members(found) if isinstance(one, ListOf)]
    return model.union(*items)


def _list_remedy(found: Type) -> str:
    if isinstance(found, Record):
        lists = [name for name, field in found.fields.items() if isinstance(field.type, ListOf)]
        return f"its lists are {', '.join(lists)}" if lists else ""
    return "use `| items`" if isinstance(found, Map) else ""


def as_filter(typer: Typer, node: nodes.Expr, env: Env, *, allow_empty: bool) -> Type:
    """A value of the query."""
    found = typer.of(node, env)
    if model.may_be_null(found) and not allow_empty:
        typer.blame_null(node, env, "and the event is then a dead letter", _LEAVE_OUT, Level.WARNING)
    return _no_bytes(typer, node, found)


def as_mapping(typer: Typer, node: nodes.Expr, env: Env, where: str) -> Type:
    """A whole `query`, or a whole `body` of a form."""
    found = typer.not_null(node, env, f"and {where} must be a mapping")
    known = families(found)
    if known is not None and known.isdisjoint(_MAP):
        return typer.operand(node, f"{where} must be a mapping, but this is {describe(found)}")
    return found


def as_header(typer: Typer, node: nodes.Expr, env: Env) -> Type:
    """A header: null drops it."""
    return _no_bytes(typer, node, typer.of(node, env))


def as_form(typer: Typer, node: nodes.Expr, env: Env) -> Type:
    """A field of a form."""
    found = typer.not_null(node, env, "which has no text in a form", "write `omit` in its place")
    return _no_bytes(typer, node, found)


def as_raw(typer: Typer, node: nodes.Expr, env: Env) -> Type:
    """A raw body: text or bytes."""
    found = typer.not_null(node, env, "and a raw body must be text or bytes")
    known = families(found)
    if known is not None and known.isdisjoint(_RAW):
        return typer.operand(node, f"a raw body must be text or bytes, but this is {describe(found)}", "use `| json`")
    return found


def _no_bytes(typer: Typer, node: nodes.Expr, found: Type) -> Type:
    items = [one.item if isinstance(one, ListOf) else one for one in model.members(found)]
    if any(isinstance(one, Bytes) for one in items):
        return typer.operand(node, "bytes have no text", "use b64encode")
    return found
