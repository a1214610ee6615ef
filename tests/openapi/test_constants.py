"""Whether a value that a rule writes out fits a schema."""

from __future__ import annotations

from typing import Any

import pytest

from engine.openapi.constants import misfit
from tests.openapi.documents import with_schemas

SCHEMAS = with_schemas()
STATUS = {"type": "string", "enum": ["to_do", "in_progress", "--"]}
LEVEL = {"type": "integer", "enum": [1, 2, 3]}


def why(value: Any, node: Any, *, as_text: bool = False) -> str | None:
    """What is wrong with a value, with the remedy; None for nothing."""
    found = misfit(value, SCHEMAS.of(node), as_text=as_text)
    return None if found is None else f"{found.said}; {found.remedy}".removesuffix("; ")


@pytest.mark.parametrize(
    ("value", "node"),
    [
        ("a", {}),
        (None, {}),
        ("a", {"type": "string"}),
        ("to_do", STATUS),
        (None, {**STATUS, "nullable": True}),
        (2, LEVEL),
        (2.0, LEVEL),
        (2, {"type": "number"}),
        (2.0, {"type": "integer"}),
        (2.5, {"type": "string", "format": "decimal"}),
        ("2.5", {"type": "string", "format": "decimal"}),
        (True, {"type": "boolean"}),
        ([], {"type": "array"}),
        ({}, {"type": "object"}),
        ({}, {"properties": {"a": {}}}),
        ("", {"oneOf": [STATUS, {"enum": [""]}]}),
        ("--", {"type": "integer", "enum": ["--", 1]}),
        ("6FD2B3A4-2a53-4c9b-9a54-4f1ed7c7a6e5", {"type": "string", "format": "uuid"}),
        ("2026-01-31", {"type": "string", "format": "date"}),
        ("2026-01-31T10:00:00.5+02:00", {"type": "string", "format": "date-time"}),
        ("2026-01-31 10:00", {"type": "string", "format": "date-time"}),
        ("urn:x:y", {"type": "string", "format": "uri"}),
        ("whatever", {"type": "string", "format": "unheard-of"}),
        (0, {"type": "integer", "minimum": 0, "maximum": 9223372036854775807}),
        ("é" * 5, {"type": "string", "maxLength": 5}),
    ],
)
def test_fits(value: Any, node: Any) -> None:
    """Right types, members of enums, formats, bounds."""
    assert why(value, node) is None


@pytest.mark.parametrize(
    ("value", "node", "said"),
    [
        ("todo", STATUS, "'todo' is not one of the values that the API knows; did you mean 'to_do'?"),
        ("x", STATUS, "'x' is not one of the values that the API knows; it knows 'to_do', 'in_progress', '--'"),
        (5, STATUS, 'must be text, not 5; write it in quotes: "5"'),
        ("2", LEVEL, "must be a whole number, not '2'; write it without quotes"),
        (True, LEVEL, "must be a whole number, not true"),
        (4, LEVEL, "4 is not one of the values that the API knows; it knows 1, 2, 3"),
        (2.5, {"type": "integer"}, "must be a whole number, not 2.5"),
        (None, {"type": "string"}, "must not be null; write `omit` to leave it out"),
        ([], {"type": "string"}, "must be text, not a list"),
        ({}, {"anyOf": [{"type": "string"}, {"type": "array"}]}, "must be text or a list, not a mapping"),
        ("a", {"type": "array"}, "must be a list, not 'a'"),
        ("no", {"type": "boolean"}, "must be true or false, not 'no'"),
        ("x", {"type": "string", "format": "uuid"}, "must be a UUID, not 'x'"),
        ("2026-02-30", {"type": "string", "format": "date"}, "must be a date such as 2026-01-31, not '2026-02-30'"),
        (
            "2026-01-31",
            {"type": "string", "format": "date-time"},
            "must be a time such as 2026-01-31T12:00:00Z, not '2026-01-31'",
        ),
        ("example.com", {"type": "string", "format": "uri"}, "must be a URL, not 'example.com'"),
        ("1.2.3", {"type": "string", "format": "ipv4"}, "must be an IPv4 address, not '1.2.3'"),
        (101, {"type": "integer", "maximum": 100}, "must be at most 100, not 101"),
        ("abc", {"type": "string", "maxLength": 2}, "must have at most 2 characters, has 3"),
    ],
)
def test_does_not_fit(value: Any, node: Any, said: str) -> None:
    """The reason in the words of a rule's author."""
    assert said == why(value, node)


@pytest.mark.parametrize(
    ("value", "node"),
    [
        ("5", {"type": "integer"}),
        (5, {"type": "string"}),
        ("1.5", {"type": "number"}),
        ("2", LEVEL),
        (True, {"type": "boolean"}),
        ("True", {"type": "boolean"}),
        (True, {"type": "string", "enum": ["true", "false"]}),
        ("2026-01-31", {"type": "string", "format": "date-time"}),
        ("", {"type": "string", "format": "uuid"}),
    ],
)
def test_fits_as_text(value: Any, node: Any) -> None:
    """In a query everything is text; a date will do for a date with a time."""
    assert why(value, node, as_text=True) is None


@pytest.mark.parametrize(
    ("value", "node", "said"),
    [
        ("five", {"type": "integer"}, "must be a whole number, not 'five'"),
        ("1.5", {"type": "integer"}, "must be a whole number, not '1.5'"),
        ("maybe", {"type": "boolean"}, "must be true or false, not 'maybe'"),
        ("4", LEVEL, "must be a whole number, not '4'"),
        (True, {"type": "integer"}, "must be a whole number, not true"),
    ],
)
def test_does_not_fit_as_text(value: Any, node: Any, said: str) -> None:
    """What no reading of the text makes right."""
    assert (why(value, node, as_text=True) or "").startswith(said) or "not one of" in str(
        why(value, node, as_text=True)
    )
