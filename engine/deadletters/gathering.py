"""What a replay has to do, put in order. Pure."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field

from engine.deadletters.letter import DeadLetter
from engine.deadletters.selection import LEFT, Standing
from engine.deadletters.standing import Line
from engine.stream.reader import Place
from engine.stream.state import Lane, Source, State

_BITS = 64


@dataclass(slots=True)
class ParkedLane:
    """The letters of a parked key that are left, by the offsets of their events; they are done in this order only.

    Attributes:
        left: offsets in order.
        through: the greatest offset of a letter of it, done or not.
    """

    left: deque[int] = field(default_factory=deque)
    through: int = -1


class Gathering:
    """Source offsets to be replayed, and what is passed over.

    Args:
        topic: of events; letters of another topic, by another engine, are not ours to replay.
        state: what is parked.
        max_replays: those that were replayed as often are refused; None: none is.
        only: lanes whose letters are meant; None: all.

    Attributes:
        topic: of events.
        lanes: of parked keys with letters, each with all that is left of it, meant or not.
        refused: how many were replayed too often.
        others: how many are of another topic.
        standings: source offsets by what became of them, meant or not.
    """

    def __init__(self, topic: str, state: State, max_replays: int | None, only: Collection[Lane] | None = None) -> None:
        self.topic = topic
        self._max = max_replays
        self._only = only
        self._packed: list[int] = []
        self.lanes: dict[Lane, ParkedLane] = {lane: ParkedLane() for lane, _ in state.lanes() if lane.topic == topic}
        self.refused = 0
        self.others = 0
        self.standings: Counter[Standing] = Counter()

    def __len__(self) -> int:
        return len(self._packed)

    def take(self, lines: Iterable[Line]) -> None:
        """Take source offsets, in whatever order."""
        for line in lines:
            if line.letter.source.topic != self.topic:
                self.others += line.meant
                continue
            self.standings[line.standing] += 1
            self._lane(line)
            if not line.meant or (self._only is not None and self.lane_of(line.letter) not in self._only):
                continue
            if self._max is not None and line.replays >= self._max:
                self.refused += 1
            else:
                self._packed.append(_pack(line.letter.source, line.letter.place))

    def batches(self, size: int) -> Iterator[list[tuple[Source, Place]]]:
        """Events with their newest letters, by source partition and offset, at most `size` at a time."""
        self._packed.sort()
        for lane in self.lanes.values():
            lane.left = deque(sorted(lane.left))
        for start in range(0, len(self._packed), size):
            yield [_unpack(self.topic, packed) for packed in self._packed[start : start + size]]

    def finished(self) -> dict[Lane, int]:
        """Parked lanes of which nothing is left, each with its greatest offset."""
        return {lane: one.through for lane, one in self.lanes.items() if not one.left and one.through >= 0}

    def lane_of(self, letter: DeadLetter) -> Lane | None:
        """The lane of a letter, None where its ordering key was not known."""
        topic, partition, _ = letter.source
        return None if letter.lane is None else Lane(topic, partition, letter.lane)

    def parked(self, letter: DeadLetter) -> ParkedLane | None:
        """The letters of its key, where that is parked."""
        lane = self.lane_of(letter)
        return None if lane is None else self.lanes.get(lane)

    def _lane(self, line: Line) -> None:
        letter, lane = line.letter, self.parked(line.letter)
        if lane is not None:
            lane.through = max(lane.through, letter.source.offset)
            if line.standing in LEFT:
                lane.left.append(letter.source.offset)


def _pack(source: Source, place: Place) -> int:
    """Four numbers in one, that sort as the source does: a million of them are a matter of tens of megabytes."""
    return ((source.partition << _BITS | source.offset) << _BITS | place.partition) << _BITS | place.offset


def _unpack(topic: str, packed: int) -> tuple[Source, Place]:
    mask = (1 << _BITS) - 1
    place = Place(packed >> _BITS & mask, packed & mask)
    return Source(topic, packed >> 3 * _BITS, packed >> 2 * _BITS & mask), place
