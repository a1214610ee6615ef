"""Fields and elements: `a.b`, `a['b']`, `a[0]`, `a[1:]`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jinja2 import nodes

from engine.findings import suggest
from engine.rules.sandbox import expression as spelled
from engine.typing import model
from engine.typing.comparing import choices
from engine.typing.flaws import FlawKind
from engine.typing.model import ListOf, Map, Null, Record, Source, Text, Type, Unknown
from engine.typing.scope import RESPONSE, Env, fields_of, proven

if TYPE_CHECKING:
    from engine.typing.expressions import Typer

_LISTED = 12  # names that a remedy lists


def access(typer: Typer, node: nodes.Getattr | nodes.Getitem, env: Env, *, lenient: bool = False) -> Type:
    """The type of a field or element.

    Args:
        typer: notes what is wrong.
        node: the access.
        env: what it sees.
        lenient: it may be missing, and so may what stands before it be null.
    """
    typer.flaws.look(node)
    known = proven(node, env)
    if known is not None:
        return known
    if lenient:
        owner = typer.of(node.node, env)
        owner = model.without(owner, Null) or model.UNKNOWN
    else:
        owner = typer.not_null(node.node, env, "and null has no fields", _guard(node.node))
    if isinstance(node, nodes.Getattr):
        return field_of(typer, owner, node.attr, node, node.node, lenient=lenient)
    return _item(typer, node, owner, env, lenient=lenient)


def _item(typer: Typer, node: nodes.Getitem, owner: Type, env: Env, *, lenient: bool) -> Type:
    key = typer.of(node.arg, env)
    if isinstance(node.node, nodes.Dict):
        choices(typer, node.node, node.arg, env)
    if isinstance(node.arg, nodes.Const) and isinstance(node.arg.value, str | int):
        return field_of(typer, owner, node.arg.value, node.arg, node.node, lenient=lenient)
    names = model.symbols(key)
    if names is None:
        return model.union(*(_any_of(one) for one in model.members(owner)))
    found = [one for name in names if (one := lookup(owner, name)) is not None]
    return model.union(*found) if len(found) == len(names) else model.UNKNOWN


def slices(typer: Typer, node: nodes.Getitem, env: Env) -> Type:
    """The type of `a[1:2]`."""
    owner = typer.not_null(node.node, env, "and null has no elements")
    kept = [ListOf(one.item) if isinstance(one, ListOf) else model.TEXT for one in model.each(owner, ListOf, Text)]
    return model.union(*kept) if len(kept) == len(model.members(owner)) else model.UNKNOWN


def field_of(
    typer: Typer, owner: Type, key: str | int, node: nodes.Node, subject: nodes.Node | None, *, lenient: bool = False
) -> Type:
    """The type of a field of a known name; its absence is a flaw.

    Args:
        typer: notes what is wrong.
        owner: what should have the field.
        key: name or index.
        node: where to point.
        subject: the expression before the field, None where there is none to name.
        lenient: as for `access`.
    """
    typer.flaws.look(node)
    found = lookup(owner, key)
    if found is not None:
        return found
    if lenient and _is_answer(owner):
        return model.UNKNOWN  # what the document leaves out may be there all the same
    said, remedy = missing(owner, key, subject)
    typer.flaws.add(FlawKind.UNKNOWN_FIELD, node, said, remedy, lenient=lenient)
    return model.UNKNOWN


def lookup(owner: Type, key: str | int) -> Type | None:
    """The type of a field or element; None where none of what the owner may be has it."""
    found = [one for member in model.members(owner) if (one := _of(member, key)) is not None]
    return model.union(*found) if found else None


def missing(owner: Type, key: str | int, subject: nodes.Node | None) -> tuple[str, str]:
    """What to say of a field that is not there, and what to write instead."""
    name = _spelled(subject)
    if not any(isinstance(one, Record) for one in model.members(owner)):
        said = f"{name} is {model.describe(owner)}, which has no field '{key}'"
        return said, "take an element first: [0]" if isinstance(owner, ListOf) else ""
    known = list(fields_of(owner))
    near = suggest(str(key), known)
    if near is None:
        return f"{name} has no field '{key}'", f"it has {', '.join(known)}" if 0 < len(known) <= _LISTED else ""
    return f"{name} has no field '{key}'", f"did you mean '{near}'?"


def _of(owner: Type, key: str | int) -> Type | None:
    match owner:
        case Record():
            found = owner.get(key) if isinstance(key, str) else None
            return model.UNKNOWN if found is None and owner.open else found
        case Map():
            return owner.value if isinstance(key, str) else None
        case ListOf():
            is_answers = isinstance(owner.item, Record) and owner.item.name == RESPONSE
            return owner.item if isinstance(key, int) else model.UNKNOWN if is_answers else None
        case Text():
            # documents type related objects as text
            return model.TEXT if isinstance(key, int) else model.UNKNOWN if owner.source is Source.RESPONSE else None
        case Unknown():
            return owner
        case _:
            return None


def _any_of(owner: Type) -> Type:
    match owner:
        case ListOf():
            return owner.item
        case Map():
            return owner.value
        case _:
            return model.UNKNOWN


def _is_answer(owner: Type) -> bool:
    return any(isinstance(one, Record) and one.source is Source.RESPONSE for one in model.members(owner))


def _guard(node: nodes.Node) -> str:
    name = _spelled(node)
    return f"check it first: `{name} is not none`" if name != "this" else "check it first with `is not none`"


def _spelled(node: nodes.Node | None) -> str:
    name = spelled(node) if isinstance(node, nodes.Expr) else ""
    return name if name and "(...)" not in name else "this"
