"""The shipped config.yaml and the schema that editors use."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from engine.config import model
from engine.config.load import load_config
from engine.config.secret import Secret
from engine.documents import read_documents
from engine.shapes import check_shape, load_schema

ROOT = Path(__file__).parents[2]


def test_it_holds_the_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every value that it shows is the default, but for credentials and the OpenAPI document."""
    monkeypatch.chdir(ROOT)
    config = load_config(None, {"CISO_TOKEN": "t"})
    auth = model.HeaderAuth("Authorization", Secret("t"), "Token ")
    expected = model.Config(
        file=Path("config.yaml"),
        events=model.Events(schemas_configured=True),
        api=model.Api(auth=auth, openapi=Path("schemas/ciso-assistant.openapi.json")),
    )
    assert expected == config


def test_it_takes_its_addresses_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Containers set these five."""
    monkeypatch.chdir(ROOT)
    environ = {
        "KAFKA_BROKERS": "k:1",
        "SCHEMA_REGISTRY_URL": "http://r",
        "API_URL": "http://a",
        "CISO_TOKEN": "t",
        "ENGINE_HTTP_HOST": "0.0.0.0",
    }
    config = load_config(None, environ)
    seen = (config.kafka.brokers, config.schema_registry.url, config.api.url, config.http.host)
    assert ("k:1", "http://r", "http://a", "0.0.0.0") == seen


def test_it_shows_every_key() -> None:
    """Complete: a reader finds each key of the schema in the file."""
    document = read_documents(ROOT / "config.yaml", (ROOT / "config.yaml").read_text())[0][0]
    missing = [spelled for spelled in _keys(load_schema("config")) if not _there(document.data, spelled.split("."))]
    assert [] == missing


def _keys(schema: Mapping[str, Any], before: str = "") -> Iterator[str]:
    for name, inner in schema.get("properties", {}).items():
        yield before + name
        if name != "auth":
            target = load_schema("config")["$defs"][inner["$ref"].split("/")[-1]] if "$ref" in inner else inner
            for branch in (target, *target.get("oneOf", ())):
                yield from _keys(branch, f"{before}{name}.")


def _there(data: Any, steps: list[str]) -> bool:
    for step in steps:
        if step not in data:
            return False
        data = data[step]
    return True


def test_its_first_line_tells_editors_the_schema() -> None:
    """yaml-language-server reads it."""
    first = (ROOT / "config.yaml").read_text().splitlines()[0]
    match = re.fullmatch(r"# yaml-language-server: \$schema=(.*)", first)
    assert match
    assert (ROOT / match[1]).is_file()


def test_editors_find_nothing_wrong_with_it() -> None:
    """They see the file as written: variables, and keys without a value."""
    document = read_documents(ROOT / "config.yaml", (ROOT / "config.yaml").read_text())[0][0]
    assert [] == check_shape(document, load_schema("config"))


def test_the_schema_is_one() -> None:
    """Draft 2020-12."""
    Draft202012Validator.check_schema(load_schema("config"))


def test_the_schema_describes_every_section_and_field() -> None:
    """Schema and dataclasses name the same keys, and say the same defaults."""
    properties = load_schema("config")["properties"]
    assert {field.name for field in dataclasses.fields(model.Config)} - {"file"} == set(properties)
    limits, retry = properties["limits"]["properties"], properties["retry"]["properties"]
    assert {field.name for field in dataclasses.fields(model.Limits)} == set(limits)
    assert {field.name for field in dataclasses.fields(model.RetryPolicy)} == set(retry)
