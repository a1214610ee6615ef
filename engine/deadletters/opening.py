"""Opens what a replay needs: schemas, clients, the writers of dead letters and of the state topic."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

import structlog

from engine.api.clients import build_clients
from engine.api.messages import Request
from engine.config.model import Config
from engine.deadletters.ledger import Ledger
from engine.deadletters.preparation import Ways
from engine.errors import SchemaPending, Unavailable
from engine.events.decoder import Decoder
from engine.events.envelope import to_event
from engine.events.event import Event, Message
from engine.events.registry import Registry
from engine.events.schemas import LocalSchemas
from engine.observe.mask import Mask, secrets_of
from engine.pipeline import Journey, Pipeline
from engine.quix import producer
from engine.rules.book import Book
from engine.stream.deadletters import DeadLetters
from engine.stream.lease import Lease
from engine.stream.reader import Place, TopicReader
from engine.stream.state import Entry, Source
from engine.stream.state_topic import StateMissing, StateWriter, topic_name
from engine.stream.topics import LetterTopic, create_state_topic

_AGAIN = 0.5  # seconds before the registry is asked again; doubles up to _MOST
_MOST = 30.0
_CLOSE = 10.0  # seconds for the writers to end

log = structlog.get_logger()


@dataclass(slots=True)
class Requests:
    """Counts what is sent; a replay has no metrics and no log line a request."""

    sent_so_far: int = 0
    retries: int = 0

    def sent(self, journey: Journey, request: Request, status: int | None, seconds: float) -> None:  # noqa: ARG002
        """See `pipeline.Observer`."""
        self.sent_so_far += 1

    def retried(
        self,
        journey: Journey,  # noqa: ARG002 - as the protocol has it
        request: Request,  # noqa: ARG002
        reason: str,  # noqa: ARG002
        attempt: int,  # noqa: ARG002
        delay: float,  # noqa: ARG002
        text: str,  # noqa: ARG002
    ) -> None:
        """See `pipeline.Observer`."""
        self.retries += 1


class Decoding:
    """Decodes letters as `engine run` decodes events; the registry is asked in a worker thread.

    Raises:
        Unusable: a schema folder or a CA file cannot be used.
    """

    def __init__(self, config: Config) -> None:
        self._events = config.events
        self._registry = Registry(config.schema_registry)
        schemas = LocalSchemas(config.events.schemas, required=config.events.schemas_configured)
        self._decoder = Decoder(config.events, config.limits, schemas, self._registry)

    def event(self, record: Message) -> Event:
        """Decode a letter's event; asks the registry where it must. Blocks.

        Raises:
            Undeliverable: it cannot be decoded.
            Unavailable: the registry is away.
        """
        while True:
            try:
                return self._read(record)
            except SchemaPending as pending:
                self._registry.fetch(pending.schema_id)

    async def event_soon(self, record: Message, lease: Lease) -> Event:
        """The same on the event loop, and for as long as it takes.

        Raises:
            Undeliverable: it cannot be decoded.
            Revoked: the replay is to stop.
        """
        delay = _AGAIN
        while True:
            try:
                return self._read(record)
            except SchemaPending as pending:
                schema_id = pending.schema_id
            try:
                await asyncio.to_thread(self._registry.fetch, schema_id)
            except Unavailable as error:
                log.warning("registry.away", schema_id=schema_id, reason=str(error), again_in_s=delay)
                await lease.sleep(delay)
                delay = min(_MOST, delay * 2)

    def close(self) -> None:
        """Close the connections."""
        self._registry.close()

    def _read(self, record: Message) -> Event:
        found = self._decoder.record(record.value or b"", record.headers)
        return to_event(found, record, self._events.envelope, self._events.format)


@dataclass(frozen=True, slots=True)
class Opened:
    """What a replay works with."""

    pipeline: Pipeline
    ways: Ways
    requests: Requests


@asynccontextmanager
async def opened(config: Config, book: Book, letters: TopicReader, topic: LetterTopic) -> AsyncIterator[Opened]:
    """Open everything, and close it when the replay is over.

    Args:
        config: all of it.
        book: the rules.
        letters: reads the dead-letter topic.
        topic: what is known of that topic.

    Raises:
        Unusable: a certificate, document or option cannot be used.
    """
    clients = build_clients(config, on_outage=partial(_tell, config))
    skip = config.events.unknown_type == "skip"
    pipeline = Pipeline(book, clients, config.limits, skip_unknown=skip, wall=time.time)
    dead_letters = DeadLetters(
        lambda: producer(config.kafka, topic.max_message_bytes),
        config.dlq.topic,
        same_partitions=topic.same_partitions,
        failed=lambda: None,
    )
    state = StateWriter(config.kafka, topic_name(config.dlq.topic))
    ledger, requests = Ledger(partial(_note, config, state)), Requests()
    ways = Ways(
        load=letters.load,
        bury=dead_letters.write,
        note=ledger.write,
        wall=lambda: datetime.now(UTC),
        clock=time.monotonic,
        redact=Mask(config.log.mask, secrets_of(config)).text,
        observer=requests,
    )
    try:
        yield Opened(pipeline, ways, requests)
    finally:
        await ledger.close()
        await asyncio.to_thread(dead_letters.close, _CLOSE)
        await asyncio.gather(*(client.close() for client in clients.values()), return_exceptions=True)
        state.close()


def source_reader(config: Config) -> Callable[[Source], Message | None]:
    """What finds an event whose letter has no value at its source, if it is still there; blocks."""

    def read(source: Source) -> Message | None:
        place = Place(source.partition, source.offset)
        with TopicReader(config.kafka, source.topic) as reader:
            return reader.load([place]).get(place)

    return read


def _note(config: Config, state: StateWriter, entries: Sequence[Entry]) -> None:
    """Write, and make the topic where somebody deleted it."""
    try:
        state.write(entries)
    except StateMissing as missing:
        log.warning("state.missing", reason=str(missing), means="it is made anew")
        create_state_topic(config)
        state.write(entries)


def _tell(config: Config, api: str, away: bool) -> None:
    name = f"apis.{api}" if api else "api"
    if away:
        log.error("outage.opened", api=name, probe_every_s=config.outage and config.outage.probe_every)
    else:
        log.warning("outage.closed", api=name)
