"""Runs all suites and gathers what came of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from engine.errors import Unusable
from engine.findings import Finding, Level
from engine.rules.book import rule_files
from engine.ruletests.answers import AnswerCheck
from engine.ruletests.coverage import Coverage
from engine.ruletests.events import WrongEvent
from engine.ruletests.load import ENDINGS, read_suites
from engine.ruletests.model import Failure, Result, Suite
from engine.ruletests.play import Player


@dataclass(slots=True)
class Report:
    """What came of all cases.

    Attributes:
        files: that were read.
        results: of the cases that could be played, in order.
        findings: what is wrong with test files, and warnings about answers.
        coverage: of each rule that was looked at; empty where nobody asked.
        sources: the files' texts.
    """

    files: tuple[Path, ...]
    results: list[Result] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    coverage: tuple[Coverage, ...] = ()
    sources: dict[Path, str] = field(default_factory=dict)

    @property
    def failed(self) -> list[Result]:
        """The results with failures."""
        return [result for result in self.results if result.failures]

    @property
    def errors(self) -> list[Finding]:
        """The findings that are no warnings."""
        return [finding for finding in self.findings if finding.level is Level.ERROR]


def run_suites(files: Sequence[Path], player: Player, answers: AnswerCheck, *, update: bool = False) -> Report:
    """Read and play all test files.

    Args:
        files: in order.
        player: plays.
        answers: holds the answers of cases against the API's document.
        update: a case may leave requests to be written.

    Raises:
        Unusable: a file cannot be read, or an OpenAPI document or schema cannot be used.
    """
    report = Report(tuple(files))
    broken: set[Path] = set()
    for file in files:
        suites, findings = read_suites(file)
        report.findings += findings
        for suite in suites:
            report.sources[file] = suite.document.text
            rules = player.rules(suite.rule_file)
            if rules.findings and suite.rule_file not in broken:
                report.findings += rules.findings
                broken.add(suite.rule_file)
            if not rules.findings:
                _play(suite, player, answers, report, update=update)
    for finding in report.findings:
        if finding.path not in report.sources:
            text = finding.path.read_bytes().decode("utf-8", "replace")
            report.sources[finding.path] = text.removeprefix("\ufeff")
    return report


def _play(suite: Suite, player: Player, answers: AnswerCheck, report: Report, *, update: bool) -> None:
    for case in suite.cases:
        try:
            result = player.play(suite, case)
        except WrongEvent as error:
            report.findings.append(error.finding)
            continue
        report.findings += answers.check(result)
        report.results.append(result if update else _complete(result))


def _complete(result: Result) -> Result:
    """A case that does not say what is sent proves nothing."""
    for exchange in result.case.conversation:
        if exchange.request is None:
            span = result.suite.document.span(exchange.pointer)
            failure = Failure(span, "the request is not written yet; `engine test-rules --update` writes it")
            return Result(result.suite, result.case, (*result.failures, failure), result.sent, result.ended)
    return result


def covered(player: Player, paths: Iterable[Path]) -> tuple[Coverage, ...]:
    """The coverage of all rules that were played, and of those under the paths that have no test.

    Raises:
        Unusable: a rule file cannot be read.
    """
    for path in paths:
        for file in rule_files(path):
            if not file.name.endswith(ENDINGS):
                player.rules(file)
    known: Mapping[Path, Sequence[Coverage]] = {path: rules.coverage for path, rules in player.read.items()}
    return tuple(one for path in sorted(known) for one in known[path])


def no_tests(paths: Iterable[Path]) -> Unusable:
    """The error where no test file was found."""
    return Unusable(f"there is no rule test in {', '.join(map(str, paths))}; a test is a file NAME.test.yaml")
