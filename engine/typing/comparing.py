"""`==`, `<`, `in` and their like: what is never equal, what cannot be compared, and what is always the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jinja2 import nodes

from engine.findings import Level, suggest
from engine.rules.sandbox import expression as spelled
from engine.typing import model
from engine.typing.families import ORDERED, Family, families
from engine.typing.flaws import FlawKind
from engine.typing.model import Boolean, ListOf, Null, Number, Source, Text, Type, describe
from engine.typing.scope import Env, is_sure

if TYPE_CHECKING:
    from engine.typing.expressions import Typer

_LISTED = 12  # symbols that a remedy lists
_TEXT = frozenset({Family.TEXT})
_NULL = frozenset({Family.NULL})
_HOLDERS = frozenset({Family.TEXT, Family.LIST, Family.MAP, Family.BYTES})
_UNORDERED = "and null is neither smaller nor larger than anything"


def compare(typer: Typer, node: nodes.Compare, env: Env) -> Type:
    """The type of a comparison, of a chain of them too."""
    left, results = node.expr, []
    for operand in node.ops:
        results.append(_pair(typer, operand.op, left, operand.expr, env))
        left = operand.expr
    if model.UNKNOWN in results:
        return model.UNKNOWN
    if model.FALSE in results:
        return model.FALSE
    return model.TRUE if all(one == model.TRUE for one in results) else model.BOOLEAN


def _pair(typer: Typer, operator: str, left: nodes.Expr, right: nodes.Expr, env: Env) -> Type:
    if operator == "eq":
        return equal(typer, left, right, env)
    if operator == "ne":
        return opposite(equal(typer, left, right, env))
    if operator == "in":
        return among(typer, left, right, env)
    if operator == "notin":
        return opposite(among(typer, left, right, env))
    return ordered(typer, operator, left, right, env)


def opposite(found: Type) -> Type:
    """The type of `not` before a condition of this type."""
    if found == model.TRUE:
        return model.FALSE
    return model.TRUE if found == model.FALSE else found


def equal(typer: Typer, left: nodes.Node, right: nodes.Node, env: Env) -> Type:
    """The type of `left == right`; UNKNOWN where the two are never equal by their types."""
    mine, theirs = typer.of(left, env), typer.of(right, env)
    if wrong := equal_types(typer, (left, mine), (right, theirs), env):
        return wrong
    if not (is_sure(left, env) and is_sure(right, env)):
        return model.BOOLEAN
    return _fold(mine, theirs)


def equal_types(typer: Typer, left: tuple[nodes.Node, Type], right: tuple[nodes.Node, Type], env: Env) -> Type | None:
    """Note it where two values are never equal by their types; None where they may be.

    Args:
        typer: notes it.
        left: an expression with its type.
        right: the other one.
        env: what they see.
    """
    typer.flaws.look(left[0])
    typer.flaws.look(right[0])
    for enum, other in ((left, right), (right, left)):
        found = _never_symbol(typer, enum, other, env)
        if found is not None:
            return found
    mine, theirs = families(left[1]), families(right[1])
    if mine is None or theirs is None or mine & theirs:
        return None
    if _NULL in (mine, theirs):
        return None  # whether it is null may well be asked
    return _differ(typer, left, right)


def _differ(typer: Typer, left: tuple[nodes.Node, Type], right: tuple[nodes.Node, Type]) -> Type:
    node, found = right
    other = left[1]
    if isinstance(left[0], nodes.Const) and not isinstance(node, nodes.Const):
        (node, found), other = left, right[1]
    kinds = families(found), families(other)
    said = f"{describe(_bare(found))} is never equal to {describe(_bare(other))}"
    return typer.operand(node, said, _remedy(*kinds))


def _bare(found: Type) -> Type:
    return model.without(found, Null) or found


def _remedy(one: frozenset[Family] | None, other: frozenset[Family] | None) -> str:
    both = (one or frozenset()) | (other or frozenset())
    if Family.UUID in both:
        return "compare its text: `| string`"
    if both & {Family.DATETIME, Family.LOCAL, Family.DATE, Family.TIME}:
        return "compare its text: `| isoformat`"
    return ""


def _never_symbol(typer: Typer, enum: tuple[nodes.Node, Type], other: tuple[nodes.Node, Type], env: Env) -> Type | None:
    """Two texts whose values are known, and none of which is in both."""
    known, wanted = _symbols(enum[1]), _symbols(other[1])
    if known is None or wanted is None or Source.RULE in known[1] or not set(known[0]).isdisjoint(wanted[0]):
        return None
    declared = _symbols(typer.declared(enum[0], env))
    if declared is not None and not set(declared[0]).isdisjoint(wanted[0]):
        return None  # a condition around has excluded it: it is a symbol nevertheless
    node = other[0]
    level = Level.WARNING if Source.RESPONSE in known[1] | wanted[1] else Level.ERROR
    typer.flaws.add(FlawKind.SYMBOL, node, *_no_symbol(enum[0], known[0], wanted[0]), level=level)
    return model.UNKNOWN


def choices(typer: Typer, node: nodes.Dict, key: nodes.Node, env: Env) -> None:
    """Note the keys of `{'low': 5, 'high': 1}[event.priority]` that the value between the brackets never is."""
    for pair in node.items:
        _never_symbol(typer, (key, typer.of(key, env)), (pair.key, typer.of(pair.key, env)), env)


def _symbols(found: Type) -> tuple[tuple[str, ...], frozenset[Source]] | None:
    """All texts that a value can be, null aside, and who says so."""
    texts = model.without(found, Null)
    known = None if texts is None else model.symbols(texts)
    if texts is None or known is None:
        return None
    return known, frozenset(one.source for one in model.members(texts) if isinstance(one, Text))


def _no_symbol(enum: nodes.Node, known: tuple[str, ...], wanted: tuple[str, ...]) -> tuple[str, str]:
    name = spelled(enum) if isinstance(enum, nodes.Expr) else ""
    subject = f"'{name}'" if name and "(...)" not in name else "this"
    near = suggest(wanted[0], known)
    has = f"it is one of {', '.join(known)}" if len(known) <= _LISTED else ""
    shown = " or ".join(f"'{one}'" for one in wanted[:3])
    return f"{subject} is never {shown}", f"did you mean '{near}'?" if near else has


def _fold(mine: Type, theirs: Type) -> Type:
    """What is known of the equality of two values whose types are certain."""
    if model.UNKNOWN in (mine, theirs):
        return model.BOOLEAN
    if not _overlap(mine, theirs):
        return model.FALSE
    return model.TRUE if _is_single(mine) and _is_single(theirs) else model.BOOLEAN


def _is_single(found: Type) -> bool:
    match found:
        case Null() | Boolean(value=True | False):
            return True
        case Text(symbols=(_,)) | Number(values=(_,)):
            return True
        case _:
            return False


def _overlap(mine: Type, theirs: Type) -> bool:
    """False where no value of one is a value of the other, as far as nulls and known values tell."""
    return any(_meet(one, other) for one in model.members(mine) for other in model.members(theirs))


def _meet(one: Type, other: Type) -> bool:
    match one, other:
        case (Null(), Null()):
            return True
        case (Null(), _) | (_, Null()):
            return False
        case (Text(symbols=tuple() as some), Text(symbols=tuple() as others)):
            return not set(some).isdisjoint(others)
        case (Number(values=tuple() as numbers), Number(values=tuple() as others)):
            return not set(numbers).isdisjoint(others)
        case (Boolean(value=bool() as value), Boolean(value=bool() as otherwise)):
            return value == otherwise
        case _:
            return True


def among(typer: Typer, left: nodes.Expr, right: nodes.Expr, env: Env) -> Type:
    """The type of `left in right`."""
    if isinstance(right, nodes.List | nodes.Tuple):
        typer.of(left, env)
        results = [equal(typer, left, one, env) for one in right.items]
        if model.TRUE in results:
            return model.TRUE
        if model.UNKNOWN in results:
            return model.UNKNOWN
        return model.FALSE if results and all(one == model.FALSE for one in results) else model.BOOLEAN
    holder = typer.not_null(right, env, "and nothing is `in` null")
    found = typer.of(left, env)
    known, mine = families(holder), families(found)
    if known is not None and known.isdisjoint(_HOLDERS):
        return typer.operand(right, f"nothing is `in` {describe(holder)}", _in_remedy(known))
    if known == _TEXT and mine is not None:
        found = typer.not_null(left, env, "and null is `in` no text")
        mine = families(found)
        if mine is not None and mine.isdisjoint(_TEXT):
            return typer.operand(left, f"{describe(found)} is `in` no text", "use `| string`")
    if isinstance(holder, ListOf) and equal_types(typer, (left, found), (right, holder.item), env):
        return model.UNKNOWN
    return model.BOOLEAN


def _in_remedy(known: frozenset[Family]) -> str:
    return "compare with ==" if known == {Family.NUMBER} else ""


def ordered(typer: Typer, operator: str, left: nodes.Expr, right: nodes.Expr, env: Env) -> Type:
    """The type of `left < right` and the like."""
    mine, theirs = typer.not_null(left, env, _UNORDERED), typer.not_null(right, env, _UNORDERED)
    one, other = families(mine), families(theirs)
    for node, found, known in ((left, mine, one), (right, theirs, other)):
        if known is not None and known.isdisjoint(ORDERED):
            return typer.operand(node, f"{describe(found)} is neither smaller nor larger than anything")
    if one is not None and other is not None and one.isdisjoint(other):
        node, found, than = (right, theirs, mine)
        if isinstance(left, nodes.Const) and not isinstance(right, nodes.Const):
            node, found, than = left, mine, theirs
        return typer.operand(node, f"{describe(found)} cannot be compared with {describe(than)}", _convert(one | other))
    if is_sure(left, env) and is_sure(right, env):
        return _fold_order(operator, mine, theirs)
    return model.BOOLEAN


def _convert(both: frozenset[Family]) -> str:
    return "use `| int` or `| float`" if both == {Family.TEXT, Family.NUMBER} else _remedy(both, None)


def _fold_order(operator: str, mine: Type, theirs: Type) -> Type:
    if not (isinstance(mine, Number) and isinstance(theirs, Number) and mine.values and theirs.values):
        return model.BOOLEAN
    results = {_ORDER[operator](one, other) for one in mine.values for other in theirs.values}
    return model.BOOLEAN if len(results) > 1 else model.TRUE if True in results else model.FALSE


_ORDER = {
    "gt": lambda one, other: one > other,
    "gteq": lambda one, other: one >= other,
    "lt": lambda one, other: one < other,
    "lteq": lambda one, other: one <= other,
}
