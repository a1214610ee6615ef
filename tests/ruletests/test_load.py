"""Which files are rule tests, and what is wrong with them, at the place."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from engine.errors import Unusable
from engine.ruletests.load import read_suites, suite_files
from tests.ruletests.making import play


def found(folder: Path, text: str) -> list[tuple[int, int, str, str]]:
    """Line, column, id and text of the findings of a test file."""
    (folder / "a.yaml").touch()
    file = folder / "a.test.yaml"
    file.write_text(textwrap.dedent(text), encoding="utf-8")
    suites, findings = read_suites(file)
    assert bool(suites) is not bool(findings)
    return [(one.span.line, one.span.column, one.id, f"{one.message}; {one.help}") for one in findings]


def test_files_of_a_folder(tmp_path: Path) -> None:
    """Tests in folders below count, hidden ones and rules do not."""
    for name in ("b.test.yaml", "a.test.yml", "a.yaml", "c/d.test.yaml", ".x/e.test.yaml", ".f.test.yaml"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    names = [str(file.relative_to(tmp_path)) for file in suite_files(tmp_path)]
    assert ["a.test.yml", "b.test.yaml", "c/d.test.yaml"] == names


def test_files_of_a_rule(tmp_path: Path) -> None:
    """A rule file stands for the tests beside it; one without has none."""
    for name in ("a.yaml", "a.test.yaml", "b.yaml"):
        (tmp_path / name).touch()
    assert [tmp_path / "a.test.yaml"] == suite_files(tmp_path / "a.yaml")
    assert [] == suite_files(tmp_path / "b.yaml")
    with pytest.raises(Unusable, match="there is no such file"):
        suite_files(tmp_path / "c.yaml")


@pytest.mark.parametrize(
    ("text", "finding"),
    [
        ("", (1, 1, "missing-key", "the file holds no cases; ")),
        ("a: [", (1, 4, "yaml-syntax", "")),
        ("case: []\ncases: [{name: a, event: {}}]", (1, 1, "unknown-key", "'case' is not a key of a rule test")),
        ("cases:\n  - {name: a, event: {}, outcom: done}", (2, 26, "unknown-key", "did you mean 'outcome'?")),
        ("cases:\n  - {name: a, event: {}, outcome: don}", (2, 35, "wrong-value", "did you mean 'done'?")),
        ("cases:\n  - {event: {}}", (2, 6, "missing-key", "'name'")),
        (
            "cases: [{name: a, event: {}, conversation: [{answer: {}, error: timeout}]}]",
            (1, 58, "exclusive-keys", "'error' cannot stand beside 'answer'"),
        ),
        (
            "cases: [{name: a, event: {}, conversation: [{answer: {body: 1, items: []}}]}]",
            (1, 54, "wrong-value", "`items` stands for a body"),
        ),
        ("cases: [{name: a, event: {}}, {name: a, event: {}}]", (1, 38, "duplicate-name", "line 1 has a case")),
        ("cases: [{name: a, event: {}, stage: expect}]", (1, 30, "wrong-value", "add `outcome: dead`")),
        ("cases: [{name: a, event: {}, reason: when}]", (1, 30, "wrong-value", "add `outcome: skipped`")),
        ("now: 2026-02-31T00:00:00Z\ncases: [{name: a, event: {}}]", (1, 6, "wrong-value", "is no time")),
        ("now: 2026\ncases: [{name: a, event: {}}]", (1, 6, "wrong-type", "a time with its zone")),
        ("rule: b.yaml\ncases: [{name: a, event: {}}]", (1, 7, "wrong-value", "there is no rule file")),
    ],
)
def test_what_is_wrong(tmp_path: Path, text: str, finding: tuple[int, int, str, str]) -> None:
    """One finding, at the place, with the nearest known word."""
    ((line, column, id_, said),) = found(tmp_path, text)
    assert finding[:3] == (line, column, id_)
    assert finding[3] in said


def test_each_document_is_a_suite(tmp_path: Path) -> None:
    """Of a file with several documents the sound ones are suites."""
    (tmp_path / "a.yaml").touch()
    (tmp_path / "a.test.yaml").write_text("cases: [{name: a, event: {}}]\n---\ncases: [{name: a, event: 1}]\n")
    suites, findings = read_suites(tmp_path / "a.test.yaml")
    assert (1, [3]) == (len(suites), [one.span.line for one in findings])


def test_a_file_that_is_not_text(tmp_path: Path) -> None:
    """It is a finding, not an exception."""
    (tmp_path / "a.test.yaml").write_bytes(b"\xff\xfe")
    assert ["yaml-syntax"] == [one.id for one in read_suites(tmp_path / "a.test.yaml")[1]]


def test_a_faulty_rule(tmp_path: Path) -> None:
    """Its own findings are told, once, and no case is played."""
    report = play(
        tmp_path,
        "cases: [{name: a, event: {}}, {name: b, event: {}}]",
        "event_type: a\nrequest: {method: GET, path: /x/, boddy: 1}\n",
    )
    assert (["thing.yaml"], 0) == ([one.path.name for one in report.errors], len(report.results))
