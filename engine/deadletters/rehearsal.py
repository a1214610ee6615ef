"""A dry run: what a replay would send first for each letter; everything but the sending is done."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from engine.config.model import Config
from engine.deadletters.conversation import Beginning, begin
from engine.deadletters.gathering import Gathering
from engine.deadletters.portrait import where
from engine.deadletters.preparation import Job, Preparation
from engine.deadletters.tally import Kind, pattern
from engine.errors import Stage, Undeliverable
from engine.events.event import Message
from engine.pipeline import internal
from engine.rules.book import Book
from engine.sketch import Contracts
from engine.stream.reader import Place
from engine.stream.state import Source

_BATCH = 100  # letters that are read at once
GONE = "gone: its value is nowhere any more"


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """One letter's part of a dry run. `fails`: it would be a dead letter again before anything is sent."""

    source: Source
    kind: Kind
    fails: bool

    def fields(self) -> dict[str, Any]:
        """For machines."""
        return {**self.source._asdict(), **self.kind._asdict(), "fails": self.fails}


class Rehearsal:
    """One dry run.

    Args:
        config: limits, and the APIs' documents.
        book: the rules.
        load: letters by their places; blocks.
        preparation: makes jobs.
        from_start: begin at the first request in any case.

    Attributes:
        kinds: how many letters there are of each kind.
        failing: how many would be dead letters again, or are gone.
    """

    def __init__(
        self,
        config: Config,
        book: Book,
        load: Callable[[Iterable[Place]], Mapping[Place, Message]],
        preparation: Preparation,
        *,
        from_start: bool,
    ) -> None:
        self._config = config
        self._book = book
        self._load = load
        self._preparation = preparation
        self._from_start = from_start
        self._contracts = Contracts(config)
        self.kinds: Counter[Kind] = Counter()
        self.failing = 0

    async def run(self, gathering: Gathering) -> AsyncIterator[Rehearsed]:
        """One after the other, in the order of a replay."""
        for batch in gathering.batches(_BATCH):
            messages = await asyncio.to_thread(self._load, [place for _, place in batch])
            for source, place in batch:
                message = messages.get(place)
                job = None if message is None else await self._preparation.job(message)
                rehearsed = Rehearsed(source, Kind("-", "-", GONE), True) if job is None else self._one(job)
                kind = rehearsed.kind
                self.kinds[kind._replace(begins=pattern(kind.begins)) if rehearsed.fails else kind] += 1
                self.failing += rehearsed.fails
                yield rehearsed

    def _one(self, job: Job) -> Rehearsed:
        event = job.event
        rule = None if event is None else self._book.find(event.type, event.version)
        name = "-" if rule is None else rule.name
        try:
            kind = self._kind(job)
        except Undeliverable as error:
            return Rehearsed(job.letter.source, Kind(name, "-", f"fails again at {error.stage}: {error}"), True)
        except Exception as error:  # a bug of ours, as it would end a replay's letter
            bug = internal(Stage.RENDER, error)
            return Rehearsed(job.letter.source, Kind(name, "-", f"fails again at {bug.stage}: {bug}"), True)
        return Rehearsed(job.letter.source, kind, False)

    def _kind(self, job: Job) -> Kind:
        """What would be sent.

        Raises:
            Undeliverable: nothing, it would be a dead letter again.
        """
        event = job.event
        if event is None or job.failure is not None:
            raise job.failure or Undeliverable(Stage.DECODE, "the record has no event")
        rule = self._book.find(event.type, event.version)
        if rule is None:
            if self._config.events.unknown_type == "skip":
                return Kind("-", "-", "skipped: there is no rule for it")
            raise Undeliverable(Stage.ROUTE, f"there is no rule for event_type {event.type[:200]!r}")
        if not rule.applies(event):
            return Kind(rule.name, "-", "skipped: the rule's `when` is false")
        beginning = begin(rule, event, self._config.limits, job.letter, job.conversation, from_start=self._from_start)
        if beginning.failure is not None:
            raise beginning.failure
        return Kind(rule.name, self._first(beginning), where(beginning))

    def _first(self, beginning: Beginning) -> str:
        request = beginning.request
        if request is None:
            return "-"
        self._contracts.check(request)
        return f"{request.id}: {request.method} {request.template}"
