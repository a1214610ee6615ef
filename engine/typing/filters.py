"""Filters: what each takes, and what it gives. Held against the sandbox's own list by a test."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from jinja2 import nodes

from engine.typing import lists, model
from engine.typing.families import Family, families
from engine.typing.judging import exists
from engine.typing.model import ListOf, Null, Number, NumberKind, Text, Type, describe
from engine.typing.scope import Env

if TYPE_CHECKING:
    from engine.typing.expressions import Typer

Result = Callable[["Typer", nodes.Filter, Type, Env], Type]

_MOMENTS = frozenset({Family.DATETIME, Family.LOCAL, Family.DATE, Family.TIME})
_TEXT = frozenset({Family.TEXT})
_NUMBER = frozenset({Family.NUMBER})
_LETTERS = _TEXT | {Family.UUID}
_PRINTED = frozenset(Family) - {Family.LIST, Family.MAP, Family.BYTES, Family.NULL}
_SIZED = frozenset({Family.TEXT, Family.LIST, Family.MAP, Family.BYTES})
_ITERATED = frozenset({Family.TEXT, Family.LIST, Family.MAP})
_RECORDS = frozenset({Family.LIST, Family.MAP})
_ANY = frozenset(Family)


@dataclass(frozen=True, slots=True)
class Signature:
    """A filter.

    Attributes:
        takes: families of the values that it can be used for.
        wants: the same in words, for people.
        gives: the type of its result.
        null: why null fails, "" where it does not.
        remedy: what to write instead of a value of another family.
    """

    takes: frozenset[Family]
    wants: str
    gives: Result
    null: str = "which has no text"
    remedy: str = ""


def apply(typer: Typer, node: nodes.Filter, env: Env) -> Type:
    """The type of a filter's result."""
    subject = node.node
    if subject is None:
        return model.UNKNOWN
    _arguments(typer, node, env)
    if node.name in ("default", "d"):
        return _default(typer, node, subject, env)
    if node.name == "required":
        found = typer.of(subject, env, lenient=True)
        return model.without(found, Null) or model.UNKNOWN
    signature = SIGNATURES.get(node.name)
    if signature is None:
        typer.of(subject, env)
        return model.UNKNOWN
    found = _subject(typer, node, subject, signature, env)
    broken = found == model.UNKNOWN and typer.flaws.within(subject)
    return model.UNKNOWN if broken else signature.gives(typer, node, found, env)


def fits(name: str, found: Type) -> str:
    """What is wrong with a value as the subject of a filter, null aside; "" where nothing is."""
    signature = SIGNATURES.get(name)
    known = families(found)
    if signature is None or known is None or not known.isdisjoint(signature.takes):
        return ""
    return f"{describe(found)} is not {signature.wants}, which '{name}' takes"


def _subject(typer: Typer, node: nodes.Filter, subject: nodes.Expr, signature: Signature, env: Env) -> Type:
    """The type of what a filter is used for, noting what does not go."""
    is_given = node.name in ("int", "float") and (node.args or node.kwargs)
    found = typer.not_null(subject, env, signature.null) if signature.null and not is_given else typer.of(subject, env)
    rest = model.without(found, Null)
    wrong = "" if rest is None or is_given else fits(node.name, rest)
    return typer.operand(subject, wrong, signature.remedy) if wrong else found


def _arguments(typer: Typer, node: nodes.Filter, env: Env) -> None:
    if node.name in ("default", "d"):
        return  # typed where they count
    for argument in (*node.args, *(pair.value for pair in node.kwargs)):
        typer.of(argument, env)


