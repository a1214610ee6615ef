"""The gauge: whether a value fits a schema, in agreement with jsonschema."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from engine.documents import read_documents
from engine.gauge import NotGauged, gauge
from engine.shapes import check_shape, load_schema

CASES = sorted((Path(__file__).parent / "cases").glob("*valid/*.yaml"))


@pytest.mark.parametrize("name", ["rule", "config", "rule-test", "answers"])
def test_shipped(name: str) -> None:
    """All schemas of the engine can be gauged, so that files that fit need no jsonschema."""
    assert callable(gauge(load_schema(name)))


@pytest.mark.parametrize("file", CASES, ids=lambda file: f"{file.parent.name}-{file.stem}")
def test_agrees(file: Path) -> None:
    """A rule fits exactly where jsonschema finds nothing wrong."""
    schema = load_schema("rule")
    asked = {**schema, "x-copy": {}, "if": True}  # `if` is not known to the gauge: jsonschema is asked
    for document in read_documents(file, file.read_text(encoding="utf-8"))[0]:
        assert gauge(schema)(document.data) is (check_shape(document, asked) == [])


@pytest.mark.parametrize(
    ("schema", "good", "bad"),
    [
        ({"type": "integer"}, [1, -5, 10**30], [1.0, True, "1", None]),
        ({"type": ["number", "null"]}, [1, 1.5, None], [False, "1", []]),
        ({"type": "object", "minProperties": 1}, [{"a": 1}], [{}, []]),
        ({"enum": [1, "a", None]}, [1, "a", None], [True, 0, "b"]),
        ({"const": True}, [True], [1, "true"]),
        ({"uniqueItems": True}, [[1, True, "1"], "aa"], [[1, 2, 1]]),
        ({"pattern": "^a"}, ["ab", 5], ["ba"]),
        ({"minimum": 1, "maximum": 3}, [1, 3, 2.5, "9", True], [0, 4]),
        ({"minLength": 2}, ["ab", [1]], ["a"]),
        ({"required": ["a"]}, [{"a": None}, []], [{}, {"b": 1}]),
        ({"dependentRequired": {"a": ["b"]}}, [{"a": 1, "b": 1}, {"b": 1}, 1], [{"a": 1}]),
        ({"properties": {"a": {"not": {}}}}, [{"b": 1}, 1], [{"a": 1}]),
        ({"properties": {"a": {}}, "additionalProperties": False}, [{"a": 1}, {}, 1], [{"b": 1}]),
        ({"propertyNames": {"pattern": "^x"}}, [{"x1": 1}, {}, 1], [{"y": 1}]),
        ({"items": {"type": "string"}}, [["a"], [], "a"], [["a", 1]]),
        ({"oneOf": [{"required": ["a"]}, {"required": ["b"]}]}, [{"a": 1}, {"b": 1}], [{}, {"a": 1, "b": 1}]),
        ({"anyOf": [{"const": "off"}, {"type": "integer"}]}, ["off", 3], ["on", None]),
        ({"$ref": "#/$defs/a", "$defs": {"a": {"items": {"$ref": "#/$defs/a"}, "type": "array"}}}, [[[]]], [[1]]),
        ({"allOf": [{"type": "integer"}, {"minimum": 2}]}, [2], [1, 2.5]),
        ({"dependentSchemas": {"a": {"required": ["b"]}}}, [{"b": 1}, {"a": 1, "b": 1}, 1], [{"a": 1}]),
    ],
)  # fmt: skip
def test_keywords(schema: Mapping[str, Any], good: list[Any], bad: list[Any]) -> None:
    """Each keyword takes and refuses what the standard says, but for 1.0, which is no integer."""
    fits = gauge(schema)
    assert [True] * len(good) + [False] * len(bad) == [fits(value) for value in (*good, *bad)]


@pytest.mark.parametrize("schema", [{"if": {}}, {"items": {"maxItems": 1}}, {"$ref": "other.json"}, {"enum": [[1]]}])
def test_not_gauged(schema: Mapping[str, Any]) -> None:
    """Of a schema with another keyword nothing is said, rather than something wrong."""
    with pytest.raises(NotGauged):
        gauge(schema)
