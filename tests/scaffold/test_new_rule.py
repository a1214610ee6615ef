"""`engine new-rule`: what it writes validates, and its test passes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from engine import cli
from engine.commands.init import init
from engine.commands.new_rule import new_rule
from engine.errors import Unusable

ROOT = Path(__file__).parents[2]
LOGICAL = [
    {"type": "string", "logicalType": "uuid"},
    {"type": "int", "logicalType": "date"},
    {"type": "int", "logicalType": "time-millis"},
    {"type": "long", "logicalType": "timestamp-millis"},
    {"type": "long", "logicalType": "local-timestamp-micros"},
    {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2},
    {"type": "fixed", "name": "F", "size": 5},
    {"type": "fixed", "name": "D", "size": 12, "logicalType": "duration"},
    {"type": "enum", "name": "E", "symbols": ["a", "b"]},
    {"type": "array", "items": "string"},
    {"type": "map", "values": "long"},
    ["null", "string"],
    ["null", "F"],
    "E",
    "bytes",
    "double",
    "boolean",
    "null",
]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A new project for CISO Assistant; the current folder is its own."""
    init(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def without_document(folder: Path, further: str = "") -> None:
    """The project's API is one of which nothing is known."""
    (folder / "config.yaml").write_text(f"rules: {{path: rules}}\nevents: {{schemas: schemas/events{further}}}\n")
    shutil.rmtree(folder / "rules")


def schema(*types: Any) -> dict[str, Any]:
    """A schema with the common fields and one of each type."""
    common = [{"name": "event_id", "type": "string"}, {"name": "event_type", "type": "string"}]
    own = [{"name": f"f{number}", "type": one} for number, one in enumerate(types)]
    fields = [*common, {"name": "version", "type": "int"}, *own]
    return {"type": "record", "name": "Everything", "fields": fields}


def assert_sound(capsys: pytest.CaptureFixture[str]) -> None:
    """No finding, not even a warning, and all tests pass."""
    codes = [cli.call(["validate-rules", "--strict"]), cli.call(["test-rules"])]
    captured = capsys.readouterr()
    assert ([0, 0], "") == (codes, "" if codes == [0, 0] else captured.out + captured.err)


def test_a_new_schema_comes_with_it(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without one there is a schema to begin with, and the rule is about what its document is about."""
    assert 0 == new_rule("incident_closed", None, None)
    assert "path: /incidents/" in (project / "rules" / "incident_closed.yaml").read_text()
    assert "IncidentClosed" == json.loads((project / "schemas/events/incident_closed_v1.avsc").read_text())["name"]
    assert_sound(capsys)


@pytest.mark.parametrize("file", sorted((ROOT / "schemas" / "events").glob("*_v*.avsc")), ids=lambda file: file.stem)
def test_a_schema_s_own_fields_are_used(project: Path, capsys: pytest.CaptureFixture[str], file: Path) -> None:
    """Every shipped schema leads to a sound rule; the schema is copied under the event's name."""
    assert 0 == new_rule("my.event-1", file, None)
    assert file.read_bytes() == (project / "schemas" / "events" / "my.event-1_v1.avsc").read_bytes()
    assert "{{ event.payload." in (project / "rules" / "my.event-1.yaml").read_text()
    assert_sound(capsys)


@pytest.mark.parametrize("event_type", ["anything", "null", "1e3", "_x", "Über"])
def test_every_type_of_field(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, event_type: str) -> None:
    """Logical types, unions and references; names that YAML would read as something else."""
    monkeypatch.chdir(tmp_path)
    init(tmp_path)
    without_document(tmp_path)
    (tmp_path / "in_v3.avsc").write_text(json.dumps(schema(*LOGICAL)))
    if not event_type.isascii():
        with pytest.raises(Unusable, match="cannot name files"):
            new_rule(event_type, tmp_path / "in_v3.avsc", None)
        return
    assert 0 == new_rule(event_type, tmp_path / "in_v3.avsc", None)
    assert [0, 0] == [cli.call(["validate-rules", "--strict"]), cli.call(["test-rules"])]
    assert "versions: [3]" in (tmp_path / "rules" / f"{event_type}.yaml").read_text()


def test_a_local_schema_is_found(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The newest version of the type; the file stays as it is."""
    file = project / "schemas" / "events" / "incident_closed_v2.avsc"
    shutil.copy(ROOT / "schemas" / "events" / "create_incident_v1.avsc", file)
    assert 0 == new_rule("incident_closed", None, None)
    assert "versions: [2]" in (project / "rules" / "incident_closed.yaml").read_text()
    assert not (project / "schemas" / "events" / "incident_closed_v1.avsc").exists()
    assert_sound(capsys)


def test_events_in_json(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """There is no schema then."""
    without_document(project, ", format: json")
    assert 0 == new_rule("happened", None, None)
    assert not list((project / "schemas" / "events").glob("happened*"))
    assert_sound(capsys)


def test_what_is_there_stays(project: Path) -> None:
    """A rule for the events, or a file of the name, is a usage error; nothing at all is written."""
    with pytest.raises(Unusable, match=r"rules/update_applied_control_status.yaml:2: is a rule for"):
        new_rule("update_applied_control_status", None, None)
    (project / "rules" / "happened.test.yaml").write_text("")
    with pytest.raises(Unusable, match=r"happened.test.yaml: there already; nothing was written"):
        new_rule("happened", None, None)
    assert not list(project.rglob("happened*.avsc")) + list(project.rglob("happened.yaml"))


def test_what_cannot_be_used(project: Path) -> None:
    """Names that would leave the folder, and schemas without the common fields."""
    for name in ("../x", "a/b", ".x", ""):
        with pytest.raises(Unusable, match="cannot name files"):
            new_rule(name, None, None)
    (project / "a.avsc").write_text(json.dumps({"type": "record", "name": "A", "fields": []}))
    with pytest.raises(Unusable, match="has no field 'event_id' and 'event_type' and 'version'"):
        new_rule("x", project / "a.avsc", None)
    with pytest.raises(Unusable, match="nowhere"):
        new_rule("x", project / "nowhere.avsc", None)


def test_a_document_without_requests(project: Path) -> None:
    """Where the API's document has nothing to begin with, it says so."""
    document = {"openapi": "3.1.0", "info": {}, "paths": {"/a/{id}/": {"get": {"responses": {}}}}}
    (project / "schemas" / "ciso-assistant.openapi.json").write_text(json.dumps(document))
    with pytest.raises(Unusable, match="has no request that a new rule for x could begin with"):
        new_rule("x", None, None)
