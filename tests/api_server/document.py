"""The OpenAPI document: which operations, query names and body fields there are, and which values they take."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import orjson

Schema = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one path.

    Attributes:
        query: allowed names and their schemas.
        body: allowed fields and their schemas; None where the document says nothing about a body.
        read_only: fields that may not be written.
        required: fields that a POST must have.
        lists: fields that are lists.
    """

    query: Mapping[str, Schema]
    body: Mapping[str, Schema] | None
    read_only: frozenset[str]
    required: frozenset[str]
    lists: frozenset[str]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One path of the document: its template, collection and operations by method."""

    template: str
    collection: str
    operations: Mapping[str, Operation]


class Document:
    """The document, prepared for look-ups by real paths."""

    def __init__(self, path: Path) -> None:
        self._raw = orjson.loads(path.read_bytes())
        self._schemas: Mapping[str, Any] = self._raw["components"]["schemas"]
        self._literal: dict[str, Endpoint] = {}
        self._templated: dict[str, list[tuple[re.Pattern[str], Endpoint]]] = {}
        for template, methods in self._raw["paths"].items():
            endpoint = Endpoint(template, template.split("/")[2], self._operations(methods))
            if "{" in template:
                pattern = re.sub(r"\\{\w+\\}", "([^/]+)", re.escape(template))
                self._templated.setdefault(endpoint.collection, []).append((re.compile(pattern), endpoint))
            else:
                self._literal[template] = endpoint

    @property
    def collections(self) -> list[str]:
        """Names of all collections."""
        return sorted({one.collection for one in self._literal.values() if "POST" in one.operations})

    def find(self, path: str) -> tuple[Endpoint, str] | None:
        """The endpoint of a path and the object's id ("" without one)."""
        literal = self._literal.get(path)
        if literal is not None:
            return literal, ""
        for pattern, endpoint in self._templated.get("".join(path.split("/")[2:3]), ()):
            if found := pattern.fullmatch(path):
                return endpoint, found[1]
        return None

    def collection(self, name: str) -> Endpoint:
        """The endpoint that lists a collection."""
        return self._literal[f"/api/{name}/"]

    def _operations(self, methods: Mapping[str, Any]) -> dict[str, Operation]:
        return {method.upper(): self._operation(raw) for method, raw in methods.items()}

    def _operation(self, raw: Mapping[str, Any]) -> Operation:
        query = {
            one["name"]: self._resolved(one["schema"]) for one in raw.get("parameters", ()) if one["in"] == "query"
        }
        schema = self._resolved(
            raw.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
        )
        fields = schema.get("properties")
        if fields is None:
            return Operation(query, None, frozenset(), frozenset(), frozenset())
        read_only = frozenset(name for name, one in fields.items() if one.get("readOnly"))
        body = {name: self._resolved(one) for name, one in fields.items()}
        lists = frozenset(name for name, one in body.items() if one.get("type") == "array")
        return Operation(query, body, read_only, frozenset(schema.get("required", ())) - read_only, lists)

    def _resolved(self, schema: Schema) -> Schema:
        """The schema with references followed, one level of oneOf and items included."""
        if "$ref" in schema:
            return self._resolved(self._schemas[schema["$ref"].rpartition("/")[2]])
        if "oneOf" in schema:
            return dict(schema) | {"oneOf": [self._resolved(one) for one in schema["oneOf"]]}
        if "items" in schema:
            return dict(schema) | {"items": self._resolved(schema["items"])}
        return schema


_NO_SCALAR = (bool, list, dict)  # spelt bool | list | dict it would be built anew for every value
_UUID = re.compile(r"[0-9a-fA-F]{8}-?(?:[0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}")


def problem(value: Any, schema: Schema) -> str | None:
    """What is wrong with a value under a resolved schema, in the words of Django REST framework; None if nothing."""
    if value is None:
        return None if schema.get("nullable") or None in schema.get("enum", ()) else "This field may not be null."
    if "oneOf" in schema:
        problems = [problem(value, one) for one in schema["oneOf"]]
        return None if None in problems else problems[0]
    if "enum" in schema and value not in schema["enum"] and str(value) not in map(str, schema["enum"]):
        return f'"{value}" is not a valid choice.'
    kind = schema.get("type")
    if kind == "array":
        if not isinstance(value, list):
            return f'Expected a list of items but got type "{type(value).__name__}".'
        return next(filter(None, (problem(one, schema.get("items", {})) for one in value)), None)
    return _scalar_problem(value, kind, schema)


def _scalar_problem(value: Any, kind: str | None, schema: Schema) -> str | None:
    if kind == "string":
        return _string_problem(value, schema)
    if kind in ("integer", "number"):
        return _number_problem(value, kind, schema)
    if kind == "boolean" and value not in (True, False, "true", "false", "True", "False", "1", "0", 1, 0):
        return "Must be a valid boolean."
    return None


def _string_problem(value: Any, schema: Schema) -> str | None:
    if isinstance(value, _NO_SCALAR):
        return "Not a valid string."
    text = str(value)
    if len(text) > schema.get("maxLength", len(text)):
        return f"Ensure this field has no more than {schema['maxLength']} characters."
    match schema.get("format"):
        case "uuid":
            return None if _UUID.fullmatch(text) else f"“{text}” is not a valid UUID."
        case "date":
            return None if _parses(date.fromisoformat, text) else "Date has wrong format. Use YYYY-MM-DD."
        case "date-time":
            return None if _parses(datetime.fromisoformat, text) else "Datetime has wrong format."
    return None


def _number_problem(value: Any, kind: str, schema: Schema) -> str | None:
    if isinstance(value, _NO_SCALAR) or not _parses(int if kind == "integer" else float, str(value)):
        return "A valid integer is required." if kind == "integer" else "A valid number is required."
    number = float(value)
    if number > schema.get("maximum", number):
        return f"Ensure this value is less than or equal to {schema['maximum']}."
    if number < schema.get("minimum", number):
        return f"Ensure this value is greater than or equal to {schema['minimum']}."
    return None


def _parses(parse: Any, text: str) -> bool:
    try:
        parse(text)
    except ValueError:
        return False
    return True
