"""Filters of lists: what their elements are, and the fields that the filters name as text."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from jinja2 import nodes

from engine.typing import comparing, model
from engine.typing.families import Family, families
from engine.typing.fields import field_of
from engine.typing.flaws import FlawKind
from engine.typing.model import Bytes, Field, ListOf, Map, Null, Number, Record, Text, Type, describe
from engine.typing.scope import Env, is_sure

if TYPE_CHECKING:
    from engine.typing.expressions import Typer

_NUMBER = frozenset({Family.NUMBER})
_RECORDS = frozenset({Family.MAP})
_EQUAL = frozenset({"eq", "equalto", "==", "ne", "!="})
_NULL_FREE = frozenset({"string", "number", "integer", "float", "boolean", "mapping", "sequence", "true", "false"})


def of_elements(found: Type) -> Type:
    """The type of what one gets by going through a value."""
    return model.union(*map(_of_each, model.members(found)))


def _of_each(one: Type) -> Type:
    match one:
        case ListOf():
            return one.item
        case Text() | Map() | Record():
            return model.TEXT
        case _:
            return model.UNKNOWN


def attribute(
    typer: Typer, owner: Type, name: str, node: nodes.Node, subject: nodes.Node | None, *, lenient: bool
) -> Type:
    """The type of the field that a filter names: `id`, `folder.name`, `0`."""
    found = owner
    for step in name.split("."):
        rest = model.without(found, Null)
        if rest is None or rest == model.UNKNOWN:
            return model.UNKNOWN
        found = field_of(typer, rest, int(step) if step.isdigit() else step, node, subject, lenient=lenient)
        subject = None
    return found


def check_attribute(typer: Typer, node: nodes.Filter, found: Type) -> Type | None:
    """The type of the field in `sort(attribute='x')` and the like; None where none is named as a constant."""
    named = keyword(node, "attribute")
    if not isinstance(named, nodes.Const) or not isinstance(named.value, str):
        return None if named is None else model.UNKNOWN
    if "," in named.value:
        return model.UNKNOWN
    return attribute(typer, of_elements(found), named.value, named, None, lenient=keyword(node, "default") is not None)


def keyword(node: nodes.Filter, name: str) -> nodes.Expr | None:
    """An argument that is given by its name."""
    return next((pair.value for pair in node.kwargs if pair.key == name), None)


def element(typer: Typer, node: nodes.Filter, found: Type, env: Env) -> Type:
    """`first`, `last`, `min`, `max`."""
    _compared(typer, node, found, env)
    return of_elements(found)


def same_elements(typer: Typer, node: nodes.Filter, found: Type, env: Env) -> Type:
    """`list`, `sort`, `unique`."""
    _compared(typer, node, found, env)
    return ListOf(of_elements(found))


def _compared(typer: Typer, node: nodes.Filter, found: Type, env: Env) -> None:
    """`sort`, `min`, `max` and `unique` compare the elements, or a field of each."""
    value = check_attribute(typer, node, found) or of_elements(found)
    if node.name not in ("sort", "min", "max", "unique") or (node.name == "unique" and model.may_be_null(value)):
        return
    rest = elements(typer, node, value, env, "and is neither smaller nor larger than anything")
    known = families(rest)
    if known is not None and known <= _RECORDS and node.node is not None:
        remedy = "name what to go by: attribute='...'"
        typer.operand(node.node, f"the elements are {describe(rest)}, which cannot be compared", remedy)


def reversed_(_typer: Typer, _node: nodes.Filter, found: Type, _env: Env) -> Type:
    """`reverse`: text stays text."""
    return model.TEXT if isinstance(found, Text) else ListOf(of_elements(found))


def groups(_typer: Typer, _node: nodes.Filter, found: Type, _env: Env) -> Type:
    """`batch` and `slice`."""
    return ListOf(ListOf(of_elements(found)))


def grouped(typer: Typer, node: nodes.Filter, found: Type, _env: Env) -> Type:
    """`groupby`: pairs of a value and the elements that have it."""
    named = node.args[0] if node.args else keyword(node, "attribute")
    if isinstance(named, nodes.Const) and isinstance(named.value, str):
        attribute(typer, of_elements(found), named.value, named, None, lenient=len(node.args) > 1 or bool(node.kwargs))
    return ListOf(model.UNKNOWN)


def pairs(_typer: Typer, _node: nodes.Filter, _found: Type, _env: Env) -> Type:
    """`items` and `dictsort`: pairs of a key and a value (see `engine.typing.statements` for `for`)."""
    return ListOf(ListOf(model.UNKNOWN))


def values_of(found: Type) -> Type:
    """The type of the values of a map."""
    kept: list[Type] = []
    for one in model.members(found):
        if isinstance(one, Map):
            kept.append(one.value)
        elif isinstance(one, Record) and not one.open:
            kept += [field.type for field in one.fields.values()]
        else:
            return model.UNKNOWN
    return model.union(*kept)


def joined(typer: Typer, node: nodes.Filter, found: Type, env: Env) -> Type:
    """`join`: every element becomes text."""
    named = node.args[1] if len(node.args) > 1 else None
    if isinstance(named, nodes.Const) and isinstance(named.value, str):
        item: Type | None = attribute(typer, of_elements(found), named.value, named, None, lenient=False)
    else:
        item = check_attribute(typer, node, found) or of_elements(found)
    elements(typer, node, item or model.UNKNOWN, env, "which has no text")
    if item is not None and any(isinstance(one, Bytes) for one in model.members(item)) and node.node is not None:
        typer.operand(node.node, "the elements are bytes, which have no text", "use map('b64encode') first")
    return model.TEXT


def total(typer: Typer, node: nodes.Filter, found: Type, env: Env) -> Type:
    """`sum`: of numbers only."""
    named = node.args[0] if node.args else None
    if isinstance(named, nodes.Const) and isinstance(named.value, str):
        item: Type = attribute(typer, of_elements(found), named.value, named, None, lenient=False)
    else:
        item = check_attribute(typer, node, found) or of_elements(found)
    rest = elements(typer, node, item, env, "and is no number")
    known = families(rest)
    if known is not None and known.isdisjoint(_NUMBER) and node.node is not None:
        return typer.operand(node.node, f"the elements are {describe(rest)}, and only numbers have a sum")
    return Number(rest.kind) if isinstance(rest, Number) else model.UNKNOWN


def elements(typer: Typer, node: nodes.Filter, item: Type, env: Env, why: str) -> Type:
    """The type of the elements less null, which is a flaw where it may be among them."""
    if not model.may_be_null(item):
        return item
    subject = node.node
    if subject is not None and is_sure(subject, env) and not env.faulty:
        said = f"an element may be null, {why}"
        typer.flaws.add(FlawKind.NULLABLE, subject, said, "leave them out: `| reject('none')`")
        return model.UNKNOWN
    return model.without(item, Null) or model.UNKNOWN


def selected(typer: Typer, node: nodes.Filter, found: Type, env: Env) -> Type:
    """`select`, `reject`, `selectattr`, `rejectattr`: the same elements, of which something may be proven."""
    item = of_elements(found)
    keeps = node.name.startswith("select")
    if not node.name.endswith("attr"):
        left = _tested(typer, node, (node.args, item), env, keeps)
        return ListOf(item if left is None else left)
    named = node.args[0] if node.args else None
    if not isinstance(named, nodes.Const) or not isinstance(named.value, str):
        return ListOf(item)
    is_asked = _test_of(node.args[1:]) in ("defined", "undefined")
    value = attribute(typer, item, named.value, named, None, lenient=is_asked)
    left = _tested(typer, node, (node.args[1:], value), env, keeps, named)
    return ListOf(item if left is None else _with_field(item, named.value, left))


def _test_of(arguments: list[nodes.Expr]) -> str | None:
    """The test that is given as text; None for none, which asks whether the value counts as true."""
    test = arguments[0] if arguments else None
    return test.value if isinstance(test, nodes.Const) and isinstance(test.value, str) else None


def _tested(
    typer: Typer,
    node: nodes.Filter,
    asked: tuple[list[nodes.Expr], Type],
    env: Env,
    keeps: bool,
    named: nodes.Node | None = None,
) -> Type | None:
    """What the value asked about is where an element is kept; None where nothing is proven.

    Args:
        typer: notes comparisons with what the value never is.
        node: the filter.
        asked: its arguments from the test's name on, and the type of the value that the test is asked of.
        env: what they see.
        keeps: elements that pass are kept, else the others.
        named: the name of the field that is asked about.
    """
    arguments, value = asked
    test = _test_of(arguments)
    if not arguments:
        return model.truthy(value) if keeps else model.falsy(value)
    if test in _EQUAL and len(arguments) == 2:
        other = typer.of(arguments[1], env)
        comparing.equal_types(typer, (named or node.node or node, value), (arguments[1], other), env)
        is_equal = keeps is (test not in ("ne", "!="))
        is_null = isinstance(other, Null)
        return (
            model.without(value, Null)
            if is_equal is not is_null and (is_null or not model.may_be_null(other))
            else None
        )
    if test == "in" and len(arguments) == 2 and isinstance(arguments[1], nodes.List | nodes.Tuple):
        for one in arguments[1].items:
            comparing.equal_types(typer, (named or node.node or node, value), (one, typer.of(one, env)), env)
        return None
    if test == "none":
        return model.NULL if keeps else model.without(value, Null)
    return model.without(value, Null) if keeps and test in _NULL_FREE else None


def _with_field(item: Type, name: str, value: Type) -> Type:
    """The element with a narrower field."""
    if not isinstance(item, Record) or name not in item.fields:
        return item
    return replace(item, fields={**item.fields, name: Field(value)})
