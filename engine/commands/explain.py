"""`engine explain`: which rule an event has, and the requests that it would make. No write is ever sent."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import click

from engine.config.load import load_config
from engine.config.model import Config
from engine.errors import Transient, Undeliverable, Unusable
from engine.events.event import Event
from engine.explaining.answers import FileAnswers
from engine.explaining.curl import commands
from engine.explaining.event_file import read_event
from engine.explaining.live import LiveAnswers
from engine.explaining.machine import as_object
from engine.explaining.story import End, Story, ended, others, unrouted, when_of
from engine.explaining.text import told
from engine.explaining.walk import Ask, Given, Walk
from engine.loops import run
from engine.observe.mask import MASKED, secrets_of
from engine.rules.book import Book, load_book
from engine.rules.model import Rule
from engine.sketch import Contracts

_SHORTEST = 4  # a shorter secret would hide half of every line and protect nothing

Source = Callable[[Ask], Awaitable[Given | None]]


@dataclass(frozen=True, slots=True)
class How:
    """How requests are answered and shown.

    Attributes:
        answers: a file with answers by request id.
        live: GETs that the file does not answer are sent.
        output: of what is printed.
    """

    answers: Path | None = None
    live: bool = False
    output: Literal["text", "json", "curl"] = "text"


def explain(event_file: Path, config_file: Path | None, how: How = How()) -> int:
    """Print the rule for an event and each request as far as answers lead.

    Args:
        event_file: one event as plain JSON: unions untagged, bytes as base64, times as ISO 8601.
        config_file: the configuration, None for ./config.yaml or the defaults.
        how: see there.

    Returns:
        0: the event would be carried out, or skipped. 1: it would be a dead letter.

    Raises:
        Unusable: configuration, rules, schemas, the event file or the answers cannot be used.
    """
    config = load_config(config_file, os.environ, secrets=("api",) if how.live else False)
    book = load_book(config.rules.path, config.limits, config.apis)
    try:
        event = read_event(event_file, config, int(time.time() * 1000))
    except Undeliverable as error:
        end, why, stage = ended(error)
        story = Story(None, end=end, why=why, stage=stage)
    else:
        story = _story(book, event, config, how)
    _show(story, config, how)
    return 1 if story.end in (End.DEAD, End.RETRIED) else 0


def _story(book: Book, event: Event, config: Config, how: How) -> Story:
    rule = book.find(event.type, event.version)
    if rule is None:
        return unrouted(book, event, config)
    story = Story(event, rule, others=others(book, event, rule))
    try:
        story = replace(story, ordering=_ordering(rule, event))
        if not rule.applies(event):
            why = f"the rule's `when` is false for this event{when_of(rule)}"
            return replace(story, end=End.SKIPPED, why=why)
    except Undeliverable as error:
        end, why, stage = ended(error)
        return replace(story, end=end, why=why, stage=stage)
    walk = Walk(rule, event, config.limits, Contracts(config).check)
    try:
        run(_answered(walk, rule, config, how))
    except (Undeliverable, Transient) as error:
        end, why, stage = ended(error)
        return replace(story, steps=walk.steps, end=end, why=why, stage=stage)
    story = replace(story, steps=walk.steps)
    return replace(story, end=End.OPEN) if story.needs else story


async def _answered(walk: Walk, rule: Rule, config: Config, how: How) -> None:
    """Walk as far as there are answers: of the file, then of the APIs."""
    file = None if how.answers is None else FileAnswers(how.answers, rule, config.retry)
    async with AsyncExitStack() as stack:
        sources: list[Source] = [] if file is None else [file.answer]
        if how.live:
            sources.append((await stack.enter_async_context(LiveAnswers(config))).answer)
        asking = walk.run()
        ask = next(asking, None)
        while ask is not None:
            answer = await _first(sources, ask)
            try:
                ask = asking.send(answer)
            except StopIteration:
                ask = None
    if file is not None:
        file.finish()


async def _first(sources: list[Source], ask: Ask) -> Given | None:
    for source in sources:
        answer = await source(ask)
        if answer is not None:
            return answer
    return None


def _show(story: Story, config: Config, how: How) -> None:
    if how.output == "json":
        text = json.dumps(as_object(story, config), indent=2, ensure_ascii=False, default=str)
    elif how.output == "curl":
        text = "\n".join(commands(story, config, live=how.live))
    else:
        text = "\n".join(told(story, config, live=how.live))
    click.echo(_without_secrets(text, config))


def _without_secrets(text: str, config: Config) -> str:
    """An API may repeat a credential in an answer, and a rule may send on what it answers."""
    for secret in sorted((one.reveal().strip() for one in secrets_of(config)), key=len, reverse=True):
        if len(secret) >= _SHORTEST:
            text = text.replace(secret, MASKED)
    return text


def _ordering(rule: Rule, event: Event) -> str:
    key = rule.order_key(event)
    if key is None:
        return "by the message's key"
    return f"by {key!r}"


def chosen(answers: Path | None, *, live: bool, output: str, curl: bool) -> How:
    """The options of the verb as one value.

    Raises:
        Unusable: they contradict each other.
    """
    if curl and output == "json":
        raise Unusable("--curl prints commands, not JSON: leave one of --curl and --format json out")
    return How(answers, live, "curl" if curl else "json" if output == "json" else "text")
