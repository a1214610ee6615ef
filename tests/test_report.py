"""Findings as text, JSON and GitHub annotations."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from engine.findings import Finding, Level, Span
from engine.report import headline, render

FILE = Path("rules/a.yaml")


def finding(
    span: Span, message: str = "requests[0]: 'boddy' is wrong", help_: str = "", level: Level = Level.ERROR
) -> Finding:
    return Finding(FILE, span, level, "unknown-key", message, help_)


def test_text_shows_the_line_and_a_caret() -> None:
    """One line with place, level, check and message, then the source, then the caret under the span."""
    source = "a: 1\nrequests:\n  - id: x\n    boddy: 1\n"
    text = render([finding(Span(4, 5, 4, 10), help_="did you mean 'body'?")], "text", {FILE: source})
    assert (
        "rules/a.yaml:4:5: error[unknown-key] requests[0]: 'boddy' is wrong; did you mean 'body'?\n"
        "      boddy: 1\n"
        "      ^^^^^" == text
    )


@pytest.mark.parametrize(
    ("line", "span", "shown"),
    [
        ("k: {a: 1,", Span(1, 4, 3, 2), "  k: {a: 1,\n     ^^^^^^"),
        ("\tk: x", Span(1, 5, 1, 6), "  \tk: x\n  \t   ^"),
        ("日本: x", Span(1, 5, 1, 6), "  日本: x\n        ^"),
        ("k: 日本", Span(1, 4, 1, 6), "  k: 日本\n     ^^^^"),
        ("e\u0301: x", Span(1, 5, 1, 6), "  e\u0301: x\n     ^"),
        ("k:", Span(1, 3, 1, 3), "  k:\n    ^"),
        ("k: \x1b[31m", Span(1, 4, 1, 5), "  k: \ufffd[31m\n     ^"),
        (
            "x" * 100 + "k: v" + "y" * 100,
            Span(1, 104, 1, 105),
            "  " + "x" * 37 + "k: v" + "y" * 79 + "\n" + " " * 42 + "^",
        ),
    ],
)
def test_the_caret_stands_under_the_place(line: str, span: Span, shown: str) -> None:
    """Tabs, wide and combining characters, long lines and spans over lines keep the caret right."""
    assert shown == render([finding(span)], "text", {FILE: f"{line}\nb\n"}).split("\n", 1)[1]


@pytest.mark.parametrize(("span", "source"), [(Span(9, 1, 9, 1), "a: 1\n"), (Span(1, 1, 1, 1), "")])
def test_without_a_source_line_the_finding_stands_alone(span: Span, source: str) -> None:
    """An empty file, or one that is not there, has no line to show."""
    assert headline(finding(span)) == render([finding(span)], "text", {FILE: source})


def test_lines_end_where_positions_say() -> None:
    """A form feed or U+2028 ends no line; CR LF ends one."""
    text = render([finding(Span(2, 1, 2, 2))], "text", {FILE: "a\x0c\u2028\r\nb: 1\r\n"})
    assert "  b: 1\n  ^" == text.split("\n", 1)[1]


def test_a_message_stays_one_line() -> None:
    """A value with line feeds or terminal codes cannot forge a second finding."""
    line = headline(finding(Span(1, 1, 1, 2), message="a\nb\x1b[2J"))
    assert "rules/a.yaml:1:1: error[unknown-key] a\ufffdb\ufffd[2J" == line


def test_json_is_a_list_of_objects() -> None:
    """Each with place, level, id and message."""
    text = render([finding(Span(4, 5, 4, 10), level=Level.WARNING, help_="h")], "json", {})
    expected = {
        "path": "rules/a.yaml",
        "line": 4,
        "column": 5,
        "end_line": 4,
        "end_column": 10,
        "level": "warning",
        "id": "unknown-key",
        "message": "requests[0]: 'boddy' is wrong",
        "help": "h",
    }
    assert [expected] == json.loads(text)


@pytest.mark.parametrize(("form", "text"), [("text", ""), ("json", "[]"), ("github", "")])
def test_no_findings(form: str, text: str) -> None:
    """JSON is a list all the same."""
    assert text == render([], form, {})  # type: ignore[arg-type]


def test_github_annotations_are_escaped() -> None:
    """A message or a path cannot end the command or add a property."""
    odd = Finding(Path("a,b:c%.yaml"), Span(4, 5, 4, 10), Level.WARNING, "x-y", "50%\nof ::it", "h")
    assert (
        "::warning file=a%2Cb%3Ac%25.yaml,line=4,col=5,endLine=4,endColumn=10,title=x-y::50%25%0Aof ::it; h"
        == render([odd], "github", {})
    )


def test_a_github_annotation_over_lines_has_its_beginning_only() -> None:
    """GitHub refuses columns of a span over several lines."""
    text = render([finding(Span(4, 5, 6, 2))], "github", {})
    assert text.startswith("::error file=rules/a.yaml,line=4,col=5,title=unknown-key::")
