"""What becomes of one event, as data: the rule, the others, each request, the end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from engine.config.model import Config
from engine.errors import Stage, Transient, Undeliverable
from engine.events.event import Event
from engine.explaining.walk import Step
from engine.findings import suggest
from engine.rules.book import Book
from engine.rules.model import Rule
from engine.rules.preview import Known, Open


class End(StrEnum):
    """How far the event's way is known. `REQUESTS`: the requests are all known; `OPEN`: some depend on answers."""

    REQUESTS = "requests"
    OPEN = "open"
    SKIPPED = "skipped"
    DEAD = "dead"
    RETRIED = "retried"


@dataclass(frozen=True, slots=True)
class Other:
    """A rule that the event does not have, and why."""

    rule: Rule
    why: str


@dataclass(frozen=True, slots=True)
class Story:
    """What becomes of one event.

    Attributes:
        event: None where the record is none.
        rule: that the event has, None without one.
        ordering: how it is ordered, in words; "" where that is not known.
        others: rules of the same type; where there are none, that of the nearest type.
        hint: what may be meant, where no rule is found; "" without.
        steps: the requests, in order.
        end: how it ends, as far as is known.
        why: in words; "" where there is nothing to say.
        stage: of the dead letter.
    """

    event: Event | None
    rule: Rule | None = None
    ordering: str = ""
    others: Sequence[Other] = ()
    hint: str = ""
    steps: Sequence[Step] = ()
    end: End = End.REQUESTS
    why: str = ""
    stage: Stage | None = None

    @property
    def needs(self) -> list[str]:
        """Ids of the requests on whose answers others depend, in order."""
        named = [name for step in self.steps if isinstance(step.sight, Open) for name in step.sight.needs]
        return list(dict.fromkeys(named))

    @property
    def unsent(self) -> bool:
        """Whether a request is known that has no answer."""
        return any(isinstance(step.sight, Known) and not step.answers for step in self.steps)


def others(book: Book, event: Event, chosen: Rule | None) -> list[Other]:
    """The rules of the event's type that it does not have."""
    return [
        Other(rule, _why(rule, chosen, event))
        for rule in book.rules
        if rule.event_type == event.type and rule != chosen
    ]


def _why(rule: Rule, chosen: Rule | None, event: Event) -> str:
    if rule.versions is None:
        return "for versions that no other rule lists" if chosen is not None else f"not for version {event.version}"
    return f"for version {', '.join(map(str, rule.versions))}"


def unrouted(book: Book, event: Event, config: Config) -> Story:
    """An event without a rule."""
    there = others(book, event, None)
    near = None if there else suggest(event.type, book.event_types)
    if there:
        versions = sorted({version for one in there for version in one.rule.versions or ()})
        hint = f"there are rules for version {', '.join(map(str, versions))} only"
    else:
        hint = "no rule has this type" + (f"; did you mean '{near}'?" if near else "")
        there = [Other(rule, f"for event_type {near}") for rule in book.rules if rule.event_type == near]
    if config.events.unknown_type == "skip":
        return Story(event, others=there, hint=hint, end=End.SKIPPED, why="`events.unknown_type` is skip")
    why = "`events.unknown_type` is dead"
    return Story(event, others=there, hint=hint, end=End.DEAD, why=why, stage=Stage.ROUTE)


def ended(error: Undeliverable | Transient) -> tuple[End, str, Stage | None]:
    """How an event ends by an error."""
    if isinstance(error, Undeliverable):
        return End.DEAD, str(error), error.stage
    return End.RETRIED, str(error), Stage.REQUEST


def when_of(rule: Rule) -> str:
    """Why a rule does not apply, in words."""
    return "" if isinstance(rule.when, bool) else f": {' '.join(rule.when.source.split())}"
