"""Shows dead letters: tables and bars on a terminal, plain lines elsewhere."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import islice
from typing import Any, TextIO, cast

import orjson
from rich.console import Console
from rich.padding import Padding
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from engine.deadletters.selection import Standing
from engine.deadletters.standing import Line
from engine.deadletters.tally import Causes, Kind, Tally
from engine.stream.reader import Progress as Told

_ROWS = 500  # whose columns have the same widths
_NAMES = ("when (UTC)", "source", "state", "stage", "type", "rule", "request", "status", "tries", "replays")
_NUMBERS = frozenset({"status", "tries", "replays"})
_EVERY = 5.0  # seconds between two lines about a replay where there is no terminal
_STYLES = {Standing.OPEN: "red", Standing.PARKED: "yellow", Standing.REPLAYED: "green", Standing.GIVEN_UP: "dim"}
_CONTROL = re.compile(r"[\x7f-\x9f]")


class Screen:
    """What the verbs of dead letters show.

    Args:
        out: results.
        talk: progress and what is said about it.
    """

    def __init__(self, out: TextIO, talk: TextIO) -> None:
        self._out = out
        self._results = Console(file=out, highlight=False)
        self._talk = Console(file=talk, highlight=False)
        self._said = 0.0

    @property
    def is_terminal(self) -> bool:
        """Whether results go to a terminal."""
        return self._results.is_terminal

    def say(self, text: str) -> None:
        """Say something about the work; not a result."""
        self._talk.print(Text(text), soft_wrap=True)

    def write(self, text: str) -> None:
        """A line of the result."""
        self._out.write(text + "\n")

    def table(self, lines: Iterable[Line]) -> int:
        """A row an event, its error below; how many they were."""
        count, left = 0, iter(lines)
        while batch := list(islice(left, _ROWS)):
            self._rows(batch)
            count += len(batch)
        if not count:
            self._rows([])
        return count

    def json(self, lines: Iterable[Line]) -> int:
        """A JSON object a source offset, each on its line; how many they were."""
        count = 0
        for line in lines:
            self.json_line(fields(line))
            count += 1
        return count

    def json_line(self, value: Any) -> None:
        """One JSON object on its line."""
        self.write(json_line(value))

    def causes(self, causes: Causes) -> None:
        """A row a cause, the most frequent first."""
        table = Table("count", "stage", "rule", "error", box=None, pad_edge=False, header_style="bold")
        table.columns[0].justify = "right"
        for cause, count in causes.most_common():
            table.add_row(f"{count:,}", plain(cause.stage), plain(cause.rule), Text(plain(cause.error)))
        self._results.print(table)

    def kinds(self, kinds: Counter[Kind]) -> None:
        """A row a kind of a dry run, the most frequent first."""
        table = Table("count", "rule", "first request", "begins", box=None, pad_edge=False, header_style="bold")
        table.columns[0].justify = "right"
        for kind, count in kinds.most_common():
            table.add_row(f"{count:,}", *(Text(plain(cell)) for cell in kind))
        if kinds:
            self._results.print(table)
            self.write("")

    @contextmanager
    def reading(self, what: str) -> Iterator[Told | None]:
        """A bar for reading a topic; None where nobody looks."""
        if not self._talk.is_terminal:
            yield None
            return
        with self._bar() as bar:
            task = bar.add_task(what, total=None)
            yield lambda done, total: bar.update(task, completed=done, total=total)

    @contextmanager
    def replaying(self) -> Iterator[ReplayScreen]:
        """A bar for a replay, or a line now and then."""
        if not self._talk.is_terminal:
            yield ReplayScreen(self, None)
            return
        with self._bar() as bar:
            yield ReplayScreen(self, bar)

    def talk_file(self) -> TextIO:
        """Where logs go so that they stand above a bar."""
        return cast("TextIO", _Above(self._talk))

    def _rows(self, lines: Sequence[Line]) -> None:
        rows = [_cells(line) for line in lines]
        widths = [max(map(len, column)) for column in zip(_NAMES, *rows, strict=True)]
        self._results.print(Text(_row(_NAMES, widths), "bold"), soft_wrap=True)
        for line, cells in zip(lines, rows, strict=True):
            facts = Text(_row(cells, widths))
            start = sum(widths[:2]) + 4
            facts.stylize(_STYLES[line.standing], start, start + len(cells[2]))
            self._results.print(facts, soft_wrap=True)
            self._results.print(Padding(Text(plain(line.letter.error), "dim"), (0, 0, 0, widths[0] + 2)))

    def _bar(self) -> Progress:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        return Progress(*columns, console=self._talk, transient=True)


class ReplayScreen:
    """Shows how a replay goes."""

    def __init__(self, screen: Screen, bar: Progress | None) -> None:
        self._screen = screen
        self._bar = bar
        self._task = None if bar is None else bar.add_task("replay", total=None)
        self._said = time.monotonic()

    def show(self, tally: Tally) -> None:
        """Called several times a second."""
        if self._bar is not None and self._task is not None:
            failed = f", {tally.failed:,} failed again" if tally.failed else ""
            self._bar.update(self._task, completed=tally.ended, total=tally.total, description=f"replay{failed}")
        elif time.monotonic() - self._said >= _EVERY:
            self._said = time.monotonic()
            self._screen.say(f"{tally.ended:,} of {tally.total:,}: {outcome(tally)}")


class _Above:
    """A text file that prints above the bar of a console; enough of one for a log."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def write(self, text: str) -> int:
        self._console.print(Text.from_ansi(text.rstrip("\n")), soft_wrap=True)
        return len(text)

    def flush(self) -> None:
        """Nothing waits."""

    def isatty(self) -> bool:
        return self._console.is_terminal


