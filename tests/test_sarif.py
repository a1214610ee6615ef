"""Findings as SARIF."""

from __future__ import annotations

import json
from pathlib import Path

from engine.findings import Finding, Level, Span
from engine.report import render
from engine.sarif import sarif


def finding(name: str, path: str = "rules/a b.yaml", level: Level = Level.ERROR) -> Finding:
    """A finding with this id."""
    return Finding(Path(path), Span(4, 5, 4, 10), level, name, "what is wrong", "do this")


def test_a_finding() -> None:
    """Place in characters, level, message with its remedy, and the check as a rule."""
    (run,) = sarif([finding("unknown-key")])["runs"]
    (result,) = run["results"]
    assert ("unknown-key", 0, "error") == (result["ruleId"], result["ruleIndex"], result["level"])
    assert "what is wrong; do this" == result["message"]["text"]
    (place,) = result["locations"]
    assert {
        "artifactLocation": {"uri": "rules/a%20b.yaml", "uriBaseId": "%SRCROOT%"},
        "region": {"startLine": 4, "startColumn": 5, "endLine": 4, "endColumn": 10},
    } == place["physicalLocation"]
    assert "unicodeCodePoints" == run["columnKind"]


def test_rules_are_named_once() -> None:
    """Results point at them by index."""
    (run,) = sarif([finding("a"), finding("b", level=Level.WARNING), finding("a")])["runs"]
    assert ["a", "b"] == [one["id"] for one in run["tool"]["driver"]["rules"]]
    assert [(0, "error"), (1, "warning"), (0, "error")] == [(one["ruleIndex"], one["level"]) for one in run["results"]]


def test_an_absolute_path_is_a_file_uri() -> None:
    """It is not below the checkout."""
    (run,) = sarif([finding("a", "/rules/a.yaml")])["runs"]
    place = run["results"][0]["locations"][0]["physicalLocation"]
    assert {"uri": "file:///rules/a.yaml"} == place["artifactLocation"]


def test_no_findings() -> None:
    """A run without results, in version 2.1.0."""
    found = json.loads(render([], "sarif", {}))
    assert ("2.1.0", [[]]) == (found["version"], [run["results"] for run in found["runs"]])
