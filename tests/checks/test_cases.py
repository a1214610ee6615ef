"""Rule files as cases: those of `tests/cases/valid` have no finding, the others those that their first lines name.

A line `# expect: 6:5 error unknown-key did you mean 'body'` says line, column, level, id, and a part of the message or
of the help. A line `# openapi: shop` names the document of the API (`ciso`, or a file of `tests/cases/openapi`),
`# openapi helpdesk: desk` that of the further API `helpdesk`. A new case is a new file.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from engine.commands.validate_rules import check, settled
from engine.config.model import Api, Config, Events
from engine.documents import read_documents
from engine.findings import Finding

CASES = Path(__file__).parents[1] / "cases"
CONFIG = Config(apis={"helpdesk": Api(name="helpdesk")}, events=Events(schemas=CASES / "schemas"))
EXPECT = "# expect: "
OPENAPI = re.compile(r"^# openapi(?: (\w+))?: (\w+)$", re.MULTILINE)
CISO = Path(__file__).parents[2] / "schemas" / "ciso-assistant.openapi.json"


def config_for(text: str) -> Config:
    """CONFIG with the documents that a file names."""
    config = CONFIG
    for api, name in OPENAPI.findall(text):
        document = CISO if name == "ciso" else CASES / "openapi" / f"{name}.yaml"
        if api:
            config = replace(config, apis={**config.apis, api: replace(config.apis[api], openapi=document)})
        else:
            config = replace(config, api=replace(config.api, openapi=document))
    return config


def findings(file: Path) -> list[Finding]:
    """Everything that validate-rules finds in a file, in its order."""
    text = file.read_text(encoding="utf-8")
    documents, wrong = read_documents(file, text)
    return settled([*wrong, *check(documents, config_for(text))], documents)


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


def test_shared() -> None:
    """Processes that share the work find the same, in the same order, as one."""
    documents = [
        document
        for file in sorted((CASES / "invalid").glob("*.yaml"))
        for document in read_documents(file, file.read_text(encoding="utf-8"))[0]
    ]
    config = replace(CONFIG, api=replace(CONFIG.api, openapi=CISO))
    assert check(documents, config) == check(documents, config, number=3)
