"""Types of what an operation answers."""

from __future__ import annotations

from typing import Any

import pytest

from engine.openapi.answers import Answers
from engine.typing import model
from engine.typing.model import ListOf, Map, Number, NumberKind, Record, Source, Text, Type, union
from tests.openapi.documents import api, ref, with_schemas

SCHEMAS = with_schemas(
    Tree={
        "type": "object",
        "properties": {"name": {"type": "string"}, "below": {"type": "array", "items": ref("Tree")}},
    },
    List={"type": "array", "items": ref("List")},
)
ANSWERS = Answers(SCHEMAS)
TEXT = Text(source=Source.RESPONSE)


def type_of(node: Any) -> Type:
    """The type of a schema."""
    return ANSWERS.type_of(SCHEMAS.of(node))


@pytest.mark.parametrize(
    ("node", "expected"),
    [
        ({}, model.UNKNOWN),
        ({"type": "string"}, TEXT),
        ({"type": "string", "format": "uuid"}, Text(format="uuid", source=Source.RESPONSE)),
        ({"type": "string", "enum": ["a", "b"]}, Text(symbols=("a", "b"), source=Source.RESPONSE)),
        ({"type": "integer"}, Number(source=Source.RESPONSE)),
        ({"type": "integer", "enum": [1, 2]}, Number(values=(1, 2), source=Source.RESPONSE)),
        ({"type": "number"}, Number(NumberKind.FLOAT, source=Source.RESPONSE)),
        ({"type": "boolean", "nullable": True}, union(model.BOOLEAN, model.NULL)),
        ({"type": "array", "items": {"type": "string"}}, ListOf(TEXT)),
        ({"type": "object", "additionalProperties": {"type": "string"}}, Map(TEXT)),
        ({"enum": ["a", {"b": 1}]}, model.UNKNOWN),
        ({"enum": [None]}, model.NULL),
    ],
)
def test_types(node: Any, expected: Type) -> None:
    """Each schema by its kind; what is said by a document is marked as such."""
    assert expected == type_of(node)


def test_a_record() -> None:
    """Fields that the API does not give are not there; the record is closed unless the document opens it."""
    node = {"properties": {"a": {"type": "string"}, "secret": {"type": "string", "writeOnly": True}}}
    found = type_of(node)
    assert isinstance(found, Record)
    assert (["a"], TEXT, None, False) == (list(found.fields), found.get("a"), found.get("secret"), found.open)
    opened = type_of({**node, "additionalProperties": True})
    assert isinstance(opened, Record)
    assert opened.open


def test_one_of_several_records() -> None:
    """Which one it is cannot be told, so it has the fields of all."""
    both = {"oneOf": [{"properties": {"a": {"type": "string"}}}, {"properties": {"b": {}, "a": {"type": "boolean"}}}]}
    found = type_of(both)
    assert isinstance(found, Record)
    assert (union(TEXT, model.BOOLEAN), model.UNKNOWN) == (found.get("a"), found.get("b"))


def test_schemas_that_hold_themselves() -> None:
    """A record is typed as deep as it is asked; a list of itself ends as unknown."""
    found: Type = type_of(ref("Tree"))
    for _ in range(100):
        assert isinstance(found, Record)
        below = found.get("below")
        assert isinstance(below, ListOf)
        found = below.item
    assert type_of(ref("Tree")) == found
    assert isinstance(type_of(ref("List")), ListOf)


RESPONSES = {
    "200": {"content": {"application/json": {"schema": {"type": "string"}}}},
    "201": {"content": {"application/vnd.x+json": {"schema": {"type": "boolean"}}}},
    "4XX": {"content": {"application/json": {"schema": {"type": "null"}}}},
}


@pytest.mark.parametrize(
    ("codes", "classes", "responses", "expected"),
    [
        ({200}, set(), RESPONSES, TEXT),
        ({201}, set(), RESPONSES, model.BOOLEAN),
        (set(), {2}, RESPONSES, union(TEXT, model.BOOLEAN)),
        ({200, 404}, set(), RESPONSES, union(TEXT, model.NULL)),
        ({202}, set(), RESPONSES, model.UNKNOWN),
        (set(), {2, 5}, RESPONSES, model.UNKNOWN),
        (set(), {2}, {"default": RESPONSES["200"]}, TEXT),
        (set(), {2}, {"200": {"description": "no body"}}, model.UNKNOWN),
        (set(), {2}, {"200": {"content": {"text/csv": {"schema": {"type": "string"}}}}}, model.UNKNOWN),
        (set(), {2}, {}, model.UNKNOWN),
    ],
)
def test_the_answer_of_an_operation(codes: set[int], classes: set[int], responses: Any, expected: Type) -> None:
    """Of the accepted statuses; one that the document does not describe may be anything."""
    known = api({"/a": {"get": {"responses": responses}}})
    operation = known.operation("GET", "/a")
    assert operation is not None
    assert expected == known.answer(operation, codes, classes)


@pytest.mark.parametrize(
    ("body", "item"),
    [
        ({"properties": {"results": {"type": "array", "items": {"type": "string"}}}}, TEXT),
        ({"properties": {"count": {"type": "integer"}}}, model.UNKNOWN),
        ({"type": "array", "items": {"type": "string"}}, model.UNKNOWN),
        ({}, model.UNKNOWN),
    ],
)
def test_items_of_pages(body: Any, item: Type) -> None:
    """What stands in `results`."""
    assert item == ANSWERS.page_items(type_of(body))
