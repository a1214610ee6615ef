"""engine.commands.schemas: local schemas against each other and the registry."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.commands.schemas import check, register
from engine.errors import Unavailable, Unusable
from tests.events.registry_server import Server

FIELDS: list[dict[str, Any]] = [
    {"name": "event_id", "type": {"type": "string", "logicalType": "uuid"}},
    {"name": "event_type", "type": "string"},
    {"name": "version", "type": "int"},
]
THING = {"type": "record", "name": "thing", "fields": FIELDS}
SUBJECT = "observation-thing"
JUDGE = f"/compatibility/subjects/{SUBJECT}/versions/latest?verbose=true"


@pytest.fixture
def server() -> Iterator[Server]:
    """A registry that finds everything compatible."""
    server = Server()
    server.answers[JUDGE] = (200, {"is_compatible": True})
    yield server
    server.close()


@pytest.fixture
def config(server: Server, tmp_path: Path) -> Path:
    """A configuration with an empty folder of schemas."""
    (tmp_path / "schemas").mkdir()
    file = tmp_path / "config.yaml"
    file.write_text(json.dumps({"schema_registry": {"url": server.url}, "events": {"schemas": "schemas"}}))
    return file


@pytest.fixture
def save(tmp_path: Path) -> Callable[[str, Any], None]:
    """Write a schema file; text as it is."""

    def write(name: str, schema: Any) -> None:
        text = schema if isinstance(schema, str) else json.dumps(schema)
        (tmp_path / "schemas" / name).write_text(text)

    return write


Save = Callable[[str, Any], None]


def with_field(kind: Any, **more: Any) -> dict[str, Any]:
    return THING | {"fields": [*FIELDS, {"name": "x", "type": kind, **more}]}


def test_clean_schemas(config: Path, save: Save, server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    """Versions that read each other and that the registry takes: exit 0; only the newest version is judged."""
    save("thing_v1.avsc", THING)
    save("thing_v2.avsc", with_field("int", default=0))
    assert 0 == check(config)
    out, err = capsys.readouterr()
    assert ("", "2 schemas, 0 findings\n") == (out, err)
    bodies = [json.loads(json.loads(body)["schema"]) for _, path, _, body in server.seen if path == JUDGE]
    assert [with_field("int", default=0)] == bodies


@pytest.mark.parametrize(
    ("name", "schema", "text"),
    [
        ("thing_v2.avsc", "{", "thing_v2.avsc: not JSON"),
        ("thing_v2.avsc", {"type": "nonsense"}, "thing_v2.avsc: not a usable Avro schema"),
        ("thing_v2.avsc", with_field("int"), "thing_v2.avsc: x: is new and has no default: cannot read what version 1"),
        ("thing.avsc", THING, "thing.avsc: the name is not NAME_vN.avsc"),
        ("a_v1.avsc", THING | {"fields": FIELDS[1:]}, "a_v1.avsc: event_id: every event has this field"),
        ("a_v1.avsc", THING | {"fields": FIELDS[:2]}, "of type int or long; here it is missing"),
    ],
)
def test_a_finding_is_named(
    *, name: str, schema: Any, text: str, config: Path, save: Save, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each begins with the file; exit 1."""
    save("thing_v1.avsc", THING)
    save(name, schema)
    assert 1 == check(config)
    lines = capsys.readouterr().out.splitlines()
    assert 1 == len(lines)
    assert text in lines[0]


def test_the_registrys_opinion(config: Path, save: Save, server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    """Incompatible with what is registered: a finding. Away: a warning, and exit 0."""
    save("thing_v1.avsc", THING)
    server.answers[JUDGE] = (200, {"is_compatible": False, "messages": ["reader field x is missing"]})
    assert 1 == check(config)
    assert "thing_v1.avsc: the registry calls it incompatible: reader field x" in capsys.readouterr().out
    server.answers[JUDGE] = (503, {})
    assert 0 == check(config)
    out, err = capsys.readouterr()
    assert "" == out
    assert "warning: not compared with the registry" in err


def test_a_missing_folder_is_unusable(config: Path, tmp_path: Path) -> None:
    """A folder that the configuration names must be there."""
    (tmp_path / "schemas").rmdir()
    for verb in (check, register):
        with pytest.raises(Unusable, match="schemas is not a folder"):
            verb(config)


def test_register(config: Path, save: Save, server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    """Every version is registered under TOPIC-RECORD, oldest first; a refused one is an error, the others go on."""
    server.answers[f"/subjects/{SUBJECT}/versions"] = (200, {"id": 5})
    save("thing_v10.avsc", with_field("int", default=0))
    save("thing_v9.avsc", THING)
    save("other_v1.avsc", THING | {"name": "other"})
    server.answers["/subjects/observation-other/versions"] = (409, {"message": "no"})
    assert 1 == register(config)
    out, err = capsys.readouterr()
    assert [f"thing v9: id 5, subject {SUBJECT}", f"thing v10: id 5, subject {SUBJECT}"] == out.splitlines()
    assert "error: other v1: the registry refuses the schema for observation-other: no\n" == err


def test_register_needs_the_registry(config: Path, save: Save, server: Server) -> None:
    """The registry is away: exit 1, through the error."""
    save("thing_v1.avsc", THING)
    server.answers[f"/subjects/{SUBJECT}/versions"] = (503, {})
    with pytest.raises(Unavailable):
        register(config)
