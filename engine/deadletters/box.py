"""The dead letters of a configuration, read with what became of them. Blocks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from engine.config.model import Config
from engine.deadletters.screen import Screen
from engine.deadletters.selection import Selection
from engine.deadletters.standing import Line, Newest
from engine.stream.reader import Progress, TopicReader
from engine.stream.state import State
from engine.stream.state_topic import read_state


class Box:
    """Reads the dead-letter topic and its state; `open_box` makes one.

    Attributes:
        reader: of the dead-letter topic.
        state: what was replayed, given up and parked.
        newest: knows all letters of the source offsets that `lines` has come by.
        ends: of the partitions, before any was read.
    """

    def __init__(self, reader: TopicReader, state: State, selection: Selection, screen: Screen) -> None:
        self.reader = reader
        self.state = state
        self.newest = Newest(state, selection)
        self.ends = {number: end for number, (_, end) in reader.bounds().items()}
        self._selection = selection
        self._screen = screen

    def lines(self, progress: Progress | None, since: dict[int, int] | None = None) -> Iterator[Line]:
        """One line a source offset, newest first, meant or not; says what was no dead letter.

        Raises:
            Unusable: there is no dead-letter topic.
            Unavailable: the broker does not answer.
        """
        yield from self.newest.lines(self.reader.newest(self.newest.parse, progress, since))
        if self.newest.foreign:
            self._screen.say(f"{self.newest.foreign:,} records of the topic are no dead letters of the engine")

    def meant(self, progress: Progress | None) -> Iterator[Line]:
        """The lines that are meant; reads no further than it must."""
        left = self._wanted()
        for line in self.lines(progress):
            if line.meant:
                yield line
            if left is not None:
                left.discard((line.letter.source.partition, line.letter.source.offset))
                if not left:
                    return

    def _wanted(self) -> set[tuple[int, int]] | None:
        """The only source offsets that can be meant, where partitions and offsets were named."""
        chosen = self._selection
        if not chosen.partitions or not chosen.offsets:
            return None
        return {(partition, offset) for partition in chosen.partitions for offset in chosen.offsets}


@contextmanager
def open_box(config: Config, selection: Selection, screen: Screen) -> Iterator[Box]:
    """Open the dead letters of a configuration.

    Raises:
        Unusable: there is no dead-letter topic.
        Unavailable: the broker does not answer.
    """
    with TopicReader(config.kafka, config.dlq.topic) as reader:
        reader.bounds()  # a topic that is missing is said before its state is
        yield fill_box(config, reader, selection, screen)


def fill_box(config: Config, reader: TopicReader, selection: Selection, screen: Screen) -> Box:
    """The same with a reader that is open.

    Raises:
        Unavailable: the broker does not answer.
    """
    with screen.reading("state") as progress:
        state = read_state(config, progress=progress)
    return Box(reader, state, selection, screen)
