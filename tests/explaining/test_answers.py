"""Answers from a file lead through the whole rule; what is wrong with them is told with its place."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from engine.commands.explain import How, explain
from engine.errors import Unusable
from engine.explaining.answers import AnswersInvalid
from tests.explaining.making import RULE, Project

TWO = "find: {items: [{id: 7, done: false}, {id: 8, done: true}]}\n"


def requests(project: Project, capsys: pytest.CaptureFixture[str], answers: str) -> list[dict[str, Any]]:
    """The requests as JSON."""
    project.explain(answers, output="json")
    found: list[dict[str, Any]] = json.loads(capsys.readouterr().out)["requests"]
    return found


def test_a_lookup_s_answer_makes_the_writes_known(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each item is shown; what depends on an answer that is not there stays open."""
    found = requests(Project(tmp_path), capsys, TWO)
    assert ["answered", "known", "left_out", "open"] == [one["state"] for one in found]
    assert "http://api.example/base/things/7/" == found[1]["url"]
    assert {"was": 7} == found[1]["body"]
    assert [None, 1, 2] == [one["item"] for one in found[:3]]
    assert ["update"] == found[3]["needs"]


def test_all_answers_lead_to_the_end(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Answers of writes count too; the items that are left out need none."""
    project = Project(tmp_path)
    assert 0 == project.explain(TWO + "update: {status: 200, body: {id: 7}}\n")
    out = capsys.readouterr().out
    assert f"answered 200, 2 items ({tmp_path / 'answers.yaml'}:1)" in out
    assert "2. update, item 2: left out, its `when` is false" in out
    assert '"states": [\n    false,\n    true\n  ]' in out
    assert "depends on" not in out


def test_pages_are_a_list(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One answer a page."""
    pages = """
    find:
      - {items: [{id: 7, done: false}], next: "/base/things/?page=2"}
      - items: [{id: 8, done: false}]
    """
    found = requests(Project(tmp_path), capsys, pages)
    assert [200, 200] == [one["status"] for one in found[0]["answers"]]
    assert ["answered", "known", "known", "open"] == [one["state"] for one in found]


@pytest.mark.parametrize(
    ("answers", "text"),
    [
        ("find: {items: []}", "dead letter at stage expect: nothing has A 1"),
        ("find: {status: 404, body: {detail: gone}}", "dead letter at stage request: GET /things/ answered 404: gone"),
        ("find: {status: 503}", "would be tried again, and then be a dead letter at stage request: GET /things/"),
        ("find: {body: [1]}", "dead letter at stage expect: the answer of find is no page"),
        ("find: {items: [{id: ../7, done: false}]}", "dead letter at stage render: "),
    ],
)
def test_answers_are_judged_as_those_of_the_api(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], answers: str, text: str
) -> None:
    """An answer that is no success, or not what the rule expects, ends the event."""
    assert 1 == Project(tmp_path).explain(answers)
    out = capsys.readouterr().out
    assert text in out
    assert "1. find" in out


@pytest.mark.parametrize(
    ("answers", "place", "text"),
    [
        ("fnd: {items: []}", "1:1", "no request 'fnd'; did you mean 'find'?"),
        ("find: {itms: []}", "1:8", "'itms' is not a key of an answer; did you mean 'items'?"),
        ("find: {status: ok}", "1:16", "status from 100 to 599"),
        ("find: {items: [], body: {}}", "1:19", "`items` stands in place of `body`"),
        ("find: {items: [{id: 1, done: true}]}\ntell: {items: []}", "2:8", "`items` needs `paginate: true`"),
        ("find: [{items: [{id: 1, done: true}]}, {body: {}}]", "1:40", "has 2 answers, but 1 was asked for"),
        ("find: {body: {next: /b, results: []}}", "1:7", "its last page has a `next`"),
        ("find: {items: [{id: 1, done: no}, {id: 2}]}", "", ""),
        ("find: {items: [{id: 1, done: false}, {id: 2, done: false}]}\nupdate: {}", "2:9", "`for_each` has more items"),
        ("find: [", "1:7", ""),
    ],
)
def test_faults_of_the_file_have_their_place(tmp_path: Path, answers: str, place: str, text: str) -> None:
    """Each fault is a finding at its line and column; nothing is printed."""
    project = Project(tmp_path)
    if not place:
        assert 1 == project.explain(answers)  # `no` is text in YAML 1.2: the second item has no `done` either
        return
    with pytest.raises(AnswersInvalid) as caught:
        project.explain(answers)
    finding = caught.value.findings[0]
    assert place == f"{finding.span.line}:{finding.span.column}"
    assert text in f"{finding.message}; {finding.help}"


@pytest.mark.parametrize("answers", ["", "find: {items: []}\n---\nfind: {items: []}\n"])
def test_a_file_is_one_document(tmp_path: Path, answers: str) -> None:
    """Nothing, or several documents, are no answers."""
    with pytest.raises(Unusable, match="must be one document"):
        Project(tmp_path).explain(answers)


def test_a_file_must_be_there(tmp_path: Path) -> None:
    """A missing file is a usage error."""
    Project(tmp_path)
    how = How(tmp_path / "nowhere.yaml")
    with pytest.raises(Unusable, match="cannot read the answers"):
        explain(tmp_path / "event.json", tmp_path / "config.yaml", how)


def test_an_answer_s_headers_and_text(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Headers can be read by their lower-case name; text with a content type of its own is text."""
    rule = """
event_type: changed
requests:
  - {id: a, method: POST, path: /a/, body: {}}
  - {id: b, method: POST, path: /b/, body: {at: "{{ a.headers.location }}", said: "{{ a.body }}"}}
"""
    answers = "a: {status: 201, headers: {Location: /a/7/}, body: made}"
    found = requests(Project(tmp_path, rule), capsys, answers)
    assert {"at": "/a/7/", "said": "made"} == found[1]["body"]
    assert RULE != rule
