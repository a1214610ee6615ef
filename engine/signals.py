"""Signals that come while the engine starts: remembered until there is something that can stop in order."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread
from types import FrameType

STOPS = frozenset({signal.SIGTERM, signal.SIGINT})
"""Signals that end the engine in order."""

NUMBERS = (*sorted(STOPS), signal.SIGHUP)
"""All that `engine run` answers."""


@contextmanager
def listening(heard: list[int] | None = None) -> Iterator[list[int]]:
    """Remember the signals of `NUMBERS` from now on; what it gives grows with each. The handlers before come back.

    The start takes a moment for its imports alone. A signal then would end the process by its default, with 143 for
    SIGTERM, as if something had failed; whoever takes the signals over looks here for those that came before.

    Args:
        heard: what the process remembered before, see `engine.__main__`; None: nothing did.
    """
    heard = [] if heard is None else heard

    def remember(number: int, _frame: FrameType | None) -> None:
        heard.append(number)

    before = {number: signal.signal(number, remember) for number in NUMBERS}
    try:
        yield heard
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def stop_with(parent: int) -> None:
    """Send this process SIGTERM when `parent` ends, a pipe (its descriptor) whose other end only the parent holds.

    The system closes it whatever the parent died of, kill -9 included.
    """

    def wait() -> None:
        while os.read(parent, 1):  # not by a file object: a thread that holds its lock aborts a plain exit
            pass
        os.kill(os.getpid(), signal.SIGTERM)

    Thread(target=wait, name="parent", daemon=True).start()
