"""What happened in the demo so far, told by its parts and by the engine's own log; shown by a screen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from threading import Lock
from typing import Any

from engine.demo.events import Sample
from engine.demo.web import Answered, Asked

Tell = Callable[[str, str], None]

# The engine's log events that end an event's way, and what they are called here.
_ENDS = {"event.done": "done", "event.skipped": "skipped", "event.dead_lettered": "dead"}
POISON = "(not an event)"


class Story:
    """Counts and names; safe to use from several threads.

    Args:
        tell: called with a word (`in`, `request`, `retried`, `done`, `dead`, ...) and a text, for each thing that
            happened; one call at a time.

    Attributes:
        counts: how many of an event type (`POISON` for what is none) came `in`, were `retried`, `done`, `dead`,
            `skipped`; by (type, word).
        requests: how many requests got a status, by (method, status).

    Both are written under a lock: read them through `numbers` while things happen.
    """

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self._lock = Lock()
        self._abouts: dict[str, tuple[str, str]] = {}
        self._retried: set[str] = set()
        self.counts: Counter[tuple[str, str]] = Counter()
        self.requests: Counter[tuple[str, int]] = Counter()

    @property
    def ended(self) -> int:
        """Messages whose way ended."""
        return sum(self.total(word) for word in _ENDS.values())

    def total(self, word: str) -> int:
        """Messages of all types that are `in`, `retried`, `done`, `skipped` or `dead`."""
        return sum(number for (_, counted), number in self.numbers().items() if counted == word)

    def numbers(self) -> Counter[tuple[str, str]]:
        """The counts at this moment."""
        with self._lock:
            return self.counts.copy()

    def name(self, event_id: str | None) -> str:
        """An event in people's words: its type and what it is about."""
        kind, about = self._abouts.get(event_id or "", (POISON, ""))
        return f"{kind} {about}".rstrip()

    def published(self, sample: Sample) -> None:
        """A message was put on the topic."""
        with self._lock:
            if sample.event is not None:
                self._abouts[sample.event["event_id"]] = (sample.event["event_type"], sample.about)
            kind = POISON if sample.event is None else sample.event["event_type"]
            self.counts[kind, "in"] += 1
            self._tell("in", f"{kind} {sample.about}")

    def asked(self, asked: Asked, answered: Answered) -> None:
        """The API answered a request."""
        with self._lock:
            self.requests[asked.method, answered.status] += 1
            self._tell("request", f"{answered.status} {asked.method} {asked.target}")

    def logged(self, level: str, fields: Mapping[str, Any]) -> None:
        """The engine logged a line; what is not about an event is told from warnings up."""
        event = fields["event"]
        with self._lock:
            if event in _ENDS:
                self._ended(_ENDS[event], fields)
            elif event == "event.retried":
                self._again(fields)
            elif level in ("warning", "error", "critical"):
                more = ", ".join(f"{key} {value}" for key, value in fields.items() if key not in ("event", "exc_info"))
                self._tell(level, f"{event} {more}".rstrip())

    def _ended(self, word: str, fields: Mapping[str, Any]) -> None:
        event_id = str(fields.get("event_id"))
        self.counts[self._kind(event_id), word] += 1
        why = f": {fields.get('error', '')}" if word == "dead" else f" in {fields.get('duration_s', 0.0):.2f} s"
        self._tell(word, self.name(event_id) + why)

    def _again(self, fields: Mapping[str, Any]) -> None:
        event_id = str(fields.get("event_id"))
        if event_id not in self._retried:
            self._retried.add(event_id)
            self.counts[self._kind(event_id), "retried"] += 1
        self._tell("retried", f"{self.name(event_id)}: {fields.get('error', fields.get('reason', ''))}")

    def _kind(self, event_id: str) -> str:
        return self._abouts.get(event_id, (POISON, ""))[0]
