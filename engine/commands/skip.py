"""`engine skip`: dead-letters a stuck event on purpose, whether the engine runs or stands."""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime
from pathlib import Path

import click

from engine.config.load import load_config
from engine.errors import Unusable
from engine.events.event import Message
from engine.stream.skipping import Desk

WAIT = 10.0
"""Seconds for a running engine to do it."""

_SHOWN = 60  # characters of a key


def skip(
    config_file: Path | None, partition: int, offset: int, reason: str, yes: bool, *, patience: float = WAIT
) -> int:
    """Ask the engine to skip an event.

    Args:
        config_file: the configuration; None: ./config.yaml.
        partition: of the event.
        offset: of the event.
        reason: for the dead letter's `dlq.error`; "" for none.
        yes: do not ask the person at the terminal.
        patience: seconds to wait for a running engine.

    Returns:
        0: it was, or will be, done. 1: the event is done already, or nobody agreed.

    Raises:
        Unusable: the configuration, or there is no such event; also without a terminal and `yes`.
        Unavailable: the broker does not answer.
    """
    config = load_config(config_file, os.environ, secrets={"kafka"})
    with Desk(config, partition, offset) as desk:
        event = desk.event()
        click.echo(_line(event))
        if desk.is_done():
            click.echo("engine: this event is done already: nothing waits for it", err=True)
            return 1
        if not yes and not _agreed(config.dlq.topic):
            return 1
        desk.ask(reason)
        if desk.wait(patience):
            click.echo(f"skipped: it is in {config.dlq.topic}, unless it was done at this very moment")
        else:
            click.echo("asked for: done when the event's turn comes, or at the next start of an engine")
    return 0


def _agreed(dlq_topic: str) -> bool:
    if not sys.stdin.isatty():
        raise Unusable("nobody is there to ask; say --yes")
    return click.confirm(f"Give this event up and write it to {dlq_topic}?", err=True)


def _line(event: Message) -> str:
    key = "no key" if event.key is None else f"key {event.key.decode(errors='replace')[:_SHOWN]!r}"
    since = ""
    if event.timestamp is not None:
        since = f", of {datetime.fromtimestamp(event.timestamp / 1000, UTC):%Y-%m-%d %H:%M:%S} UTC"
    return f"{event.topic}[{event.partition}]@{event.offset}: {key}, {len(event.value or b'')} bytes{since}"
