"""The pages of docs/ as tests read them: fenced blocks, tables, links, and terminal sessions.

A block's info string says what it is: ```yaml rules/a.yaml is a file of that name, ```yaml rule and ```yaml config are
a whole rule and a whole configuration without one, ```console is a terminal session in a folder with the page's files.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"

_BLOCK = re.compile(r"^```(?P<language>\w*) ?(?P<title>[^\n]*)\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"\[[^\]]+\]\((?P<target>[^)\s]+)\)")
_HEADING = re.compile(r"^#+ (?P<text>.+)$", re.MULTILINE)
_ROW = re.compile(r"^\| (?P<cells>.+) \|$", re.MULTILINE)
_CELL = re.compile(r"(?<!\\) ?\| ?")


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block.

    Attributes:
        line: of its fence, from 1.
        language: first word of the info string.
        title: the rest of it: a file's name, or what the block is.
        text: what stands between the fences.
    """

    line: int
    language: str
    title: str
    text: str

    @property
    def is_file(self) -> bool:
        """Whether the title is a file's name."""
        return "." in self.title


@dataclass(frozen=True, slots=True)
class Command:
    """One command of a terminal session, and the output that the page shows; a line `...` stands for any lines."""

    words: Sequence[str]
    shown: str

    def matches(self, output: str) -> bool:
        """Whether an output is the one shown."""
        lines = [".*" if line == "..." else re.escape(line) for line in self.shown.splitlines()]
        return re.fullmatch("\n".join(lines), output.rstrip("\n"), re.DOTALL) is not None


def read(page: str) -> str:
    """The text of a page."""
    return (DOCS / page).read_text(encoding="utf-8")


def blocks(text: str) -> list[Block]:
    """All fenced blocks, in order."""
    return [
        Block(text.count("\n", 0, found.start()) + 1, found["language"], found["title"], found["text"])
        for found in _BLOCK.finditer(text)
    ]


def prose(text: str) -> str:
    """The text without its blocks."""
    return _BLOCK.sub("", text)


def commands(block: Block) -> Iterator[Command]:
    """The commands of a session."""
    for part in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
        line, _, shown = part.partition("\n")
        while line.endswith("\\"):
            more, _, shown = shown.partition("\n")
            line = line[:-1] + more
        yield Command(shlex.split(line, comments=True), shown.rstrip("\n"))


def links(text: str) -> list[str]:
    """Targets of all relative links."""
    found = [link["target"] for link in _LINK.finditer(prose(text))]
    return [target for target in found if "://" not in target]


def anchors(text: str) -> set[str]:
    """What a link may name behind `#`, as GitHub makes it of headings."""
    headings = (re.sub(r"[^\w\- ]", "", found["text"].lower()) for found in _HEADING.finditer(prose(text)))
    return {heading.replace(" ", "-") for heading in headings}


def section(text: str, heading: str) -> str:
    """What stands under a heading, up to the next one of its level or a higher one.

    Raises:
        ValueError: there is no such heading.
    """
    hashes = heading.partition(" ")[0]
    found = re.search(rf"^{re.escape(heading)}$(.*?)(?=^#{{1,{len(hashes)}}} |\Z)", text, re.DOTALL | re.MULTILINE)
    if found is None:
        raise ValueError(f"there is no {heading!r}")
    return found[1]


def rows(text: str) -> dict[str, list[str]]:
    """The further cells of all tables' rows by the `code` in their first cell; several codes are several rows."""
    found: dict[str, list[str]] = {}
    for row in _ROW.finditer(prose(text)):
        first, *further = (cell.replace("\\|", "|") for cell in _CELL.split(row["cells"]))
        for name in re.findall(r"`([^`]+)`", first):
            found[name] = further
    return found
