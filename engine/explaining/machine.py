"""A story for machines: one JSON object."""

from __future__ import annotations

from typing import Any

from engine.config.model import Config
from engine.events.event import Event
from engine.explaining.story import Story
from engine.explaining.walk import Step
from engine.rules.model import Rule
from engine.rules.preview import Known, LeftOut
from engine.sketch import address, api_of, body_of, headers, open_headers


def as_object(story: Story, config: Config) -> dict[str, Any]:
    """The story as data that JSON knows, without credentials."""
    event, rule = story.event, story.rule
    return {
        "event": None if event is None else {"type": event.type, "version": event.version, "id": event.id},
        "rule": None if rule is None else {**_place(rule), "ordering": story.ordering},
        "others": [{**_place(other.rule), "why": other.why} for other in story.others],
        "hint": story.hint,
        "requests": [] if event is None else [_request(step, event, config) for step in story.steps],
        "outcome": str(story.end),
        "stage": None if story.stage is None else str(story.stage),
        "why": story.why,
    }


def _place(rule: Rule) -> dict[str, Any]:
    versions = None if rule.versions is None else list(rule.versions)
    place = {"name": rule.name, "path": str(rule.path), "line": rule.line}
    return {**place, "event_type": rule.event_type, "versions": versions}


def _request(step: Step, event: Event, config: Config) -> dict[str, Any]:
    sight, rule = step.sight, step.sight.rule
    common = {"id": rule.id, "api": rule.api or None, "method": rule.method}
    api = api_of(rule.api, config)
    if isinstance(sight, LeftOut):
        return {**common, "state": "left_out", "item": sight.number}
    if isinstance(sight, Known):
        return {
            **common,
            "state": "answered" if step.answers else "known",
            "item": sight.number,
            "url": address(sight.request, api),
            "headers": dict(headers(sight.request, api)),
            "body": None if sight.request.body is None else body_of(sight.request),
            "answers": [{"status": one.response.status, "source": one.source} for one in step.answers],
        }
    return {
        **common,
        "state": "open",
        "needs": list(sight.needs),
        "for_each": sight.for_each,
        "when": sight.when,
        "url": f"{api.url}{sight.path}",
        "query": sight.query,
        "headers": dict(open_headers(sight, event, api)),
        "body": sight.body,
    }
