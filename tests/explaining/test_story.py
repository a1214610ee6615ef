"""Why an event has this rule and not another one, as text and as JSON."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.explaining.making import ID, Project

SECOND = 'event_type: changed\nversions: [2, 3]\nrequest: {method: GET, path: "/v2/{{ event.ref }}"}\n'
OTHERS = "event_type: changed\nrequest: {method: GET, path: /all/}\n"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Three rules for one type: for version 1, for 2 and 3, for all others."""
    made = Project(tmp_path)
    made.write("rules/b.yaml", SECOND)
    made.write("rules/c.yaml", OTHERS)
    return made


def told(project: Project, capsys: pytest.CaptureFixture[str], code: int = 0) -> dict[str, Any]:
    """The story as JSON."""
    assert code == project.explain(output="json")
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


@pytest.mark.parametrize(
    ("version", "name", "others"),
    [
        (1, "a", {"b": "for version 2, 3", "c": "for versions that no other rule lists"}),
        (3, "b", {"a": "for version 1", "c": "for versions that no other rule lists"}),
        (9, "c", {"a": "for version 1", "b": "for version 2, 3"}),
    ],
)
def test_the_other_rules_of_the_type(
    project: Project, capsys: pytest.CaptureFixture[str], version: int, name: str, others: dict[str, str]
) -> None:
    """Each with the reason why the event does not have it; in the text, too."""
    project.event(version=version)
    story = told(project, capsys)
    assert name == story["rule"]["name"]
    assert others == {other["name"]: other["why"] for other in story["others"]}
    project.explain()
    out = capsys.readouterr().out
    assert all(f"not      {other} (" in out for other in others)


def test_the_nearest_type_is_named(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    """A misspelt type: no rule, what may be meant, and the rules that it would have had."""
    project.event(event_type="chnged")
    story = told(project, capsys, 1)
    assert (None, "dead", "route") == (story["rule"], story["outcome"], story["stage"])
    assert "no rule has this type; did you mean 'changed'?" == story["hint"]
    assert {"for event_type changed"} == {other["why"] for other in story["others"]}
    assert ["a", "b", "c"] == [other["name"] for other in story["others"]]


def test_a_false_when_is_shown(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    """The condition as the rule writes it."""
    project.event(ref=None)
    story = told(project, capsys)
    assert "skipped" == story["outcome"]
    assert "the rule's `when` is false for this event: {{ event.ref is not none }}" == story["why"]


def test_json_has_all_of_a_request(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    """URL, headers without secrets, and where an answer is needed what is known."""
    story = told(project, capsys)
    find, update, tell = story["requests"]
    assert {"type": "changed", "version": 1, "id": ID} == story["event"]
    assert "open" == story["outcome"]
    assert ("known", "http://api.example/base/things/?ref=A%201") == (find["state"], find["url"])
    assert {"Authorization": "Token ***"} == find["headers"]
    assert ("open", ["find"], "{{ find.items }}") == (update["state"], update["needs"], update["for_each"])
    assert {"Authorization": "Token ***", "X-Api-Key": "***", "X-Plain": "it's"}.items() <= tell["headers"].items()


def test_a_record_that_is_no_event(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    """There is nothing but the reason."""
    project.event(event_id="x")
    story = told(project, capsys, 1)
    assert (None, [], "envelope") == (story["event"], story["requests"], story["stage"])


def test_an_item_that_fails_is_the_last(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What was met before it is shown, then why it ends; a list that is none is told as `run` would tell it."""
    rule = 'event_type: changed\nrequest: {for_each: "{{ event.ref }}", method: GET, path: "/a/{{ item }}"}\n'
    project = Project(tmp_path, rule)
    project.event(ref=["x", ".."])
    story = told(project, capsys, 1)
    assert ["http://api.example/base/a/x"] == [one["url"] for one in story["requests"]]
    assert "render" == story["stage"]
    project.event(ref="x")
    assert "must be a list" in told(project, capsys, 1)["why"]


def test_no_terminal_is_drawn_upon(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Control characters of an event are shown as a sign, in the text and in commands."""
    rule = 'event_type: "changed"\nrequest: {method: POST, path: /a, encoding: raw, body: "{{ event.ref }}"}\n'
    project = Project(tmp_path, rule)
    project.event(ref="a\x1b[2Jb", event_type="\x1b]0;x")
    project.explain()
    project.explain(output="curl")
    project.event(ref="a\x1b[2Jb")
    project.explain()
    assert "\x1b" not in capsys.readouterr().out


def test_nothing_of_kafka_is_imported() -> None:
    """The verbs for authors start quickly."""
    verbs = "import engine.commands.explain, engine.commands.init, engine.commands.new_rule, sys"
    code = f"{verbs}; print([n for n in ('quixstreams', 'confluent_kafka', 'rich') if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "[]" == done.stdout.strip()
