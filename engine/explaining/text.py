"""A story for people."""

from __future__ import annotations

from collections.abc import Iterator

from engine.config.model import Config
from engine.errors import Stage
from engine.explaining.story import End, Story
from engine.explaining.walk import Given, Step
from engine.findings import many
from engine.rules.preview import Known
from engine.sketch import lines


def told(story: Story, config: Config, *, live: bool) -> Iterator[str]:
    """The story, line by line, without credentials.

    Args:
        story: what becomes of the event.
        config: where the APIs are.
        live: requests that only read were sent.
    """
    yield from heading(story)
    for step in story.steps:
        if story.event is not None:
            yield from (_plain(line) for line in lines(step.number, step.sight, story.event, config))
        yield from _answered(step, live=live)
    yield from closing(story, live=live)


def heading(story: Story) -> Iterator[str]:
    """The event, its rule, and why it is that one."""
    event, rule = story.event, story.rule
    if event is None:
        return
    yield _plain(f"event    {event.type}, version {event.version}, id {event.id}")
    if rule is not None:
        yield f"rule     {rule.name} ({rule.path}:{rule.line})"
    elif story.hint:
        yield f"rule     none: {story.hint}"
    for other in story.others:
        yield f"not      {other.rule.name} ({other.rule.path}:{other.rule.line}): {other.why}"
    if story.ordering:
        yield _plain(f"ordering {story.ordering}")


def closing(story: Story, *, live: bool) -> Iterator[str]:
    """How it ends, an empty line before it; nothing where all is said."""
    if story.end is End.SKIPPED:
        yield f"\nskipped: {story.why}"
    elif story.end is End.DEAD:
        yield f"\ndead letter at stage {story.stage}: {_plain(story.why)}"
    elif story.end is End.RETRIED:
        yield f"\nwould be tried again, and then be a dead letter at stage {Stage.REQUEST}: {_plain(story.why)}"
    elif story.end is End.OPEN:
        unsent = "no write was sent" if live else "nothing was sent"
        yield f"\nWhat stands in {{{{ }}}} depends on the answer of {', '.join(story.needs)}; {unsent}."


def _answered(step: Step, *, live: bool) -> Iterator[str]:
    if step.answers:
        yield ""
        yield from (f"answered {summary(given)} ({given.source})" for given in step.answers)
    elif live and isinstance(step.sight, Known) and step.sight.request.method != "GET":
        yield "\nnot sent: it is no GET"


def summary(given: Given) -> str:
    """The status, and of a page how many results it has."""
    body = given.response.body
    results = body.get("results") if isinstance(body, dict) else None
    return f"{given.response.status}" + (f", {many(len(results), 'item')}" if isinstance(results, list) else "")


def _plain(text: str) -> str:
    """Without characters that a terminal would obey; line feeds stay."""
    return "".join(char if char.isprintable() or char == "\n" else "\ufffd" for char in text)
