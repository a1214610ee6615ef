"""Letters become jobs: the event's own record again, decoded, with its ordering key by the rules as they are now."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from engine.deadletters.conversation import Conversation, read_conversation
from engine.deadletters.gathering import Gathering, ParkedLane
from engine.deadletters.letter import DeadLetter, original, read_letter, resume_of
from engine.deadletters.standing import Newest
from engine.errors import Stage, Undeliverable
from engine.events.event import Event, Message
from engine.pipeline import Observer, internal
from engine.rules.book import Book
from engine.stream.lease import Lease
from engine.stream.letter import Letter
from engine.stream.reader import Place
from engine.stream.state import Source, State


@dataclass(frozen=True, slots=True)
class Ways:
    """How a replay reaches the world.

    Attributes:
        load: the letters at these places, as far as they are there; blocks.
        bury: returns when a dead letter is durable.
        note: returns when records of the state topic are durable.
        wall: the time, in UTC.
        clock: monotonic seconds.
        redact: takes secrets out of a text.
        observer: told of requests.
    """

    load: Callable[[Iterable[Place]], Mapping[Place, Message]]
    bury: Callable[[Letter, Lease], Awaitable[None]]
    note: Callable[..., Awaitable[None]]
    wall: Callable[[], datetime]
    clock: Callable[[], float]
    redact: Callable[[str], str]
    observer: Observer


@dataclass(frozen=True, slots=True)
class Job:
    """A letter in its lane.

    Attributes:
        letter: the newest of its source offset.
        places: of all letters of that offset.
        message: the event's record, as it stood at its source.
        event: what it means, None where that is not known; `failure`: why not.
        key: of its lane here.
        lane: of its parked key, None where its key is not parked.
        conversation: the answers so far, None without.
        replays: how often it was replayed before.
        resume: the answers so far as the letter has them.
    """

    letter: DeadLetter
    places: tuple[Place, ...]
    message: Message
    event: Event | None
    failure: Undeliverable | None
    key: Hashable
    lane: ParkedLane | None
    conversation: Conversation | None
    replays: int
    resume: bytes | None

    @property
    def size(self) -> int:
        """Bytes of key and value."""
        return len(self.message.key or b"") + len(self.message.value or b"")


class Preparation:
    """Makes jobs of letters.

    Args:
        decode: an event; raises Undeliverable, and waits while the registry is away.
        load_event: an event's own record, None where the topic does not have it any more; blocks.
        book: the rules.
        gathering: what is parked.
        newest: knows all letters of an event.
        state: knows how often it was replayed.
    """

    def __init__(
        self,
        decode: Callable[[Message], Awaitable[Event]],
        load_event: Callable[[Source], Message | None],
        book: Book,
        gathering: Gathering,
        newest: Newest,
        state: State,
    ) -> None:
        self._decode = decode
        self._load_event = load_event
        self._book = book
        self._gathering = gathering
        self._newest = newest
        self._state = state

    async def job(self, message: Message) -> Job | None:
        """A job for a letter; None where its event is gone."""
        letter = read_letter(message)
        if letter is None:
            return None
        record = original(message, letter)
        if letter.truncated:
            found = await asyncio.to_thread(self._load_event, letter.source)
            if found is None:
                return None
            record = replace(record, value=found.value)
        event, failure, key = await self._event(record)
        lane = self._gathering.parked(letter)
        known, resume = self._state.letter(letter.source), resume_of(message)
        return Job(
            letter=letter,
            places=self._newest.places(letter),
            message=record,
            event=event,
            failure=failure,
            key=(record.partition, letter.lane if lane is not None else key),
            lane=lane,
            conversation=read_conversation(resume),
            replays=letter.replays if known is None else max(letter.replays, known.replays),
            resume=resume,
        )

    async def _event(self, record: Message) -> tuple[Event | None, Undeliverable | None, Hashable]:
        """The event, why it cannot be processed, and its ordering key by the rules as they are now."""
        event: Event | None = None
        try:
            event = await self._decode(record)
            rule = self._book.find(event.type, event.version)
            return event, None, record.key if rule is None else rule.order_key(event)
        except Undeliverable as error:
            return event, error, record.key
        except Exception as error:  # a bug of ours: the letter stays, with where it happened
            return event, internal(Stage.DECODE if event is None else Stage.RENDER, error), record.key
