"""The demo itself: the engine as `engine run` starts it, on embedded parts, for as long as forty events take."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import TextIO

from engine import service
from engine.demo.events import Sample, samples
from engine.demo.parts import Parts
from engine.demo.screen import Screen, open_screen
from engine.demo.story import Story
from engine.loops import run
from engine.observe.health import Health
from engine.observe.log import configure_listener
from engine.observe.metrics import Metrics

_PAUSE = 0.08  # seconds between two messages: one wants to see them come
_PATIENCE = 8.0  # seconds to join the group, and again for the last events; either needs about three at most
_LOOK = 0.05
_DEAD = 2  # the poison message, and the event that the API refuses
_RETRIED = 2


def show(file: TextIO) -> int:
    """Show the demo on `file`.

    Returns:
        0: every event ended as it should. 1: the engine did something else.
    """
    screen = open_screen(file)
    story = Story(screen.tell)
    screen.watch(story)
    configure_listener("info", story.logged)
    started = time.monotonic()
    parts = Parts(story.asked)
    try:
        _introduce(screen, parts)
        with screen:
            code = run(_events(parts, story))
        letters = parts.broker.letters(parts.config.dlq.topic, _DEAD)
        letters.sort(key=lambda letter: letter.headers.get("dlq.failed_at", ""))
        screen.letters(parts.config.dlq.topic, letters, story)
        screen.say(_totals(story, time.monotonic() - started))
        return _verdict(screen, story, len(letters), code)
    finally:
        parts.close()


async def _events(parts: Parts, story: Story) -> int:
    """Start the engine, publish, wait until every message ended, stop the engine; its exit code."""
    stop, health = asyncio.Event(), Health(time.monotonic)
    engine = service.Service(parts.config, Metrics(), health, service.Parts(topics=parts.topics))
    running = asyncio.create_task(engine.run(stop, asyncio.Event()))
    await _until(lambda: health.ready()[0] or running.done())
    found = samples()
    for sample in found:
        await asyncio.to_thread(_publish, parts, story, sample)
        await asyncio.sleep(_PAUSE)
    await _until(lambda: story.ended >= len(found) or running.done())
    stop.set()
    return await running


def _publish(parts: Parts, story: Story, sample: Sample) -> None:
    story.published(sample)  # before it is on the topic: what comes of it must not be told first
    parts.publish(sample)


async def _until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + _PATIENCE
    while not true() and time.monotonic() < end:  # noqa: ASYNC110 - told from several threads, an Event is not for that
        await asyncio.sleep(_LOOK)


def _introduce(screen: Screen, parts: Parts) -> None:
    config = parts.config
    screen.say(
        f"A broker at {config.kafka.brokers}, a sample API at {config.api.url} and a schema registry, all in this\n"
        f"process; the rules in {config.rules.path}. Joining a consumer group takes some seconds.\n"
    )


def _totals(story: Story, seconds: float) -> str:
    requests = ", ".join(f"{number} {method} {status}" for (method, status), number in sorted(story.requests.items()))
    return (
        f"\n{story.total('in')} messages in {seconds:.1f} s: {story.total('done')} done, "
        f"{story.total('retried')} of them after a retry; {story.total('dead')} dead letters.\n"
        f"{story.requests.total()} requests: {requests}."
    )


def _verdict(screen: Screen, story: Story, letters: int, code: int) -> int:
    good = story.total("in") - _DEAD
    wanted = (good, _DEAD, _RETRIED, _DEAD, 0)
    if wanted == (story.total("done"), story.total("dead"), story.total("retried"), letters, code):
        screen.say(
            "\nNext: `engine validate-rules`, `engine explain examples/events/create_incident.json`, `engine run`."
        )
        return 0
    screen.say(
        f"\nThis is not what should have happened: {good} done, {_DEAD} dead letters, {_RETRIED} retried; "
        "please report it with the lines above."
    )
    return 1
