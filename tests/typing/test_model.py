"""Types and what is made of them."""

from __future__ import annotations

import pytest

from engine.typing import model
from engine.typing.model import Field, ListOf, Null, Number, NumberKind, Record, Source, Text, Type, union


@pytest.mark.parametrize(
    ("types", "expected"),
    [
        ((), model.UNKNOWN),
        ((model.TEXT,), model.TEXT),
        ((model.TEXT, model.TEXT), model.TEXT),
        ((model.TEXT, model.UNKNOWN), model.UNKNOWN),
        ((model.TRUE, model.FALSE), model.BOOLEAN),
        ((model.TRUE, model.BOOLEAN), model.BOOLEAN),
        ((model.text_of("a"), model.TEXT), model.TEXT),
        ((Number(NumberKind.INTEGER, (1,)), model.INTEGER), model.INTEGER),
        ((model.NOTHING, model.TEXT), model.TEXT),
        ((model.NOTHING,), model.UNKNOWN),
        ((union(model.NULL, model.TEXT), model.NULL), model.Union((model.TEXT, model.NULL))),
    ],
)
def test_union(types: tuple[Type, ...], expected: Type) -> None:
    """Repetitions, parts and unions in unions are put together; what is unknown takes all in."""
    assert expected == union(*types)


def test_without_null() -> None:
    """What is left of a type, None for nothing."""
    assert model.TEXT == model.without(model.nullable(model.TEXT), Null)
    assert model.TEXT == model.without(model.TEXT, Null)
    assert model.without(model.NULL, Null) is None


@pytest.mark.parametrize(
    ("found", "truthy", "falsy"),
    [
        (model.NULL, None, model.NULL),
        (model.BOOLEAN, model.TRUE, model.FALSE),
        (model.TRUE, model.TRUE, None),
        (model.TEXT, model.TEXT, model.TEXT),
        (model.text_of("", "a"), model.text_of("a"), model.text_of("")),
        (model.text_of("a"), model.text_of("a"), None),
        (Number(values=(0, 1)), Number(values=(1,)), Number(values=(0,))),
        (model.DATE, model.DATE, None),
        (Record({"a": Field(model.TEXT)}), Record({"a": Field(model.TEXT)}), None),
        (ListOf(model.TEXT), ListOf(model.TEXT), ListOf(model.TEXT)),
        (model.nullable(model.DATE), model.DATE, model.NULL),
    ],
)
def test_truth(found: Type, truthy: Type | None, falsy: Type | None) -> None:
    """What a value is where it counts as true, and where it counts as false."""
    assert (truthy, falsy) == (model.truthy(found), model.falsy(found))


def test_symbols() -> None:
    """The values of a type that is nothing but known texts."""
    assert ("a", "b") == model.symbols(union(model.text_of("a"), Text(("b", "a"), source=Source.EVENT)))
    assert model.symbols(model.nullable(model.text_of("a"))) is None
    assert model.symbols(model.TEXT) is None


def test_describe() -> None:
    """In the words of a rule's author."""
    assert "text or null" == model.describe(model.nullable(model.TEXT))
    assert "an integer" == model.describe(model.INTEGER)
    assert "a list, a map or a date" == model.describe(union(ListOf(model.TEXT), model.Map(model.TEXT), model.DATE))


def test_records_are_equal_by_their_fields() -> None:
    """Two schemas that say the same are one type, so that nothing is typed twice."""
    one, other = Record({"a": Field(model.TEXT)}), Record({"a": Field(model.TEXT)})
    assert one == other
    assert hash(one) == hash(other)
    assert one != Record({"a": Field(model.INTEGER)})
