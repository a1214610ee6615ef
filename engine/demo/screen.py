"""Shows the demo: a live table on a terminal, plain lines elsewhere."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Sequence
from contextlib import suppress
from threading import Lock
from types import TracebackType
from typing import Protocol, TextIO

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from engine.demo.broker import Letter
from engine.demo.story import Story

_WORDS = ("in", "done", "retried", "dead")
_STYLES = {"done": "green", "retried": "yellow", "dead": "red", "request": "dim", "warning": "yellow", "error": "red"}
_LATEST = 14  # rows of what happened last


class Screen(Protocol):
    """What a demo is shown on; a context manager around the time in which things happen."""

    def __enter__(self) -> Screen: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def tell(self, word: str, text: str) -> None:
        """One thing happened; see `Story`."""
        ...

    def watch(self, story: Story) -> None:
        """The story whose numbers are shown."""
        ...

    def letters(self, topic: str, letters: Sequence[Letter], story: Story) -> None:
        """Show dead letters."""
        ...

    def say(self, text: str) -> None:
        """Show a text."""
        ...


class PlainScreen:
    """One line a thing, for files, pipes and CI."""

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def __enter__(self) -> PlainScreen:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing is left to do."""

    def tell(self, word: str, text: str) -> None:
        """One line: the word, the text."""
        self.say(_row(word, text))

    def watch(self, story: Story) -> None:
        """Nothing: the numbers come at the end."""

    def letters(self, topic: str, letters: Sequence[Letter], story: Story) -> None:
        """A heading and a line each."""
        self.say(f"\nDead letters on topic {topic}:")
        for letter in letters:
            stage, name, error = _cells(letter, story)
            self.say(f"  {stage:<8} {name}: {error}")

    def say(self, text: str) -> None:
        """The text as a line."""
        with suppress(OSError):  # nobody reads any more: the demo goes on to its end, quietly
            self._file.write(text + "\n")
            self._file.flush()


class LiveScreen:
    """Two tables that change while one looks: numbers by event type, and what happened last."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._story: Story | None = None
        self._latest: deque[tuple[str, str]] = deque(maxlen=_LATEST)
        self._lock = Lock()  # things happen on one thread and are drawn on another
        self._live = Live(get_renderable=self._picture, console=console, refresh_per_second=12)

    def __enter__(self) -> LiveScreen:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._lock:
            self._latest.clear()  # the numbers stay on the terminal, the rest was for looking on
        self._live.stop()

    def tell(self, word: str, text: str) -> None:
        """One more row of what happened last."""
        with self._lock:
            self._latest.append((word, text))

    def watch(self, story: Story) -> None:
        """Show this story's numbers."""
        self._story = story

    def letters(self, topic: str, letters: Sequence[Letter], story: Story) -> None:
        """A table."""
        table = Table("stage", "event", "error", title=f"Dead letters on topic {topic}", title_justify="left")
        for letter in letters:
            stage, name, error = _cells(letter, story)
            table.add_row(Text(stage, "red"), Text(name), Text(error))
        self._console.print(table)

    def say(self, text: str) -> None:
        """The text as a paragraph."""
        self._console.print(Text(text))

    def _picture(self) -> RenderableType:
        numbers = Table("event type", *_WORDS)
        counts = self._story.numbers() if self._story else Counter[tuple[str, str]]()
        for kind in dict.fromkeys(kind for kind, _ in counts):
            cells = [Text(str(counts.get((kind, word), "")), _STYLES.get(word, "")) for word in _WORDS]
            numbers.add_row(kind, *cells)
        with self._lock:
            latest = list(self._latest)
        rows = [Text(_row(*each), _STYLES.get(each[0], ""), no_wrap=True, overflow="ellipsis") for each in latest]
        return Group(numbers, *rows)


def open_screen(file: TextIO) -> LiveScreen | PlainScreen:
    """A live screen where the file is a terminal, else a plain one."""
    console = Console(file=file)
    return LiveScreen(console) if console.is_terminal and not console.is_dumb_terminal else PlainScreen(file)


def _row(word: str, text: str) -> str:
    return f"{word:<8} {text}"


def _cells(letter: Letter, story: Story) -> tuple[str, str, str]:
    headers = letter.headers
    return headers.get("dlq.stage", ""), story.name(headers.get("dlq.event.id")), headers.get("dlq.error", "")
