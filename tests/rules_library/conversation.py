"""Plays a shipped rule against scripted answers: no socket, no clock."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from engine.api.contract import Contract
from engine.api.messages import Request, Response
from engine.config.model import Limits
from engine.events.event import Event, EventId, EventType, Message
from engine.events.plainjson import to_record
from engine.events.schemas import LocalSchemas
from engine.rules import plan
from engine.rules.book import Book, load_book

ROOT = Path(__file__).parents[2]
ID = "0192f1c4-7b1e-7c3a-9d2e-000000000001"


@dataclass(frozen=True, slots=True)
class Sent:
    """What a rule asked for, readable: `body` parsed, `query` as a mapping (no shipped rule repeats a name)."""

    method: str
    path: str
    query: Mapping[str, str]
    body: Any = None


@cache
def book() -> Book:
    """All shipped rules."""
    return load_book(ROOT / "rules", Limits(), apis=())


@cache
def contract() -> Contract:
    """The API's own document: every request is held against it."""
    return Contract.load(ROOT / "schemas/ciso-assistant.openapi.json")


def event_of(event_type: str, payload: Mapping[str, Any]) -> Event:
    """The event as the engine decodes it: checked against the shipped schema, defaults filled."""
    schema = LocalSchemas(ROOT / "schemas/events").find(event_type, 1)
    assert schema is not None
    plain = {"event_id": ID, "event_type": event_type, "version": 1, "payload": dict(payload)}
    message = Message("observation", 0, 0, None, b"")
    return Event(EventId(ID), EventType(event_type), 1, to_record(plain, schema), message)


def play(event_type: str, payload: Mapping[str, Any], *answers: tuple[int, Any]) -> list[Sent]:
    """Run the rule of `event_type`; each request gets the next of `answers` (status, body).

    Returns:
        All requests, in order. Every answer must have been used.

    Raises:
        Undeliverable: the rule refused an answer.
    """
    event = event_of(event_type, payload)
    rule = book().find(event_type, 1)
    assert rule is not None
    sent: list[Sent] = []
    if not rule.applies(event):
        return sent
    flow = plan.run(rule, event, Limits())
    waiting = list(answers)
    request = next(flow, None)
    while request is not None:
        contract().check(request, "/api")
        sent.append(_readable(request))
        assert waiting, f"no answer is left for {sent[-1]}"
        status, body = waiting.pop(0)
        assert status in request.accept, f"the client would refuse {status}"
        try:
            request = flow.send(Response(status, {"content-type": "application/json"}, body))
        except StopIteration:
            request = None
    assert waiting == []
    return sent


def page(*results: Mapping[str, Any]) -> tuple[int, Any]:
    """A whole list as the API gives it."""
    return 200, {"count": len(results), "next": None, "previous": None, "results": list(results)}


def taken(field: str, value: str) -> tuple[int, Any]:
    """The API's refusal of a name or ref_id that is in use."""
    return 400, {field: [f"{value} is already used in this scope. Please choose another value."]}


def _readable(request: Request) -> Sent:
    body = None if request.body is None else json.loads(request.body)
    return Sent(request.method, request.path, dict(request.query), body)
