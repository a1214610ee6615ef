"""The pages "Start a project" and "Rules in CI": their commands are run, their files are what they say."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

from engine import cli
from engine.commands.init import init
from engine.documents import read_documents
from tests.docs.pages import ROOT, blocks, commands, read

CI = "rules-in-ci.md"


def yaml_of(title: str) -> Any:
    """The block of the page with this title, as data."""
    (block,) = [block for block in blocks(read(CI)) if block.title == title]
    (document,), findings = read_documents(Path(title), block.text)
    assert [] == findings
    return document.data


def steps() -> list[dict[str, Any]]:
    """The steps of the workflow's one job."""
    found: list[dict[str, Any]] = yaml_of(".github/workflows/rules.yaml")["jobs"]["rules"]["steps"]
    return found


def run(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a step as a runner does: by bash, in the repository, and without any secret."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    words = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", command]
    return subprocess.run(words, cwd=folder, env={"PATH": path}, capture_output=True, text=True, check=False)


def test_starting_a_project_goes_as_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every command succeeds, in order, with the output that is shown; results are shown before what is said."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("API_URL", raising=False)
    for block in blocks(read("start-a-project.md")):
        if block.is_file:
            Path(block.title).write_text(block.text, encoding="utf-8")
        for command in commands(block) if block.language == "console" else ():
            if command.words[0] == "cd":
                monkeypatch.chdir(command.words[1])
                continue
            assert 0 == cli.call(command.words[1:]), command.words
            captured = capsys.readouterr()
            assert command.matches(captured.out + captured.err), captured.out + captured.err


def test_the_workflow_is_one() -> None:
    """It has triggers, one job, and steps that each use an action of a version or run a command."""
    workflow = yaml_of(".github/workflows/rules.yaml")
    assert {"pull_request", "push"} == set(workflow["on"])
    for step in steps():
        assert 1 == len({"uses", "run"} & set(step))
        assert re.fullmatch(r"[\w-]+/[\w/-]+@v\d+", step.get("uses", "a/b@v1"))


def test_the_workflow_s_commands_pass_in_a_new_project(tmp_path: Path) -> None:
    """Each succeeds and leaves the files that later steps send on."""
    init(tmp_path)
    ran = [step["run"] for step in steps() if step.get("run", "").startswith("engine ")]
    for command in ran:
        done = run(command, tmp_path)
        assert (0, command) == (done.returncode, command), done.stdout + done.stderr
    wanted = {
        str(value) for step in steps() for key, value in step.get("with", {}).items() if key in ("path", "sarif_file")
    }
    assert {"rules.sarif", "test-rules.xml"} == wanted
    assert "2.1.0" == json.loads((tmp_path / "rules.sarif").read_text())["version"]
    assert ET.parse(tmp_path / "test-rules.xml").getroot().tag in ("testsuites", "testsuite")
    assert 3 == len(ran)


def test_the_workflow_fails_for_a_faulty_rule(tmp_path: Path) -> None:
    """The annotation names file, line and column; the report has the finding."""
    init(tmp_path)
    rule = tmp_path / "rules" / "update_applied_control_status.yaml"
    rule.write_text(rule.read_text().replace('ref_id: "{{ ref }}"', 'ref_idd: "{{ ref }}"'))
    annotate, test, report = [step["run"] for step in steps() if step.get("run", "").startswith("engine ")]
    done = run(annotate, tmp_path)
    assert 1 == done.returncode
    assert re.search(
        r"^::error file=rules/update_applied_control_status\.yaml,line=\d+,col=\d+.*ref_idd", done.stdout, re.MULTILINE
    )
    assert 1 == run(test, tmp_path).returncode
    assert 1 == run(report, tmp_path).returncode
    (one, *_) = json.loads((tmp_path / "rules.sarif").read_text())["runs"][0]["results"]
    assert "unknown-query" == one["ruleId"]


def hooks() -> dict[str, dict[str, Any]]:
    """`.pre-commit-hooks.yaml` by id."""
    file = ROOT / ".pre-commit-hooks.yaml"
    (document,), findings = read_documents(file, file.read_text(encoding="utf-8"))
    assert [] == findings
    return {hook["id"]: hook for hook in document.data}


def test_the_hooks_that_the_page_names_are_there() -> None:
    """And no others; the arguments are ones that the verbs take."""
    shown = yaml_of(".pre-commit-config.yaml")["repos"][0]["hooks"]
    assert set(hooks()) == {hook["id"] for hook in shown}


@pytest.mark.parametrize("name", ["engine-validate-rules", "engine-test-rules"])
def test_a_hook_runs(name: str, tmp_path: Path) -> None:
    """What it would run passes in a new project, with the page's arguments, and fails where a file cannot be used."""
    init(tmp_path)
    (arguments,) = [
        hook.get("args", []) for hook in yaml_of(".pre-commit-config.yaml")["repos"][0]["hooks"] if hook["id"] == name
    ]
    command = " ".join([hooks()[name]["entry"], *arguments])
    assert 0 == run(command, tmp_path).returncode
    for broken in ("broken.yaml", "broken.test.yaml"):
        (tmp_path / "rules" / broken).write_text("event_type: [")
    assert 0 != run(command, tmp_path).returncode


@pytest.mark.parametrize("name", ["engine-validate-rules", "engine-test-rules"])
def test_a_hook_is_for_all_that_rules_depend_on(name: str) -> None:
    """Rules, tests, event schemas, the API's document, the configuration; nothing else."""
    pattern = re.compile(hooks()[name]["files"])
    for file in ("rules/a.yaml", "rules/b/a.test.yml", "schemas/events/a_v1.avsc", "schemas/a.json", "x/config.yaml"):
        assert pattern.search(file)
    for file in ("README.md", "compose.yaml", "my-rules/a.yaml", "docs/rules.md"):
        assert not pattern.search(file)
