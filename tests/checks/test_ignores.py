"""Comments that silence findings; more of them are among the cases."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.checks import CHECKS
from engine.checks.ignores import OF_LOADING, UNUSED, WRONG, unsilenced
from engine.commands.validate_rules import settled
from engine.documents import read_documents
from engine.findings import Finding, Level, Span
from tests.checks.test_docs import SECTIONS

KNOWN = {"a-check", "b-check"}


def left(text: str, *places: tuple[str, int, int]) -> list[tuple[str, int]]:
    """Ids and lines of what is left of findings (id, line, column) in a file."""
    path = Path("a.yaml")
    documents, _ = read_documents(path, text)
    findings = [
        Finding(path, Span(line, column, line, column + 1), Level.ERROR, name, "") for name, line, column in places
    ]
    return [(one.id, one.span.line) for one in unsilenced(findings, documents, KNOWN)]


def test_every_check_can_be_silenced() -> None:
    """The known ids are those that the page explains, but for files that cannot be read and the comments' own."""
    assert SECTIONS.keys() - {"yaml-syntax", "too-large", UNUSED, WRONG} == CHECKS.keys() | OF_LOADING


def test_one_finding_of_the_line() -> None:
    """Not another check's, not another line's, and not a second one."""
    found = (("a-check", 1, 1), ("a-check", 1, 4), ("b-check", 1, 1), ("a-check", 2, 1))
    assert [("a-check", 1), ("b-check", 1), ("a-check", 2)] == left(
        "x: 1 # engine: ignore[a-check] why\ny: 2\n", *found
    )
    assert [("b-check", 1), ("a-check", 2)] == left("x: 1 # engine: ignore[a-check, a-check] why\ny: 2\n", *found)


@pytest.mark.parametrize(
    "comment",
    [
        "# engine: ignore[a-check] why",
        "#engine:ignore[a-check]why",
        "# engine:  ignore [ a-check ]  see #12",
        "# other words # engine: ignore[a-check] why",
        "# engine: ignore[a-check] why # engine: ignore[b-check] and why",
    ],
)
def test_forms(comment: str) -> None:
    """Spaces do not matter, and other comments may stand before it."""
    found = [("a-check", 1, 1), ("b-check", 1, 1)] if "b-check" in comment else [("a-check", 1, 1)]
    assert [] == left(f"x: 1 {comment}\n", *found)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x: 1 # engine: ignore[a-check]\n", [(WRONG, 1)]),
        ("x: 1 # engine: ignore[c-check] why\n", [("a-check", 1), (WRONG, 1)]),
        ("x: 1 # engine: ignore a-check why\n", [("a-check", 1), (WRONG, 1)]),
        ("x: 1 # engine: ignore[b-check] why\n", [("a-check", 1), (UNUSED, 1)]),
        ("x: 1\n# engine: ignore[a-check] why\n", [("a-check", 1), (UNUSED, 2)]),
        ("x: '# engine: ignore[a-check] why'\n", [("a-check", 1)]),
        ("x: a#engine: ignore[a-check] why\n", [("a-check", 1)]),
    ],
)
def test_what_silences_nothing(text: str, expected: list[tuple[str, int]]) -> None:
    """No reason, no such check, no such form, no such finding; and texts are no comments."""
    assert expected == left(text, ("a-check", 1, 1))


def test_a_block() -> None:
    """Its lines can hold no comment: that of the line in which it begins counts."""
    text = "x: | # engine: ignore[a-check] why\n  one\n  # engine: ignore[b-check] is text\ny: 1\n"
    assert [("b-check", 3), ("a-check", 4)] == left(text, ("a-check", 2, 3), ("b-check", 3, 3), ("a-check", 4, 1))


def test_several_documents_of_a_file() -> None:
    """A comment counts once, whichever document it stands in."""
    text = "x: 1\n---\ny: '# engine: ignore[a-check] no'\nz: 1 # engine: ignore[a-check] why\n"
    assert [("a-check", 1)] == left(text, ("a-check", 1, 1), ("a-check", 4, 1))


def test_a_file_that_cannot_be_read() -> None:
    """Its comments are not looked at: what they are for may not have been found yet."""
    path = Path("a.yaml")
    documents, wrong = read_documents(path, "x: 1 # engine: ignore[unused-var] why\n---\n[\n")
    assert ["yaml-syntax"] == [one.id for one in settled(wrong, documents)]
