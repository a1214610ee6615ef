"""What is shown: a table on a terminal, lines elsewhere."""

from __future__ import annotations

import io
import json
import os

import pytest

from engine.deadletters.screen import Screen, fields, json_line, outcome, plain
from engine.deadletters.selection import Standing
from engine.deadletters.standing import Line
from engine.deadletters.tally import Causes, Tally
from engine.errors import Stage
from tests.deadletters.making import letter
from tests.rules.making import rule

RULE = rule("request: {method: GET, path: /a/}")


def _line(offset: int = 7, error: str = "it failed") -> Line:
    found = letter(offset, rule=RULE, request="find", status=404, stage=Stage.EXPECT, error=error, replays=2)
    return Line(found, Standing.GIVEN_UP, 3, True)


def test_a_line_for_machines() -> None:
    """Every fact under its name."""
    assert {
        "topic": "observation", "partition": 0, "offset": 7, "when": "2026-11-24T03:00:00.500Z", "type": "changed",
        "version": 1, "event_id": "0192f1c4-7b1e-7c3a-9d2e-000000000001", "stage": "expect", "rule": "a",
        "request": "find", "status": 404, "error": "it failed", "attempts": 1, "replays": 3, "state": "given_up",
    } == fields(_line())  # fmt: skip


def test_lines_are_json_that_no_terminal_obeys() -> None:
    """An event must not be able to draw on the operator's terminal; what was written is read back."""
    text = json_line({"error": "\x1b[2J\x9b2Jé\x7f"})
    assert "\x1b" not in text
    assert "\x9b" not in text
    assert "é" in text
    assert {"error": "\x1b[2J\x9b2Jé\x7f"} == json.loads(text)
    assert "�[2J" == plain("\x1b[2J")


def test_a_table_has_a_row_an_event(monkeypatch: pytest.MonkeyPatch) -> None:
    """With all that the contract names; the error stands below it, as a whole."""
    monkeypatch.setenv("COLUMNS", "60")
    out = io.StringIO()
    error = "the reference is not there, " * 4
    assert 2 == Screen(out, io.StringIO()).table([_line(error=error), _line(8_000)])
    head, first, *below, second, last = out.getvalue().splitlines()
    assert [
        "when",
        "(UTC)",
        "source",
        "state",
        "stage",
        "type",
        "rule",
        "request",
        "status",
        "tries",
        "replays",
    ] == head.split()
    facts = ["11-24", "03:00:00", "0@7", "given", "up", "expect", "changed", "a", "find", "404", "1", "3"]
    assert (facts, [*facts[:2], "0@8000", *facts[3:]]) == (first.split(), second.split())
    assert (error.split(), "it failed") == (" ".join(below).split(), last.strip())
    assert all(
        head.index(name) == first.index(cell)
        for name, cell in (("source", "0@7"), ("state", "given"), ("request", "find"))
    )


def test_a_table_of_nothing_has_its_head() -> None:
    """Whoever looks sees that there is nothing."""
    out = io.StringIO()
    assert 0 == Screen(out, io.StringIO()).table([])
    assert 1 == len(out.getvalue().splitlines())


def test_causes_come_by_how_often_they_were_met() -> None:
    """The most frequent first."""
    causes, out = Causes(), io.StringIO()
    causes.meet("expect", "a", "1 of 2")
    for number in range(1_200):
        causes.meet("request", None, f"/things/{number}/ answered 404")
    Screen(out, io.StringIO()).causes(causes)
    lines = [line.split() for line in out.getvalue().splitlines()]
    assert [["1,200", "request", "-", "/things/#/", "answered", "404"], ["1", "expect", "a", "#", "of", "#"]] == lines[
        1:
    ]


def test_how_it_went_is_said_in_words() -> None:
    """What did not happen is left out."""
    assert "nothing to do" == outcome(Tally())
    assert "1,000 replayed, 2 failed again, 8 left" == outcome(Tally(1_010, done=1_000, failed=2))


def test_without_a_terminal_nothing_moves() -> None:
    """No bar, nothing on standard error."""
    talk = io.StringIO()
    screen = Screen(io.StringIO(), talk)
    with screen.reading("dead letters") as progress:
        assert progress is None
    with screen.replaying() as shown:
        shown.show(Tally(10))
    assert "" == talk.getvalue()


def test_on_a_terminal_there_is_a_bar() -> None:
    """It is gone when the work is done; what is logged meanwhile stands above it."""
    reader, writer = os.openpty()
    with open(writer, "w") as talk, open(reader, "rb") as seen:  # noqa: PTH123 - descriptors
        screen = Screen(io.StringIO(), talk)
        with screen.reading("dead letters") as progress:
            assert progress is not None
            progress(5, 10)
            screen.talk_file().write("a line\n")
        talk.flush()
        text = os.read(seen.fileno(), 100_000).decode()
    assert "dead letters" in text
    assert "a line" in text
