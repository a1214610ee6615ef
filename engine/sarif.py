"""Findings as SARIF 2.1.0, for code scanning."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from engine import __version__
from engine.findings import Finding

_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def sarif(findings: Sequence[Finding]) -> dict[str, Any]:
    """The log of one run: each check that found something is a rule of it, each finding a result."""
    ids = list(dict.fromkeys(finding.id for finding in findings))
    driver = {
        "name": "engine validate-rules",
        "version": __version__,
        "rules": [{"id": one, "name": one, "shortDescription": {"text": one.replace("-", " ")}} for one in ids],
    }
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": [_result(finding, ids.index(finding.id)) for finding in findings],
    }
    return {"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}


def _result(finding: Finding, index: int) -> dict[str, Any]:
    span = finding.span
    region = {
        "startLine": span.line,
        "startColumn": span.column,
        "endLine": span.end_line,
        "endColumn": span.end_column,
    }
    place = {"artifactLocation": _location(finding.path), "region": region}
    said = f"{finding.message}; {finding.help}" if finding.help else finding.message
    return {
        "ruleId": finding.id,
        "ruleIndex": index,
        "level": str(finding.level),
        "message": {"text": said},
        "locations": [{"physicalLocation": place}],
    }


def _location(path: Path) -> dict[str, str]:
    """Relative to the checkout, as code scanning wants it; else a file URI."""
    if path.is_absolute():
        return {"uri": path.as_uri()}
    return {"uri": quote(path.as_posix()), "uriBaseId": "%SRCROOT%"}
