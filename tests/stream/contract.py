"""What the stream side promises, on any broker: one suite, run on the embedded one and on Kafka.

The engine runs in this process as `engine run` puts it together; the API is a process of its own.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Thread
from typing import Any, Protocol

from engine.config.model import Api, Config, Dlq, Events, HeaderAuth, Kafka, Limits, RetryPolicy, Rules
from engine.config.secret import Secret
from engine.loops import run
from engine.observe.health import Health
from engine.observe.metrics import Metrics
from engine.service import Parts, Service
from tests.api_server.client import ApiServer
from tests.rig.events import NOTE, note, note_json, rules_folder
from tests.rig.topics import Headers, Record, Topics
from tests.rig.waiting import eventually, stays

PARTITIONS = 4
LETTER = 20_000
"""Bytes that the dead-letter topic takes."""

_STUBBORN = RetryPolicy(max_retries=100_000, initial_delay=0.05, max_delay=0.1)


class Broker(Protocol):
    """A broker for the suite."""

    @property
    def address(self) -> str:
        """Bootstrap address."""
        ...

    def create(self, topic: str, settings: Mapping[str, str]) -> None:
        """Make a topic of 4 partitions."""
        ...

    def parts(self) -> Parts:
        """What the engine needs to be given on this broker."""
        ...


class Node:
    """One engine in this process, on a thread and an event loop of its own."""

    def __init__(self, config: Config, parts: Parts) -> None:
        self.metrics = Metrics()
        self.health = Health(time.monotonic)
        self._config = config
        self._parts = parts
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._ended: list[int] = []
        self._thread = Thread(target=self._drive, daemon=True)

    def begin(self) -> None:
        """Start it."""
        self._thread.start()

    def start(self) -> Node:
        """Start it; returns when it has joined the group."""
        self.begin()
        eventually(lambda: self.health.ready()[0] or not self._thread.is_alive(), what="the engine is ready")
        assert self._thread.is_alive(), "the engine ended at its start"
        return self

    def stop(self) -> int:
        """As SIGTERM does; its exit code."""
        if self._thread.is_alive() and self._loop is not None and self._stop is not None:
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(40)
        assert not self._thread.is_alive(), "the engine did not end"
        return self._ended[0]

    @property
    def running(self) -> bool:
        """Whether it was started and has not ended."""
        return self._thread.is_alive()

    def total(self, name: str, *labels: str) -> float:
        """Sum of the series of a name whose labels contain all these texts."""
        lines = self.metrics.expose("")[0].decode().splitlines()
        series = [line.rpartition(" ") for line in lines if line.partition("{")[0].partition(" ")[0] == name]
        return sum(float(value) for labelled, _, value in series if all(label in labelled for label in labels))

    def _drive(self) -> None:
        self._ended.append(run(self._main()))

    async def _main(self) -> int:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        service = Service(self._config, self.metrics, self.health, self._parts)
        return await service.run(self._stop, asyncio.Event())


@dataclass
class Stage:
    """A topic, its dead letters, a group and the engines of one test."""

    broker: Broker
    api: ApiServer
    config: Config
    topics: Topics
    nodes: list[Node] = field(default_factory=list)

    @property
    def topic(self) -> str:
        """Of the events."""
        return self.config.kafka.topic

    def node(self, *, begin: bool = True, **sections: Any) -> Node:
        """An engine, started unless `begin` is False; `sections` replace those of the configuration."""
        made = Node(replace(self.config, **sections), self.broker.parts())
        self.nodes.append(made)
        return made.start() if begin else made

    def note(self, ref_id: str, number: int, partition: int = 0) -> None:
        """Queue one event; `flush` sends it."""
        self.topics.produce(self.topic, note_json(ref_id, number), ref_id, partition=partition)

    def notes(self, events: int, keys: int, *, first: int = 1) -> None:
        """Produce events for the keys AC-1 to AC-<keys> in turn, a key always in the same partition."""
        for number in range(first, first + events):
            key = number % keys + 1
            self.note(f"AC-{key}", number, key % PARTITIONS)
        self.topics.flush()

    def wait_applied(self, events: int) -> None:
        """Return when the API has applied so many different events."""
        eventually(lambda: self.api.stats()["distinct"] >= events, what=f"{events} events are applied")

    def committed(self) -> dict[int, tuple[int, str]]:
        """Offset and metadata of the group."""
        return self.topics.committed(self.topic, self.config.kafka.group)

    def wait_committed(self) -> None:
        """Return when everything is committed."""
        eventually(lambda: self.topics.lag(self.topic, self.config.kafka.group) == 0, what="lag 0")

    def verdict(self) -> tuple[int, int, int]:
        """Of the API: writes applied, repeated, out of order."""
        stats = self.api.stats()
        return stats["applied"], stats["repeats"], stats["order_violations"]

    def letters(self, count: int) -> list[Record]:
        """The dead letters, when there are so many."""
        return self.topics.letters(self.config.dlq.topic, count)

    def letter_of(self, value: bytes | None, key: str | None, headers: Headers = ()) -> tuple[Record, Record]:
        """Produce one record that fails: the record and its dead letter."""
        before = {letter.source for letter in self.topics.read(self.config.dlq.topic)}
        self.topics.produce(self.topic, value, key, partition=1, headers=headers)
        self.topics.flush()
        found = [letter for letter in self.letters(len(before) + 1) if letter.source not in before]
        (letter,) = found
        (original,) = [one for one in self.topics.read(self.topic) if (one.partition, one.offset) == letter.source]
        return original, letter

    def close(self) -> None:
        """End what still runs."""
        for node in self.nodes:
            if node.running:
                node.stop()


def make_stage(broker: Broker, topics: Topics, api: ApiServer, folder: Path, name: str) -> Stage:
    """A new stage whose topics are called after `name`."""
    api.reset(controls=60)
    config = Config(
        kafka=Kafka(
            brokers=broker.address,
            topic=name,
            group=f"{name}-group",
            consumer_options={"session.timeout.ms": 3000, "heartbeat.interval.ms": 300},
        ),
        events=Events(format="json"),
        api=Api(url=api.url, auth=HeaderAuth("Authorization", Secret(api.token), "Token ")),
        retry=RetryPolicy(initial_delay=0.05),
        outage=None,
        dedupe=None,  # what the offsets promise must hold without it
        dlq=Dlq(topic=f"{name}.dlq", storm="continue"),
        rules=Rules(rules_folder(folder / "rules", note=NOTE), reload=False),
        shutdown_timeout=10.0,
    )
    broker.create(config.kafka.topic, {})
    broker.create(config.dlq.topic, {"max.message.bytes": str(LETTER)})
    return Stage(broker, api, config, topics)


class StreamContract:
    """The suite. A subclass gives the fixtures `stage` (one a test) and `steady` (one for all, its engine running).

    Attributes:
        commits_in_a_rebalance: the broker takes what a member commits when it hands a partition over.
    """

    commits_in_a_rebalance = True

    def test_a_new_group_begins_at_the_first_message(self, stage: Stage) -> None:
        """Without an offset of the group, events from before the start are done and committed; metadata is empty."""
        stage.notes(40, 20)
        stage.node()
        stage.wait_applied(40)
        stage.wait_committed()
        assert (40, 0, 0) == stage.verdict()
        assert {""} >= {metadata for _, metadata in stage.committed().values() if len(metadata) > 2}

    def test_start_latest_begins_with_what_comes_then(self, stage: Stage) -> None:
        """`kafka.start: latest`: older events are passed over; the place is kept for the next start."""
        stage.notes(40, 20)
        first = stage.node(kafka=replace(stage.config.kafka, start="latest"))
        stage.wait_committed()
        stage.notes(20, 20, first=41)
        stage.wait_applied(20)
        assert 0 == first.stop()
        stage.notes(20, 20, first=61)
        stage.node(kafka=replace(stage.config.kafka, start="latest"))
        stage.wait_applied(40)
        assert (40, 0, 0) == stage.verdict()
        assert 41 == min(number for numbers in stage.api.applied().values() for number in numbers)

    def test_what_is_done_beyond_the_watermark_is_not_repeated(self, stage: Stage) -> None:
        """Done events behind one that hangs are remembered in the commit's metadata by the next owner."""
        stage.api.faults({"hang": True, "reference": "AC-1"})
        first = stage.node(shutdown_timeout=0.5)
        stage.note("AC-1", 1)
        for number in range(2, 40):
            stage.note(f"AC-{number}", number)
        stage.topics.flush()
        stage.wait_applied(38)
        eventually(lambda: stage.committed()[0][0] == 0 and stage.committed()[0][1], what="metadata is committed")
        assert 0 == first.stop()
        stage.api.faults()
        second = stage.node()
        stage.wait_applied(39)
        stage.wait_committed()
        assert (39, 0, 0) == stage.verdict()
        assert 1 == second.total("engine_events_total", 'outcome="done"')

    def test_an_orderly_stop_repeats_nothing(self, stage: Stage) -> None:
        """Stopped at load it finishes what is under way and commits; the next one begins behind it."""
        stage.api.faults(latency=0.1)  # 600 events would take eight seconds: it is stopped long before their end
        first = stage.node()
        stage.notes(600, 40)
        stage.wait_applied(60)
        assert 0 == first.stop()
        assert stage.api.stats()["applied"] < 600
        stage.api.faults()
        stage.node()
        stage.wait_applied(600)
        stage.wait_committed()
        assert (600, 0, 0) == stage.verdict()

    def test_two_consumers_share_and_hand_over_without_repeating(self, stage: Stage) -> None:
        """One joins, one leaves at load: each event once, where the broker takes the commit; in order per key."""
        stage.api.faults(latency=0.01)
        first = stage.node()
        second = stage.node(begin=False)
        second.begin()
        events = 0

        def the_second_works() -> bool:
            nonlocal events
            stage.notes(20, 40, first=events + 1)  # there is load for as long as the rebalance lasts
            events += 20
            return second.total("engine_events_total", 'outcome="done"') >= 20

        eventually(the_second_works, within=90.0, every=0.1, what="the second works, too")
        stage.notes(300, 40, first=events + 1)
        assert 0 == first.stop()
        stage.wait_applied(events + 300)
        stage.wait_committed()
        applied, repeats, violations = stage.verdict()
        assert (events + 300, 0) == (applied - repeats, violations)
        assert 0 == repeats or not self.commits_in_a_rebalance

    def test_a_stuck_key_holds_up_others_at_the_bound_only(self, stage: Stage) -> None:
        """Other keys pass it until `in_flight` events wait in its partition; that pauses, other partitions go on."""
        stage.api.faults({"status": 503, "reference": "AC-1"})
        node = stage.node(limits=Limits(in_flight=20), retry=_STUBBORN)
        for number in range(1, 7):
            stage.note("AC-1", number)
            stage.note("AC-2", 2 * number - 1)
            stage.note("AC-2", 2 * number)
        stage.topics.flush()
        stage.wait_applied(12)
        assert 0 == node.total("engine_partition_paused", 'partition="0"')
        for number in range(7, 37):
            stage.note("AC-1", number)
            stage.note("AC-3", number, 1)
        stage.note("AC-2", 37)
        stage.topics.flush()
        paused = ("engine_partition_paused", 'partition="0"', 'reason="in_flight"')
        eventually(lambda: node.total(*paused) == 1, what="the partition is paused")
        stage.wait_applied(42)
        # the gauge is a second old at most, and partition 1 had events under way then
        eventually(lambda: node.total("engine_in_flight") <= 20, what="partition 1 is done")
        stays(lambda: node.total("engine_in_flight") <= 20 and stage.api.stats()["distinct"] == 42, during=1.2)
        stage.api.faults()
        stage.wait_applied(79)
        stage.wait_committed()
        assert (79, 0, 0) == stage.verdict()
        eventually(lambda: node.total(*paused) == 0, what="the partition goes on")

    def test_a_dead_letter_is_the_original_and_what_is_known(self, steady: Stage) -> None:
        """Key, value and headers byte for byte, null and duplicate headers too; forged `dlq.*` headers are dropped."""
        headers: Headers = (
            ("trace", b"1"), ("trace", b"2"), ("empty", b""), ("nothing", None), ("binary", b"\xff\x00"),
            ("dlq.stage", b"forged"), ("DLQ.Replays", b"7"), ("dlq.resume", b"{}"),
        )  # fmt: skip
        original, letter = steady.letter_of(note_json("AC-404", 1), "AC-404", headers)
        assert (original.key, original.value) == (letter.key, letter.value)
        assert headers[:5] == letter.headers[:5]
        assert original.partition == letter.partition
        assert [] == [name for name, _ in letter.headers[5:] if not name.startswith("dlq.")]
        event = note("AC-404", 1)
        expected = {
            "stage": "expect", "error.class": "Undeliverable", "attempts": "1", "rule": "note", "request": "find",
            "event.id": event["event_id"], "event.type": "note", "event.version": "1", "source.topic": steady.topic,
            "source.partition": "1", "source.offset": str(original.offset), "replays": "0",
        }  # fmt: skip
        assert expected == {name: letter.text(f"dlq.{name}") for name in expected}
        assert "\n" not in (letter.text("dlq.error") or "\n")
        assert (letter.text("dlq.failed_at") or "").endswith("Z")
        assert int(letter.text("dlq.source.timestamp") or 0) > 1_600_000_000_000

    def test_bytes_without_meaning_are_a_dead_letter_too(self, steady: Stage) -> None:
        """Stage `decode`, without key and headers; nothing is said of an event."""
        original, letter = steady.letter_of(b"\xff{", None)
        assert (None, b"\xff{") == (letter.key, letter.value)
        assert "decode" == letter.text("dlq.stage")
        assert [] == [name for name, _ in letter.headers if name.startswith("dlq.event.")]
        assert original.offset == letter.source[1]

    def test_a_tombstone_is_passed_over(self, steady: Stage) -> None:
        """A record without a value is counted and committed, neither done nor dead; what follows is done."""
        before, letters = steady.api.stats()["applied"], steady.topics.count(steady.config.dlq.topic)
        node = steady.nodes[0]
        tombstones = node.total("engine_events_total", 'outcome="tombstone"')
        steady.topics.produce(steady.topic, None, "AC-5", partition=2)
        steady.note("AC-5", 1, 2)
        steady.topics.flush()
        eventually(lambda: steady.api.stats()["applied"] == before + 1)
        assert tombstones + 1 == node.total("engine_events_total", 'outcome="tombstone"')
        steady.wait_committed()
        assert letters == steady.topics.count(steady.config.dlq.topic)

    def test_a_letter_too_big_for_its_topic_shrinks(self, steady: Stage) -> None:
        """The value goes last, and `dlq.truncated` says so; key, original headers and the source stay."""
        headers: Headers = (("trace", b"1"), ("nothing", None))
        fits = json.dumps(note("AC-404", 2, padding="x" * (LETTER // 2))).encode()
        _, letter = steady.letter_of(fits, "AC-404", headers)
        assert (fits, None) == (letter.value, letter.text("dlq.truncated"))
        original, letter = steady.letter_of(note_bytes(LETTER), "AC-404", headers)
        assert (b"AC-404", None, "value") == (letter.key, letter.value, letter.text("dlq.truncated"))
        assert headers == letter.headers[:2]
        assert ("expect", None) == (letter.text("dlq.stage"), letter.text("dlq.resume"))
        assert (original.partition, original.offset) == letter.source
        steady.wait_committed()


def note_bytes(size: int) -> bytes:
    """An event that fails, larger than `size` bytes."""
    return json.dumps(note("AC-404", 3, padding="x" * size)).encode()
