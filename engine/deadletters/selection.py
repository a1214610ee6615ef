"""Which dead letters somebody means. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from engine.deadletters.letter import DeadLetter
from engine.errors import Stage, Unusable
from engine.events.event import Message
from engine.units import duration


class Standing(StrEnum):
    """What became of a source offset."""

    OPEN = "open"
    PARKED = "parked"
    REPLAYED = "replayed"
    GIVEN_UP = "given_up"


LEFT = frozenset({Standing.OPEN, Standing.PARKED})
"""What is still to be done."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Filters; an empty one lets everything through, several all have to.

    Attributes:
        types, stages, rules: one of these.
        since, until: failed at this time or later; before this time.
        match: a text in the error, the key, the id or the bytes of the event; case does not count.
        partitions, offsets: of the source.
        states: what became of it.
    """

    types: frozenset[str] = frozenset()
    stages: frozenset[str] = frozenset()
    rules: frozenset[str] = frozenset()
    since: datetime | None = None
    until: datetime | None = None
    match: str | None = None
    partitions: frozenset[int] = frozenset()
    offsets: frozenset[int] = frozenset()
    states: frozenset[Standing] = frozenset()

    def admits(self, letter: DeadLetter, message: Message) -> bool:
        """Whether a letter is meant, whatever became of it."""
        return (
            _among(letter.event_type, self.types)
            and _among(letter.stage, self.stages)
            and _among(letter.rule, self.rules)
            and _among(letter.source.partition, self.partitions)
            and _among(letter.source.offset, self.offsets)
            and (self.since is None or letter.failed_at >= self.since)
            and (self.until is None or letter.failed_at < self.until)
            and (self.match is None or self._found(self.match, letter, message))
        )

    def admits_state(self, standing: Standing) -> bool:
        """Whether letters are meant of which this became."""
        return _among(standing, self.states)

    def _found(self, text: str, letter: DeadLetter, message: Message) -> bool:
        wanted = text.lower()
        if wanted in letter.error.lower() or wanted in (letter.event_id or "").lower():
            return True
        data = wanted.encode()
        return any(data in one.lower() for one in (message.key, message.value) if one is not None)


def _among(value: object, wanted: Collection[object]) -> bool:
    return not wanted or value in wanted


def choose(
    types: Iterable[str] = (),
    stages: Iterable[str] = (),
    rules: Iterable[str] = (),
    since: str | None = None,
    until: str | None = None,
    match: str | None = None,
    partitions: Iterable[int] = (),
    offsets: Iterable[int] = (),
    states: Iterable[str] = (),
) -> Selection:
    """A selection as the options of a verb say it.

    Raises:
        Unusable: `since` or `until` is no time, or there is no such stage.
    """
    now = datetime.now(UTC)
    chosen = frozenset(stages)
    if unknown := chosen - set(Stage):
        raise Unusable(f"--stage: there is no stage {', '.join(sorted(unknown))}; there are {', '.join(Stage)}")
    try:
        return Selection(
            types=frozenset(types),
            stages=chosen,
            rules=frozenset(rules),
            since=None if since is None else moment(since, now),
            until=None if until is None else moment(until, now),
            match=match or None,
            partitions=frozenset(partitions),
            offsets=frozenset(offsets),
            states=frozenset(Standing(state.replace("-", "_")) for state in states),
        )
    except ValueError as error:
        raise Unusable(f"--since, --until: {error}") from error


def moment(text: str, now: datetime) -> datetime:
    """A time as people write it: `2026-11-24`, `2026-11-24T03:00`, with or without a zone (UTC), or `12h`: so long ago.

    Raises:
        ValueError: it is none of these.
    """
    try:
        return now - timedelta(seconds=duration(text))
    except ValueError:
        pass
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise ValueError(
            f"'{text}' is no time; write 2026-11-24T03:00:00Z, 2026-11-24, or how long ago, such as 90m, 12h or 2d"
        ) from error
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)