def _default(typer: Typer, node: nodes.Filter, subject: nodes.Expr, env: Env) -> Type:
    """`default(x)` replaces what is undefined, `default(x, true)` also null and what is empty."""
    options: dict[str, nodes.Expr] = dict(zip(("default_value", "boolean"), node.args, strict=False))
    options |= {str(pair.key): pair.value for pair in node.kwargs}
    instead = typer.of(options["default_value"], env) if "default_value" in options else model.text_of("")
    is_there = not isinstance(subject, nodes.Getattr | nodes.Getitem) or exists(typer, subject, env)
    found = typer.of(subject, env, lenient=True)
    if is_there is False:
        return instead
    if found == model.UNKNOWN:
        return found
    flag = options.get("boolean")
    if isinstance(flag, nodes.Const) and flag.value:
        kept = model.truthy(found)
        return instead if kept is None else model.union(kept, instead)
    return found if is_there else model.union(found, instead)


# Results


def _always(result: Type) -> Result:
    return lambda _typer, _node, _found, _env: result


def _same(_typer: Typer, _node: nodes.Filter, found: Type, _env: Env) -> Type:
    return found


def _mapped(change: Callable[[str], str]) -> Result:
    """Text whose known values are changed alike."""

    def gives(_typer: Typer, node: nodes.Filter, found: Type, _env: Env) -> Type:
        if isinstance(found, Text) and found.symbols is not None and not node.args and not node.kwargs:
            return replace(found, symbols=tuple(dict.fromkeys(map(change, found.symbols))))
        return model.TEXT

    return gives


def _replaced(_typer: Typer, node: nodes.Filter, found: Type, _env: Env) -> Type:
    words = [one.value for one in node.args if isinstance(one, nodes.Const) and isinstance(one.value, str)]
    if isinstance(found, Text) and found.symbols is not None and len(words) == len(node.args) == 2 and not node.kwargs:
        changed = (symbol.replace(words[0], words[1]) for symbol in found.symbols)
        return replace(found, symbols=tuple(dict.fromkeys(changed)))
    return model.TEXT


def _converted(kind: NumberKind) -> Result:
    """`int` and `float`; text that is never a number is a flaw, unless a default stands for it."""

    def gives(typer: Typer, node: nodes.Filter, found: Type, env: Env) -> Type:
        given = next((pair.value for pair in node.kwargs if pair.key == "default"), None)
        given = node.args[0] if node.args else given
        if given is not None:
            return model.union(Number(kind), typer.of(given, env))
        known = model.symbols(found)
        if known is not None and node.node is not None and not any(map(_is_number, known)):
            return typer.operand(node.node, f"this is never a number: it is {', '.join(known[:6])}")
        return Number(kind)

    return gives


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _absolute(_typer: Typer, _node: nodes.Filter, found: Type, _env: Env) -> Type:
    return Number(found.kind) if isinstance(found, Number) else model.UNKNOWN


def _mapping(typer: Typer, node: nodes.Filter, found: Type, env: Env) -> Type:
    """`map`: a field of each element, or a filter for each."""
    item = lists.of_elements(found)
    field = lists.check_attribute(typer, node, found)
    if field is not None:
        instead = lists.keyword(node, "default")
        return ListOf(field if instead is None else model.union(field, typer.of(instead, env)))
    name = node.args[0].value if node.args and isinstance(node.args[0], nodes.Const) else None
    signature = SIGNATURES.get(name) if isinstance(name, str) else None
    if signature is None or name in ("int", "float"):
        return ListOf({"int": model.INTEGER, "float": model.FLOAT}.get(str(name), model.UNKNOWN))
    item = lists.elements(typer, node, item, env, signature.null) if signature.null else item
    wrong = fits(str(name), item)
    if wrong and node.node is not None:
        return typer.operand(node.node, f"in each element, {wrong}")
    each = nodes.Filter(None, str(name), node.args[1:], node.kwargs, None, None, lineno=node.lineno)
    return ListOf(signature.gives(typer, each, item, env))


def _field(typer: Typer, node: nodes.Filter, found: Type, _env: Env) -> Type:
    name = node.args[0] if len(node.args) == 1 else None
    if isinstance(name, nodes.Const) and isinstance(name.value, str):
        return lists.attribute(typer, found, name.value, name, node.node, lenient=False)
    return model.UNKNOWN


