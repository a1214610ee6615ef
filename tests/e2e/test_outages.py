"""An outage is nobody's fault: events are held in Kafka, in order, and done afterwards."""

from __future__ import annotations

import pytest

from tests.rig.engine import ROOT
from tests.rig.events import event_id, status
from tests.rig.waiting import eventually, stays
from tests.rig.world import World, avro_values
from tests.services.kafka import Kafka
from tests.services.registry import Registry

pytestmark = pytest.mark.services

_PATIENT = {"initial_delay": "1s", "max_delay": "60s"}  # fewer keys than `open_after` have seven seconds


def test_an_api_that_is_down_costs_no_event(world: World) -> None:
    """Not ready and engine_outage 1 while it is down, no dead letter; then every event once and in order."""
    engine = world.engine(outage={"open_after": 5}, retry=_PATIENT).start_ready()
    world.notes(40, 20)
    world.wait_applied(40)
    world.api.down()
    world.notes(200, 20, first=41)
    assert "outage" in engine.wait_ready(False)["reasons"]
    assert 1 == engine.total("engine_outage")
    stays(lambda: world.topics.count(world.dlq) == 0 and not engine.ready()["ready"], during=2.0)
    assert engine.live()
    world.api.up()
    world.wait_applied(240)
    engine.wait_ready()
    eventually(lambda: engine.total("engine_outage") == 0)
    world.wait_committed()
    stats = world.api.stats()
    assert (0, 0) == (stats["order_violations"], stats["repeats"])
    assert 0 == world.topics.count(world.dlq)
    assert 240 == engine.outcomes("done")


def test_an_api_that_is_away_at_the_start_is_waited_for(world: World) -> None:
    """The engine starts without it, and does the events when it comes."""
    world.api.down()
    world.notes(50, 20)
    engine = world.engine(outage={"open_after": 5}, retry=_PATIENT)
    engine.start()
    eventually(lambda: engine.total("engine_outage") == 1)
    world.api.up()
    world.wait_applied(50)
    engine.wait_ready()
    stats = world.api.stats()
    assert (0, 0) == (stats["order_violations"], stats["repeats"])
    assert 0 == world.topics.count(world.dlq)


def test_a_registry_that_is_away_holds_its_events_only(world: World, registry: Registry) -> None:
    """At the start nothing can be decoded and nothing is dead; in the middle known schemas go on, a new one waits."""
    shipped = {
        "events": {"format": "avro"},
        "schema_registry": {"url": registry.url, "timeout": "500ms"},
        "rules": {"path": str(ROOT / "rules")},
    }
    incident = {
        "event_id": event_id("incident"),
        "event_type": "create_incident",
        "version": 1,
        "payload": {"ref_id": "INC-7", "name": "N", "folder": "Team", "status": "new", "severity": 1},
    }
    states = ("active", "on_hold", "degraded", "to_do")
    values = avro_values(registry, world.topic, *(status("AC-1", one, one) for one in states), incident)
    registry.suspend()
    try:
        world.topics.produce(world.topic, values[0], "AC-1", partition=0)
        world.topics.flush()
        engine = world.engine(**shipped)
        engine.start()
        eventually(lambda: engine.total("engine_partition_paused", 'partition="0"', 'reason="schema"') == 1)
        stays(lambda: world.topics.count(world.dlq) == 0 and not world.api.requests(), during=1.0)
        assert engine.live()
        registry.resume()
        eventually(lambda: engine.outcomes("done") == 1, what="the first event is done")

        registry.suspend()
        for value, partition in ((values[1], 0), (values[4], 0), (values[2], 0), (values[3], 1)):
            world.topics.produce(world.topic, value, "AC-1", partition=partition)
        world.topics.flush()
        eventually(lambda: engine.outcomes("done") == 3, what="what stands before it and other partitions go on")
        stays(lambda: engine.outcomes("done") == 3 and world.topics.count(world.dlq) == 0, during=1.0)
    finally:
        registry.resume()
    eventually(lambda: engine.outcomes("done") == 5, what="all are done")
    assert ["INC-7"] == [one["ref_id"] for one in world.api.objects("incidents") if one["ref_id"] != "INC-1"]
    world.wait_committed()
    assert 0 == world.topics.count(world.dlq)


def test_a_broker_that_restarts_in_the_middle_loses_nothing(world: World, kafka: Kafka) -> None:
    """Events before, during and after the restart are all done, in order, and committed."""
    engine = world.engine().start_ready()
    world.api.faults(latency=0.02)
    world.notes(600, 40)
    world.wait_applied(100)
    kafka.stop()
    kafka.start()
    world.notes(100, 40, first=601)
    world.wait_applied(700, within=120.0)  # librdkafka may wait a minute before it looks for the coordinator anew
    world.wait_committed()
    assert 0 == world.api.stats()["order_violations"]
    assert 0 == world.topics.count(world.dlq)
    engine.wait_ready()
    assert 0 == engine.stop()
