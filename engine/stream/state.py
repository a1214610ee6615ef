"""What is remembered of dead letters, folded from the records of the topic `<dlq topic>.state`. Pure.

| key | value | who writes it |
|---|---|---|
| `letter/TOPIC/PARTITION/OFFSET` | `{state: replayed, given_up or open, at, replays, letters}` | the verbs |
| `parked/TOPIC/PARTITION/LANE` | `{state: parked, since, first, last, rule, stage, error}` | the engine |
| `released/TOPIC/PARTITION/LANE` | `{state: released, at, through}` | the verbs |
| `skip/TOPIC/PARTITION/OFFSET` | `{state: skip, at, reason}` | `engine skip` |
| `seen/TOPIC/PARTITION` | `{state: seen, at, seen}` | the engine, when it hands a partition over |

TOPIC, PARTITION and OFFSET are the event's, LANE is `lane_id` of its ordering key. A null value takes the record back.

A lane is parked and released under two keys, so that the engine and a verb never overwrite each other: it is parked
while its `last` is beyond what was `released.through`. An event that the engine parks while a verb writes the release
therefore keeps the lane parked, whichever of the two records comes first.
"""

from __future__ import annotations

import hashlib
from base64 import urlsafe_b64encode
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, NamedTuple

import orjson

from engine.stream.bits import Bits

PARTITION_LANE = "-"
"""Id of the lane of events without an ordering key."""

_LONG = 192  # bytes of an ordering key from which its digest stands for it

_FATES = ("open", "replayed", "given_up")


class Source(NamedTuple):
    """Where an event stands on its topic; one line of `engine dlq list`."""

    topic: str
    partition: int
    offset: int


class Lane(NamedTuple):
    """The events of one ordering key; `id` as `lane_id` and the header `dlq.order_key` say it."""

    topic: str
    partition: int
    id: str


class Fate(StrEnum):
    """What became of a dead letter."""

    OPEN = "open"
    REPLAYED = "replayed"
    GIVEN_UP = "given_up"


@dataclass(frozen=True, slots=True)
class LetterState:
    """What is known of the dead letters of one source offset.

    Attributes:
        fate: open also after a replay that failed again.
        at: when that became so, to the second.
        replays: how often it was replayed, failed replays included; at most 65,535.
    """

    fate: Fate
    at: datetime
    replays: int = 0


@dataclass(frozen=True, slots=True)
class Parked:
    """Why the events of a lane go to the dead letters.

    Attributes:
        since: when the lane was parked.
        first: offset of the event that was dead.
        last: the greatest offset of the lane that went to the dead letters, as far as it is written yet.
        rule: of the event that was dead; "" where it had none.
        stage, error: of its dead letter, in case a crash came before that was written.
    """

    since: datetime
    first: int
    last: int
    rule: str
    stage: str
    error: str


@dataclass(frozen=True, slots=True)
class Skip:
    """An event that somebody wants in the dead letters, on purpose."""

    at: datetime
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """A record for the state topic."""

    key: bytes
    value: bytes | None


def lane_id(key: Hashable) -> str:
    """What stands for an ordering key: URL-safe base64 of its bytes, the digest of a long one, "-" for none.

    Args:
        key: of a job: text, bytes, or the partition's number where the event has no key. Text is the same as its UTF-8.
    """
    data = key.encode("utf-8", "surrogatepass") if isinstance(key, str) else key
    if not isinstance(data, bytes):
        return PARTITION_LANE
    if len(data) > _LONG:
        return f"sha256:{hashlib.sha256(data).hexdigest()}"
    return urlsafe_b64encode(data).decode("ascii")


def letter_entry(source: Source, state: LetterState, letters: Iterable[Sequence[int]] = (), reason: str = "") -> Entry:
    """What became of a source offset.

    Args:
        source: the event.
        state: what became of it.
        letters: (partition, offset) on the dead-letter topic of every letter of the source that is not open any more:
            all that were seen where it was replayed or given up; where a replay failed again all but the new one.
            `engine_dead_letters_open` is counted with them.
        reason: why it was given up.
    """
    places = [list(place) for place in letters]
    at = _text(state.at)
    value = {"state": state.fate.value, "at": at, "replays": state.replays, "letters": places}
    if reason:
        value["reason"] = reason
    return _entry(("letter", *source), value)


def parked_entry(lane: Lane, parked: Parked | None) -> Entry:
    """A lane is parked; None: it is not any more, whatever was released."""
    if parked is None:
        return _entry(("parked", *lane), None)
    value = {
        "state": "parked",
        "since": _text(parked.since),
        "first": parked.first,
        "last": parked.last,
        "rule": parked.rule,
        "stage": parked.stage,
        "error": parked.error,
    }
    return _entry(("parked", *lane), value)


def released_entry(lane: Lane, through: int | None, at: datetime) -> Entry:
    """A lane may go on: every letter of it up to the source offset `through`, included, was replayed or given up.

    The lane stays parked where the engine has put later events into the dead letters meanwhile; then those are to be
    replayed, too. None takes the release back.
    """
    value = None if through is None else {"state": "released", "at": _text(at), "through": through}
    return _entry(("released", *lane), value)


def skip_entry(source: Source, skip: Skip | None) -> Entry:
    """An event is to be skipped; None: that was done, or is not wanted any more."""
    value = None if skip is None else {"state": "skip", "at": _text(skip.at), "reason": skip.reason}
    return _entry(("skip", *source), value)


