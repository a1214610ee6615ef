"""A project of one rule, written and played in a test."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any

from engine.config.model import Api, Config, Events, Rules
from engine.ruletests.answers import AnswerCheck
from engine.ruletests.load import suite_files
from engine.ruletests.play import Player
from engine.ruletests.run import Report, run_suites

RULE = """\
event_type: changed
versions: [1]
order_by: "{{ event.ref }}"
when: "{{ event.ref is not none }}"
requests:
  - id: find
    method: GET
    path: /things/
    query: {ref: "{{ event.ref }}"}
    paginate: true
    expect:
      that: "{{ find.items | length == 1 }}"
      message: "{{ find.items | length }} things"
  - id: update
    when: "{{ find.items[0].name != event.name }}"
    method: PATCH
    path: /things/{{ find.items[0].id }}/
    headers: {X-Ref: "{{ event.ref }}"}
    body: {name: "{{ event.name }}", note: "{{ omit }}"}
"""


def play(folder: Path, cases: str, rule: str = RULE, *, update: bool = False, **config: Any) -> Report:
    """Write a rule and its test, and play it; events are JSON, there is no document of the API."""
    (folder / "thing.yaml").write_text(rule, encoding="utf-8")
    (folder / "thing.test.yaml").write_text(textwrap.dedent(cases), encoding="utf-8")
    settings = {"events": Events(format="json"), "api": Api(url="http://api.example/base"), **config}
    made = Config(rules=Rules(path=folder), **settings)
    return run_suites(suite_files(folder), Player(made), AnswerCheck(made), update=update)


def failures(report: Report) -> list[tuple[int, str, str | None, str | None]]:
    """Line, message, expected and actual of all that failed."""
    return [
        (one.span.line, one.message, one.expected, one.actual) for result in report.failed for one in result.failures
    ]
