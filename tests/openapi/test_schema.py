"""What a schema says, its references and branches worked out."""

from __future__ import annotations

from typing import Any

import pytest

from engine.openapi.schema import UNKNOWN, Schema
from tests.openapi.documents import ref, with_schemas

SCHEMAS = with_schemas(
    Status={"type": "string", "enum": ["a", "b"]},
    Blank={"enum": [""]},
    Named={"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}}},
    Tree={"type": "object", "properties": {"below": {"type": "array", "items": ref("Tree")}}},
    Loop={"allOf": [ref("Loop")]},
)


def types(node: Any) -> list[set[str]]:
    """The types of each alternative."""
    return [set(one.types) for one in SCHEMAS.of(node)]


@pytest.mark.parametrize(
    ("node", "expected"),
    [
        ({"type": "string"}, [{"string"}]),
        ({"type": "string", "nullable": True}, [{"string"}, {"null"}]),
        ({"type": ["string", "null"]}, [{"string"}, {"null"}]),
        ({"type": ["string", "integer"]}, [{"string", "integer"}]),
        ({"type": "null"}, [{"null"}]),
        ({"nullable": True, "allOf": [ref("Status")]}, [{"string"}, {"null"}]),
        ({"nullable": True, **ref("Status")}, [{"string"}, {"null"}]),
        ({"oneOf": [ref("Status"), ref("Blank")]}, [{"string"}, set()]),
        ({"anyOf": [{"type": "integer"}, {"type": "null"}]}, [{"integer"}, {"null"}]),
        ({"type": "number", "allOf": [{"type": "integer"}]}, [{"integer"}]),
        ({"allOf": [{"anyOf": [{"type": "string"}, {"type": "boolean"}]}, {"type": "boolean"}]}, [{"boolean"}]),
    ],
)
def test_types(node: Any, expected: list[set[str]]) -> None:
    """Null is an alternative of its own, in 3.0 and in 3.1."""
    assert expected == types(node)


@pytest.mark.parametrize(
    "node",
    [
        None,
        True,
        "text",
        {},
        ref("Nowhere"),
        ref("Loop"),
        {"allOf": [{"type": "string"}, {"type": "integer"}]},
        {"oneOf": [{"type": "string"}, {}]},
    ],
)
def test_what_says_nothing(node: Any) -> None:
    """What cannot be understood, holds itself, or contradicts itself may be anything."""
    assert any(one.is_anything for one in SCHEMAS.of(node))


def test_parts_of_an_all_of_are_one_schema() -> None:
    """Names and requirements of all parts; a part that only requires does not open the others."""
    (found,) = SCHEMAS.of(
        {"allOf": [ref("Named"), {"properties": {"size": {"type": "integer"}}}, {"required": ["size"]}]}
    )
    assert ({"name", "size"}, {"name", "size"}) == (set(found.properties), set(found.required))
    assert not found.takes_any_name


def test_a_name_that_two_parts_have() -> None:
    """Both schemas hold."""
    parts = [{"properties": {"a": {"type": "string"}}}, {"properties": {"a": {"enum": ["x", 1]}}}]
    (found,) = SCHEMAS.of({"allOf": parts})
    (wanted,) = SCHEMAS.property(found, "a") or ()
    assert (frozenset({"string"}), ("x", 1)) == (wanted.types, wanted.enum)


@pytest.mark.parametrize(
    ("node", "expected"),
    [
        ({"properties": {"a": {}}}, False),
        ({"type": "object"}, True),
        ({"type": "object", "additionalProperties": False}, False),
        ({"properties": {"a": {}}, "additionalProperties": True}, True),
        ({"properties": {"a": {}}, "additionalProperties": {"type": "string"}}, True),
        ({"properties": {"a": {}}, "patternProperties": {"^x": {}}}, True),
        ({"properties": {"a": {}}, "unevaluatedProperties": False}, False),
        ({"properties": {"a": {}}, "discriminator": {"propertyName": "a"}}, True),
    ],
)
def test_which_mappings_take_any_name(node: Any, expected: bool) -> None:
    """Where the document says so, or names none; heirs of a type have names of their own."""
    (found,) = SCHEMAS.of(node)
    assert expected is found.takes_any_name


def test_values_of_other_names() -> None:
    """`additionalProperties` says what they are."""
    (found,) = SCHEMAS.of({"type": "object", "additionalProperties": {"type": "integer"}})
    assert [frozenset({"integer"})] == [one.types for one in SCHEMAS.property(found, "any") or ()]


def test_a_schema_that_holds_itself() -> None:
    """It is worked out level by level."""
    (tree,) = SCHEMAS.of(ref("Tree"))
    for _ in range(50):
        (below,) = SCHEMAS.property(tree, "below") or ()
        (tree,) = SCHEMAS.elements(below)
    assert {"below"} == set(tree.properties)


def test_more_alternatives_than_anybody_means() -> None:
    """A product of branches is cut: nothing is known then."""
    branches = {"oneOf": [{"type": "string", "enum": [f"{number}"]} for number in range(9)]}
    assert UNKNOWN == SCHEMAS.of({"allOf": [branches, {"oneOf": [{"format": f"{n}"} for n in range(9)]}]})


def test_constants() -> None:
    """`const` of 3.1 is an enum of one."""
    assert [Schema(enum=("x",))] == list(SCHEMAS.of({"const": "x"}))


@pytest.mark.parametrize(
    "node",
    [
        {"type": "string", "nullable": True, "readOnly": True},
        {"type": ["string", "null"], "readOnly": True},
        {"readOnly": True, "nullable": True, "allOf": [ref("Named")]},
        {"readOnly": True, "oneOf": [ref("Status"), {"type": "null"}]},
        {"readOnly": True, **ref("Status")},
    ],
)
def test_read_only_whatever_it_is(node: Any) -> None:
    """Null of a read-only field is read-only too."""
    assert all(one.read_only for one in SCHEMAS.of(node))
