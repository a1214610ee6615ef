"""Tells logs and metrics what happens to events; one line an event at INFO."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import structlog

from engine.api.messages import Request
from engine.events.event import Event, Message
from engine.observe.metrics import Metrics
from engine.outcome import Dead, Done, Duplicate, Skipped
from engine.pipeline import Journey
from engine.rules.model import Rule

UNKNOWN = "unknown"
"""The event type of events without a rule: ten thousand invented types are not ten thousand series."""


class Journal:
    """Writes the log lines and counts.

    Args:
        metrics: where to count.
        wall: seconds since the epoch, for the age of events.
    """

    def __init__(self, metrics: Metrics, wall: Callable[[], float]) -> None:
        self._metrics = metrics
        self._wall = wall
        self._log = structlog.get_logger().bind()  # bound once: a line costs less

    def sent(self, journey: Journey, request: Request, status: int | None, seconds: float) -> None:
        """An attempt ended."""
        self._metrics.request(journey.event.type, request.id, request.method, status, seconds)

    def retried(self, journey: Journey, request: Request, reason: str, attempt: int, delay: float, text: str) -> None:
        """A retry follows."""
        event = journey.event
        self._metrics.retry(event.type, reason)
        self._log.warning(
            "event.retried",
            **_event(event, journey.rule),
            request=request.id,
            reason=reason,
            attempts=attempt,
            delay_s=round(delay, 3),
            error=text,
        )

    def ended(self, event: Event, outcome: Done | Skipped | Duplicate, seconds: float) -> None:
        """An event is done, skipped, or was done before."""
        age = self._age(event.message)
        fields = _event(event, outcome.rule)
        fields["duration_s"] = round(seconds, 6)
        fields["attempts"] = 0
        if isinstance(outcome, Done):
            fields["attempts"] = outcome.attempts
            self._metrics.event(_label(outcome.rule), "done", seconds, age)
            self._log.info("event.done", **fields)
        elif isinstance(outcome, Duplicate):
            self._metrics.event(_label(outcome.rule), "duplicate", seconds, age)
            self._log.info("event.duplicate", **fields)
        else:
            self._metrics.event(_label(outcome.rule), "skipped", seconds, age)
            self._log.info("event.skipped", **fields, reason=outcome.reason)

    def dead_lettered(self, message: Message, event: Event | None, dead: Dead, seconds: float) -> None:
        """A dead letter was acknowledged."""
        label = _label(dead.rule)
        error = dead.error
        self._metrics.event(label, "dead", seconds, self._age(message))
        self._metrics.dead_letter(label, error.stage)
        self._log.error(
            "event.dead_lettered",
            **(_place(message) if event is None else _event(event, dead.rule)),
            duration_s=round(seconds, 6),
            attempts=dead.attempts,
            stage=str(error.stage),
            request=error.request_id,
            status=error.status,
            error=str(error),
            exc_info=error,
        )

    def tombstone(self, message: Message) -> None:
        """A record without a value was passed over."""
        self._metrics.event(UNKNOWN, "tombstone", 0.0, self._age(message))
        self._log.debug("event.tombstone", **_place(message))

    def _age(self, message: Message) -> float | None:
        return None if message.timestamp is None else self._wall() - message.timestamp / 1000


def _label(rule: Rule | None) -> str:
    return UNKNOWN if rule is None else rule.event_type


def _event(event: Event, rule: Rule | None) -> dict[str, Any]:
    return {
        "event_id": event.id,
        "event_type": event.type,
        "version": event.version,
        **_place(event.message),
        "rule": None if rule is None else rule.name,
    }


def _time(stamp: int) -> datetime | int:
    try:
        return datetime.fromtimestamp(stamp / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return stamp  # a producer may write any number; microseconds are the year 50,000


def _place(message: Message) -> dict[str, Any]:
    return {
        "timestamp": None if message.timestamp is None else _time(message.timestamp),
        "topic": message.topic,
        "partition": message.partition,
        "offset": message.offset,
    }