def fields(line: Line) -> dict[str, Any]:
    """A source offset for machines."""
    letter = line.letter
    return {
        "topic": letter.source.topic,
        "partition": letter.source.partition,
        "offset": letter.source.offset,
        "when": _when(letter.failed_at, "milliseconds").replace(" ", "T"),
        "type": letter.event_type,
        "version": letter.event_version,
        "event_id": letter.event_id,
        "stage": letter.stage,
        "rule": letter.rule,
        "request": letter.request,
        "status": letter.status,
        "error": letter.error,
        "attempts": letter.attempts,
        "replays": line.replays,
        "state": str(line.standing),
    }


def json_line(value: Any) -> str:
    """JSON on one line, without characters that a terminal would obey."""
    return _CONTROL.sub(lambda found: f"\\u{ord(found[0]):04x}", orjson.dumps(value, default=str).decode())


def plain(text: str | None) -> str:
    """A text that cannot draw on a terminal."""
    return "".join(char if char.isprintable() else "\ufffd" for char in text or "")


def outcome(tally: Tally) -> str:
    """How it went, in words; what did not happen is left out."""
    words = (
        (tally.done, "replayed"),
        (tally.skipped, "skipped by their rule"),
        (tally.failed, "failed again"),
        (tally.behind, "left behind another of their parked key"),
        (tally.gone, "gone"),
        (tally.total - tally.ended, "left"),
    )
    return ", ".join(f"{number:,} {word}" for number, word in words if number) or "nothing to do"


def _row(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(
        cell.rjust(width) if name in _NUMBERS else cell.ljust(width)
        for name, cell, width in zip(_NAMES, cells, widths, strict=True)
    ).rstrip()


def _cells(line: Line) -> tuple[str, ...]:
    letter = line.letter
    rule = "-" if letter.rule is None else "same" if letter.rule == letter.event_type else letter.rule
    cells = (
        _when(letter.failed_at, "seconds")[5:].rstrip("Z"),
        f"{letter.source.partition}@{letter.source.offset}",
        str(line.standing).replace("_", " "),
        letter.stage,
        letter.event_type or "-",
        rule,
        letter.request or "-",
        "-" if letter.status is None else str(letter.status),
        str(letter.attempts),
        str(line.replays),
    )
    return tuple(map(plain, cells))


def _when(moment: datetime, precision: str) -> str:
    return moment.astimezone(UTC).isoformat(" ", precision).replace("+00:00", "Z")
