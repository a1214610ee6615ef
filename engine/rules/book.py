"""All rules, found by event type and version."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

from engine.config.model import Limits
from engine.documents import Document, read_documents
from engine.errors import Unusable
from engine.findings import Finding, Level, Span
from engine.rules.load import load_rules
from engine.rules.model import Rule


class RulesInvalid(Unusable):
    """Rules that cannot be used; the text says how many faults there are, `findings` which.

    Attributes:
        findings: in file order; empty where no file could be read at all.
    """

    def __init__(self, text: str, findings: Collection[Finding] = ()) -> None:
        super().__init__(text)
        self.findings = tuple(findings)


@dataclass(frozen=True, slots=True)
class Claim:
    """What events a rule is for, without the rule. The attributes are those of `Rule`."""

    name: str
    path: Path
    line: int
    event_type: str
    versions: tuple[int, ...] | None

    @classmethod
    def of(cls, rule: Rule) -> Claim:
        """The claim of a rule."""
        return cls(rule.name, rule.path, rule.line, rule.event_type, rule.versions)


class Book:
    """Rules by event type and version; made once, never changed."""

    __slots__ = ("_exact", "_others", "rules")

    def __init__(self, rules: Iterable[Rule]) -> None:
        """Sort the rules; of two that overlap the first wins (see `overlaps`)."""
        self.rules = tuple(rules)
        self._exact: dict[tuple[str, int], Rule] = {}
        self._others: dict[str, Rule] = {}
        for rule in self.rules:
            if rule.versions is None:
                self._others.setdefault(rule.event_type, rule)
            for version in rule.versions or ():
                self._exact.setdefault((rule.event_type, version), rule)

    def find(self, event_type: str, version: int) -> Rule | None:
        """The rule for an event: the one that lists the version, else the one that lists none."""
        return self._exact.get((event_type, version)) or self._others.get(event_type)

    @property
    def event_types(self) -> frozenset[str]:
        """The types that have a rule, for some version at least."""
        return frozenset(rule.event_type for rule in self.rules)

    def __len__(self) -> int:
        return len(self.rules)


def rule_files(path: Path) -> list[Path]:
    """The rule files of a folder and the folders in it, sorted; a file stands for itself.

    Files whose name begins with a dot, and rule tests (`*.test.yaml`), are no rule files.

    Raises:
        Unusable: there is nothing at `path`.
    """
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise Unusable(f"{path}: there is no such file or folder; rules are read from `rules.path`")
    found = (file for pattern in ("*.yaml", "*.yml") for file in path.rglob(pattern))
    return sorted(file for file in found if _is_rule_file(file.relative_to(path)))


def read_rules(files: Iterable[Path]) -> tuple[list[Document], list[Finding]]:
    """The documents of rule files, and what is wrong with them as YAML.

    Raises:
        Unusable: a file cannot be read.
    """
    documents: list[Document] = []
    findings: list[Finding] = []
    for file in files:
        try:
            text = file.read_bytes().decode("utf-8-sig")
        except OSError as error:
            raise Unusable(f"{file}: cannot be read: {error.strerror}") from error
        except UnicodeDecodeError:
            span = Span(1, 1, 1, 1)
            findings.append(Finding(file, span, Level.ERROR, "yaml-syntax", "the file is not UTF-8 text"))
            continue
        found, wrong = read_documents(file, text)
        documents += found
        findings += wrong
    return documents, findings


def overlaps(rules: Iterable[Rule | Claim], documents: Iterable[Document]) -> list[Finding]:
    """Rules for the same event type and version: a finding at the second, naming the first's place.

    Args:
        rules: in reading order.
        documents: those that the rules were made from, for exact places.
    """
    places = {(document.path, document.span(()).line): document for document in documents}
    first: dict[tuple[str, int | None], Rule | Claim] = {}
    findings = []
    for rule in rules:
        clashes = [version for version in rule.versions or (None,) if (rule.event_type, version) in first]
        for version in rule.versions or (None,):
            first.setdefault((rule.event_type, version), rule)
        if clashes:
            other = first[rule.event_type, clashes[0]]
            findings.append(
                _overlap(rule, other, clashes, places[rule.path, rule.line], places[other.path, other.line])
            )
    return findings


def load_book(path: Path, limits: Limits, apis: Collection[str]) -> Book:
    """Read and compile all rules of a folder (or of one file).

    Args:
        path: of the folder; folders in it are read too.
        limits: `rendered` bounds every template.
        apis: names of the configured `apis`.

    Raises:
        RulesInvalid: an error in a rule, an overlap, or no rule at all.
        Unusable: the path or a file cannot be read.
    """
    documents, findings = read_rules(rule_files(path))
    rules, wrong = load_rules(documents, limits, apis)
    findings += wrong + overlaps(rules, documents)
    errors = [finding for finding in findings if finding.level is Level.ERROR]
    if errors:
        raise RulesInvalid(_summary(errors), findings)
    if not rules:
        raise RulesInvalid(f"{path}: there is no rule; a rule is a YAML file that names an event_type")
    for rule in rules:
        rule.prepare()
        rule.sandbox.forget()
    return Book(rules)


def _is_rule_file(relative: Path) -> bool:
    hidden = any(part.startswith(".") for part in relative.parts)
    return not hidden and not relative.name.endswith((".test.yaml", ".test.yml"))


def _summary(errors: list[Finding]) -> str:
    first = errors[0]
    more = f" (and {len(errors) - 1} more; see `engine validate-rules`)" if len(errors) > 1 else ""
    return f"{first.path}:{first.span.line}:{first.span.column}: {first.message}{more}"


def _overlap(
    rule: Rule | Claim, other: Rule | Claim, clashes: list[int | None], here: Document, there: Document
) -> Finding:
    key = "event_type" if rule.versions is None else "versions"
    pointer: tuple[str | int, ...] = (key,)
    if rule.versions is not None and clashes[0] is not None:
        pointer = (key, rule.versions.index(clashes[0]))
    place = there.span(("event_type",))
    what = "every other version" if clashes[0] is None else f"version {', '.join(map(str, clashes))}"
    at = f"{other.path}:{place.line}:{place.column}"
    message = f"{key}: {rule.event_type}, {what}, already has the rule '{other.name}' at {at}"
    return Finding(rule.path, here.span(pointer), Level.ERROR, "rule-overlap", message)
