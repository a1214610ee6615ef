"""Engines that are killed or stopped at load: nothing is lost, little is repeated, order is kept."""

from __future__ import annotations

import time

import pytest

from tests.rig.engine import Engine
from tests.rig.events import note_json
from tests.rig.waiting import eventually, stays
from tests.rig.world import World

pytestmark = [pytest.mark.services, pytest.mark.faults]

_CONCURRENCY = 16
_BARE = {"api": {"concurrency": _CONCURRENCY}, "dedupe": "off"}  # what the offsets promise must hold without dedupe
_INTERVAL = 0.4  # seconds that a commit interval (100 ms) may last on a machine that is busy


def _kill(world: World, engine: Engine) -> int:
    """SIGKILL; how many events may be repeated: in flight, or finished within one commit interval."""
    killed = time.time()
    engine.kill()
    recent = [one for one in world.api.requests() if one["method"] == "PATCH" and one["time"] > killed - _INTERVAL]
    return _CONCURRENCY + len(recent)


def _all_done(world: World, events: int, repeats: int) -> None:
    """Everything is applied and committed; in order per key, counting first applications; repeats within the bound."""
    world.wait_applied(events, within=90.0)
    world.wait_committed()
    stats = world.api.stats()
    assert events == stats["distinct"]
    assert 0 == stats["order_violations"]
    assert stats["repeats"] <= repeats
    assert stats["duplicate_keys"] == stats["repeats"]
    assert 0 == world.topics.count(world.dlq)


def test_kill_9_at_load_repeats_what_was_in_flight(world: World) -> None:
    """One key hangs, so that hundreds of events are done beyond the watermark when the engine is killed."""
    world.api.faults({"hang": True, "reference": "AC-1"}, latency=0.02)
    engine = world.engine(**_BARE).start_ready()
    world.notes(3_000, 60)
    world.wait_applied(2_000)
    bound = _kill(world, engine)
    assert bound < 300  # a watermark alone would repeat the partition of the key that hangs
    world.api.faults(latency=0.005)
    world.engine(**_BARE).start_ready()
    _all_done(world, 3_000, bound)


def test_kill_9_of_one_of_two_hands_its_partitions_over(world: World) -> None:
    """The other takes over after the session timeout; the same bounds hold."""
    world.api.faults(latency=0.01)
    first, second = (world.engine(**_BARE).start_ready() for _ in range(2))
    _shared(first, second)
    world.notes(1_500, 60)
    world.wait_applied(300)
    bound = _kill(world, first)
    _all_done(world, 1_500, bound)
    assert second.ready()["ready"]


def test_a_stopped_engine_that_lost_its_partitions_sends_nothing(world: World) -> None:
    """Woken after the session timeout it drops what it held; then both share the work again."""
    world.api.faults(latency=0.05)
    first = world.engine(**_BARE).start_ready()
    world.notes(400, 40)
    world.wait_applied(60)
    first.suspend()
    second = world.engine(**_BARE).start_ready()
    world.wait_applied(400)
    world.wait_committed()
    stats = world.api.stats()
    assert 0 == stats["order_violations"]
    assert stats["repeats"] <= _CONCURRENCY + 60  # on the wire, or not committed, when it was stopped
    world.api.forget()
    first.resume()
    eventually(lambda: first.events("partitions.lost"), what="it learns of its loss")
    stays(lambda: not world.api.requests(), during=1.0)
    first.wait_ready()
    _shared(first, second)
    world.notes(100, 40, first=401)
    world.wait_applied(100)
    world.wait_committed()
    stats = world.api.stats()
    assert (100, 0, 0) == (stats["applied"], stats["repeats"], stats["order_violations"])
    assert [] == [letter.text("dlq.error") for letter in world.topics.read(world.dlq)]


def test_a_rebalance_at_load_repeats_nothing(world: World) -> None:
    """A second engine joins, then leaves in order: each event once, in order per key."""
    world.api.faults(latency=0.01)
    first = world.engine(**_BARE).start_ready()
    world.notes(1_500, 60)
    world.wait_applied(200)
    second = world.engine(**_BARE).start_ready()
    _shared(first, second)
    world.wait_applied(700)
    assert 0 == second.stop()
    _all_done(world, 1_500, 0)
    assert 0 == first.stop()


def _shared(first: Engine, second: Engine) -> None:
    """Return when both have partitions."""

    def both() -> bool:
        return all(_owned(engine) == 2 for engine in (first, second))

    eventually(both, what="both have two partitions")


def _owned(engine: Engine) -> int:
    """Partitions it has now, by its log."""
    owned: set[int] = set()
    for line in engine.text().splitlines():
        if '"partitions.' not in line:
            continue
        owned = _after(owned, line)
    return len(owned)


def _after(owned: set[int], line: str) -> set[int]:
    numbers = {int(number) for number in line.partition('"partitions":[')[2].partition("]")[0].split(",") if number}
    return owned | numbers if '"partitions.assigned"' in line else owned - numbers


def test_an_event_that_waits_for_its_retry_holds_nothing_up_at_the_end(world: World) -> None:
    """SIGTERM while a key waits a long time: code 0 at once; a second engine does that event, and repeats no other."""
    world.api.faults({"status": 503, "reference": "AC-1"})
    retry = {"initial_delay": "60s", "max_delay": "60s", "max_retries": 3}
    engine = world.engine(retry=retry, **_BARE).start_ready()
    world.topics.produce(world.topic, note_json("AC-1", 1), "AC-1", partition=0)
    for number in range(2, 42):
        world.topics.produce(world.topic, note_json(f"AC-{number}", number), f"AC-{number}", partition=0)
    world.topics.flush()
    world.wait_applied(40)
    eventually(lambda: engine.total("engine_retries_total") == 1)
    assert 0 == engine.stop(within=15.0)
    offset, metadata = world.topics.committed(world.topic, world.group)[0]
    assert (0, True) == (offset, bool(metadata))
    world.api.faults()
    world.engine(**_BARE).start_ready()
    _all_done(world, 41, 0)


def test_workers_whose_parent_was_killed_end_in_order(world: World) -> None:
    """They finish what is under way, commit and leave: the next engine repeats nothing."""
    world.api.faults(latency=0.05)
    orphans = world.engine("--workers", "2", **_BARE).start_ready()
    eventually(lambda: len(orphans.events("engine.started")) == 2, what="both workers started")
    world.notes(300, 50)
    world.wait_applied(50)
    orphans.kill()
    eventually(lambda: len(orphans.events("engine.stopped")) == 2, what="both workers ended")
    world.api.faults()
    world.engine(**_BARE).start_ready()
    _all_done(world, 300, 0)
