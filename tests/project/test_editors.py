"""What editors show: every key of the JSON Schemas is described, and every YAML file names its schema."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from engine.documents import read_documents
from engine.shapes import load_schema

ROOT = Path(__file__).parents[2]
SCHEMAS = ("rule", "rule-test", "config", "answers")
FOLDERS = ("rules", "examples", "bench", "engine/scaffold/templates")
OTHERS = {"compose.yaml"}  # of a format that is not ours
YAML = sorted(
    file
    for folder in FOLDERS
    for suffix in ("*.yaml", "*.yml")
    for file in (ROOT / folder).rglob(suffix)
    if file.name not in OTHERS
)


def properties(schema: Any, root: Mapping[str, Any], place: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every property at any depth, with what a reference adds; those that must not stand are none."""
    if isinstance(schema, list):
        for number, inner in enumerate(schema):
            yield from properties(inner, root, f"{place}/{number}")
    if not isinstance(schema, Mapping):
        return
    for name, inner in schema.get("properties", {}).items():
        if isinstance(inner, Mapping) and inner and "not" not in inner:
            yield f"{place}.{name}", {**_target(inner, root), **inner}
    for key, inner in schema.items():
        if key == "properties":
            for name, one in inner.items():
                yield from properties(one, root, f"{place}.{name}")
        elif key not in ("examples", "default", "enum", "const"):
            yield from properties(inner, root, f"{place}/{key}")


def _target(schema: Mapping[str, Any], root: Mapping[str, Any]) -> Mapping[str, Any]:
    if "$ref" not in schema:
        return {}
    found: Any = root
    for step in schema["$ref"].removeprefix("#/").split("/"):
        found = found[step]
    return {**_target(found, root), **found}


def _shows_itself(schema: Mapping[str, Any]) -> bool:
    """An example would say nothing: a choice, a default that is one, or a mapping whose keys have their own."""
    branches = [schema, *schema.get("oneOf", ())]
    return (
        schema.get("type") == "boolean"
        or schema.get("default") is not None
        or any({"enum", "const", "properties"} & set(branch) for branch in branches)
    )


@pytest.mark.parametrize("name", SCHEMAS)
def test_every_key_is_described(name: str) -> None:
    """A person who hovers over a key reads what it means."""
    schema = load_schema(name)
    found = dict(properties(schema, schema, name))
    assert [] == [place for place, one in found.items() if not str(one.get("description", "")).strip()]
    assert len(found) > 3


@pytest.mark.parametrize("name", SCHEMAS)
def test_every_key_has_an_example(name: str) -> None:
    """Where its choices, its default or its own keys are none."""
    schema = load_schema(name)
    found = dict(properties(schema, schema, name))
    assert [] == [place for place, one in found.items() if not one.get("examples") and not _shows_itself(one)]


@pytest.mark.parametrize("name", SCHEMAS)
def test_examples_and_defaults_are_valid(name: str) -> None:
    """What an editor offers is accepted."""
    schema = load_schema(name)
    Draft202012Validator.check_schema(schema)
    definitions = {"$defs": schema.get("$defs", {}), "properties": schema.get("properties", {})}
    wrong = []
    for place, one in properties(schema, schema, name):
        own = {key: value for key, value in one.items() if key not in ("$ref", "$id")}
        validator = Draft202012Validator({**own, "$defs": {**definitions["$defs"], **own.get("$defs", {})}})
        offered = [*one.get("examples", ()), *([one["default"]] if one.get("default") is not None else ())]
        if "#/properties" not in json.dumps(own):  # such a reference is one into the whole schema
            wrong += [(place, value) for value in offered if not validator.is_valid(value)]
    assert [] == wrong


@pytest.mark.parametrize("file", [ROOT / "config.yaml", *YAML], ids=lambda file: str(file.relative_to(ROOT)))
def test_every_file_names_its_schema(file: Path) -> None:
    """Its first line leads the YAML language server to the schema of its kind, where there is one beside it."""
    first = file.read_text(encoding="utf-8").splitlines()[0]
    named = first.removeprefix("# yaml-language-server: $schema=")
    kind = "config" if file.name == "config.yaml" else "rule-test" if file.name.endswith(".test.yaml") else "rule"
    assert f"{kind}.schema.json" == Path(named).name
    assert named != first
    if not file.is_relative_to(ROOT / "engine"):  # templates: see tests/scaffold
        assert (ROOT / "schemas" / f"{kind}.schema.json") == (file.parent / named).resolve()
    documents, findings = read_documents(file, file.read_text(encoding="utf-8"))
    schema = load_schema(kind)
    assert ([], []) == (findings, [document for document in documents if not _fits(document.data, schema, kind)])


def _fits(data: Any, schema: Mapping[str, Any], kind: str) -> bool:
    """Whether an editor has nothing to say; of a configuration variables are filled first, so only names count."""
    errors = list(Draft202012Validator(schema).iter_errors(data))
    if kind == "config":
        errors = [error for error in errors if error.validator == "additionalProperties"]
    return not errors
