"""How an event's way ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from engine.errors import Undeliverable
from engine.rules.model import Rule


@dataclass(slots=True)
class Done:
    """All requests of the rule had an accepted answer. Not frozen: see `api.messages`."""

    rule: Rule
    attempts: int


@dataclass(frozen=True, slots=True)
class Skipped:
    """Nothing was to be done, on purpose; `reason`: `when`, `old`, `unknown_type`, `tombstone`."""

    rule: Rule | None
    reason: str


@dataclass(frozen=True, slots=True)
class Duplicate:
    """An event with the same id and the same bytes was done: its producer sent it twice."""

    rule: Rule | None


@dataclass(frozen=True, slots=True)
class Dead:
    """A retry would not help.

    Attributes:
        rule: None where the event did not get as far.
        error: what is wrong, and where.
        attempts: requests sent for the event, retries included.
        answers: what the API answered so far, in order: `id`, `status`, `body`; no headers.
    """

    rule: Rule | None
    error: Undeliverable
    attempts: int = 0
    answers: tuple[Mapping[str, Any], ...] = ()


Outcome = Done | Skipped | Duplicate | Dead
