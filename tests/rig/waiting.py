"""Waits for what becomes true: no test sleeps longer than it must, none measures time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

Found = TypeVar("Found")


def eventually(ask: Callable[[], Found | None], *, within: float = 40.0, every: float = 0.05, what: str = "") -> Found:
    """The first true answer of `ask`; an assertion fails with the last answer where none comes in time."""
    end = time.monotonic() + within
    while True:
        found = ask()
        if found:
            return found
        assert time.monotonic() < end, f"{what or 'it'} did not become true within {within} s; last: {found!r}"
        time.sleep(every)


def stays(ask: Callable[[], object], *, during: float) -> None:
    """An assertion fails where `ask` is not true for so many seconds: for what must not happen."""
    end = time.monotonic() + during
    while time.monotonic() < end:
        found = ask()
        assert found, f"it did not stay true; now: {found!r}"
        time.sleep(0.05)
