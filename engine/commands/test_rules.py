"""`engine test-rules`: what rules do for events, without network, Kafka or waiting."""

from __future__ import annotations

import os
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

import click

from engine.config.load import load_config
from engine.errors import Unusable
from engine.findings import many
from engine.ruletests import screen
from engine.ruletests.answers import AnswerCheck
from engine.ruletests.load import suite_files
from engine.ruletests.play import Player
from engine.ruletests.run import Report, covered, no_tests, run_suites
from engine.ruletests.update import written


def run_rule_tests(
    paths: Sequence[Path],
    config_file: Path | None,
    output: str,
    *,
    coverage: bool = False,
    update: bool = False,
    junit: Path | None = None,
) -> int:
    """Run rule tests; results go to standard output, a summary for people to standard error.

    Args:
        paths: test files, rule files and folders, relative to the current folder; none: `rules.path`.
        config_file: the configuration, None for ./config.yaml or the defaults. Its secrets need not be set.
        output: `text` or `json`.
        coverage: name what no case took.
        update: write the requests that cases leave out.
        junit: where to write JUnit's XML.

    Returns:
        0: all cases passed. 1: one failed, or a file is wrong.

    Raises:
        Unusable: configuration, an OpenAPI document, event schemas or a path cannot be used, or there is no test.
    """
    config = load_config(config_file, os.environ, secrets=False)
    asked = list(paths) or [config.rules.path]
    files = list({file.resolve(): file for path in asked for file in suite_files(path)}.values())
    if not files:
        raise no_tests(asked)
    player = Player(config)
    report = run_suites(files, player, AnswerCheck(config), update=update)
    if coverage:
        report.coverage = covered(player, asked)
    if junit is not None:
        _write(junit, screen.junit(report))
    if update:
        _update(report)
    _show(report, output, coverage=coverage)
    return 1 if report.failed or report.errors else 0


def _show(report: Report, output: str, *, coverage: bool) -> None:
    for line in [screen.as_json(report, coverage=coverage)] if output == "json" else screen.text(report):
        click.echo(line)
    click.echo(screen.summary(report), err=True)
    if coverage:
        click.echo(screen.coverage_summary(report.coverage), err=True)


def _update(report: Report) -> None:
    """Write what was sent into the files whose cases leave it out."""
    for file, results in groupby(report.results, lambda result: result.suite.document.path):
        text, number = written(report.sources[file], results)
        if number:
            _write(file, text)
            click.echo(f"{file}: wrote {many(number, 'request')}", err=True)


def _write(file: Path, text: str) -> None:
    try:
        file.write_text(text, encoding="utf-8", newline="")
    except OSError as error:
        raise Unusable(f"{file}: cannot be written: {error.strerror}") from error
