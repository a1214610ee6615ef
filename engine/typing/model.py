"""The types of values that a rule can meet. What is not known is UNKNOWN, and nothing is ever found out about it.

Type > Unknown | Omitted | Null | Boolean | Number | Text | Bytes | Moment | Uuid | ListOf | Map | Record | Union
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum


class Source(StrEnum):
    """Who says so: an event's schema is always right, an API's document mostly, the rule about its constants."""

    EVENT = "event"
    RESPONSE = "response"
    RULE = "rule"


@dataclass(frozen=True, slots=True)
class Unknown:
    """Anything."""


@dataclass(frozen=True, slots=True)
class Omitted:
    """The value of `omit`."""


@dataclass(frozen=True, slots=True)
class Null:
    """Null."""


@dataclass(frozen=True, slots=True)
class Boolean:
    """True or false.

    Attributes:
        value: the only one that it can be, None for both.
    """

    value: bool | None = None


class NumberKind(StrEnum):
    """Kinds of numbers; the values are the words for people."""

    INTEGER = "an integer"
    FLOAT = "a number"
    DECIMAL = "a decimal"


@dataclass(frozen=True, slots=True)
class Number:
    """A number.

    Attributes:
        kind: FLOAT takes in whole numbers of JSON; decimals and floats do not mix.
        values: all that it can be, None where that is not known.
        source: who says so.
    """

    kind: NumberKind = NumberKind.INTEGER
    values: tuple[int | float, ...] | None = None
    source: Source = Source.EVENT


@dataclass(frozen=True, slots=True)
class Text:
    """Text.

    Attributes:
        symbols: all that it can be, for enums and constants; None where that is not known.
        format: of the API's document (`uuid`, `date-time`, `uri`, ...), "" for none.
        source: who says so.
    """

    symbols: tuple[str, ...] | None = None
    format: str = ""
    source: Source = Source.EVENT


@dataclass(frozen=True, slots=True)
class Bytes:
    """Bytes."""


class MomentKind(StrEnum):
    """Kinds of dates and times; the values are the words for people."""

    DATETIME = "a datetime"
    LOCAL = "a local datetime"
    DATE = "a date"
    TIME = "a time"


@dataclass(frozen=True, slots=True)
class Moment:
    """A date or time. LOCAL has no time zone, DATETIME has one; the two cannot be compared."""

    kind: MomentKind


@dataclass(frozen=True, slots=True)
class Uuid:
    """A UUID: no text, but has one."""


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list, all of whose elements are of one type."""

    item: Type


