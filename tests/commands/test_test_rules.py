"""`engine test-rules`: which files, which streams, which exit code."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from engine.commands.test_rules import run_rule_tests
from engine.errors import Unusable

CONFIG = "events: {format: json}\napi: {url: 'http://api.example', auth: {type: token, token: '${UNSET_TOKEN}'}}\n"
RULE = "event_type: a\nrequest: {method: GET, path: /x/, when: '{{ event.go }}'}\n"
GOOD = """\
cases:
  - name: It goes
    event: {go: true}
    conversation: [{request: {method: GET, path: /x/}, answer: {}}]
"""
BAD = GOOD.replace("/x/", "/y/")
NEW = GOOD.replace("request: {method: GET, path: /x/}, ", "")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A current folder with a configuration and a rule."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules/a.yaml").write_text(RULE)
    (tmp_path / "config.yaml").write_text(CONFIG)
    return tmp_path


def run(*paths: str, output: str = "text", coverage: bool = False, update: bool = False, junit: str = "") -> int:
    """The exit code of the verb in the current folder."""
    file = Path(junit) if junit else None
    named = [Path(path) for path in paths]
    return run_rule_tests(named, None, output, coverage=coverage, update=update, junit=file)


def write(text: str) -> Path:
    """The test of the rule."""
    file = Path("rules/a.test.yaml")
    file.write_text(text)
    return file


def test_all_passed(capsys: pytest.CaptureFixture[str]) -> None:
    """0, nothing on standard output, a summary on standard error; secrets need not be set."""
    write(GOOD)
    assert 0 == run()
    assert ("", "1 file, 1 case: 1 passed\n") == tuple(capsys.readouterr())


def test_one_failed(capsys: pytest.CaptureFixture[str]) -> None:
    """1, and what differs, at its place in the test file."""
    write(BAD)
    assert 1 == run("rules/a.yaml")
    out, err = capsys.readouterr()
    assert (
        "rules/a.test.yaml:4:50: failed: It goes: request 1: another request is sent: GET /x/\n"
        "    expected  /y/\n"
        "    actual    /x/\n"
    ) == out
    assert "1 file, 1 case: 0 passed, 1 failed\n" == err


def test_a_wrong_file(capsys: pytest.CaptureFixture[str]) -> None:
    """1, and the finding with its source line."""
    write(GOOD + "    outcom: done\n")
    assert 1 == run()
    assert "rules/a.test.yaml:5:5: error[unknown-key] cases[0]: 'outcom' is not a key" in capsys.readouterr().out


@pytest.mark.parametrize("path", ["rules/b.yaml", "rules"])
def test_nothing_to_run(path: str) -> None:
    """A PATH that is not there, and no test at all, are errors of usage."""
    with pytest.raises(Unusable, match="there is no"):
        run(path)


def test_coverage_is_named_and_does_not_fail(capsys: pytest.CaptureFixture[str]) -> None:
    """What no case took is on standard output."""
    write(GOOD)
    assert 0 == run(coverage=True)
    out, err = capsys.readouterr()
    assert "rules/a.yaml:2:41: not covered: `when` of 'request' is never false\n" == out
    assert "1 file, 1 case: 1 passed\ncoverage: 2 of 3 points of 1 rule\n" == err


def test_json(capsys: pytest.CaptureFixture[str]) -> None:
    """One object with cases, findings and coverage."""
    write(BAD)
    assert 1 == run(output="json", coverage=True)
    data = json.loads(capsys.readouterr().out)
    (case,) = data["cases"]
    assert ("rules/a.test.yaml", 2, "It goes", False) == tuple(case[key] for key in ("path", "line", "name", "passed"))
    assert ("/y/", "/x/") == (case["failures"][0]["expected"], case["failures"][0]["actual"])
    assert ([], "when", "false") == (
        data["findings"],
        *[data["coverage"][0]["missing"][0][key] for key in ("kind", "branch")],
    )


def test_junit() -> None:
    """A suite a file, a case a case; what fails says why."""
    write(BAD + GOOD.removeprefix("cases:\n").replace("It goes", "It goes again"))
    assert 1 == run(junit="report.xml")
    suite = ElementTree.parse("report.xml").getroot()[0]
    assert ("rules/a.test.yaml", "2", "1", "0") == tuple(
        suite.attrib[key] for key in ("name", "tests", "failures", "errors")
    )
    assert "expected  /y/" in (suite[0][0].text or "")
    assert "It goes again" == suite[1].attrib["name"]


def test_junit_of_a_wrong_file() -> None:
    """It is an error, so that a build server does not take it for a pass."""
    write("cases: []\n")
    assert 1 == run(junit="report.xml")
    assert "1" == ElementTree.parse("report.xml").getroot()[0].attrib["errors"]


def test_update(capsys: pytest.CaptureFixture[str]) -> None:
    """Without it a new case fails, with it the request is written, after it the case passes."""
    file = write(NEW)
    assert 1 == run()
    assert 0 == run(update=True)
    assert GOOD.replace("{method", "{id: request, method") == file.read_text()
    assert 0 == run()
    assert "rules/a.test.yaml: wrote 1 request\n" in capsys.readouterr().err


def test_nothing_heavy_is_imported() -> None:
    """No Kafka, no HTTP library: tests run where none of them works."""
    write(GOOD)
    code = (
        "import sys; from engine.cli import call; assert call(['test-rules']) == 0\n"
        "heavy = {'quixstreams', 'confluent_kafka', 'httpx', 'httptools', 'pyreqwest', 'uvloop'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "[]\n" == done.stdout
