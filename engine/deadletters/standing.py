"""What became of a source offset: of its letters the newest counts, together with what the state topic says. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta

from engine.deadletters.letter import DeadLetter, read_letter
from engine.deadletters.selection import Selection, Standing
from engine.errors import Stage
from engine.events.event import Message
from engine.stream.reader import Place
from engine.stream.state import Fate, Source, State

_PAGE = 1 << 15  # offsets of one page
_SECOND = timedelta(seconds=1)  # the state knows its time to the second


_SETTLED = {Fate.REPLAYED: Standing.REPLAYED, Fate.GIVEN_UP: Standing.GIVEN_UP}


def standing(letter: DeadLetter, state: State) -> Standing:
    """What became of the newest letter of a source offset.

    A letter that came after its event was replayed is open: the engine has dead-lettered the event once more. So is one
    whose place on the topic says that it was settled, but before it failed: the topics were made anew.
    """
    if state.is_settled(*letter.place):
        known = state.letter(letter.source)
        if known is not None and known.fate in _SETTLED and known.at + _SECOND > letter.failed_at:
            return _SETTLED[known.fate]
    return Standing.PARKED if letter.stage == Stage.PARKED else Standing.OPEN


@dataclass(frozen=True, slots=True)
class Line:
    """A source offset with its newest letter.

    Attributes:
        meant: it fits a selection.
        replays: how often its event was replayed, failed replays included.
    """

    letter: DeadLetter
    standing: Standing
    replays: int
    meant: bool


class Newest:
    """Tells the newest letter of each source offset from those before it.

    A bit a source offset, so that a million letters are a matter of some hundred kilobytes.

    Args:
        state: what was replayed and given up.
        selection: what is meant.

    Attributes:
        foreign: records that are no dead letters of the engine.
    """

    def __init__(self, state: State, selection: Selection) -> None:
        self._state = state
        self._selection = selection
        self._pages: dict[tuple[str, int, int], bytearray] = {}
        self._older: dict[Source, list[Place]] = {}
        self.foreign = 0

    def parse(self, message: Message) -> tuple[DeadLetter, bool] | None:
        """What is kept of a record, and whether its filters fit; for `TopicReader.newest`."""
        letter = read_letter(message)
        if letter is None:
            self.foreign += 1
            return None
        return letter, self._selection.admits(letter, message)

    def lines(self, parsed: Iterable[tuple[DeadLetter, bool]]) -> Iterator[Line]:
        """Of letters that come newest first, one a source offset."""
        for letter, fits in parsed:
            source = letter.source
            if not self._is_new(source):
                self._older.setdefault(source, []).append(letter.place)
                continue
            became = standing(letter, self._state)
            known = self._state.letter(source)
            replays = letter.replays if known is None else max(letter.replays, known.replays)
            yield Line(letter, became, replays, fits and self._selection.admits_state(became))

    def places(self, letter: DeadLetter) -> tuple[Place, ...]:
        """All letters of a source offset that were seen, the newest first."""
        return letter.place, *self._older.get(letter.source, ())

    def _is_new(self, source: Source) -> bool:
        number, bit = divmod(source.offset, _PAGE)
        key = (source.topic, source.partition, number)
        page = self._pages.get(key)
        if page is None:
            page = self._pages[key] = bytearray(_PAGE >> 3)
        if page[bit >> 3] >> (bit & 7) & 1:
            return False
        page[bit >> 3] |= 1 << (bit & 7)
        return True
