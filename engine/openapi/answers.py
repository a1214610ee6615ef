"""Types of the values that an operation answers, for what a rule does with them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from engine.openapi.schema import UNKNOWN, Alternatives, Schema, Schemas
from engine.typing import model
from engine.typing.model import Field, ListOf, Map, Number, NumberKind, Record, Source, Text, Type, union

_DEEPEST = 16  # lists in lists
_RESULTS = "results"


class Answers:
    """Makes types of schemas; each once, so that the same schema is the same type."""

    def __init__(self, schemas: Schemas) -> None:
        self.schemas = schemas
        self._known: dict[tuple[int, ...], tuple[Type, Alternatives]] = {}

    def type_of(self, wanted: Alternatives, depth: int = 0) -> Type:
        """The type of what an API gives; records are open where the document allows further names.

        Args:
            wanted: what the document says.
            depth: lists and maps around it.
        """
        if depth > _DEEPEST or any(one.is_anything for one in wanted):
            return model.UNKNOWN
        key = tuple(map(id, wanted))
        if key not in self._known:
            records = [one for one in wanted if _is_record(one)]
            types = [self._plain(one, depth) for one in wanted if not _is_record(one)]
            if records:
                types.append(self._record(records))
            self._known[key] = union(*types), wanted
        return self._known[key][0]

    def page_items(self, body: Type) -> Type:
        """The type of what `paginate` collects from pages of a type."""
        pages = list(model.members(body))
        found = [one.get(_RESULTS) for one in pages if isinstance(one, Record)]
        lists = [one for one in found if isinstance(one, ListOf)]
        return union(*(one.item for one in lists)) if lists and len(lists) == len(pages) else model.UNKNOWN

    def _record(self, schemas: list[Schema]) -> Type:
        """One record for all: which of them an answer is cannot be told."""
        if all(not one.properties and one.extra is not None for one in schemas):
            return Map(union(*(self.type_of(self.schemas.of(one.extra)) for one in schemas)))
        is_open = any(one.takes_any_name for one in schemas)
        return Record(_Fields(self, schemas), open=is_open, source=Source.RESPONSE)

    def _plain(self, schema: Schema, depth: int) -> Type:
        if schema.enum is not None:
            return _of_values(schema)
        kinds = [self._of_kind(kind, schema, depth) for kind in schema.types]
        return union(*kinds)

    def _of_kind(self, kind: str, schema: Schema, depth: int) -> Type:
        if kind == "array":
            return ListOf(self.type_of(self.schemas.elements(schema), depth + 1))
        if kind == "string":
            return Text(format=schema.format, source=Source.RESPONSE)
        if kind in _NUMBERS:
            return Number(_NUMBERS[kind], source=Source.RESPONSE)
        return _OTHERS.get(kind, model.UNKNOWN)


class _Fields(Mapping[str, Field]):
    """Fields of a record, typed when they are asked for: schemas may hold themselves."""

    def __init__(self, answers: Answers, schemas: list[Schema]) -> None:
        self._answers = answers
        self._schemas = schemas
        self._names = dict.fromkeys(
            name for one in schemas for name in one.properties if not self._is_hidden(one, name)
        )
        self._known: dict[str, Field] = {}

    def __getitem__(self, name: str) -> Field:
        if name not in self._names:
            raise KeyError(name)
        found = self._known.get(name)
        if found is None:
            holders = [one for one in self._schemas if name in one.properties]
            each = [self._answers.schemas.property(one, name) or UNKNOWN for one in holders]
            found = self._known[name] = Field(union(*map(self._answers.type_of, each)))
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def __eq__(self, other: object) -> bool:
        return self is other

    def __hash__(self) -> int:
        return id(self)

    def _is_hidden(self, schema: Schema, name: str) -> bool:
        """The API takes the field and does not give it."""
        return all(one.write_only for one in self._answers.schemas.property(schema, name) or UNKNOWN)


_OTHERS: Mapping[str, Type] = {"boolean": model.BOOLEAN, "null": model.NULL}
_NUMBERS: Mapping[str, NumberKind] = {"integer": NumberKind.INTEGER, "number": NumberKind.FLOAT}


def _is_record(schema: Schema) -> bool:
    return schema.enum is None and (bool(schema.properties) or "object" in schema.types)


def _of_values(schema: Schema) -> Type:
    """Enums of one kind are known value by value."""
    values = schema.enum or ()
    texts = tuple(one for one in values if isinstance(one, str))
    numbers = tuple(one for one in values if isinstance(one, int | float) and not isinstance(one, bool))
    if len(texts) + len(numbers) + sum(one is None for one in values) != len(values):
        return model.UNKNOWN
    found: list[Type] = [model.NULL] if None in values else []
    if texts:
        found.append(Text(symbols=texts, format=schema.format, source=Source.RESPONSE))
    if numbers:
        kind = NumberKind.INTEGER if all(isinstance(one, int) for one in numbers) else NumberKind.FLOAT
        found.append(Number(kind, values=numbers, source=Source.RESPONSE))
    return union(*found)