@dataclass(frozen=True, slots=True)
class Map:
    """Names, not known beforehand, with values of one type."""

    value: Type


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a record.

    Attributes:
        type: of its value.
        optional: it may be missing, which is an error where it is used.
    """

    type: Type
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Record:
    """A mapping with known fields.

    Attributes:
        fields: by name.
        open: there may be others, of which nothing is known.
        name: for people, "" for none.
        source: who says so.
    """

    fields: Mapping[str, Field] = field(hash=False)
    open: bool = False
    name: str = ""
    source: Source = Source.EVENT

    def get(self, name: str) -> Type | None:
        """The type of a field, None where the record has no such field."""
        found = self.fields.get(name)
        return None if found is None else found.type


@dataclass(frozen=True, slots=True)
class Union:
    """One of several; made by `union`, which keeps out unions, repetitions and UNKNOWN."""

    members: tuple[Type, ...]


Type = Unknown | Omitted | Null | Boolean | Number | Text | Bytes | Moment | Uuid | ListOf | Map | Record | Union

UNKNOWN = Unknown()
NOTHING = Union(())
"""What the elements of an empty list are: beside other types it adds none."""

OMITTED = Omitted()
NULL = Null()
BOOLEAN = Boolean()
TRUE = Boolean(value=True)
FALSE = Boolean(value=False)
INTEGER = Number(NumberKind.INTEGER)
FLOAT = Number(NumberKind.FLOAT)
DECIMAL = Number(NumberKind.DECIMAL)
TEXT = Text()
BYTES = Bytes()
DATETIME = Moment(MomentKind.DATETIME)
LOCAL = Moment(MomentKind.LOCAL)
DATE = Moment(MomentKind.DATE)
TIME = Moment(MomentKind.TIME)
UUID = Uuid()


def members(one: Type) -> tuple[Type, ...]:
    """What it may be; a type that is no union stands for itself."""
    return one.members if isinstance(one, Union) else (one,)


def union(*types: Type) -> Type:
    """One of these types. UNKNOWN takes all in; of none, or of NOTHING alone, nothing is known."""
    if len(types) == 1 and types[0] is not NOTHING:
        return types[0]
    found = dict.fromkeys(member for one in types for member in members(one))
    if not found or UNKNOWN in found:
        return UNKNOWN
    if len(found) > 1:
        found = _without_parts(found)
    if NULL in found:
        found[NULL] = found.pop(NULL)  # last, so that the same union is the same type
    return next(iter(found)) if len(found) == 1 else Union(tuple(found))


def _without_parts(found: dict[Type, None]) -> dict[Type, None]:
    """Without those that are part of another: constants of a kind beside the whole kind."""
    if BOOLEAN in found or (TRUE in found and FALSE in found):
        found = dict.fromkeys(BOOLEAN if isinstance(one, Boolean) else one for one in found)
    for whole in (TEXT, INTEGER, FLOAT, DECIMAL):
        if whole in found:
            found = dict.fromkeys(whole if _is_part(one, whole) else one for one in found)
    return found


def _is_part(one: Type, whole: Text | Number) -> bool:
    if isinstance(whole, Text):
        return isinstance(one, Text) and not one.format
    return isinstance(one, Number) and one.kind is whole.kind


def nullable(one: Type) -> Type:
    """The type, or null."""
    return union(one, NULL)


def may_be_null(one: Type) -> bool:
    """True where null is among what it may be."""
    if not isinstance(one, Union):
        return isinstance(one, Null)
    return any(isinstance(member, Null) for member in one.members)


def without(one: Type, *kinds: type) -> Type | None:
    """The type less those of these classes; None where nothing is left."""
    if not isinstance(one, Union):
        return None if isinstance(one, kinds) else one
    left = [member for member in one.members if not isinstance(member, kinds)]
    return (one if len(left) == len(one.members) else union(*left)) if left else None


def truthy(one: Type) -> Type | None:
    """What is left of a type where its value counts as true; None for nothing."""
    left = [kept for member in members(one) if (kept := _truthy(member)) is not None]
    return union(*left) if left else None


def falsy(one: Type) -> Type | None:
    """What is left of a type where its value counts as false; None for nothing."""
    left = [kept for member in members(one) if (kept := _falsy(member)) is not None]
    return union(*left) if left else None


def _truthy(one: Type) -> Type | None:
    match one:
        case Null() | Boolean(value=False):
            return None
        case Boolean():
            return TRUE
        case Text(symbols=tuple() as known) if "" in known:
            left = tuple(symbol for symbol in known if symbol)
            return replace(one, symbols=left) if left else None
        case Number(values=tuple() as numbers) if 0 in numbers:
            rest = tuple(number for number in numbers if number)
            return replace(one, values=rest) if rest else None
        case _:
            return one


def _falsy(one: Type) -> Type | None:
    match one:
        case Boolean(value=True) | Moment() | Uuid() | Omitted():
            return None
        case Boolean():
            return FALSE
        case Text(symbols=tuple() as known):
            return replace(one, symbols=("",)) if "" in known else None
        case Number(values=tuple() as numbers):
            return replace(one, values=(0,)) if 0 in numbers else None
        case Record(fields=fields):
            return None if fields and not one.open and one.source is Source.EVENT else one
        case _:
            return one


def each(one: Type, *kinds: type) -> Iterator[Type]:
    """Those it may be that are of these classes."""
    return (member for member in members(one) if isinstance(member, kinds))


def symbols(one: Type) -> tuple[str, ...] | None:
    """All texts that it can be, where it is nothing but text with known symbols; else None."""
    found: dict[str, None] = {}
    for member in members(one):
        if not isinstance(member, Text) or member.symbols is None:
            return None
        found |= dict.fromkeys(member.symbols)
    return tuple(found)


def text_of(*values: str, source: Source = Source.RULE) -> Text:
    """Text that can be nothing but these."""
    return Text(symbols=values, source=source)


def sourced(one: Type, source: Source) -> Type:
    """A text or number said by somebody else; other types as they are."""
    return replace(one, source=source) if isinstance(one, Text | Number) else one


def describe(one: Type) -> str:
    """The type in the words of a rule's author: `text or null`."""
    words = list(dict.fromkeys(_word(member) for member in members(one))) or ["nothing"]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"


def _word(one: Type) -> str:
    if isinstance(one, Number | Moment):
        return str(one.kind)
    return _WORDS[type(one)]


_WORDS: Mapping[type, str] = {
    Unknown: "anything",
    Omitted: "omit",
    Null: "null",
    Boolean: "a boolean",
    Text: "text",
    Bytes: "bytes",
    Uuid: "a UUID",
    ListOf: "a list",
    Map: "a map",
    Record: "a record",
}
