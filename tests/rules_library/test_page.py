"""The page of the rule library against the files."""

from __future__ import annotations

import re

from tests.rules_library.conversation import ROOT


def test_the_page_names_every_rule_and_no_other() -> None:
    """The table of docs/rule-library.md has one row an event type."""
    page = (ROOT / "docs/rule-library.md").read_text()
    named = re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE)
    rules = {path.stem for path in (ROOT / "rules").glob("*.yaml") if not path.name.endswith(".test.yaml")}
    assert rules == set(named)
    assert len(rules) == len(named)
