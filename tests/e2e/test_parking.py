"""`on_dead: park`: a key stops at its dead letter, in order, over stops and crashes, until it is released."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from threading import Event, Thread

import pytest
from confluent_kafka.admin import AdminClient

from engine.config.model import Kafka as KafkaConfig
from engine.stream.state import Entry, Lane, State, lane_id, parked_entry, released_entry
from engine.stream.state_topic import StateReader, StateWriter, topic_name
from tests.api_server.client import ApiServer
from tests.rig.engine import Ended, Engine, start_verb
from tests.rig.events import NOTE, write_rule
from tests.rig.topics import Record
from tests.rig.waiting import eventually, stays
from tests.rig.world import World
from tests.services.kafka import Kafka

pytestmark = pytest.mark.services

PARK = NOTE.replace("requests:", "on_dead: park\nrequests:", 1)
REFUSED = {"status": 422, "reference": "AC-1"}


@pytest.fixture
def world(tmp_path: Path, kafka: Kafka, api_server: ApiServer) -> Iterator[World]:
    """The rule `note` parks."""
    made = World(tmp_path, kafka, api_server)
    write_rule(made.rules / "note.yaml", PARK)
    yield made
    made.close()


def _letters(world: World, count: int) -> list[Record]:
    """The dead letters of AC-1, one a source offset, in the order of their events."""
    found = {letter.source: letter for letter in world.topics.letters(world.dlq, count)}
    return [found[source] for source in sorted(found)]


def _numbers(letters: list[Record]) -> list[int]:
    return [int((letter.value or b"").rpartition(b'"n ')[2].rstrip(b'"}')) for letter in letters]


def _state(world: World) -> State:
    state = State()
    with StateReader(KafkaConfig(brokers=world.kafka.address), topic_name(world.dlq)) as reader:
        end = reader.end()
        while reader.position < end:
            for key, value in reader.take(1.0):
                state.apply(key, value)
    return state


def _write(world: World, *entries: Entry) -> None:
    StateWriter(KafkaConfig(brokers=world.kafka.address), topic_name(world.dlq)).write(entries)


def _release(world: World, letters: list[Record]) -> Lane:
    partition, last = letters[-1].source
    lane = Lane(world.topic, partition, lane_id("AC-1"))
    _write(world, released_entry(lane, last, datetime.now(UTC)))
    return lane


def test_a_key_is_parked_in_order_over_a_crash_and_a_stop_until_it_is_released(world: World) -> None:
    """Every event of the key is a dead letter, in order, others go on; after the release the next are done directly."""
    world.api.faults(REFUSED)
    first = world.engine().start_ready()
    world.notes(60, 6)  # AC-1 gets 6, 12, ... 60
    assert 10 == len(_letters(world, 10))
    first.kill()
    world.api.faults()
    world.notes(60, 6, first=61)
    second = world.engine().start_ready()
    assert 20 == len(_letters(world, 20))
    world.wait_applied(100)
    world.wait_committed()
    assert 0 == second.stop()
    world.notes(60, 6, first=121)
    third = world.engine().start_ready()
    letters = _letters(world, 30)
    world.wait_committed()
    assert list(range(6, 181, 6)) == _numbers(letters)
    assert ["request", *["parked"] * 29] == [letter.text("dlq.stage") for letter in letters]
    assert {lane_id("AC-1")} == {letter.text("dlq.order_key") for letter in letters}
    lane = _release(world, letters)
    eventually(lambda: third.events("key.released"), what="the engine notices the release")
    world.notes(60, 6, first=181)
    world.wait_applied(150 + 60)
    assert list(range(186, 241, 6)) == world.api.applied()["AC-1"]
    assert 0 == world.api.stats()["order_violations"]
    eventually(lambda: _state(world).parked(lane) is None and _state(world).released(lane) is None)
    assert 30 == world.topics.count(world.dlq)


def test_a_replay_writes_in_the_order_of_the_events_and_lets_the_key_go_on(world: World) -> None:
    """While the engine runs and events keep coming: each once, in order, over two restarts before and one after."""
    world.api.faults(REFUSED)
    first = world.engine().start_ready()
    world.notes(30, 6)
    _letters(world, 5)
    first.kill()
    second = world.engine().start_ready()
    world.notes(30, 6, first=31)
    _letters(world, 10)
    assert 0 == second.stop()
    world.api.faults()
    third = world.engine().start_ready()
    world.notes(30, 6, first=61)
    _letters(world, 15)
    ends: list[Ended] = []
    replay = Thread(target=lambda: ends.append(third.verb("dlq", "replay", "--yes")))
    replay.start()
    number = 91
    while replay.is_alive():
        world.notes(6, 6, first=number)
        number += 6
        replay.join(0.05)
    world.notes(12, 6, first=number)
    world.wait_applied(number + 11)
    world.wait_committed()
    assert list(range(6, number + 12, 6)) == world.api.applied()["AC-1"]
    stats = world.api.stats()
    assert (0, 0) == (stats["order_violations"], stats["repeats"])
    assert [0] == [ended.code for ended in ends]
    eventually(lambda: third.events("key.released"), what="it is told")  # lines wait for others
    assert 0 == third.stop()
    fourth = world.engine().start_ready()
    world.notes(6, 6, first=number + 12)
    world.wait_applied(number + 17)
    eventually(lambda: fourth.total("engine_dead_letters_open") == 0)


class _Flow:
    """Events that keep coming for AC-1 to AC-6, until `end`.

    Attributes:
        number: of the last one.
    """

    def __init__(self, world: World, first: int) -> None:
        self._world = world
        self._ended = Event()
        self.number = first - 1
        self._thread = Thread(target=self._run)
        self._thread.start()

    def end(self) -> int:
        """The number of the last event."""
        self._ended.set()
        self._thread.join()
        return self.number

    def _run(self) -> None:
        while not self._ended.wait(0.1):
            self._world.notes(6, 6, first=self.number + 1)
            self.number += 6


@pytest.mark.parametrize("disturb", ["restarts", "rebalances"])
def test_order_holds_however_the_engine_is_disturbed_during_a_replay(world: World, disturb: str) -> None:
    """A stop, a crash, engines that come and go in the middle of a replay: each event is done, in order per key."""
    world.api.faults({**REFUSED, "reference": "AC-1"}, {**REFUSED, "reference": "AC-2"})
    engine = world.engine().start_ready()
    world.notes(120, 6)
    eventually(lambda: world.topics.count(world.dlq) == 40, what="both keys are parked")
    world.api.faults(latency=0.02)
    flow = _Flow(world, 121)
    replay = start_verb("dlq", "replay", "--yes", "--rate", "12/s", engine=engine)
    try:
        eventually(lambda: len(world.api.applied().get("AC-1", [])) >= 5, what="the replay is under way")
        engine = (_restarts if disturb == "restarts" else _rebalances)(world, engine)
        output, errors = replay.communicate(timeout=90)
    finally:
        replay.kill()
        last = flow.end()
    assert replay.returncode in (0, 1), output + errors  # 1: it says that keys have grown meanwhile
    assert (replay.returncode == 1) == ("grown meanwhile" in output), output + errors
    world.wait_committed()
    rest = engine.verb("dlq", "replay", "--yes")  # what the engine parked after the replay had looked for the last time
    assert 0 == rest.code, rest.output + rest.errors
    eventually(lambda: not list(_state(world).lanes()), what="no key is parked")
    world.notes(6, 6, first=last + 1)
    world.wait_applied(last + 6)
    assert [list(range(key, last + 7, 6)) for key in (6, 1)] == [_first(world, f"AC-{key}") for key in (1, 2)]
    assert 0 == world.api.stats()["order_violations"]


def _restarts(world: World, engine: Engine) -> Engine:
    engine.kill()
    second = world.engine().start_ready()
    time.sleep(1.0)  # of the replay
    assert 0 == second.stop()
    return world.engine().start_ready()


def _rebalances(world: World, engine: Engine) -> Engine:
    second = world.engine().start_ready()
    time.sleep(1.0)
    assert 0 == engine.stop()
    third = world.engine().start_ready()
    time.sleep(1.0)
    assert 0 == second.stop()
    return third


def _first(world: World, reference: str) -> list[int]:
    """The events of a control in the order in which they were done first; a crash may repeat some."""
    return list(dict.fromkeys(world.api.applied()[reference]))


def test_a_replay_says_which_keys_have_grown_meanwhile(world: World) -> None:
    """Code 1, and the key stays parked: of what the engine parked last, no letter is there yet."""
    world.api.faults(REFUSED)
    engine = world.engine().start_ready()
    world.notes(30, 6)
    partition, last = _letters(world, 5)[-1].source
    assert 0 == engine.stop()
    world.api.faults()
    lane = Lane(world.topic, partition, lane_id("AC-1"))
    parked = _state(world).parked(lane)
    assert parked is not None
    _write(world, parked_entry(lane, replace(parked, last=last + 100)))
    done = engine.verb("dlq", "replay", "--yes")
    assert (1, "", True) == (done.code, done.errors, "to be replayed once more: 1\n" in done.output)
    assert [6, 12, 18, 24, 30] == world.api.applied()["AC-1"]


def test_a_release_that_does_not_reach_far_enough_changes_nothing(world: World) -> None:
    """Events that were parked while somebody replayed the ones before keep the key parked; also for the next engine."""
    world.api.faults(REFUSED)
    first = world.engine().start_ready()
    world.notes(30, 6)
    letters = _letters(world, 5)
    world.api.faults()
    lane = _release(world, letters[:4])
    eventually(lambda: first.events("key.held"), what="the engine waits for the rest of the replay")
    world.notes(6, 6, first=31)
    stays(lambda: world.topics.count(world.dlq) == 5 and not first.events("key.released"), during=1.0)
    assert 0 == first.stop()
    second = world.engine().start_ready()
    world.notes(6, 6, first=37)
    letters = _letters(world, 7)
    assert letters[-1].source[1] == getattr(_state(world).parked(lane), "last", None)
    _release(world, letters)
    eventually(lambda: second.events("key.released"))


def test_a_rebalance_takes_parked_keys_along(world: World) -> None:
    """The next owner parks what follows, without ever having seen the dead event."""
    world.api.faults(REFUSED)
    first = world.engine().start_ready()
    world.notes(30, 6)
    _letters(world, 5)
    world.api.faults()
    second = world.engine().start_ready()
    assert 0 == first.stop()
    eventually(lambda: second.text().count("partitions.assigned") >= 2)
    world.notes(30, 6, first=31)
    letters = _letters(world, 10)
    assert list(range(6, 61, 6)) == _numbers(letters)
    assert "AC-1" not in world.api.applied()


def test_a_lost_state_topic_is_survived(world: World) -> None:
    """The engine says so, makes it anew, and goes on parking."""
    world.api.faults(REFUSED)
    engine = world.engine().start_ready()
    world.notes(12, 6)
    _letters(world, 2)
    admin = AdminClient(world.kafka.client())
    admin.delete_topics([topic_name(world.dlq)])[topic_name(world.dlq)].result(30)
    world.notes(12, 6, first=13)
    eventually(lambda: engine.events("state.missing") or engine.events("state.lost"), what="the loss is told")
    assert [6, 12, 18, 24] == _numbers(_letters(world, 4))
    eventually(lambda: list(_state(world).lanes()), what="the mark is written to the new topic")
    assert engine.live()
