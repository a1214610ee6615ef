"""Requests that a new rule could make: what its API's document has for the fields of the event."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from engine.checks.missing_body_field import required
from engine.openapi.api import KnownApi
from engine.openapi.operation import Operation
from engine.scaffold.fields import Field

_WORD = re.compile(r"[a-z0-9]+")
_MOST = 60  # candidates of a kind


@dataclass(frozen=True, slots=True)
class Candidate:
    """One request. `lines`: as YAML, below `request:`; `score`: how well it fits."""

    lines: tuple[str, ...]
    score: tuple[int, ...] = ()


def candidates(api: KnownApi | None, event_type: str, known: Sequence[Field]) -> list[Candidate]:
    """What to try, the likeliest first; without a document one that nobody can judge."""
    if api is None:
        return [_plain(event_type, known)]
    creating = sorted(_creating(api, event_type, known), key=lambda one: one.score, reverse=True)
    finding = sorted(_finding(api, event_type, known), key=lambda one: one.score, reverse=True)
    reading = sorted(_reading(api, event_type), key=lambda one: one.score, reverse=True)
    return [*creating[:_MOST], *finding[:_MOST], *reading[:_MOST]]


def _plain(event_type: str, known: Sequence[Field]) -> Candidate:
    slug = re.sub(r"[^A-Za-z0-9]+", "-", event_type).strip("-").lower() or "events"
    return Candidate(("method: POST", f"path: /{slug}/", *_mapping("body", known)))


def _creating(api: KnownApi, event_type: str, known: Sequence[Field]) -> Iterator[Candidate]:
    """POSTs whose required fields the event has."""
    for path, operation in _operations(api, "POST"):
        for body in operation.body("json"):
            common = [field for field in known if field.name in body.properties]
            missing = set(required(body, operation.schemas)) - {field.name for field in common}
            if common and not missing:
                score = (_alike(path, event_type), len(common), -len(path))
                yield Candidate(("method: POST", f"path: {path}", *_mapping("body", common)), score)


def _finding(api: KnownApi, event_type: str, known: Sequence[Field]) -> Iterator[Candidate]:
    """Lookups whose filters the event has, with and without pages."""
    for path, operation in _operations(api, "GET"):
        common = [field for field in known if field.name in (operation.query or {})]
        alike, text = _alike(path, event_type), next((field for field in known if field.is_text), None)
        lines: tuple[str, ...] = ("method: GET", f"path: {path}")
        if common:
            lines = (*lines, *_mapping("query", common))
        elif alike and text is not None and "search" in (operation.query or {}):
            lines = (*lines, "query:", f'  search: "{{{{ {text.expression} }}}}"')
        else:
            continue
        yield Candidate((*lines, "paginate: true", *_ONE), (alike, len(common), -len(path), 1))
        yield Candidate(lines, (alike, len(common), -len(path), 0))


def _reading(api: KnownApi, event_type: str) -> Iterator[Candidate]:
    for path, _ in _operations(api, "GET"):
        yield Candidate(("method: GET", f"path: {path}"), (_alike(path, event_type), -len(path)))


_ONE = ("expect:", '  that: "{{ request.items | length == 1 }}"')


def _operations(api: KnownApi, method: str) -> Iterator[tuple[str, Operation]]:
    for path, known in api.document.seen_by_rules(api.base).items():
        if not known.parameters:
            operation = api.operation(method, path)
            if operation is not None:
                yield path, operation


def _mapping(key: str, known: Sequence[Field]) -> list[str]:
    if not known:
        return []
    return [f"{key}:", *(f'  {json.dumps(one.name)[1:-1]}: "{{{{ {one.expression} }}}}"' for one in known)]


def _alike(path: str, event_type: str) -> int:
    """How many words of the event type the path has; plurals count."""
    words = {word.rstrip("s") for word in _WORD.findall(path.lower())}
    return len(words & {word.rstrip("s") for word in _WORD.findall(event_type.lower().replace("_", " "))})


def known_names(known: Sequence[Field]) -> Mapping[str, Field]:
    """Each name once: the first field that has it."""
    found: dict[str, Field] = {}
    for field in known:
        found.setdefault(field.name, field)
    return found
