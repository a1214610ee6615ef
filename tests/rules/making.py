"""Rules, events and answers for the tests of this room."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from engine.api.messages import Request, Response
from engine.config.model import Limits
from engine.documents import read_documents
from engine.errors import Undeliverable
from engine.events.event import Event, EventId, EventType, Message
from engine.findings import Finding
from engine.rules.load import load_rules
from engine.rules.model import Rule
from engine.rules.plan import run
from engine.rules.templates import Template, Templates

ID = "0192f1c4-7b1e-7c3a-9d2e-000000000001"
LIMITS = Limits()


def event(payload: Mapping[str, Any] | None = None, message: Message | None = None, **fields: Any) -> Event:
    """An event of type `changed`."""
    record = {"event_id": ID, "event_type": "changed", "version": 1, "payload": dict(payload or {}), **fields}
    where = message or Message("observation", 0, 7, b"key", b"", (("h", b"one"), ("h", b"two")), 1_700_000_000_000)
    return Event(EventId(ID), EventType("changed"), 1, record, where)


def loaded(text: str, name: str = "a.yaml") -> tuple[list[Rule], list[Finding]]:
    """The rules and findings of a YAML text."""
    documents, findings = read_documents(Path(name), dedent(text))
    rules, wrong = load_rules(documents)
    return rules, findings + wrong


def rule(text: str) -> Rule:
    """The one rule of a YAML text that begins after `event_type`."""
    rules, findings = loaded("event_type: changed\n" + dedent(text))
    assert [] == findings
    return rules[0]


def request(text: str, payload: Mapping[str, Any] | None = None, limits: Limits = LIMITS) -> Request:
    """The first request of a rule with one `request`."""
    return next(run(rule("request:\n" + _indented(text)), event(payload), limits))


def refusal(text: str, payload: Mapping[str, Any] | None = None, limits: Limits = LIMITS) -> Undeliverable:
    """The failure of a rule with one `request` before anything is sent."""
    with pytest.raises(Undeliverable) as caught:
        request(text, payload, limits)
    return caught.value


def answer(body: Any = None, status: int = 200, **headers: str) -> Response:
    """An accepted answer."""
    return Response(status, headers, body)


def finished(plan: Any, response: Response) -> bool:
    """Whether the plan ends with this answer."""
    try:
        plan.send(response)
    except StopIteration:
        return True
    return False


def value(source: str, limit: int = 10_000, **names: Any) -> Any:
    """What a template makes of the given names."""
    templates = Templates(Limits(rendered=limit))
    scope = templates.scope(templates.names())
    scope.names.update(names)
    return Template(templates, source, ("body",)).value(scope)


def _indented(text: str) -> str:
    return "".join(f"  {line}\n" for line in dedent(text).strip("\n").splitlines())
