"""A live table on a terminal, plain lines elsewhere."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from engine.demo.broker import Letter
from engine.demo.events import Sample
from engine.demo.screen import LiveScreen, PlainScreen, Screen, open_screen
from engine.demo.story import Story

_LETTER = Letter("AC-1", {"dlq.stage": "expect", "dlq.event.id": "e1", "dlq.error": "refused [bold]"})


def _happen(screen: Screen) -> None:
    story = Story(screen.tell)
    screen.watch(story)
    with screen:
        story.published(Sample("AC-1", {"event_id": "e1", "event_type": "update", "version": 1, "payload": {}}))
        story.logged("info", {"event": "event.done", "event_id": "e1", "duration_s": 0.1})
    screen.letters("observation.dlq", [_LETTER], story)
    screen.say("the end")


def test_a_file_gets_a_line_for_each_thing() -> None:
    """In the order in which they happened, without control characters."""
    file = io.StringIO()
    screen = open_screen(file)
    assert isinstance(screen, PlainScreen)
    _happen(screen)
    assert [
        "in       update AC-1",
        "done     update AC-1 in 0.10 s",
        "",
        "Dead letters on topic observation.dlq:",
        "  expect   update AC-1: refused [bold]",
        "the end",
    ] == file.getvalue().splitlines()


def test_a_terminal_gets_tables() -> None:
    """Numbers by event type and the dead letters; what an event says is shown as it is, not as markup."""
    file = io.StringIO()
    _happen(LiveScreen(Console(file=file, force_terminal=True, width=100, color_system=None)))
    text = file.getvalue()
    assert "│ update     │ 1  │ 1    │" in text
    assert "refused [bold]" in text
    assert text.rstrip().endswith("the end")


def test_a_reader_that_went_away_does_not_stop_the_demo() -> None:
    """Lines into a closed pipe are lost without an error."""

    class Closed(io.StringIO):
        def write(self, _text: str) -> int:
            raise BrokenPipeError

    PlainScreen(Closed()).tell("in", "x")


@pytest.mark.parametrize("terminal", ["dumb", "unknown"])
def test_a_dumb_terminal_gets_lines(terminal: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal that cannot move its cursor is as good as a file."""
    monkeypatch.setenv("TERM", terminal)

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    assert isinstance(open_screen(Terminal()), PlainScreen)
