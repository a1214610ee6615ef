"""Whether the process makes progress (live) and whether it can do its work (ready)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Protocol

Verdict = tuple[bool, dict[str, Any]]


class Probe(Protocol):
    """What the server answers /livez and /readyz from."""

    def live(self) -> Verdict:
        """True while every part makes progress, and what each part did last."""
        ...

    def ready(self) -> Verdict:
        """True while every condition holds, and the reasons of those that do not."""
        ...


class Health:
    """The state of one process; safe to use from several threads.

    Args:
        clock: seconds, monotonic.
        conditions: what must have come true once before the process is ready, e.g. `broker`, `rules`.
    """

    def __init__(self, clock: Callable[[], float], conditions: Iterable[str] = ("broker", "rules")) -> None:
        self._clock = clock
        self._bounds: dict[str, float] = {}
        self._beats: dict[str, float] = {}
        self._unmet: dict[str, str] = dict.fromkeys(conditions, "not yet")

    def watch(self, part: str, within: float) -> None:
        """From now on `part` (`loop`, `consumer`) must beat at least every `within` seconds."""
        self._beats[part] = self._clock()
        self._bounds[part] = within

    def beat(self, part: str) -> None:
        """`part` made progress just now. Cheap: called after each poll, each batch."""
        self._beats[part] = self._clock()

    def set_ready(self, condition: str, ok: bool, why: str = "") -> None:
        """State a condition by name; `why` says in one line what to do or wait for where it does not hold."""
        unmet = {name: reason for name, reason in self._unmet.items() if name != condition}
        if not ok:
            unmet[condition] = why
        self._unmet = unmet  # replaced as a whole: a reader on another thread sees the old or the new one

    def live(self) -> Verdict:
        """True while every watched part beats in time; per part the seconds since its last beat, and its bound."""
        now = self._clock()
        silent = {part: now - self._beats[part] for part in list(self._bounds)}
        ok = all(seconds <= self._bounds[part] for part, seconds in silent.items())
        parts = {part: {"silent_s": round(s, 3), "within_s": self._bounds[part]} for part, s in silent.items()}
        return ok, {"live": ok, "parts": parts}

    def ready(self) -> Verdict:
        """True while every condition holds; `reasons` by condition where not."""
        unmet = self._unmet
        return not unmet, {"ready": not unmet, "reasons": unmet}
