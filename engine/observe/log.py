"""Configures structlog: one line an event on stderr, without secrets; other libraries' logs join in from WARNING up."""

from __future__ import annotations

import logging
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, MutableMapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from threading import Event, Thread
from typing import Any, TextIO

import structlog

from engine.config.model import Log
from engine.config.secret import Secret
from engine.observe.lines import console_line, json_line
from engine.observe.mask import Mask

_SAME = 10.0  # seconds in which a library's text is written once
_TEXTS = 1_000  # of libraries, that are remembered

Fields = MutableMapping[str, Any]
Render = Callable[[Mask, str, Fields], bytes]


def configure(
    log: Log, *, secrets: Iterable[Secret] = (), file: TextIO | None = None, gather: float = 0.0
) -> Callable[[], None]:
    """Configure logging for the process; `structlog.get_logger()` works before and after.

    Args:
        log: level, format, further names to mask.
        secrets: values to mask, see `mask.secrets_of`.
        file: where lines go. None: stderr, and loggers keep their level and format from the first line on (that
            makes a line cheap), so a process calls this once, when its configuration is known.
        gather: seconds that lines up to INFO may wait to be written together, unless they go to a terminal. A warning
            is written at once, with all before it. 0: each line at once.

    Returns:
        What writes the lines that still wait; called before the process ends.
    """
    lines = Lines(file, gather)
    mask = Mask(log.mask, secrets)
    render = _renderer(log, file or sys.stderr)
    structlog.configure(
        processors=[_last(render, mask)],
        wrapper_class=structlog.make_filtering_bound_logger(log.level),
        logger_factory=lambda *_: lines,
        cache_logger_on_first_use=file is None,
    )
    _route_stdlib()
    return lines.flush


def configure_listener(level: str, listener: Callable[[str, Fields], None]) -> None:
    """Hand each line's level and fields (`event` among them) to a listener instead of writing it; for `engine demo`.

    The listener is called on the thread that logs.
    """

    def hand_over(_logger: Any, name: str, fields: Fields) -> bytes:
        listener(name, fields)
        raise structlog.DropEvent

    structlog.configure(
        processors=[hand_over],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        cache_logger_on_first_use=False,
    )
    _route_stdlib()


class Lines:
    """Writes whole lines, so that threads and processes that share a file do not mix them.

    A line that cannot be written is lost: logging never stops the work.

    Args:
        file: None: stderr, looked up each time, because a test or a daemon may have replaced it.
        gather: see `configure`. At thousands of lines a second a write of each costs more than the line itself.
    """

    def __init__(self, file: TextIO | None, gather: float = 0.0) -> None:
        self._file = file
        self._gather = 0.0 if (file or sys.stderr).isatty() else gather
        self._waiting: deque[bytes] = deque()
        self._some = Event()
        if self._gather > 0.0:
            Thread(target=self._write_now_and_then, name="log", daemon=True).start()

    def write(self, line: bytes) -> None:
        """Write one line, newline included, after those that wait."""
        self._waiting.append(line)
        self.flush()

    def later(self, line: bytes) -> None:
        """Write one line together with others, soon."""
        if self._gather > 0.0:
            self._waiting.append(line)
            if not self._some.is_set():
                self._some.set()
        else:
            self.write(line)

    def flush(self) -> None:
        """Write the lines that wait."""
        lines = []
        with suppress(IndexError):
            while True:
                lines.append(self._waiting.popleft())
        if lines:
            self._out(b"".join(lines))

    def _write_now_and_then(self) -> None:
        while True:
            self._some.wait()
            time.sleep(self._gather)
            self._some.clear()
            self.flush()

    def _out(self, line: bytes) -> None:
        file = self._file or sys.stderr
        try:
            buffer = getattr(file, "buffer", None)
            if buffer is None:
                file.write(line.decode())
                file.flush()
            else:
                buffer.write(line)
                buffer.flush()
        except (OSError, ValueError):
            return

    debug = info = later
    warning = error = critical = msg = write


class Routed(logging.Handler):
    """Hands what other libraries log to structlog.

    A library that says the same again and again, as librdkafka does while a broker is away, is written once in ten
    seconds, with `repeated`: how often it was not since.

    Args:
        level: the lowest that is handed on.
        clock: monotonic seconds.
    """

    def __init__(self, level: int = logging.NOTSET, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(level)
        self._clock = clock
        self._said: dict[tuple[str, str], _Said] = {}

    def emit(self, record: logging.LogRecord) -> None:
        """One line: the message as the event, the library's name as `logger`."""
        level = {logging.WARNING: "warning", logging.CRITICAL: "critical"}.get(record.levelno, "error")
        try:
            text = record.getMessage()
        except Exception:  # a library's wrong format string must not reach the code that called it
            text = str(record.msg)
        now, said = self._clock(), self._said.get((record.name, text))
        if said is not None and now - said.at < _SAME:
            said.again += 1
            return
        if len(self._said) >= _TEXTS:
            self._said.clear()
        self._said[record.name, text] = _Said(now)
        more = {"repeated": said.again} if said is not None and said.again else {}
        getattr(structlog.get_logger(), level)(text, logger=record.name, exc_info=record.exc_info, **more)


@dataclass(slots=True)
class _Said:
    """A library's text: when it was last written, how often it was not since."""

    at: float
    again: int = 0


def _renderer(log: Log, file: TextIO) -> Render:
    terminal = file.isatty()
    if log.format == "json" or (log.format == "auto" and not terminal):
        return json_line
    return partial(console_line, color=terminal)


def _last(render: Render, mask: Mask) -> Callable[[Any, str, Fields], bytes]:
    def line(logger: Any, name: str, fields: Fields) -> bytes:
        if "exc_info" in fields:
            fields = structlog.processors.format_exc_info(logger, name, fields)
        return render(mask, name, fields)

    return line


def _route_stdlib() -> None:
    root = logging.getLogger()
    for handler in [handler for handler in root.handlers if isinstance(handler, Routed)]:
        root.removeHandler(handler)
    root.addHandler(Routed(logging.WARNING))
    root.setLevel(logging.WARNING)
