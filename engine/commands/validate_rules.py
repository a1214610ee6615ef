"""`engine validate-rules`: all findings of all rule files, before an event meets them."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import cast

import click

from engine.api.contract import Contract
from engine.checks import check_rule
from engine.checks.subject import Memo
from engine.config.load import load_config
from engine.config.model import Config
from engine.documents import Document
from engine.errors import Unusable
from engine.findings import Finding, Level, Span, many
from engine.report import Format, render
from engine.rules.book import overlaps, read_rules, rule_files
from engine.rules.load import load_rule, rule_name
from engine.rules.model import Rule
from engine.rules.templates import Templates


def validate_rules(paths: Sequence[Path], config_file: Path | None, output: str, strict: bool) -> int:
    """Check rule files; findings go to standard output, a summary for people to standard error.

    Args:
        paths: files and folders, relative to the current folder; none: `rules.path` of the configuration.
        config_file: the configuration, None for ./config.yaml or the defaults. Its secrets need not be set.
        output: `text`, `json` or `github`.
        strict: warnings count too.

    Returns:
        0: clean. 1: an error was found, or with `strict` a warning.

    Raises:
        Unusable: configuration, OpenAPI document, event schemas or a path cannot be used, or there is no rule.
    """
    config = load_config(config_file, os.environ, secrets=False)
    _check_surroundings(config)
    files = _files(paths or [config.rules.path])
    documents, findings = read_rules(files)
    if not documents and not findings:
        raise Unusable(f"there is no rule in {', '.join(map(str, paths or [config.rules.path]))}")
    findings = in_order([*findings, *check(documents, config)])
    sources = {document.path: document.text for document in documents}
    sources |= {finding.path: _text(finding.path) for finding in findings if finding.path not in sources}
    rendered = render(findings, cast("Format", output), sources)
    if rendered:
        click.echo(rendered)
    click.echo(_summary(len(files), len(documents), findings), err=True)
    return 1 if any(strict or finding.level is Level.ERROR for finding in findings) else 0


def check(documents: Sequence[Document], config: Config) -> list[Finding]:
    """Everything that can be found in rules, in no order."""
    templates, memo = Templates(config.limits), Memo()
    findings: list[Finding] = []
    rules: list[Rule] = []
    seen: Counter[Path] = Counter()
    for document in documents:
        seen[document.path] += 1
        name = rule_name(document.path, seen[document.path])
        rule, wrong = load_rule(document, name, templates, config.apis)
        findings += wrong
        if rule is not None:
            rules.append(rule)
            findings += check_rule(document, rule, wrong, memo)
    return findings + overlaps(rules, documents)


def _files(paths: Iterable[Path]) -> list[Path]:
    """Each rule file once, in the order of the paths; rule tests that a shell's `*` named are none."""
    files = {file.resolve(): file for path in reversed(list(paths)) for file in reversed(rule_files(path))}
    return [file for file in reversed(files.values()) if not file.name.endswith((".test.yaml", ".test.yml"))]


def _check_surroundings(config: Config) -> None:
    """Read what rules are judged by.

    Raises:
        Unusable: an OpenAPI document or an event schema cannot be used.
    """
    for api in (config.api, *config.apis.values()):
        if api.openapi is not None:
            Contract.load(api.openapi)
    folder = config.events.schemas
    if not folder.is_dir():
        if config.events.schemas_configured:
            raise Unusable(f"{folder}: there is no such folder; `events.schemas` names it")
        return
    for file in sorted(folder.glob("*.avsc")):
        try:
            json.loads(file.read_bytes())
        except OSError as error:
            raise Unusable(f"{file}: cannot read the schema: {error.strerror}") from error
        except (ValueError, RecursionError) as error:
            raise Unusable(f"{file}: not JSON: {error}") from error


def in_order(findings: Iterable[Finding]) -> list[Finding]:
    """In file order, one a place: an error rather than a warning, else the one that was found first."""
    found: dict[tuple[Path, Span], Finding] = {}
    for finding in sorted(findings, key=lambda one: one.level is Level.WARNING):
        found.setdefault((finding.path, finding.span), finding)
    return sorted(found.values(), key=lambda one: (one.path, one.span.line, one.span.column))


def _text(file: Path) -> str:
    """The text of a file in which no document could be read."""
    return file.read_bytes().decode("utf-8", "replace").removeprefix("\ufeff")


def _summary(files: int, rules: int, findings: Sequence[Finding]) -> str:
    counted = Counter(finding.level for finding in findings)
    kinds = [many(counted[level], str(level)) for level in Level if counted[level]]
    return f"{many(rules, 'rule')} in {many(files, 'file')}: {' and '.join(kinds) or 'no findings'}"
