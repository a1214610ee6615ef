"""The text of a new rule, and of the test that it passes."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from engine.api.messages import Request, Response
from engine.config.model import Limits
from engine.events.event import Event
from engine.rules.model import Rule
from engine.rules.plan import run
from engine.scaffold.fields import Field
from engine.scaffold.requests import Candidate

_STATUS = {"POST": 201}
_PLAIN = re.compile(r"[A-Za-z_/][\w./-]*")


def rule_text(event_type: str, version: int, known: Sequence[Field], request: Candidate, editor: str) -> str:
    """A rule as YAML.

    Args:
        event_type: of its events.
        version: of its events.
        known: the event's fields; the first text orders the events.
        request: the one that it makes.
        editor: where the rules' JSON Schema is, from the rule's folder; "" where that is not known.
    """
    order = next((field.expression for field in known if field.is_text), None)
    lines = [
        *([f"# yaml-language-server: $schema={editor}"] if editor else []),
        f"event_type: {_scalar(event_type)}",
        f"versions: [{version}]",
        "description: Says what becomes of the event. A beginning; change the request to what your API needs.",
        *([f'order_by: "{{{{ {order} }}}}"'] if order else []),
        "request:",
        *(f"  {line}" for line in request.lines),
    ]
    return "\n".join(lines) + "\n"


def rule_test_text(rule: Rule, event: Event, written: Any, limits: Limits, editor: str) -> str:
    """A test that says what the rule sends for an event.

    Args:
        rule: compiled.
        event: an example.
        written: the event as plain JSON, without its id.
        limits: bounds of a plan.
        editor: as in `rule_text`, of the tests' JSON Schema.

    Raises:
        Undeliverable: the rule sends nothing for this event.
    """
    lines = [
        *([f"# yaml-language-server: $schema={editor}"] if editor else []),
        "cases:",
        "  - name: Sends what the event says",
        f"    event: {_flow(written)}",
        "    conversation:",
    ]
    plan = run(rule, event, limits)
    request = next(plan, None)
    while request is not None:
        page = rule.requests[0].paginate
        lines += [*_request(request), f"        answer: {_flow(_answer(request, page=page))}"]
        body: Any = {"count": 1, "next": None, "results": [{}]} if page else None
        try:
            request = plan.send(Response(200, {}, body))
        except StopIteration:
            request = None
    return "\n".join(lines) + "\n"


def _request(request: Request) -> list[str]:
    query: dict[str, Any] = {}
    for name, value in request.query:
        query[name] = value if name not in query else [*_list(query[name]), value]
    lines = [f"      - request:\n          method: {request.method}\n          path: {_scalar(request.path)}"]
    if query:
        lines.append(f"          query: {_flow(query)}")
    if request.body is not None:
        lines.append(f"          body: {_flow(json.loads(request.body))}")
    return lines


def _answer(request: Request, *, page: bool) -> dict[str, Any]:
    status = _STATUS.get(request.method, 200)
    return {"status": status, "items": [{}]} if page else {"status": status}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _scalar(text: str) -> str:
    """A text as it is where YAML reads it as that text."""
    plain = _PLAIN.fullmatch(text) and text.lower() not in ("null", "true", "false")
    return text if plain else json.dumps(text, ensure_ascii=False)


def _flow(value: Any) -> str:
    """A value as YAML's flow style: JSON is that."""
    return json.dumps(value, ensure_ascii=False)
