"""`engine dlq give-up`: dead letters that nobody will replay any more."""

from __future__ import annotations

import os
import sys
from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

from engine.config.load import load_config
from engine.config.model import Config, Log
from engine.deadletters.box import Box, open_box
from engine.deadletters.gathering import Gathering
from engine.deadletters.screen import Screen
from engine.deadletters.selection import LEFT, Selection
from engine.deadletters.standing import Line
from engine.observe.log import configure
from engine.stream.state import Entry, Fate, LetterState, letter_entry, released_entry
from engine.stream.state_topic import StateWriter, topic_name
from engine.stream.topics import create_state_topic


def dlq_give_up(offsets: Collection[int], partition: int, reason: str, config_file: Path | None) -> int:
    """Note that source offsets are given up; a parked key goes on when nothing is left of it.

    Returns:
        0: all of them are noted. 1: some have no dead letter that is left.

    Raises:
        Unusable: the configuration, or there is no dead-letter topic.
        Unavailable: the broker does not answer.
    """
    config = load_config(config_file, os.environ, secrets={"kafka"})
    screen = Screen(sys.stdout, sys.stderr)
    configure(Log(level="warning", format=config.log.format), file=screen.talk_file())
    selection = Selection(partitions=frozenset({partition}), offsets=frozenset(offsets))
    with open_box(config, selection, screen) as box:
        gathering = Gathering(config.kafka.topic, box.state, None)
        found = _found(box, gathering, screen)
        left = {offset for offset, line in found.items() if line.standing in LEFT}
        if left:
            create_state_topic(config)
            entries = [_given_up(box, found[offset], reason) for offset in sorted(left)]
            _note(config, [*entries, *_released(gathering, found, left)])
    for offset in sorted(set(offsets)):
        line = found.get(offset)
        said = "no dead letter" if line is None else "given up" if offset in left else f"{line.standing} before"
        screen.write(f"{config.kafka.topic}[{partition}]@{offset}: {said.replace('_', ' ')}")
    return 0 if len(left) == len(set(offsets)) else 1


def _found(box: Box, gathering: Gathering, screen: Screen) -> dict[int, Line]:
    """The lines that are meant, by offset. All letters are read: those before the newest are settled with it."""
    found: dict[int, Line] = {}

    def seen() -> Iterator[Line]:
        for line in box.lines(progress):
            if line.meant and line.letter.source.topic == gathering.topic:
                found[line.letter.source.offset] = line
            yield line

    with screen.reading("dead letters") as progress:
        gathering.take(seen())
    return found


def _given_up(box: Box, line: Line, reason: str) -> Entry:
    at = max(datetime.now(UTC), line.letter.failed_at)
    state = LetterState(Fate.GIVEN_UP, at, line.replays)
    return letter_entry(line.letter.source, state, box.newest.places(line.letter), " ".join(reason.split()))


def _released(gathering: Gathering, found: Mapping[int, Line], left: Collection[int]) -> Iterator[Entry]:
    """The parked keys of which nothing is left."""
    mine = {gathering.lane_of(found[offset].letter) for offset in left}
    for lane, letters in gathering.lanes.items():
        if lane in mine and set(letters.left) <= set(left):
            yield released_entry(lane, letters.through, datetime.now(UTC))


def _note(config: Config, entries: list[Entry]) -> None:
    writer = StateWriter(config.kafka, topic_name(config.dlq.topic))
    try:
        writer.write(entries)
    finally:
        writer.close()
