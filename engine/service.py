"""`engine run`, put together: opens the parts, keeps them going, stops them in order."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import structlog
from confluent_kafka import KafkaException, TopicPartition

from engine import __version__
from engine.api.client import Client
from engine.api.clients import build_clients
from engine.config.model import Config
from engine.errors import Unavailable
from engine.events.decoder import Decoder
from engine.events.registry import Registry
from engine.events.schemas import LocalSchemas
from engine.observe.health import Health
from engine.observe.journal import Journal
from engine.observe.mask import Mask, secrets_of
from engine.observe.metrics import Metrics
from engine.pipeline import Pipeline
from engine.quix import Consumer, consumer, producer, session_timeout
from engine.reload import Reloader
from engine.rules.book import load_book
from engine.stream.commits import Cadence, Committer
from engine.stream.deadletters import DeadLetters
from engine.stream.gaps import Gaps
from engine.stream.intake import Intake
from engine.stream.keeper import Keeper
from engine.stream.lease import Stamp
from engine.stream.processor import Processor
from engine.stream.source import Source
from engine.stream.state_topic import StateReader, StateWriter, topic_name
from engine.stream.topics import Topics, create_state_topic, prepare

_STATS_EVERY = 1.0
_DLQ_EVERY = 5.0
_DLQ_PATIENCE = 2.0  # seconds for the ends of one partition of the dead-letter topic
_KEEPER_CLOSE = 2.0
_SILENT = 30.0  # seconds without progress of a thread after which /livez fails

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Parts:
    """What `engine demo` makes differently.

    Attributes:
        topics: makes and checks the topics.
        journal: writes log and metrics.
    """

    topics: Callable[[Config, Decoder], Topics] = prepare
    journal: Callable[[Metrics, Callable[[], float]], Journal] = Journal


class Service:
    """One consuming process. `run` may be called once, on the loop that everything lives on."""

    def __init__(self, config: Config, metrics: Metrics, health: Health, parts: Parts = Parts()) -> None:
        """Read rules, schemas, certificates; connect to nothing.

        Raises:
            Unusable: one of them cannot be used.
        """
        self._config = config
        self._metrics = metrics
        self._health = health
        self._parts = parts
        self._registry = Registry(config.schema_registry)
        schemas = LocalSchemas(config.events.schemas, required=config.events.schemas_configured)
        self._decoder = Decoder(config.events, config.limits, schemas, self._registry)
        self._book = load_book(config.rules.path, config.limits, config.apis)
        self._outages: set[str] = set()
        self._clients: Mapping[str, Client] = build_clients(config, on_outage=self._on_outage)
        self._processor: Processor | None = None
        self._counting: asyncio.Task[int] | None = None
        self._letting_go = False
        metrics.built(__version__, config.api.transport)
        metrics.rules(len(self._book))
        health.set_ready("rules", True)

    async def run(self, stop: asyncio.Event, look_again: asyncio.Event) -> int:
        """Consume until `stop` is set.

        Args:
            stop: set on SIGTERM or SIGINT.
            look_again: set on SIGHUP: read the rules again, and go on where the engine holds.

        Returns:
            0 stopped in order, 1 failed.

        Raises:
            Unusable: a topic is missing.
        """
        beat = asyncio.create_task(self._beat())
        try:
            topics = await self._topics(stop)
            return 0 if topics is None else await self._consume(topics, stop, look_again)
        finally:
            beat.cancel()
            await asyncio.gather(*(client.close() for client in self._clients.values()), return_exceptions=True)
            self._registry.close()

    async def _topics(self, stop: asyncio.Event) -> Topics | None:
        """The topics; while the broker is away the engine waits. None: stopped meanwhile."""
        while not stop.is_set():
            try:
                return await asyncio.to_thread(self._parts.topics, self._config, self._decoder)
            except Unavailable as error:
                log.warning("broker.away", reason=str(error), again_in_s=2.0)
                self._health.set_ready("broker", False, str(error))
            with suppress(TimeoutError):
                async with asyncio.timeout(2.0):
                    await stop.wait()
        return None

    async def _consume(self, topics: Topics, stop: asyncio.Event, look_again: asyncio.Event) -> int:
        config, loop = self._config, asyncio.get_running_loop()
        client = consumer(config.kafka)
        stamp = Stamp(time.monotonic(), session_timeout(config.kafka) / 2)
        pipeline = Pipeline(
            self._book,
            self._clients,
            config.limits,
            skip_unknown=config.events.unknown_type == "skip",
            wall=time.time,
        )
        processor = self._processor = self._assemble(topics, stamp, client, pipeline)
        source = Source(
            client,
            config.kafka.topic,
            config.kafka.start,
            config.limits,
            processor,
            loop,
            stamp=stamp,
            beat=lambda: self._health.beat("consumer"),
            paused=self._metrics.paused,
            patience=config.shutdown_timeout + 10.0,
        )
        self._health.watch("consumer", config.shutdown_timeout + _SILENT)
        reloader = Reloader(config, pipeline, self._metrics, processor.storm.release)
        tasks = [
            asyncio.create_task(self._commit(processor)),
            asyncio.create_task(self._measure(processor, client, topics)),
            asyncio.create_task(reloader.watch(look_again)),
        ]
        self._keeper.begin()
        source.begin()
        log.info("engine.started", topic=config.kafka.topic, group=config.kafka.group, rules=len(self._book))
        error = await self._until(stop, processor, tasks)
        self._health.set_ready("draining", False, "the engine stops")
        await processor.drain()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._let_go()
        await asyncio.to_thread(source.stop, config.shutdown_timeout)
        await self._close()
        log.info("engine.stopped", failed=error is not None)
        return 0 if error is None else 1

    def _assemble(self, topics: Topics, stamp: Stamp, client: Consumer, pipeline: Pipeline) -> Processor:
        config, metrics = self._config, self._metrics
        self._committer = Committer(
            client, config.kafka.topic, stamp=stamp, clock=time.monotonic, failed=metrics.commit_failure
        )
        self._dead_letters = DeadLetters(
            lambda: producer(config.kafka, topics.max_message_bytes),
            config.dlq.topic,
            same_partitions=topics.partitions == topics.dlq_partitions,
            failed=metrics.dead_letter_failure,
        )
        self._keeper = _keeper(config)
        journal = self._parts.journal(metrics, time.time)
        self._intake = Intake(
            topics.main, config.events, self._registry, pipeline, journal.tombstone, clock=time.monotonic
        )
        return Processor(
            config,
            pipeline,
            self._intake,
            self._committer,
            self._dead_letters,
            journal,
            metrics,
            stamp=stamp,
            trust=stamp.trust,
            clock=time.monotonic,
            redact=Mask(config.log.mask, secrets_of(config)).text,
            on_change=self._tell_ready,
            keeper=self._keeper,
        )

    async def _until(
        self, stop: asyncio.Event, processor: Processor, tasks: list[asyncio.Task[None]]
    ) -> BaseException | None:
        """Until the engine is told to stop, or cannot go on: without its commits, say, it must not stay in silence."""
        stopping = asyncio.ensure_future(stop.wait())
        waits: list[asyncio.Future[Any]] = [stopping, processor.failure, *tasks]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        errors = [processor.failure.result()] if processor.failure.done() else []
        errors += [error for task in tasks if task.done() and (error := task.exception()) is not None]
        if not errors:
            return None
        error = errors[0]
        log.error("engine.failed", error=str(error), exc_info=error)
        return error

    async def _close(self) -> None:
        await self._intake.close()
        await self._keeper.close(_KEEPER_CLOSE)
        self._committer.close()
        await asyncio.to_thread(self._dead_letters.close, 10.0)

    async def _commit(self, processor: Processor) -> None:
        cadence, loop = Cadence(self._config.commit_interval), asyncio.get_running_loop()
        pause = self._config.commit_interval
        while True:
            await asyncio.sleep(pause)
            began = loop.time()
            await processor.commit()
            took = loop.time() - began
            pause = max(0.0, cadence.after(took) - took)

    async def _beat(self) -> None:
        self._health.watch("loop", _SILENT)
        while True:
            self._health.beat("loop")
            await asyncio.sleep(_STATS_EVERY)

    async def _measure(self, processor: Processor, client: Consumer, topics: Topics) -> None:
        """The gauges that nobody's event changes."""
        due = 0.0
        gaps = Gaps(self._config.kafka)
        while True:
            self._metrics.in_flight(processor.in_flight())
            with suppress(KafkaException):  # the broker is away, or a partition goes just now
                await self._pass_gaps(gaps, processor, self._lag(processor, client))
            if time.monotonic() >= due:
                due = time.monotonic() + _DLQ_EVERY
                self._counting = asyncio.create_task(asyncio.to_thread(self._count, client, topics))
                with suppress(KafkaException):
                    self._metrics.dead_letter_messages(await asyncio.shield(self._counting))
            await asyncio.sleep(_STATS_EVERY)

    async def _pass_gaps(self, gaps: Gaps, processor: Processor, ends: dict[int, int]) -> None:
        for partition, watermark in gaps.suspects(processor.stuck(), ends):
            end = await asyncio.to_thread(gaps.end, partition.number, watermark)
            if end is not None and partition in processor.stuck():
                partition.progress.reach(end)

    def _lag(self, processor: Processor, client: Consumer) -> dict[int, int]:
        """Ends of the partitions, as far as the consumer knows them; shown as the distance to them."""
        ends = {}
        for number, partition in processor.partitions.items():
            _, ends[number] = client.get_watermark_offsets(
                TopicPartition(self._config.kafka.topic, number), cached=True
            )
            self._metrics.lag(number, max(0, ends[number] - partition.progress.watermark))
        return ends

    def _count(self, client: Consumer, topics: Topics) -> int:
        """Messages now in the dead-letter topic; tells those that are open. Blocks."""
        messages = settled = 0
        for number in range(topics.dlq_partitions):
            if self._letting_go:
                return messages
            partition = TopicPartition(self._config.dlq.topic, number)
            low, high = client.get_watermark_offsets(partition, timeout=_DLQ_PATIENCE)
            messages += high - low
            settled += self._keeper.settled(number, low, high)
        if self._keeper.known:
            self._metrics.dead_letters_open(messages - settled)
        return messages

    async def _let_go(self) -> None:
        """Return when no other thread holds the consumer: one that uses it while it closes crashes the process."""
        self._letting_go = True
        await self._committer.quiet()
        if self._counting is not None:
            await asyncio.gather(self._counting, return_exceptions=True)

    def _on_outage(self, api: str, away: bool) -> None:
        name = f"apis.{api}" if api else "api"
        if away:
            self._outages.add(name)
            log.error("outage.opened", api=name, probe_every_s=self._config.outage and self._config.outage.probe_every)
        else:
            self._outages.discard(name)
            log.warning("outage.closed", api=name)
        self._metrics.outage(bool(self._outages))
        self._health.set_ready("outage", not self._outages, f"away: {', '.join(sorted(self._outages))}")

    def _tell_ready(self) -> None:
        processor = self._processor
        if processor is None:
            return
        self._health.set_ready("broker", processor.joined, "no partitions were assigned yet")
        self._health.set_ready(
            "storm", not processor.storm.holding, "too many dead letters in a row; mend the rule, or send SIGHUP"
        )


def _keeper(config: Config) -> Keeper:
    topic = topic_name(config.dlq.topic)
    return Keeper(
        topic,
        lambda: StateReader(config.kafka, topic),
        StateWriter(config.kafka, topic),
        lambda: create_state_topic(config),
        clock=time.monotonic,
    )
