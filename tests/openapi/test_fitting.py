"""Whether the values of a type fit a schema."""

from __future__ import annotations

from typing import Any

import pytest

from engine.openapi.fitting import type_misfit
from engine.typing import model
from engine.typing.model import ListOf, Map, Number, Source, Text, Type, union
from tests.openapi.documents import with_schemas

SCHEMAS = with_schemas()
STRING = {"type": "string"}
INTEGER = {"type": "integer"}
STATUS = {"type": "string", "enum": ["a", "b"]}
DATE = {"type": "string", "format": "date"}
DATETIME = {"type": "string", "format": "date-time"}
FROM_API = Text(source=Source.RESPONSE)


def why(found: Type, node: Any, *, as_text: bool = False) -> str | None:
    """What does not fit, None where all fits."""
    wrong = type_misfit(found, SCHEMAS.of(node), SCHEMAS, as_text=as_text)
    return None if wrong is None else wrong.said


FITTING: list[tuple[Type, Any]] = [
    (model.UNKNOWN, STATUS),
    (model.OMITTED, INTEGER),
    (model.TEXT, {}),
    (model.TEXT, STATUS),
    (model.TEXT, DATE),
    (model.TEXT, {"type": "string", "format": "uuid"}),
    (Text(symbols=("a", "b")), STATUS),
    (Text(symbols=("a",)), STRING),
    (model.INTEGER, {"type": "integer", "enum": [1, 2]}),
    (model.INTEGER, {"type": "integer", "maximum": 5}),
    (model.INTEGER, {"type": "number"}),
    (model.DECIMAL, {"type": "number"}),
    (model.DECIMAL, {"type": "string", "format": "decimal"}),
    (Number(values=(1, 2)), {"type": "integer", "enum": [1, 2, 3]}),
    (model.UUID, {"type": "string", "format": "uuid"}),
    (model.DATETIME, DATETIME),
    (model.DATE, DATETIME),
    (model.DATE, STRING),
    (model.BYTES, STRING),
    (model.BOOLEAN, {"type": "boolean"}),
    (ListOf(model.TEXT), {"type": "array", "items": {"type": "string", "format": "uuid"}}),
    (ListOf(model.INTEGER), {"type": "array"}),
    (Map(model.TEXT), {"type": "object"}),
    (union(model.TEXT, model.NULL), STRING),
    (FROM_API, INTEGER),
    (FROM_API, {"type": "array"}),
    (Text(symbols=("a", "x"), source=Source.RESPONSE), STATUS),
]


@pytest.mark.parametrize(("found", "node"), FITTING)
def test_fits(found: Type, node: Any) -> None:
    """What is right, or may be: text in enums and formats, numbers in ranges, what a document types as text."""
    assert why(found, node) is None


@pytest.mark.parametrize(
    ("found", "node", "said"),
    [
        (Text(symbols=("a", "x")), STATUS, "'x' is not among the values that the API knows"),
        (Text(symbols=("x", "a", "y")), STATUS, "'x' and 'y' are not among the values that the API knows"),
        (Text(symbols=("x",), source=Source.RESPONSE), STATUS, "'x' is not among the values that the API knows"),
        (Text(symbols=("x",)), DATE, "must be a date such as 2026-01-31, not 'x'"),
        (model.TEXT, INTEGER, "is text, and the API wants a whole number"),
        (model.TEXT, {"type": "array"}, "is text, and the API wants a list"),
        (model.INTEGER, STRING, "is an integer, and the API wants text"),
        (model.FLOAT, INTEGER, "is a number, and the API wants a whole number"),
        (Number(values=(2, 4)), {"type": "integer", "enum": [1, 2]}, "4 is not one of the values that the API knows"),
        (model.BOOLEAN, STRING, "is a boolean, and the API wants text"),
        (model.DATETIME, DATE, "is a datetime, and the API wants a date"),
        (model.TIME, DATETIME, "is a time, and the API wants a date-time"),
        (model.UUID, DATE, "is a UUID, and the API wants text"),
        (ListOf(model.TEXT), STRING, "is a list, and the API wants text"),
        (
            ListOf(model.TEXT),
            {"type": "array", "items": INTEGER},
            "its elements: is text, and the API wants a whole number",
        ),
        (Map(model.TEXT), STRING, "is a map, and the API wants text"),
        (union(model.TEXT, model.INTEGER), STRING, "is an integer, and the API wants text"),
    ],
)
def test_does_not_fit(found: Type, node: Any, said: str) -> None:
    """Some value of the type is certainly wrong."""
    assert said == why(found, node)


@pytest.mark.parametrize(
    ("found", "node"),
    [(model.TEXT, INTEGER), (model.INTEGER, STRING), (model.BOOLEAN, STRING), (Text(symbols=("1",)), INTEGER)],
)
def test_fits_as_text(found: Type, node: Any) -> None:
    """In a query a number is text, and text may be a number."""
    assert why(found, node, as_text=True) is None
