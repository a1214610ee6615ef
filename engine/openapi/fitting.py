"""Whether values of a type fit what the document says. What is not known fits."""

from __future__ import annotations

from engine.openapi.constants import DECIMALS, Misfit, choice_remedy, kinds, misfit
from engine.openapi.schema import Alternatives, Schema, Schemas
from engine.typing.model import (
    Boolean,
    Bytes,
    ListOf,
    Map,
    Moment,
    MomentKind,
    Null,
    Number,
    NumberKind,
    Record,
    Source,
    Text,
    Type,
    Uuid,
    describe,
    members,
)
from engine.wording import join, show

_DEEPEST = 8
_NUMERIC = frozenset({"integer", "number"})
_DATES = frozenset({"date", "time", "date-time"})
_NEVER: dict[MomentKind, frozenset[str]] = {
    MomentKind.DATETIME: frozenset({"date", "time"}),
    MomentKind.LOCAL: frozenset({"date", "time"}),
    MomentKind.DATE: frozenset({"time"}),
    MomentKind.TIME: frozenset({"date", "date-time"}),
}
"""Formats that text of a date or time certainly does not have; a date often does for a date with a time."""


def type_misfit(
    found: Type, wanted: Alternatives, schemas: Schemas, *, as_text: bool = False, depth: int = 0
) -> Misfit | None:
    """Why some value of a type does not fit any alternative; None where all fit, or may.

    Null is not looked at: what may be null is said apart.

    Args:
        found: of the value.
        wanted: what the document says.
        schemas: of the document.
        as_text: as for constants.
        depth: lists around it.
    """
    if depth > _DEEPEST or any(one.is_anything for one in wanted):
        return None
    for member in members(found):
        why = _member(member, wanted, schemas, as_text, depth)
        if why is not None:
            return why
    return None


def may_be_null(wanted: Alternatives) -> bool:
    """True where the document takes null, or does not say."""
    return misfit(None, wanted) is None


def _member(found: Type, wanted: Alternatives, schemas: Schemas, as_text: bool, depth: int) -> Misfit | None:
    match found:
        case Text(symbols=None) | Uuid() | Moment() | Bytes():
            return _text(found, wanted, as_text)
        case Text(symbols=tuple() as known):
            return _symbols(found, known, wanted, as_text)
        case Number(values=tuple() as known):
            wrong = [one for one in known if misfit(one, wanted, as_text=as_text) is not None]
            return misfit(wrong[0], wanted, as_text=as_text) if wrong and found.source is not Source.RESPONSE else None
        case Number():
            return None if as_text else _number(found, wanted)
        case Boolean():
            fits = as_text or any("boolean" in one.types or (not one.types and one.enum) for one in wanted)
            return None if fits else _mismatch(found, wanted)
        case ListOf():
            return _list(found, wanted, schemas, as_text, depth)
        case Map() | Record():
            fits = as_text or any("object" in one.types or one.properties for one in wanted)
            return None if fits else _mismatch(found, wanted)
        case Null() | _:
            return None


def _text(found: Text | Uuid | Moment | Bytes, wanted: Alternatives, as_text: bool) -> Misfit | None:
    """Text that is not known before there is an event: only its kind can be wrong."""
    if isinstance(found, Text) and (as_text or found.source is Source.RESPONSE):
        return None  # text can be a number in a query; documents type related objects as text
    taking = [one for one in wanted if "string" in one.types or (not one.types and one.enum)]
    if not taking:
        return _mismatch(found, wanted)
    if isinstance(found, Moment) and all(one.format in _NEVER[found.kind] for one in taking):
        return Misfit(f"is {found.kind}, and the API wants {join([f'a {one.format}' for one in taking])}")
    if isinstance(found, Uuid) and all(one.format in _DATES for one in taking):
        return _mismatch(found, wanted)
    return None


def _symbols(found: Text, known: tuple[str, ...], wanted: Alternatives, as_text: bool) -> Misfit | None:
    wrong = [one for one in known if misfit(one, wanted, as_text=as_text) is not None]
    if not wrong or (found.source is Source.RESPONSE and len(wrong) < len(known)):
        return None
    choices = [choice for one in wanted if one.enum is not None for choice in one.enum]
    if not choices:
        return misfit(wrong[0], wanted, as_text=as_text)
    said = f"{join([show(one) for one in wrong], 'and')} {'is' if len(wrong) == 1 else 'are'} not among the values"
    remedy = choice_remedy(wrong[0], choices) if len(wrong) == 1 else choice_remedy(None, choices)
    return Misfit(f"{said} that the API knows", remedy)


def _number(found: Number, wanted: Alternatives) -> Misfit | None:
    return None if any(_takes(found, one) for one in wanted) else _mismatch(found, wanted)


def _takes(found: Number, schema: Schema) -> bool:
    if not schema.types:
        return any(isinstance(choice, int | float) for choice in schema.enum or ())
    if schema.types & _NUMERIC:
        is_whole = found.kind is NumberKind.INTEGER or found.source is Source.RESPONSE
        return is_whole or "number" in schema.types
    return "string" in schema.types and schema.format in DECIMALS


def _list(found: ListOf, wanted: Alternatives, schemas: Schemas, as_text: bool, depth: int) -> Misfit | None:
    lists = [one for one in wanted if "array" in one.types]
    if not lists:
        return _mismatch(found, wanted)
    each = [type_misfit(found.item, schemas.elements(one), schemas, as_text=as_text, depth=depth + 1) for one in lists]
    why = None if None in each else each[0]
    return None if why is None else Misfit(f"its elements: {why.said}", why.remedy)


def _mismatch(found: Type, wanted: Alternatives) -> Misfit:
    return Misfit(f"is {describe(found)}, and the API wants {kinds(wanted)}")
