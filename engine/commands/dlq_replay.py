"""`engine dlq replay`: dead letters go through the same rules and to the same API once more."""

from __future__ import annotations

import asyncio
import os
import sys
from dataclasses import replace
from pathlib import Path

import click

from engine.config.load import load_config
from engine.config.model import Config
from engine.deadletters.box import Box, open_box
from engine.deadletters.gathering import Gathering
from engine.deadletters.opening import Decoding, source_reader
from engine.deadletters.preparation import Preparation
from engine.deadletters.rehearsal import Rehearsal
from engine.deadletters.rounds import End, How, Rounds, free_lease
from engine.deadletters.screen import Screen, outcome
from engine.deadletters.selection import LEFT, Selection
from engine.errors import Unusable
from engine.loops import leave
from engine.loops import run as run_loop
from engine.observe.log import configure
from engine.observe.mask import secrets_of
from engine.rules.book import Book, load_book
from engine.stream.topics import letter_topic

_OK, _FAILED, _INTERRUPTED = 0, 1, 130


def dlq_replay(
    selection: Selection, how: How, config_file: Path | None, *, dry_run: bool, yes: bool, as_json: bool
) -> int:
    """Replay dead letters: those that are left, unless the selection names states.

    Args:
        selection: which.
        how: see there.
        config_file: the configuration, None for ./config.yaml or the defaults.
        dry_run: send nothing, say what would be sent.
        yes: do not ask.
        as_json: of a dry run, a JSON line a letter.

    Returns:
        0: all done. 1: some failed again, were refused or left. 130: interrupted, in order.

    Raises:
        Unusable: the configuration, a rule or a topic; also without a terminal and `yes`.
        Unavailable: the broker does not answer.
    """
    config = load_config(config_file, os.environ)
    screen = Screen(sys.stdout, sys.stderr)
    configure(replace(config.log, level="warning"), secrets=secrets_of(config), file=screen.talk_file())
    book = load_book(config.rules.path, config.limits, config.apis)
    chosen = selection if selection.states else replace(selection, states=LEFT)
    with open_box(config, chosen, screen) as box:
        gathering = _gather(config, box, how, screen)
        if dry_run:
            return run_loop(_rehearse(config, book, box, gathering, how, screen, as_json=as_json))
        if not len(gathering) and not gathering.finished():
            screen.write("nothing to do")
            return _FAILED if gathering.refused else _OK
        if not yes:
            _ask(config, len(gathering))
        topic = letter_topic(config)
        try:
            end = run_loop(Rounds(config, book, topic, how, screen).run(box, gathering))
        except asyncio.CancelledError:  # Ctrl-C for the second time
            return leave(_INTERRUPTED)
    return leave(_say(end, gathering, screen))


def _gather(config: Config, box: Box, how: How, screen: Screen) -> Gathering:
    gathering = Gathering(config.kafka.topic, box.state, how.max_replays)
    with screen.reading("dead letters") as progress:
        gathering.take(box.lines(progress))
    if gathering.others:
        screen.say(f"{gathering.others:,} are of other topics than {config.kafka.topic}: left as they are")
    if gathering.refused:
        screen.say(f"{gathering.refused:,} were replayed {how.max_replays} times or more: refused without --force")
    return gathering


def _ask(config: Config, count: int) -> None:
    if not sys.stdin.isatty():
        raise Unusable("nobody is there to ask; say --yes, or look first with --dry-run")
    question = f"Replay {count:,} dead letters of {config.dlq.topic} to {config.api.url}?"
    click.confirm(question, err=True, abort=True)


async def _rehearse(
    config: Config, book: Book, box: Box, gathering: Gathering, how: How, screen: Screen, *, as_json: bool
) -> int:
    decoding, lease = Decoding(config), free_lease()
    preparation = Preparation(
        lambda record: decoding.event_soon(record, lease),
        source_reader(config),
        book,
        gathering,
        box.newest,
        box.state,
    )
    rehearsal = Rehearsal(config, book, box.reader.load, preparation, from_start=how.from_start)
    try:
        with screen.reading("dry run") as progress:
            async for rehearsed in rehearsal.run(gathering):
                if as_json:
                    screen.json_line(rehearsed.fields())
                if progress is not None:
                    progress(sum(rehearsal.kinds.values()), len(gathering))
    finally:
        decoding.close()
    if not as_json:
        screen.kinds(rehearsal.kinds)
        screen.write(f"{len(gathering):,} would be replayed; nothing was sent")
    return _FAILED if rehearsal.failing or gathering.refused else _OK


def _say(end: End, gathering: Gathering, screen: Screen) -> int:
    tally = end.tally
    screen.write(outcome(tally))
    for number, text in (
        (tally.resumed, "resumed at the request that had failed"),
        (tally.repeating, "begun at the first request, although writes after it had succeeded"),
        (tally.released, "parked keys released"),
    ):
        if number:
            screen.write(f"{text}: {number:,}")
    if end.growing:
        screen.write(f"parked keys that have grown meanwhile, to be replayed once more: {end.growing:,}")
    if tally.causes:
        screen.write("")
        screen.causes(tally.causes)
    if end.hopeless:
        screen.say("nothing but failures came, so it was stopped: mend their cause first, or go on with --force")
    if end.interrupted:
        return _INTERRUPTED
    left = tally.behind or tally.gone or tally.ended < tally.total or end.growing or gathering.refused
    return _FAILED if tally.failed or left or end.failed else _OK
