"""The examples of docs/checks.md and of the checks' own docstrings are true."""

from __future__ import annotations

import re
import sys
from dataclasses import replace
from pathlib import Path
from textwrap import dedent, indent

import pytest

from engine.checks import CHECKS
from engine.commands.validate_rules import check, settled
from engine.config.model import Config
from engine.documents import read_documents
from tests.checks.test_cases import CASES, CISO, CONFIG, expected

PAGE = Path(__file__).parents[2] / "docs/checks.md"
OF_THE_API = "## The API's document"
AGAINST_CISO = replace(CONFIG, api=replace(CONFIG.api, openapi=CISO))
SECTION = re.compile(
    r"^### (?P<id>[a-z-]+)\n\n(?P<level>Error|Warning)\. .+?"
    r"Wrong:\n\n```yaml\n(?P<wrong>.+?)```\n\nRight:\n\n```yaml\n(?P<right>.+?)```",
    re.DOTALL | re.MULTILINE,
)
TEXT = PAGE.read_text(encoding="utf-8")
OPENAPI = set(re.findall(r"^### ([a-z-]+)$", TEXT.partition(OF_THE_API)[2].partition("\n## ")[0], re.MULTILINE))
SECTIONS = {found["id"]: found for found in SECTION.finditer(PAGE.read_text(encoding="utf-8"))}
ABOVE_REQUESTS = {"order_by", "when", "vars"}


def findings(text: str, config: Config = CONFIG) -> set[tuple[str, str]]:
    """Ids and levels of what is found in a file with this text."""
    documents, wrong = read_documents(Path("example.yaml"), text)
    found = settled([*wrong, *check(documents, config)], documents)
    return {(finding.id, str(finding.level)) for finding in found}


def config_for(name: str) -> Config:
    """CISO Assistant's document for the checks that need one."""
    return AGAINST_CISO if name in OPENAPI else CONFIG


def whole(fragment: str) -> str:
    """A rule around keys of a rule or of a request."""
    keys = set(re.findall(r"^(\w+):", fragment, re.MULTILINE))
    if "event_type" in keys:
        return fragment
    if keys & {"request", "requests"}:
        return f"event_type: asset_changed\n{fragment}"
    if keys <= ABOVE_REQUESTS:
        return f"event_type: asset_changed\n{fragment}\nrequest: {{method: GET, path: /assets/}}\n"
    path = "" if "path" in keys else "  path: /assets/\n"
    return f"event_type: asset_changed\nrequest:\n  method: POST\n{path}{indent(fragment, '  ')}\n"


def test_every_id_has_its_section() -> None:
    """Whatever a check or a case names is explained, in a section of its own and under one heading."""
    in_cases = {line.split()[2] for file in (CASES / "invalid").glob("*.yaml") for line in expected(file)}
    assert set() == (in_cases | CHECKS.keys()) - SECTIONS.keys()
    assert PAGE.read_text(encoding="utf-8").count("\n### ") == len(SECTIONS)


@pytest.mark.parametrize("name", SECTIONS)
def test_examples_of_the_page(name: str) -> None:
    """The wrong file has this finding and no other, the right one has none."""
    section = SECTIONS[name]
    assert {(name, section["level"].lower())} == findings(section["wrong"], config_for(name))
    assert set() == findings(section["right"], config_for(name))


@pytest.mark.parametrize("name", CHECKS)
def test_examples_of_the_docstrings(name: str) -> None:
    """So are the examples in the file of each check."""
    module = sys.modules[CHECKS[name].__module__]
    wrong, right = (dedent(part).strip("\n") for part in re.split(r"Wrong:\n|Right:\n", module.__doc__ or "")[1:])
    assert {module.ID} == {found for found, _ in findings(whole(wrong), config_for(name))}
    assert set() == findings(whole(right), config_for(name))
