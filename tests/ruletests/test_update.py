"""`--update` writes what was sent, and touches nothing else."""

from __future__ import annotations

import textwrap
from pathlib import Path

from engine.ruletests.update import written
from tests.ruletests.making import failures, play

BEFORE = """\
# A comment.
cases:
  - name: Changes the name   # stays
    event: {ref: $any, name: "1"}
    conversation:
      # the lookup
      - answer:   {items: [{id: 7, name: Old}]}  # odd spaces
      - {answer: {status: 200}}
"""
AFTER = """\
# A comment.
cases:
  - name: Changes the name   # stays
    event: {ref: $any, name: "1"}
    conversation:
      # the lookup
      - request:
          id: find
          method: GET
          path: /things/
          query: {ref: "$$any"}
        answer:   {items: [{id: 7, name: Old}]}  # odd spaces
      - {request: {id: update, method: PATCH, path: /things/7/, body: {name: "1"}, exact: true}, answer: {status: 200}}
"""


def test_requests_are_written(tmp_path: Path) -> None:
    """In block or flow style as the entry is; comments and layout stay; texts that have a meaning are escaped."""
    report = play(tmp_path, BEFORE, update=True)
    assert (AFTER, 2) == written(BEFORE, report.results)


def test_what_was_written_passes(tmp_path: Path) -> None:
    """And is written once only."""
    report = play(tmp_path, AFTER)
    assert [] == failures(report)
    assert (AFTER, 0) == written(AFTER, report.results)


def test_an_alias_is_left_alone(tmp_path: Path) -> None:
    """A request that would stand in two places is not written."""
    text = textwrap.dedent("""\
        shared: &all [{answer: {items: []}}]
        cases: [{name: a, event: {ref: A, name: b}, conversation: *all, outcome: dead}]
    """)
    assert (text, 0) == written(text, play(tmp_path, text, update=True).results)


def test_a_body_is_written_in_blocks(tmp_path: Path) -> None:
    """One line a field, so that a change is read as one."""
    rule = "event_type: a\nrequest: {method: POST, path: /x/, body: '{{ event.b }}'}\n"
    text = "cases:\n  - name: a\n    event: {b: {x: [1, null, 'no: 1'], y: {z: 2026-01-01}}}\n    conversation:\n"
    report = play(tmp_path, text + "      - answer: {}\n", rule, update=True)
    after, _ = written(text + "      - answer: {}\n", report.results)
    assert '          body:\n            x: [1, null, "no: 1"]\n            y: {z: "2026-01-01"}\n' in after
    assert [] == failures(play(tmp_path, after, rule))
