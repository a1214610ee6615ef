"""Rule files as cases: those of `tests/cases/valid` have no finding, the others those that their first lines name.

A line `# expect: 6:5 error unknown-key did you mean 'body'` says line, column, level, id, and a part of the message or
of the help. A new case is a new file.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.commands.validate_rules import check, in_order
from engine.config.model import Api, Config
from engine.documents import read_documents
from engine.findings import Finding

CASES = Path(__file__).parents[1] / "cases"
CONFIG = Config(apis={"helpdesk": Api(name="helpdesk")})
EXPECT = "# expect: "


def findings(file: Path) -> list[Finding]:
    """Everything that validate-rules finds in a file, in its order."""
    documents, wrong = read_documents(file, file.read_text(encoding="utf-8"))
    return in_order([*wrong, *check(documents, CONFIG)])


def expected(file: Path) -> list[str]:
    """The findings that the file itself names."""
    lines = file.read_text(encoding="utf-8").splitlines()
    return [line.removeprefix(EXPECT) for line in lines if line.startswith(EXPECT)]


def as_expected(finding: Finding, wanted: str) -> str:
    """The finding in the form of a line, with the wanted words where it has them."""
    words = wanted.split(" ", 3)[3:]
    said = f"{finding.message}; {finding.help}"
    place = f"{finding.span.line}:{finding.span.column}"
    return " ".join([place, finding.level, finding.id, *(word if word in said else said for word in words)])


@pytest.mark.parametrize("file", sorted((CASES / "valid").glob("*.yaml")), ids=lambda file: file.stem)
def test_valid(file: Path) -> None:
    """A rule that is right has no finding, not even a warning."""
    assert [] == findings(file)


@pytest.mark.parametrize("file", sorted((CASES / "invalid").glob("*.yaml")), ids=lambda file: file.stem)
def test_invalid(file: Path) -> None:
    """A rule that is wrong has exactly the findings that its first lines name, at their places."""
    found = findings(file)
    wanted = expected(file)
    assert wanted
    padded = [*wanted, *[""] * len(found)]
    assert wanted == [as_expected(finding, want) for finding, want in zip(found, padded, strict=False)]
