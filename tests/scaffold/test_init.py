"""`engine init`: the project that it writes is sound, and nothing that was there is touched."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from engine import cli
from engine.commands.explain import explain
from engine.commands.init import init
from engine.config.load import load_config
from engine.errors import Unusable

ROOT = Path(__file__).parents[2]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A new project; the current folder is its own."""
    assert 0 == init(tmp_path / "new" / "project")
    monkeypatch.chdir(tmp_path / "new" / "project")
    return tmp_path / "new" / "project"


def test_it_validates_and_passes_its_tests(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """From within and by --config from elsewhere, warnings counted."""
    for options in ([], ["--config", str(project / "config.yaml")]):
        assert 0 == cli.call(["validate-rules", "--strict", *options])
        assert 0 == cli.call(["test-rules", *options])
    assert "no findings" in capsys.readouterr().err


def test_its_event_can_be_explained(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The example event has a rule; its secret need not be set."""
    capsys.readouterr()
    assert 0 == explain(project / "events" / "update_applied_control_status.json", project / "config.yaml")
    assert "GET http://localhost:8000/api/applied-controls/?ref_id=AC-7" in capsys.readouterr().out


def test_its_configuration_has_no_fault(project: Path) -> None:
    """With the token set it loads as `run` would load it."""
    config = load_config(project / "config.yaml", {"CISO_TOKEN": "x"})
    assert ("localhost:19092", "http://localhost:18081") == (config.kafka.brokers, config.schema_registry.url)


def test_editors_find_the_schemas(project: Path) -> None:
    """Every file with the line of the YAML language server names a schema that is there."""
    found = 0
    for file in project.rglob("*.yaml"):
        first = file.read_text().splitlines()[0]
        if file.name != "compose.yaml":
            assert first.startswith("# yaml-language-server: $schema=")
            assert (file.parent / first.partition("=")[2]).is_file()
            found += 1
    assert 3 == found


def test_its_compose_file_agrees(project: Path) -> None:
    """Services depend on services that are there, volumes are declared, mounted files exist, images are pinned.

    What the two compose files of the project share is the same.
    """
    compose: dict[str, Any] = yaml.safe_load((project / "compose.yaml").read_text())
    ours: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())
    services = compose["services"]
    assert {"redpanda", "topics", "engine"} == set(services)
    assert all(set(service.get("depends_on", {})) <= set(services) for service in services.values())
    mounts = [mount.split(":")[0] for service in services.values() for mount in service.get("volumes", ())]
    assert all(name in compose["volumes"] or (project / name).exists() for name in mounts)
    assert [ours["services"][name] for name in ("redpanda", "topics")] == [services["redpanda"], services["topics"]]
    same = set(services["engine"]) - {"image"}
    assert {key: ours["services"]["engine"][key] for key in same} == {key: services["engine"][key] for key in same}


def test_nothing_is_overwritten(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A changed file is kept and told, others that are missing are written; then the exit code is 1."""
    assert 0 == init(project)
    (project / "config.yaml").write_text("{}")
    (project / "compose.yaml").unlink()
    (project / "README.md").unlink()
    (project / "README.md").symlink_to("nowhere")
    capsys.readouterr()
    assert 1 == init(project)
    out = capsys.readouterr().out
    assert "config.yaml: kept: another file is there" in out
    assert "compose.yaml: written" in out
    assert "{}" == (project / "config.yaml").read_text()
    assert not (project / "nowhere").exists()


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    """Where a file stands in the way it is a usage error."""
    (tmp_path / "taken").write_text("")
    with pytest.raises(Unusable, match="taken"):
        init(tmp_path / "taken")
