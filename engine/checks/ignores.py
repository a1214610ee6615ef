"""Findings that a rule's author has looked at and wants to keep: `# engine: ignore[check-id] reason` behind the line.

Wrong:

    request: {method: GET, path: /assets/}  # engine: ignore[unused-var]

Right:

    vars: {ref: 1}  # engine: ignore[unused-var] for the next version
    request: {method: GET, path: /assets/}
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.documents import Document
from engine.findings import Finding, Level, Span, suggest
from engine.nodes import Node

UNUSED = "unused-ignore"
WRONG = "wrong-ignore"

OF_LOADING = frozenset(
    {
        "duplicate-id", "duplicate-key", "duplicate-name", "exclusive-keys", "merge-key", "missing-key",
        "reserved-name", "rule-overlap", "template-refused", "template-syntax", "unknown-api", "unknown-key",
        "unknown-test", "wrong-header", "wrong-key", "wrong-path", "wrong-type", "wrong-value",
    }
)  # fmt: skip
"""Ids of what is found before the checks, where it can be silenced: not in a file that cannot be read."""

_MARK = re.compile(r"#[ \t]*engine:[ \t]*(?P<rest>[^#\r\n]*)")
_FORM = re.compile(r"ignore[ \t]*\[(?P<ids>[^\]]*)\][ \t]*(?P<reason>.*)")
_UNREADABLE = frozenset({"yaml-syntax", "too-large"})
_REMEDY = "write # engine: ignore[check-id] and the reason"


@dataclass(frozen=True, slots=True)
class _Ignore:
    """One id in one comment: it silences one finding of its line."""

    id: str
    span: Span


def unsilenced(findings: Sequence[Finding], documents: Sequence[Document], known: Collection[str]) -> list[Finding]:
    """The findings that no comment silences, and what is wrong with the comments themselves.

    Args:
        findings: of all files, in file order.
        documents: the files' documents; comments of a file that cannot be read are not looked at.
        known: ids of all checks.
    """
    unreadable = {finding.path for finding in findings if finding.id in _UNREADABLE}
    left = list(findings)
    by_file: dict[Path, list[Document]] = {}
    for document in documents:
        if document.path not in unreadable and "engine:" in document.text:
            by_file.setdefault(document.path, []).append(document)
    for path, parts in by_file.items():
        blocks = _Scalars(parts)
        for ignore in _ignores(path, blocks, known, left):
            silenced = next((one for one in left if _is_meant(one, path, ignore, blocks)), None)
            if silenced is not None:
                left.remove(silenced)
                continue
            said = f"there is no finding '{ignore.id}' in this line"
            left.append(Finding(path, ignore.span, Level.ERROR, UNUSED, said, "remove the comment"))
    return left


def _is_meant(finding: Finding, path: Path, ignore: _Ignore, blocks: _Scalars) -> bool:
    if finding.path != path or finding.id != ignore.id:
        return False
    return ignore.span.line in (finding.span.line, blocks.header(finding.span))


def _ignores(path: Path, scalars: _Scalars, known: Collection[str], findings: list[Finding]) -> Iterator[_Ignore]:
    """The ignores of a file; of comments that are none a finding is added."""
    for match in _MARK.finditer(scalars.text):
        if scalars.hold(match.start()):
            continue
        form = _FORM.fullmatch(match["rest"].rstrip())
        if form is None:
            findings.append(_wrong(path, scalars.span(*match.span("rest")), "this is no ignore", _REMEDY))
            continue
        if not form["reason"].strip():
            findings.append(_wrong(path, scalars.span(*match.span()), "an ignore needs a reason", _REMEDY))
        begin = match.start("rest") + form.start("ids")
        for word in re.finditer(r"[^,\s]+", form["ids"]):
            span = scalars.span(begin + word.start(), begin + word.end())
            if word.group() in known:
                yield _Ignore(word.group(), span)
            else:
                near = suggest(word.group(), known)
                said = f"'{word.group()}' is not a check"
                findings.append(_wrong(path, span, said, f"did you mean '{near}'?" if near else ""))


def _wrong(path: Path, span: Span, said: str, remedy: str) -> Finding:
    return Finding(path, span, Level.ERROR, WRONG, said, remedy)


class _Scalars:
    """Where the texts of a file are: a `#` in them begins no comment."""

    def __init__(self, documents: Sequence[Document]) -> None:
        self.text = documents[0].text
        self._document = documents[0]
        nodes = sorted((node for document in documents for node in _scalars(document.root)), key=lambda one: one.start)
        self._nodes = [node for node in nodes if node.end > node.start]
        self._starts = [node.start for node in self._nodes]

    def hold(self, offset: int) -> bool:
        """True inside a text; what follows the sign of a block on its line is a comment."""
        node = self._before(offset)
        if node is None or offset >= node.end:
            return False
        return node.style not in ("|", ">") or "\n" in self.text[node.start : offset]

    def header(self, span: Span) -> int:
        """The line in which the block begins that a place is in; the place's own line elsewhere."""
        node = self._before(self._document.lines[span.line - 1] + span.column - 1)
        if node is None or node.style not in ("|", ">"):
            return span.line
        return self._document.at(node.start)[0]

    def span(self, start: int, end: int) -> Span:
        """A place by its offsets."""
        return Span(*self._document.at(start), *self._document.at(end))

    def _before(self, offset: int) -> Node | None:
        index = bisect_right(self._starts, offset) - 1
        return self._nodes[index] if index >= 0 else None


def _scalars(root: Node) -> Iterator[Node]:
    """All texts, keys too; aliases stand elsewhere."""
    waiting = [root]
    while waiting:
        node = waiting.pop()
        if node.text is not None:
            yield node
        waiting += node.keys.values()
        waiting += node.values.values()
