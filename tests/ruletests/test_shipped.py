"""The shipped rules do what their tests say, and no branch of them is without a case."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from engine.config.load import load_config
from engine.ruletests.answers import AnswerCheck
from engine.ruletests.load import suite_files
from engine.ruletests.play import Player
from engine.ruletests.run import Report, covered, run_suites
from engine.ruletests.screen import text

ROOT = Path(__file__).parents[2]
ENVIRONMENT: Mapping[str, str] = {}


@pytest.fixture(scope="module")
def report() -> Report:
    """All shipped tests, played with the shipped configuration."""
    config = load_config(ROOT / "config.yaml", ENVIRONMENT, secrets=False)
    player = Player(config)
    found = run_suites(suite_files(ROOT / "rules"), player, AnswerCheck(config))
    found.coverage = covered(player, [ROOT / "rules"])
    return found


def test_every_shipped_rule_has_a_test() -> None:
    """NAME.test.yaml beside NAME.yaml."""
    rules = {one for one in (ROOT / "rules").rglob("*.yaml") if not one.name.endswith(".test.yaml")}
    assert set() == {one.name for one in rules if not one.with_name(one.stem + ".test.yaml").is_file()}


def test_all_cases_pass_and_nothing_is_left_out(report: Report) -> None:
    """No failure, no finding, no warning, no gap."""
    assert "" == "\n".join(text(report))