def seen_entry(topic: str, partition: int, seen: str, at: datetime) -> Entry:
    """What a partition remembers of the events that were done, see `dedupe`."""
    return _entry(("seen", topic, partition), {"state": "seen", "at": _text(at), "seen": seen})


class State:
    """The fold of the topic's records, in the order in which they stand there.

    What was replayed is kept in one integer a source offset, and in one bit a dead letter; so a million letters are
    about a hundred megabytes where `letters` is true, and next to nothing where it is not.

    Args:
        letters: keep what `letter` answers.

    Attributes:
        skips: events to be skipped.
        reasons: why letters were given up, as far as somebody said it.
        seen: texts of `seen_entry` by topic and partition.
        unreadable: records that could not be understood: another program's, or a newer engine's.
    """

    def __init__(self, *, letters: bool = True) -> None:
        self._keep = letters
        self._letters: dict[tuple[str, int], dict[int, int]] = {}
        self._settled: dict[int, Bits] = {}
        self._parked: dict[Lane, Parked] = {}
        self._released: dict[Lane, int] = {}
        self.skips: dict[Source, Skip] = {}
        self.reasons: dict[Source, str] = {}
        self.seen: dict[tuple[str, int], str] = {}
        self.unreadable = 0

    def apply(self, key: bytes | None, value: bytes | None) -> Source | Lane | None:
        """Take one record.

        Returns:
            The lane that it parked or released, the event that it skips or settles, None where it is neither.
        """
        try:
            return self._apply((key or b"").decode().split("/"), None if value is None else orjson.loads(value))
        except (ValueError, TypeError, KeyError, IndexError, AttributeError):
            self.unreadable += 1
            return None

    def letter(self, source: Source) -> LetterState | None:
        """What became of the letters of a source offset; None: nothing is known, so they are open."""
        packed = self._letters.get((source.topic, source.partition), {}).get(source.offset)
        if packed is None:
            return None
        return LetterState(Fate(_FATES[packed & 3]), datetime.fromtimestamp(packed >> 18, UTC), packed >> 2 & 0xFFFF)

    def parked(self, lane: Lane) -> Parked | None:
        """Why a lane is parked; None where it is not."""
        parked = self._parked.get(lane)
        return None if parked is None or self._released.get(lane, -1) >= parked.last else parked

    def lanes(self) -> Iterator[tuple[Lane, Parked]]:
        """All lanes that are parked."""
        for lane in self._parked:
            parked = self.parked(lane)
            if parked is not None:
                yield lane, parked

    def released(self, lane: Lane) -> int | None:
        """Offset through which a lane was released."""
        return self._released.get(lane)

    def settled(self, partition: int, low: int, high: int) -> int:
        """Messages of a partition of the dead-letter topic from `low` up to `high` that are not open any more."""
        bits = self._settled.get(partition)
        return 0 if bits is None else bits.count(low, high)

    def is_settled(self, partition: int, offset: int) -> bool:
        """Whether one message of the dead-letter topic is not open any more."""
        bits = self._settled.get(partition)
        return bits is not None and offset in bits

    def _apply(self, parts: list[str], data: Any) -> Source | Lane | None:
        kind, topic, partition = parts[0], parts[1], int(parts[2])
        if kind in ("letter", "skip"):
            source = Source(topic, partition, int(parts[3]))
            (self._letter if kind == "letter" else self._skip)(source, data)
            return source
        if kind == "seen":
            self._see(topic, partition, data)
            return None
        lane = Lane(topic, partition, parts[3])
        if kind == "parked":
            self._park(lane, data)
        elif kind == "released":
            self._release(lane, data)
        else:
            raise ValueError(kind)
        return lane

    def _letter(self, source: Source, data: Mapping[str, Any] | None) -> None:
        where = (source.topic, source.partition)
        self.reasons.pop(source, None)
        if data is None:
            self._letters.get(where, {}).pop(source.offset, None)
            return
        at = int(datetime.fromisoformat(data["at"]).timestamp())
        packed = at << 18 | min(int(data["replays"]), 0xFFFF) << 2 | _FATES.index(data["state"])
        places = [(int(place[0]), int(place[1])) for place in data.get("letters", ())]
        for partition, offset in places:
            self._settled.setdefault(partition, Bits(max(0, offset))).add(offset)
        if self._keep:
            self._letters.setdefault(where, {})[source.offset] = packed
            if data.get("reason"):
                self.reasons[source] = str(data["reason"])

    def _skip(self, source: Source, data: Mapping[str, Any] | None) -> None:
        if data is None:
            self.skips.pop(source, None)
        else:
            self.skips[source] = Skip(datetime.fromisoformat(data["at"]), str(data["reason"]))

    def _see(self, topic: str, partition: int, data: Mapping[str, Any] | None) -> None:
        if data is None:
            self.seen.pop((topic, partition), None)
        else:
            self.seen[topic, partition] = data["seen"]

    def _park(self, lane: Lane, data: Mapping[str, Any] | None) -> None:
        if data is None:
            self._parked.pop(lane, None)
            return
        self._parked[lane] = Parked(
            since=datetime.fromisoformat(data["since"]),
            first=int(data["first"]),
            last=int(data["last"]),
            rule=data["rule"],
            stage=data["stage"],
            error=data["error"],
        )

    def _release(self, lane: Lane, data: Mapping[str, Any] | None) -> None:
        if data is None:
            self._released.pop(lane, None)
        else:
            self._released[lane] = int(data["through"])


def _entry(parts: tuple[object, ...], value: Mapping[str, Any] | None) -> Entry:
    key = "/".join(map(str, parts)).encode()
    return Entry(key, None if value is None else orjson.dumps(value))


def _text(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
