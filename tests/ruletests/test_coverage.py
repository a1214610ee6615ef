"""What no case took."""

from __future__ import annotations

from pathlib import Path

from engine.config.model import Api, Config, Events, Rules
from engine.ruletests.answers import AnswerCheck
from engine.ruletests.load import suite_files
from engine.ruletests.play import Player
from engine.ruletests.run import covered, run_suites
from tests.ruletests.making import RULE

SKIPPED = "- {name: s, event: {ref: null}, outcome: skipped}\n"
DEAD = """\
- name: d
  event: {ref: A, name: b}
  conversation: [{request: {method: GET, path: /things/, query: {ref: A}}, answer: {items: []}}]
  outcome: dead
"""
DONE = DEAD.replace("name: d", "name: e").replace("items: []", "items: [{name: b}]").replace("dead", "done")
SENT = """\
- name: f
  event: {ref: A, name: b}
  conversation:
    - {request: {method: GET, path: /things/, query: {ref: A}}, answer: {items: [{id: 7, name: a}]}}
    - {request: {method: PATCH, path: /things/7/}, answer: {}}
"""


def gaps(folder: Path, *cases: str) -> list[tuple[int, str]]:
    """Line and text of what these cases do not take."""
    (folder / "thing.yaml").write_text(RULE, encoding="utf-8")
    if cases:
        (folder / "thing.test.yaml").write_text("cases:\n" + "".join(cases), encoding="utf-8")
    config = Config(rules=Rules(path=folder), events=Events(format="json"), api=Api(url="http://api.example"))
    player = Player(config)
    assert [] == run_suites(suite_files(folder), player, AnswerCheck(config)).failed
    return [(gap.span.line, gap.text) for one in covered(player, [folder]) for gap in one.gaps()]


def test_nothing_is_covered_without_tests(tmp_path: Path) -> None:
    """Each request, both ways of each `when`, both ends of each `expect.that`, at their lines."""
    assert [
        (4, "`when` is never true"),
        (4, "`when` is never false"),
        (6, "request 'find' is never sent"),
        (12, "`expect` of 'find' never holds"),
        (12, "`expect` of 'find' never fails"),
        (15, "`when` of 'update' is never true"),
        (15, "`when` of 'update' is never false"),
        (14, "request 'update' is never sent"),
    ] == gaps(tmp_path)


def test_each_case_takes_its_points(tmp_path: Path) -> None:
    """What a case took is named no more."""
    assert [
        (12, "`expect` of 'find' never holds"),
        (15, "`when` of 'update' is never true"),
        (15, "`when` of 'update' is never false"),
        (14, "request 'update' is never sent"),
    ] == gaps(tmp_path, SKIPPED, DEAD)
    assert [(15, "`when` of 'update' is never false")] == gaps(tmp_path, SKIPPED, DEAD, SENT)
    assert [] == gaps(tmp_path, SKIPPED, DEAD, SENT, DONE)
