"""All rules of a folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.config.model import Limits
from engine.errors import Unusable
from engine.rules.book import Book, RulesInvalid, load_book, overlaps, read_rules, rule_files
from engine.rules.load import load_rules


def write(folder: Path, name: str, event_type: str, versions: str = "", more: str = "") -> Path:
    """A rule file."""
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    listed = f"versions: {versions}\n" if versions else ""
    file.write_text(f"event_type: {event_type}\n{listed}request: {{method: GET, path: /a}}\n{more}", encoding="utf-8")
    return file


def load(folder: Path) -> Book:
    """The folder's book."""
    return load_book(folder, Limits(), ())


def test_find(tmp_path: Path) -> None:
    """A rule that lists the version wins over the one that lists none; other types have no rule."""
    write(tmp_path, "one.yaml", "a", "[1, 3]")
    write(tmp_path, "rest.yaml", "a")
    write(tmp_path, "sub/two.yml", "b", "[2]")
    book = load(tmp_path)
    names = [
        rule and rule.name for rule in (book.find(*key) for key in (("a", 1), ("a", 2), ("b", 2), ("b", 1), ("c", 1)))
    ]
    assert ["one", "rest", "two", None, None] == names
    assert (3, frozenset({"a", "b"})) == (len(book), book.event_types)


def test_tests_and_hidden_files_are_no_rules(tmp_path: Path) -> None:
    """Rule tests, hidden files and other files are left alone."""
    write(tmp_path, "a.yaml", "a")
    for name in ("a.test.yaml", "b.test.yml", ".hidden.yaml", ".git/c.yaml", "readme.md"):
        write(tmp_path, name, "a")
    assert ["a.yaml"] == [file.name for file in rule_files(tmp_path)]


@pytest.mark.parametrize(
    ("first", "second", "marked"),
    [("", "", "event_type"), ("[1, 2]", "[2, 3]", "versions"), ("[1]", "[1]", "versions")],
)
def test_overlap(tmp_path: Path, first: str, second: str, marked: str) -> None:
    """Two rules for one type and version: a fault at the second, naming the first's place."""
    one, two = write(tmp_path, "a.yaml", "t", first), write(tmp_path, "b.yaml", "t", second)
    with pytest.raises(RulesInvalid) as caught:
        load(tmp_path)
    finding = caught.value.findings[0]
    assert ("rule-overlap", two) == (finding.id, finding.path)
    assert finding.message.startswith(f"{marked}: t, ")
    assert f"the rule 'a' at {one}:1:13" in finding.message


def test_overlap_within_a_file(tmp_path: Path) -> None:
    """Documents of one file can overlap too; the place is that of the version."""
    write(tmp_path, "a.yaml", "t", "[1]", "---\nevent_type: t\nversions: [2, 1]\nrequest: {method: GET, path: /b}\n")
    documents, _ = read_rules(rule_files(tmp_path))
    rules, _ = load_rules(documents)
    (finding,) = overlaps(rules, documents)
    assert (6, 15) == (finding.span.line, finding.span.column)
    assert "version 1, already has the rule 'a'" in finding.message


def test_no_overlap(tmp_path: Path) -> None:
    """One that lists versions and one that lists none do not overlap."""
    write(tmp_path, "a.yaml", "t", "[1]")
    write(tmp_path, "b.yaml", "t", "[2]")
    write(tmp_path, "c.yaml", "t")
    assert 3 == len(load(tmp_path))


def test_faults_are_all_told(tmp_path: Path) -> None:
    """The error has every finding of every file, and says how many more there are than the first."""
    write(tmp_path, "a.yaml", "t", "[0]")
    write(tmp_path, "b.yaml", "t", "[1]", "nope: 1\n")
    (tmp_path / "c.yaml").write_text("a: [", encoding="utf-8")
    (tmp_path / "d.yaml").write_bytes(b"a: \xff")
    with pytest.raises(RulesInvalid, match="and 3 more") as caught:
        load(tmp_path)
    assert {"wrong-value", "unknown-key", "yaml-syntax"} == {finding.id for finding in caught.value.findings}


def test_no_rules(tmp_path: Path) -> None:
    """A folder without a rule, and no folder, cannot be used."""
    with pytest.raises(RulesInvalid, match="there is no rule"):
        load(tmp_path)
    with pytest.raises(Unusable, match="no such file or folder"):
        load(tmp_path / "nowhere")


def test_one_file_is_a_book(tmp_path: Path) -> None:
    """A path may be a file."""
    assert 1 == len(load(write(tmp_path, "a.yaml", "t")))
