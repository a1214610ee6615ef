"""`engine dlq list`: the dead letters, one line a source offset, or counted by their causes."""

from __future__ import annotations

import os
import sys
from collections import Counter
from dataclasses import replace
from itertools import islice
from pathlib import Path

from engine.config.load import load_config
from engine.config.model import Config, Log
from engine.deadletters.box import open_box
from engine.deadletters.screen import Screen
from engine.deadletters.selection import LEFT, Selection, Standing
from engine.deadletters.tally import Causes
from engine.observe.log import configure

_SHOWN = 100  # lines on a terminal, unless --limit says otherwise


def dlq_list(selection: Selection, config_file: Path | None, *, limit: int | None, as_json: bool, summary: bool) -> int:
    """Print dead letters, newest first.

    Args:
        selection: which.
        config_file: the configuration, None for ./config.yaml or the defaults.
        limit: how many; None: 100 on a terminal, all of them elsewhere.
        as_json: JSON lines also on a terminal.
        summary: counts instead, by stage, rule and error.

    Returns:
        0, also where there are none.

    Raises:
        Unusable: the configuration, or there is no dead-letter topic.
        Unavailable: the broker does not answer.
    """
    config = load_config(config_file, os.environ, secrets={"kafka"})
    screen = Screen(sys.stdout, sys.stderr)
    configure(Log(level="warning", format=config.log.format), file=screen.talk_file())
    if summary:
        return _summary(config, selection, screen, as_json=as_json)
    lines_of_json = as_json or not screen.is_terminal
    if limit is None and not lines_of_json:
        limit = _SHOWN
    with open_box(config, selection, screen) as box, screen.reading("dead letters") as progress:
        lines = islice(box.meant(progress), limit)
        count = screen.json(lines) if lines_of_json else screen.table(lines)
    if limit is not None and count == limit and not lines_of_json:
        screen.say(f"the newest {count:,}; more with --limit, all causes with --summary")
    return 0


def _summary(config: Config, selection: Selection, screen: Screen, *, as_json: bool) -> int:
    """Causes of what is left, or of the states that were asked for; how many there are of each state."""
    states = selection.states or LEFT
    standings: Counter[Standing] = Counter()
    causes = Causes()
    every = replace(selection, states=frozenset())
    with open_box(config, every, screen) as box, screen.reading("dead letters") as progress:
        for line in box.meant(progress):
            standings[line.standing] += 1
            if line.standing in states:
                causes.meet(line.letter.stage, line.letter.rule, line.letter.error)
    if as_json:
        for cause, count in causes.most_common():
            screen.json_line({"count": count, **cause._asdict()})
        return 0
    screen.write(", ".join(f"{standings[state]:,} {state.replace('_', ' ')}" for state in Standing))
    if causes:
        screen.write("")
        screen.causes(causes)
    return 0
