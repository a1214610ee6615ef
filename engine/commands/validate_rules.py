"""`engine validate-rules`: all findings of all rule files, before an event meets them."""

from __future__ import annotations

import gc
import os
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
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
from engine.rules.book import Claim, overlaps, read_rules, rule_files
from engine.rules.load import load_rule, rule_name
from engine.rules.templates import Templates
from engine.shares import processes, shared
from engine.typing.schemas import NO_EVENTS, EventTypes

_SHARE = 40  # rules that are worth a process of their own


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
        number = processes(len(documents), _SHARE)
        findings = settled([*findings, *check(documents, config, events, number)], documents)
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
            gc.freeze()  # what is there now is there until the end of the process, which would walk it once more
            gc.enable()


def check(
    documents: Sequence[Document], config: Config, events: EventTypes | None = None, number: int = 1
) -> list[Finding]:
    """Everything that can be found in rules, in no order that means anything, but always in the same.

    Args:
        documents: the rules.
        config: what they are judged by.
        events: the types of the project's events; read where None.
        number: of processes that share the work.

    Raises:
        Unusable: an event schema cannot be used.
    """
    events = _event_types(config) if events is None else events
    checker = _Checker(config, events, known_apis(config), _listed(documents))
    seen: Counter[Path] = Counter()
    named: list[tuple[Document, str]] = []
    for document in documents:
        seen[document.path] += 1
        named.append((document, rule_name(document.path, seen[document.path])))
    results = shared(checker.check, named, number)
    claims = [claim for result in results for claim in result.claims]
    found = [result.loading for result in results] + [result.checking for result in results]
    return [finding for each in found for finding in each] + overlaps(claims, documents)


@dataclass(frozen=True, slots=True)
class _Result:
    """What came out of some rules.

    Attributes:
        loading: findings of loading them.
        checking: findings of the checks.
        claims: what events the rules are for.
    """

    loading: list[Finding]
    checking: list[Finding]
    claims: list[Claim]


@dataclass(frozen=True, slots=True)
class _Checker:
    """What rules are judged by.

    Attributes:
        config: the project's.
        events: the types of its events.
        apis: those with a document.
        listed: the versions that rules list, by event type.
    """

    config: Config
    events: EventTypes
    apis: Mapping[str, KnownApi]
    listed: Mapping[str, Collection[int]]

    def check(self, named: Sequence[tuple[Document, str]]) -> _Result:
        """Load and check rules, each with its name."""
        templates, memo, result = Templates(self.config.limits), Memo(), _Result([], [], [])
        for document, name in named:
            rule, wrong = load_rule(document, name, templates, self.config.apis)
            result.loading.extend(wrong)
            if rule is not None:
                others = self.listed.get(rule.event_type, ())
                result.checking.extend(check_rule(document, rule, wrong, memo, self.events, others, self.apis))
                result.claims.append(Claim.of(rule))
        return result


def _listed(documents: Iterable[Document]) -> Mapping[str, Collection[int]]:
    """The versions that rules list, by event type: a rule without `versions` gets the others."""
    found: defaultdict[str, set[int]] = defaultdict(set)
    for document in documents:
        match document.data:
            case {"event_type": str() as name, "versions": list() as versions}:
                found[name].update(one for one in versions if isinstance(one, int))
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
