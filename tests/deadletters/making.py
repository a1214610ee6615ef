"""Dead letters for the tests of this room, written as the engine writes them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from engine.deadletters.letter import DeadLetter, read_letter
from engine.errors import Stage, Undeliverable
from engine.events.event import Event, Message
from engine.outcome import Dead
from engine.rules.model import Rule
from engine.stream.letter import compose
from engine.stream.reader import Place
from engine.stream.state import Fate, LetterState, Source, State, letter_entry
from tests.rules.making import event

FIRST = Place(0, 0)
FAILED_AT = datetime(2026, 11, 24, 3, 0, 0, 500_000, UTC)


def record(
    offset: int = 7,
    *,
    place: Place = FIRST,
    stage: Stage = Stage.REQUEST,
    error: str = "it failed",
    request: str | None = None,
    rule: Rule | None = None,
    answers: tuple[dict[str, Any], ...] = (),
    failed_at: datetime = FAILED_AT,
    lane: str | None = None,
    replays: int = 0,
    status: int | None = None,
    topic: str = "observation",
    partition: int = 0,
    key: bytes | None = b"key",
    value: bytes | None = b"value",
    of: Event | None = None,
) -> Message:
    """A record of the dead-letter topic."""
    source = Message(topic, partition, offset, key, value, (("trace", b"1"), ("dlq.stage", b"forged")), 1_700_000)
    why = Undeliverable(stage, error, request_id=request, status=status, attempts=1)
    letter = compose(source, of or event(), Dead(rule, why, 1, answers), failed_at, str, lane, replays)
    return Message("observation.dlq", place.partition, place.offset, letter.key, letter.value, letter.headers, 5)


def letter(offset: int = 7, **more: Any) -> DeadLetter:
    """The same, read."""
    found = read_letter(record(offset, **more))
    assert found is not None
    return found


def settle(
    state: State, of: DeadLetter, fate: Fate = Fate.REPLAYED, *, after: float = 1.0, replays: int = 1, reason: str = ""
) -> None:
    """Note what became of a letter, so many seconds after it failed."""
    became = LetterState(fate, of.failed_at + timedelta(seconds=after), replays)
    entry = letter_entry(of.source, became, [of.place], reason)
    state.apply(entry.key, entry.value)


def moved(of: DeadLetter, **changes: Any) -> DeadLetter:
    """The same with other facts."""
    return replace(of, **changes)


def source(offset: int, partition: int = 0) -> Source:
    """A place on the topic of events."""
    return Source("observation", partition, offset)
