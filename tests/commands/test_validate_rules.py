"""`engine validate-rules`: which files, which streams, which exit code."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from engine.commands.validate_rules import validate_rules
from engine.errors import Unusable

ROOT = Path(__file__).parents[2]

GOOD = """\
event_type: asset_changed
request: {method: GET, path: /assets/}
"""
OTHER = GOOD.replace("asset_changed", "asset_deleted")
WARNS = GOOD + "vars: {ref: 1}\n"
WRONG = """\
event_type: asset_moved
request:
  method: POST
  path: /assets/
  boddy: {}
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current folder with `rules/` in it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rules").mkdir()
    return tmp_path


def run(*paths: str, config: str | None = None, output: str = "text", strict: bool = False) -> int:
    """The exit code of the verb in the current folder."""
    file = None if config is None else Path(config)
    return validate_rules([Path(path) for path in paths], file, output, strict)


def test_clean_rules(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """No findings: 0, nothing on standard output, a summary on standard error."""
    (folder / "rules/a.yaml").write_text(GOOD)
    assert 0 == run()
    assert ("", "1 rule in 1 file: no findings\n") == tuple(capsys.readouterr())


def test_clean_rules_as_json(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """JSON is always a list."""
    (folder / "rules/a.yaml").write_text(GOOD)
    assert 0 == run(output="json")
    assert "[]\n" == capsys.readouterr().out


def test_text_points_at_the_place(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A finding is one line, the source line, and a caret under what to fix."""
    (folder / "rules/a.yaml").write_text(WRONG)
    assert 1 == run()
    out, err = capsys.readouterr()
    expected = (
        "rules/a.yaml:5:3: error[unknown-key] request: 'boddy' is not a key of a request; did you mean 'body'?\n"
        "    boddy: {}\n"
        "    ^^^^^\n"
    )
    assert expected == out
    assert "1 rule in 1 file: 1 error\n" == err


def test_json_has_all_facts(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Path as the user would name it, place, level, id and message."""
    (folder / "rules/a.yaml").write_text(WRONG)
    assert 1 == run(output="json")
    (found,) = json.loads(capsys.readouterr().out)
    facts = ("rules/a.yaml", 5, 3, "error", "unknown-key")
    assert facts == tuple(found[key] for key in ("path", "line", "column", "level", "id"))
    assert "boddy" in found["message"]


def test_github_annotations(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One workflow command a finding."""
    (folder / "rules/a.yaml").write_text(WRONG)
    assert 1 == run(output="github")
    assert capsys.readouterr().out.startswith("::error file=rules/a.yaml,line=5,col=3,")


def test_warnings_are_allowed_unless_strict(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A warning is shown either way; it ends with 1 only with --strict."""
    (folder / "rules/a.yaml").write_text(WARNS)
    assert (0, 1) == (run(), run(strict=True))
    assert 2 == capsys.readouterr().out.count("warning[unused-var]")


def test_all_findings_of_all_files_in_order(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """No file stops at its first finding, and no file hides another's."""
    (folder / "rules/b.yaml").write_text("event_type: *nobody\n")
    (folder / "rules/a.yaml").write_text(WRONG + "  pat: x\n")
    assert 1 == run(output="json")
    found = [(one["path"], one["line"]) for one in json.loads(capsys.readouterr().out)]
    assert [("rules/a.yaml", 5), ("rules/a.yaml", 6), ("rules/b.yaml", 1)] == found


def test_a_file_that_is_no_yaml_is_a_finding(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Not YAML, or not even UTF-8: 1, not 2."""
    (folder / "rules/a.yaml").write_bytes(b"event_type: \xff\n")
    assert 1 == run()
    assert "rules/a.yaml:1:1: error[yaml-syntax]" in capsys.readouterr().out


def test_only_the_named_files_are_read(folder: Path) -> None:
    """With paths, other files of `rules.path` do not count, nor does an overlap with them."""
    (folder / "rules/a.yaml").write_text(GOOD)
    (folder / "rules/b.yaml").write_text(GOOD)
    assert (1, 0, 1) == (run(), run("rules/a.yaml"), run("rules/a.yaml", "rules/b.yaml"))


def test_a_file_that_is_named_twice_is_read_once(folder: Path) -> None:
    """A folder and a file in it do not overlap with themselves."""
    (folder / "rules/a.yaml").write_text(GOOD)
    assert 0 == run("rules", "rules/a.yaml", "./rules/../rules/a.yaml")


def test_rule_tests_are_no_rules(folder: Path) -> None:
    """A shell's `rules/*.yaml` names rule tests too; they are passed over."""
    (folder / "rules/a.yaml").write_text(GOOD)
    (folder / "rules/a.test.yaml").write_text("cases: []\n")
    assert (0, 0) == (run(), run("rules/a.yaml", "rules/a.test.yaml"))


def test_paths_are_relative_to_the_current_folder(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`rules.path` is relative to the configuration, a PATH is not."""
    (folder / "conf/mine").mkdir(parents=True)
    (folder / "conf/config.yaml").write_text("rules: {path: mine}\n")
    (folder / "conf/mine/a.yaml").write_text(WRONG)
    (folder / "rules/a.yaml").write_text(GOOD)
    assert (1, 0) == (run(config="conf/config.yaml"), run("rules", config="conf/config.yaml"))
    assert "conf/mine/a.yaml:5:3: " in capsys.readouterr().out


def test_an_overlap_names_both_places(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The second rule is pointed at and the first is named."""
    (folder / "rules/a.yaml").write_text(GOOD)
    (folder / "rules/b.yaml").write_text(GOOD)
    assert 1 == run(output="json")
    (found,) = json.loads(capsys.readouterr().out)
    assert ("rules/b.yaml", "rule-overlap") == (found["path"], found["id"])
    assert "rules/a.yaml:1" in found["message"]


def test_apis_are_those_of_the_configuration(folder: Path) -> None:
    """`api:` must name one of `apis`; unset secrets do not matter."""
    (folder / "config.yaml").write_text(
        "apis: {helpdesk: {url: https://help.example, auth: {type: token, token: '${HELPDESK_TOKEN}'}}}\n"
    )
    (folder / "rules/a.yaml").write_text(GOOD.replace("{method", "{api: helpdesk, method"))
    assert 0 == run()
    (folder / "rules/a.yaml").write_text(GOOD.replace("{method", "{api: helpdsk, method"))
    assert 1 == run()


def test_requests_are_held_against_the_documents(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each API has its own, JSON or YAML; one without a document is not checked."""
    (folder / "one.yaml").write_text("openapi: 3.1.0\npaths: {/assets/: {get: {}}}\n")
    (folder / "two.json").write_text('{"openapi": "3.0.0", "paths": {"/tickets": {"get": {}}}}')
    (folder / "config.yaml").write_text(
        "api: {openapi: one.yaml}\n"
        "apis: {desk: {url: https://desk.example, openapi: two.json}, other: {url: https://other.example}}\n"
    )
    (folder / "rules/a.yaml").write_text(
        "event_type: asset_changed\nrequests:\n"
        "  - {method: GET, path: /asset/}\n"
        "  - {api: desk, method: GET, path: /tickets, query: {a: 1}}\n"
        "  - {api: other, method: GET, path: /whatever}\n"
    )
    assert 1 == run(output="json")
    found = [(one["line"], one["column"], one["id"]) for one in json.loads(capsys.readouterr().out)]
    assert [(3, 25, "unknown-path"), (4, 54, "unknown-query")] == found


def test_a_comment_keeps_a_finding(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It is not reported, and does not fail the verb."""
    (folder / "rules/a.yaml").write_text(WARNS.rstrip() + "  # engine: ignore[unused-var] for later\n")
    assert (0, "") == (run(strict=True), capsys.readouterr().out)


def test_sarif(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A log with a result, as code scanning takes it."""
    (folder / "rules/a.yaml").write_text(WRONG)
    assert 1 == run(output="sarif")
    (result,) = json.loads(capsys.readouterr().out)["runs"][0]["results"]
    place = result["locations"][0]["physicalLocation"]
    assert ("rules/a.yaml", 5) == (place["artifactLocation"]["uri"], place["region"]["startLine"])


@pytest.mark.parametrize(
    ("config", "paths"),
    [
        (None, ["nowhere.yaml"]),
        (None, ["empty"]),
        ("kafka: {broker: x}\n", ["rules"]),
        ("api: {openapi: missing.json}\n", ["rules"]),
        ("api: {openapi: empty/notes.txt}\n", ["rules"]),
        ("api: {openapi: broken/api.yaml}\n", ["rules"]),
        ("apis: {desk: {url: https://desk.example, openapi: broken/api.yaml}}\n", ["rules"]),
        ("events: {schemas: missing}\n", ["rules"]),
        ("events: {schemas: broken}\n", ["rules"]),
        ("rules: {path: missing}\n", []),
    ],
)
def test_what_cannot_be_used_ends_with_2(
    folder: Path, capsys: pytest.CaptureFixture[str], config: str | None, paths: list[str]
) -> None:
    """Paths, configuration, OpenAPI document, schemas, no rule at all: Unusable, and nothing on standard output."""
    (folder / "rules/a.yaml").write_text(GOOD)
    (folder / "empty").mkdir()
    (folder / "empty/notes.txt").write_text("no rule")
    (folder / "broken").mkdir()
    (folder / "broken/asset_changed_v1.avsc").write_text("{")
    (folder / "broken/api.yaml").write_text("openapi: [")
    if config is not None:
        (folder / "config.yaml").write_text(config)
    with pytest.raises(Unusable):
        run(*paths)
    assert "" == capsys.readouterr().out


def test_the_shipped_rules_are_clean_and_nothing_heavy_is_imported() -> None:
    """In its own process: no findings with the shipped configuration, no Kafka, Avro or HTTP library, no jsonschema."""
    number = sum(1 for file in (ROOT / "rules").rglob("*.yaml") if not file.name.endswith(".test.yaml"))
    heavy = {"quixstreams", "confluent_kafka", "fastavro", "httpx", "httptools", "pyreqwest", "jsonschema"}
    script = (
        "import sys; from engine.cli import call; code = call(['validate-rules', '--strict']);"
        f"print(sorted({heavy} & sys.modules.keys()));"
        "sys.exit(code)"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (0, "[]\n", f"{number} rules in {number} files: no findings\n") == (
        done.returncode,
        done.stdout,
        done.stderr,
    )
