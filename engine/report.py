"""Findings as text with the source line and a caret, as JSON, as GitHub annotations, or as SARIF."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Literal

from engine.findings import Finding
from engine.sarif import sarif

Format = Literal["text", "json", "github", "sarif"]

_WIDTH = 120  # characters of a source line that are shown
_LEAD = 40  # of them before the caret, where the line is longer


def render(findings: Iterable[Finding], format: Format, sources: Mapping[Path, str]) -> str:  # noqa: A002 - the option's name
    """Write findings in one of the formats.

    Args:
        findings: in the order to show.
        format: a key of `FORMATS`.
        sources: the files' texts by `Finding.path`; a file that is not there is shown without its source line.

    Returns:
        Text without a trailing line feed; "" for no findings, but `[]` as JSON, and a run without results as SARIF.
    """
    return FORMATS[format](list(findings), sources)


def _text(findings: Sequence[Finding], sources: Mapping[Path, str]) -> str:
    lines: list[str] = []
    split: dict[Path, list[str]] = {}
    for finding in findings:
        lines.append(headline(finding))
        if finding.path not in split:
            split[finding.path] = _lines(sources.get(finding.path, ""))
        lines += _excerpt(finding, split[finding.path])
    return "\n".join(lines)


def headline(finding: Finding) -> str:
    """The finding in one line: `rules/a.yaml:6:5: error[unknown-key] requests[0]: ...; did you mean 'body'?`."""
    place = f"{finding.path}:{finding.span.line}:{finding.span.column}"
    return _one_line(f"{place}: {finding.level}[{finding.id}] {_whole(finding)}")


def _whole(finding: Finding) -> str:
    return f"{finding.message}; {finding.help}" if finding.help else finding.message


def _lines(text: str) -> list[str]:
    """Split as positions count: not at form feeds or U+2028."""
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def _excerpt(finding: Finding, source: list[str]) -> list[str]:
    span = finding.span
    if span.line > len(source) or not source[span.line - 1].strip():
        return []
    line = source[span.line - 1]
    start = min(span.column - 1, len(line))
    end = min(span.end_column - 1, len(line)) if span.end_line == span.line else len(line.rstrip())
    cut = max(start - _LEAD, 0) if len(line) > _WIDTH else 0
    line, start, end = line[cut : cut + _WIDTH], start - cut, min(end - cut, _WIDTH)
    gap = "".join(char if char == "\t" else " " * _width(char) for char in line[:start])
    return [f"  {_one_line(line).rstrip()}", f"  {gap}{'^' * max(sum(map(_width, line[start:end])), 1)}"]


def _width(char: str) -> int:
    """Columns that a terminal gives the character."""
    if unicodedata.combining(char):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def _one_line(text: str) -> str:
    """Control characters, which could move a terminal's cursor, become a visible sign."""
    return "".join(
        char if (char >= " " and char != "\x7f") or char == "\t" else "\N{REPLACEMENT CHARACTER}" for char in text
    )


def _json(findings: Sequence[Finding], _: Mapping[Path, str]) -> str:
    return json.dumps([_as_object(finding) for finding in findings], indent=2, ensure_ascii=False)


def _as_object(finding: Finding) -> dict[str, str | int]:
    return {
        "path": str(finding.path),
        "line": finding.span.line,
        "column": finding.span.column,
        "end_line": finding.span.end_line,
        "end_column": finding.span.end_column,
        "level": str(finding.level),
        "id": finding.id,
        "message": finding.message,
        "help": finding.help,
    }


def _sarif(findings: Sequence[Finding], _: Mapping[Path, str]) -> str:
    return json.dumps(sarif(findings), indent=2, ensure_ascii=False)


def _github(findings: Sequence[Finding], _: Mapping[Path, str]) -> str:
    return "\n".join(_annotation(finding) for finding in findings)


def _annotation(finding: Finding) -> str:
    span = finding.span
    facts: dict[str, str | int] = {"file": str(finding.path), "line": span.line, "col": span.column}
    if span.end_line == span.line:  # GitHub refuses columns of a span over several lines
        facts |= {"endLine": span.end_line, "endColumn": max(span.end_column, span.column + 1)}
    facts["title"] = finding.id
    properties = ",".join(f"{name}={_escape(str(value), ':,')}" for name, value in facts.items())
    return f"::{finding.level} {properties}::{_escape(_whole(finding))}"


def _escape(text: str, further: str = "") -> str:
    """GitHub's workflow commands: percent-encode what would end a line or, in a property, the property."""
    for char in "%\r\n" + further:
        text = text.replace(char, f"%{ord(char):02X}")
    return text


FORMATS: Mapping[Format, Callable[[Sequence[Finding], Mapping[Path, str]], str]] = {
    "text": _text,
    "json": _json,
    "github": _github,
    "sarif": _sarif,
}
