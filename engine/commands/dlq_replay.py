"""`engine dlq replay`: dead letters go through the same rules and the same API once more."""

from __future__ import annotations

import asyncio
import math
import os
import signal
import sys
import time
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

import click

from engine.config.load import load_config
from engine.config.model import Config
from engine.deadletters.box import Box, open_box
from engine.deadletters.gathering import Gathering
from engine.deadletters.opening import opened
from engine.deadletters.preparation import Preparation
from engine.deadletters.rehearsal import Rehearsal
from engine.deadletters.replay import Replay
from engine.deadletters.screen import Screen, outcome
from engine.deadletters.selection import LEFT, Selection
from engine.deadletters.tally import Tally
from engine.errors import EngineError, Unusable
from engine.loops import leave
from engine.loops import run as run_loop
from engine.observe.log import configure
from engine.observe.mask import secrets_of
from engine.stream.lease import Lease, Stamp
from engine.stream.state_topic import read_state
from engine.stream.storm import Storm
from engine.stream.topics import letter_topic

_OK, _FAILED, _UNUSABLE, _INTERRUPTED = 0, 1, 2, 130
_LOOK = 0.2  # seconds between two looks at how it goes
_ROUNDS = 20  # times that a parked key is followed which the running engine goes on parking


@dataclass(frozen=True, slots=True)
class Choice:
    """How to replay.

    Attributes:
        dry_run: send nothing, say what would be sent.
        rate: letters a second, None for no limit.
        yes: do not ask.
        from_start: begin at the first request in any case.
        max_replays: those that were replayed as often are refused.
        force: refuse none, and go on although nothing but failures come.
        as_json: of a dry run a JSON line each.
    """

    dry_run: bool = False
    rate: float | None = None
    yes: bool = False
    from_start: bool = False
    max_replays: int = 5
    force: bool = False
    as_json: bool = False


def dlq_replay(selection: Selection, choice: Choice, config_file: Path | None) -> int:
    """Replay dead letters, those that are left unless the selection names states.

    Returns:
        0: all done. 1: some failed again, or were refused. 130: interrupted, in order.

    Raises:
        Unusable: the configuration, a rule or a topic; also without a terminal and `yes`.
        Unavailable: the broker does not answer.
    """
    config = load_config(config_file, os.environ)
    screen = Screen(sys.stdout, sys.stderr)
    flush = configure(
        replace(config.log, level="warning"), secrets=secrets_of(config), file=screen.talk_file()
    )
    chosen = selection if selection.states else replace(selection, states=LEFT)
    with open_box(config, chosen, screen) as box:
        gathering = _gather(config, box, choice, screen)
        if not len(gathering) and not any(lane.through >= 0 for lane in gathering.lanes.values()):
            screen.write("nothing to do")
            return _FAILED if gathering.refused else _OK
        if choice.dry_run:
            return run_loop(_rehearse(config, box, gathering, choice, screen))
        _agree(config, len(gathering), choice)
        code = run_loop(_Run(config, chosen, choice, screen).all(box, gathering))
    flush()
    leave(code)


def _gather(config: Config, box: Box, choice: Choice, screen: Screen, since: dict[int, int] | None = None) -> Gathering:
    gathering = Gathering(config.kafka.topic, box.state, None if choice.force else choice.max_replays)
    with screen.reading("dead letters") as progress:
        gathering.take(box.lines(progress, since))
    if gathering.others:
        screen.say(f"{gathering.others:,} are of other topics than {config.kafka.topic}: left as they are")
    if gathering.refused:
        screen.say(f"{gathering.refused:,} were replayed {choice.max_replays} times or more: refused without --force")
    return gathering


def _agree(config: Config, count: int, choice: Choice) -> None:
    if choice.yes or not count:
        return
    if not sys.stdin.isatty():
        raise Unusable("nobody is there to ask; say --yes, or look first with --dry-run")
    click.confirm(f"Replay {count:,} dead letters of {config.dlq.topic} to {config.api.url}?", err=True, abort=True)


async def _rehearse(config: Config, box: Box, gathering: Gathering, choice: Choice, screen: Screen) -> int:
    """What would be sent; decodes, renders and checks, sends nothing."""
    lease = _lease()
    async with opened(config, box.reader, None, lease) as parts:
        preparation = Preparation(parts.ways, parts.pipeline, gathering, box.newest, box.state)
        rehearsal = Rehearsal(config, parts.ways, parts.pipeline, preparation, from_start=choice.from_start)
        with screen.replaying() as shown:
            async for rehearsed in rehearsal.run(gathering):
                shown.show_rehearsal(rehearsal.count, len(gathering))
                if choice.as_json:
                    screen.write(rehearsed.json())
    if not choice.as_json:
        screen.rehearsal(rehearsal.kinds)
        screen.write(f"\n{len(gathering):,} would be replayed; nothing was sent")
    return _FAILED if gathering.refused or rehearsal.failing else _OK
