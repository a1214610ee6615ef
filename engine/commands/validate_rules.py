"""`engine validate-rules`: all findings of all rule files, before an event meets them."""

from __future__ import annotations

import gc
import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import cast

import click

from engine.checks import CHECKS, check_rule
from engine.checks.ignores import OF_LOADING, unsilenced
from engine.checks.subject import Memo
from engine.config.load import load_config
from engine.config.model import Config
from engine.documents import Document
from engine.errors import Unusable
from engine.findings import Finding, Level, Span, many
from engine.openapi.api import KnownApi
from engine.report import Format, render
from engine.rules.book import overlaps, read_rules, rule_files
from engine.rules.load import load_rule, rule_name
from engine.rules.model import Rule
from engine.rules.templates import Templates
from engine.typing.schemas import NO_EVENTS, EventTypes


def validate_rules(paths: Sequence[Path], config_file: Path | None, output: str, strict: bool) -> int:
    """Check rule files; findings go to standard output, a summary for people to standard error.

    Args:
        paths: files and folders, relative to the current folder; none: `rules.path` of the configuration.
        config_file: the configuration, None for ./config.yaml or the defaults. Its secrets need not be set.
        output: a key of `engine.report.FORMATS`.
        strict: warnings count too.

    Returns:
        0: clean. 1: an error was found, or with `strict` a warning.

    Raises:
        Unusable: configuration, OpenAPI document, event schemas or a path cannot be used, or there is no rule.
    """
    config = load_config(config_file, os.environ, secrets=False)
    events = _surroundings(config)
    files = _files(paths or [config.rules.path])
    with _without_collector():
        documents, findings = read_rules(files)
        if not documents and not findings:
            raise Unusable(f"there is no rule in {', '.join(map(str, paths or [config.rules.path]))}")
        findings = settled([*findings, *check(documents, config, events)], documents)
    sources = {document.path: document.text for document in documents}
    sources |= {finding.path: _text(finding.path) for finding in findings if finding.path not in sources}
    rendered = render(findings, cast("Format", output), sources)
    if rendered:
        click.echo(rendered)
    click.echo(_summary(len(files), len(documents), findings), err=True)
    return 1 if any(strict or finding.level is Level.ERROR for finding in findings) else 0


@contextmanager
def _without_collector() -> Iterator[None]:
    """Rules are trees that all stay: the garbage collector would walk them again and again, a sixth of the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def check(documents: Sequence[Document], config: Config, events: EventTypes | None = None) -> list[Finding]:
    """Everything that can be found in rules, in no order.

    Args:
        documents: the rules.
        config: what they are judged by.
        events: the types of the project's events; read where None.

    Raises:
        Unusable: an event schema cannot be used.
    """
    templates, memo, apis = Templates(config.limits), Memo(), known_apis(config)
    findings: list[Finding] = []
    rules: list[tuple[Document, Rule, list[Finding]]] = []
    seen: Counter[Path] = Counter()
    for document in documents:
        seen[document.path] += 1
        name = rule_name(document.path, seen[document.path])
        rule, wrong = load_rule(document, name, templates, config.apis)
        findings += wrong
        if rule is not None:
            rules.append((document, rule, wrong))
    events = _event_types(config) if events is None else events
    listed = _listed(rule for _, rule, _ in rules)
    for document, rule, wrong in rules:
        findings += check_rule(document, rule, wrong, memo, events, listed[rule.event_type], apis)
    return findings + overlaps([rule for _, rule, _ in rules], documents)


def _listed(rules: Iterable[Rule]) -> Mapping[str, set[int]]:
    """The versions that rules list, by event type: a rule without `versions` gets the others."""
    found: defaultdict[str, set[int]] = defaultdict(set)
    for rule in rules:
        found[rule.event_type].update(rule.versions or ())
    return found


def _event_types(config: Config) -> EventTypes:
    """What is known of the events. Events in JSON are not brought to a schema, so nothing is.

    Raises:
        Unusable: an event schema cannot be used.
    """
    found = EventTypes.load(config.events.schemas)
    return found if config.events.format == "avro" else NO_EVENTS


def _files(paths: Iterable[Path]) -> list[Path]:
    """Each rule file once, in the order of the paths; rule tests that a shell's `*` named are none."""
    files = {file.resolve(): file for path in reversed(list(paths)) for file in reversed(rule_files(path))}
    return [file for file in reversed(files.values()) if not file.name.endswith((".test.yaml", ".test.yml"))]


def _surroundings(config: Config) -> EventTypes:
    """Read what rules are judged by.

    Raises:
        Unusable: an OpenAPI document or an event schema cannot be used.
    """
    folder = config.events.schemas
    if not folder.is_dir() and config.events.schemas_configured:
        raise Unusable(f"{folder}: there is no such folder; `events.schemas` names it")
    return _event_types(config)


def known_apis(config: Config) -> Mapping[str, KnownApi]:
    """The APIs that have a document, by name; "" for `api`.

    Raises:
        Unusable: a document cannot be used.
    """
    named = {"": config.api, **config.apis}
    return {name: KnownApi.load(api.openapi, api.url) for name, api in named.items() if api.openapi is not None}


def settled(findings: Iterable[Finding], documents: Sequence[Document]) -> list[Finding]:
    """As `in_order`, without those that a comment in their line silences."""
    return in_order(unsilenced(in_order(findings), documents, CHECKS.keys() | OF_LOADING))


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