_NO_NUMBER = "and null is no number"
_NO_LIST = "and null has no elements"
_SILENT = "and null gives an empty list without a word"


def _textual(gives: Result, takes: frozenset[Family] = _PRINTED) -> Signature:
    return Signature(takes, "text", gives)


def _listed(gives: Result, takes: frozenset[Family] = _ITERATED, null: str = _NO_LIST) -> Signature:
    return Signature(takes, "a list", gives, null)


SIGNATURES: dict[str, Signature] = {
    **dict.fromkeys(
        ("e", "escape", "indent", "truncate", "center", "wordwrap", "format"), _textual(_always(model.TEXT))
    ),
    "upper": _textual(_mapped(str.upper), _LETTERS),
    "lower": _textual(_mapped(str.lower), _LETTERS | _NUMBER),  # of a boolean it gives what text gives, as in Jinja
    "capitalize": _textual(_mapped(str.capitalize), _LETTERS),
    "title": _textual(_always(model.TEXT), _LETTERS),
    "trim": _textual(_mapped(str.strip)),
    "replace": _textual(_replaced),
    "wordcount": _textual(_always(model.INTEGER)),
    "string": Signature(_ANY - {Family.BYTES}, "something with a text", _mapped(str), remedy="use b64encode"),
    "urlencode": Signature(_ANY - {Family.BYTES}, "something with a text", _always(model.TEXT), remedy="use b64encode"),
    "b64encode": Signature(_ANY, "text or bytes", _always(model.TEXT)),
    "b64decode": Signature(frozenset({Family.TEXT, Family.BYTES}), "text or bytes", _always(model.BYTES)),
    **dict.fromkeys(("json", "tojson"), Signature(_ANY, "data", _always(model.TEXT), null="")),
    "isoformat": Signature(_MOMENTS | _TEXT, "a date or time", _always(model.TEXT), "and null is no time"),
    "filesizeformat": Signature(_NUMBER | _TEXT, "a number", _always(model.TEXT), _NO_NUMBER),
    "abs": Signature(_NUMBER, "a number", _absolute, _NO_NUMBER, "convert it first: `| int` or `| float`"),
    "round": Signature(_NUMBER, "a number", _always(model.FLOAT), _NO_NUMBER, "convert it first: `| float`"),
    "int": Signature(_NUMBER | _TEXT, "a number", _converted(NumberKind.INTEGER), _NO_NUMBER),
    "float": Signature(_NUMBER | _TEXT, "a number", _converted(NumberKind.FLOAT), _NO_NUMBER),
    **dict.fromkeys(
        ("length", "count"),
        Signature(_SIZED, "a list, a map or text", _always(model.INTEGER), "and null has no length"),
    ),
    "attr": Signature(_ANY, "a map", _field, "and null has no fields"),
    "dictsort": Signature(frozenset({Family.MAP}), "a map", lists.pairs, "and null is no map"),
    "items": Signature(frozenset({Family.MAP}), "a map", lists.pairs, "and null is no map"),
    "first": _listed(lists.element),
    "last": _listed(lists.element),
    "min": _listed(lists.element),
    "max": _listed(lists.element),
    "sum": _listed(lists.total, _RECORDS),
    "join": _listed(lists.joined, _RECORDS),
    "list": _listed(lists.same_elements),
    "sort": _listed(lists.same_elements),
    "unique": _listed(lists.same_elements),
    "reverse": Signature(_ITERATED, "a list or text", lists.reversed_, _NO_LIST),
    "batch": _listed(lists.groups),
    "slice": _listed(lists.groups),
    "groupby": _listed(lists.grouped, _RECORDS),
    "map": _listed(_mapping, _ITERATED, _SILENT),
    "select": _listed(lists.selected, _ITERATED, _SILENT),
    "reject": _listed(lists.selected, _ITERATED, _SILENT),
    "selectattr": _listed(lists.selected, _RECORDS, _SILENT),
    "rejectattr": _listed(lists.selected, _RECORDS, _SILENT),
}
"""By name; `default` and `required` take anything."""
