"""A report as people, machines and build servers read it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any
from xml.etree import ElementTree

from engine.findings import Level, many
from engine.report import headline, render
from engine.ruletests.coverage import Coverage, Gap
from engine.ruletests.model import Failure, Result
from engine.ruletests.run import Report

_MOST = 8  # failures of one case that are shown
_CONTROLS = {code: "\N{REPLACEMENT CHARACTER}" for code in range(32) if code not in (9, 10)}


def text(report: Report) -> Iterator[str]:
    """Findings, failing cases with what differs, gaps of the coverage; nothing where there is nothing to do."""
    found = render(report.findings, "text", report.sources)
    if found:
        yield found
    for result in report.failed:
        yield from _failed(result)
    for one in report.coverage:
        yield from map(_gap, one.gaps())


def _failed(result: Result) -> Iterator[str]:
    for failure in result.failures[:_MOST]:
        yield f"{_place(result, failure)}: failed: {result.case.name}: {failure.message}".translate(_CONTROLS)
        for word in ("expected", "actual", "outcome"):
            said = getattr(failure, word)
            if said is not None:
                yield f"    {word:<9} {said}".translate(_CONTROLS)
    if len(result.failures) > _MOST:
        yield f"    and {len(result.failures) - _MOST} more differences"


def _place(result: Result, failure: Failure) -> str:
    return f"{result.suite.document.path}:{failure.span.line}:{failure.span.column}"


def _gap(gap: Gap) -> str:
    return f"{gap.path}:{gap.span.line}:{gap.span.column}: not covered: {gap.text}"


def summary(report: Report) -> str:
    """`2 files, 9 cases: 8 passed, 1 failed`."""
    failed = len(report.failed)
    counts = [f"{len(report.results) - failed} passed"]
    counts += [f"{failed} failed"] if failed else []
    for level in Level:
        number = sum(finding.level is level for finding in report.findings)
        counts += [many(number, str(level))] if number else []
    return f"{many(len(report.files), 'file')}, {many(len(report.results), 'case')}: {', '.join(counts)}"


def coverage_summary(coverage: Sequence[Coverage]) -> str:
    """`coverage: 40 of 42 points of 5 rules`."""
    total = sum(one.total for one in coverage)
    gaps = sum(1 for one in coverage for _ in one.gaps())
    return f"coverage: {total - gaps} of {many(total, 'point')} of {many(len(coverage), 'rule')}"


def as_json(report: Report, *, coverage: bool) -> str:
    """One object: `cases`, `findings` as of `validate-rules`, and with `coverage` also `coverage`, one entry a rule."""
    data: dict[str, Any] = {
        "cases": [_case(result) for result in report.results],
        "findings": json.loads(render(report.findings, "json", report.sources)),
    }
    if coverage:
        data["coverage"] = [_covered(one) for one in report.coverage]
    return json.dumps(data, indent=2, ensure_ascii=False)


def _case(result: Result) -> dict[str, Any]:
    span = result.suite.document.span((*result.case.pointer, "name"))
    return {
        "path": str(result.suite.document.path),
        "line": span.line,
        "column": span.column,
        "name": result.case.name,
        "passed": not result.failures,
        "failures": [
            {
                "line": one.span.line,
                "column": one.span.column,
                "message": one.message,
                "expected": one.expected,
                "actual": one.actual,
                "outcome": one.outcome,
            }
            for one in result.failures
        ],
    }


def _covered(one: Coverage) -> dict[str, Any]:
    gaps = list(one.gaps())
    return {
        "path": str(one.rule.path),
        "rule": one.rule.name,
        "points": one.total,
        "missing": [
            {
                "line": gap.span.line,
                "column": gap.span.column,
                "kind": gap.point.kind,
                "branch": gap.point.branch,
                "request": gap.point.request or None,
                "message": gap.text,
            }
            for gap in gaps
        ],
    }


def junit(report: Report) -> str:
    """JUnit's XML: a suite a file; a file that cannot be read is an error of its own."""
    root = ElementTree.Element("testsuites")
    for file in report.files:
        results = [result for result in report.results if result.suite.document.path == file]
        errors = [finding for finding in report.errors if finding.path == file]
        failed = sum(bool(result.failures) for result in results)
        suite = ElementTree.SubElement(
            root,
            "testsuite",
            name=str(file),
            tests=str(len(results) + len(errors)),
            failures=str(failed),
            errors=str(len(errors)),
        )
        for finding in errors:
            case = ElementTree.SubElement(suite, "testcase", classname=str(file), name=finding.id)
            ElementTree.SubElement(case, "error", message=headline(finding))
        for result in results:
            name = result.case.name.translate(_CONTROLS)
            case = ElementTree.SubElement(suite, "testcase", classname=str(file), name=name)
            if result.failures:
                said = "\n".join(_failed(result))
                first = result.failures[0].message.translate(_CONTROLS)
                ElementTree.SubElement(case, "failure", message=first).text = said
    _errors_of_rules(root, report)
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=False) + "\n"


def _errors_of_rules(root: ElementTree.Element, report: Report) -> None:
    """Errors in rule files, which no test file has."""
    for finding in report.errors:
        if finding.path not in report.files:
            name = str(finding.path)
            suite = ElementTree.SubElement(root, "testsuite", name=name, tests="1", failures="0", errors="1")
            case = ElementTree.SubElement(suite, "testcase", classname=name, name=finding.id)
            ElementTree.SubElement(case, "error", message=headline(finding))
