"""`engine run` seen from outside: exit codes, metrics, logs, workers, events without a rule."""

from __future__ import annotations

import json
import signal
import socket

import pytest

from tests.rig.engine import ROOT
from tests.rig.events import note, note_json, write_rule
from tests.rig.waiting import eventually
from tests.rig.world import World

pytestmark = pytest.mark.services

_METRICS = {
    "engine_events_total", "engine_event_seconds_bucket", "engine_event_age_seconds_bucket", "engine_requests_total",
    "engine_request_seconds_bucket", "engine_retries_total", "engine_dead_letters_total", "engine_dead_letter_messages",
    "engine_consumer_lag", "engine_in_flight", "engine_outage", "engine_rules", "engine_rule_reloads_total",
    "engine_build_info", "engine_partition_paused", "engine_dead_letter_failures_total",
}  # fmt: skip
_FIELDS = {
    "event_id", "event_type", "version", "timestamp", "event_timestamp", "topic", "partition", "offset", "rule",
    "duration_s", "attempts", "level",
}  # fmt: skip


def test_every_number_and_line_of_the_design_is_there(world: World) -> None:
    """One done, one retried, one skipped, one dead event: all metrics have values, each end has its log line."""
    note_rule = (world.rules / "note.yaml").read_text()
    write_rule(world.rules / "note.yaml", f"{note_rule}when: \"{{{{ event.payload.text != 'n 3' }}}}\"\n")
    engine = world.engine(limits={"in_flight": 2}).start_ready()
    world.api.faults({"status": 503, "times": 1, "method": "PATCH"}, latency=0.05)
    for ref_id, number in (("AC-1", 1), ("AC-2", 2), ("AC-1", 3), ("AC-404", 4), *(("AC-3", n) for n in range(5, 15))):
        world.topics.produce(world.topic, note_json(ref_id, number), ref_id, partition=0)
    world.topics.flush()
    eventually(lambda: (engine.outcomes("done"), engine.outcomes("skipped"), engine.outcomes("dead")) == (12, 1, 1))
    engine.signal(signal.SIGHUP)
    eventually(lambda: engine.total("engine_rule_reloads_total", 'result="ok"') >= 1)
    world.wait_committed()
    names = {series.partition("{")[0] for series in engine.metrics()}
    assert set() == _METRICS - names
    eventually(lambda: engine.total("engine_dead_letter_messages") == 1)
    eventually(lambda: engine.total("engine_consumer_lag") == 0)
    assert 1 == engine.total("engine_retries_total", 'event_type="note"', 'reason="503"')
    assert 1 == engine.total("engine_dead_letters_total", 'event_type="note"', 'stage="expect"')
    assert 13 == engine.total("engine_requests_total", 'request="update"', 'method="PATCH"')
    assert 12 == engine.total("engine_requests_total", 'request="update"', 'status="200"')
    for name, times in (("event.done", 12), ("event.skipped", 1), ("event.dead_lettered", 1), ("event.retried", 1)):
        lines = engine.events(name)
        assert (name, times) == (name, len(lines))
        missing = _FIELDS - {"duration_s"} if name == "event.retried" else _FIELDS
        assert (name, set()) == (name, missing - lines[0].keys())
    assert "Undeliverable" in json.dumps(engine.events("event.dead_lettered")[0])


def test_an_unknown_type_is_a_dead_letter_and_no_new_series(world: World) -> None:
    """Thirty invented types are thirty dead letters at stage `route` and one series."""
    engine = world.engine().start_ready()
    for number in range(30):
        value = json.dumps(note("AC-1", number) | {"event_type": f"invented_{number}"})
        world.topics.produce(world.topic, value.encode(), "k")
    world.topics.flush()
    letters = world.topics.letters(world.dlq, 30)
    assert {"route"} == {letter.text("dlq.stage") for letter in letters}
    assert {f"invented_{number}" for number in range(30)} == {letter.text("dlq.event.type") for letter in letters}
    eventually(lambda: engine.total("engine_events_total", 'event_type="unknown"', 'outcome="dead"') == 30)
    assert [] == [series for series in engine.metrics() if "invented" in series]


def test_unknown_types_may_be_skipped(world: World) -> None:
    """`events.unknown_type: skip`: skipped, committed, no dead letter."""
    engine = world.engine(events={"unknown_type": "skip"}).start_ready()
    value = json.dumps(note("AC-1", 1) | {"event_type": "other"})
    world.topics.produce(world.topic, value.encode())
    world.topics.flush()
    eventually(lambda: engine.outcomes("skipped") == 1)
    world.wait_committed()
    assert 0 == world.topics.count(world.dlq)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_in_order(world: World, number: signal.Signals) -> None:
    """Code 0; what was under way is finished and committed, so a second engine repeats nothing."""
    world.api.faults(latency=0.05)
    engine = world.engine(dedupe="off").start_ready()
    world.notes(300, 50)
    world.wait_applied(50)
    engine.signal(number)
    assert 0 == engine.wait_exit()
    assert engine.events("engine.stopped")
    second = world.engine(dedupe="off").start_ready()
    world.wait_applied(300)
    world.wait_committed()
    stats = world.api.stats()
    assert (300, 0, 0) == (stats["applied"], stats["repeats"], stats["order_violations"])
    assert 0 == second.stop()


def test_two_workers_are_one_engine(world: World) -> None:
    """They share partitions, numbers and signals; nothing is repeated."""
    engine = world.engine("--workers", "2").start_ready()
    eventually(lambda: len(engine.events("engine.started")) == 2, what="both workers started")
    world.notes(200, 40)
    world.wait_applied(200)
    eventually(lambda: engine.outcomes("done") == 200, what="the workers' numbers are added up")
    world.wait_committed()
    assert 1 == engine.total("engine_rules")
    owners = [line["partitions"] for line in engine.events("partitions.assigned") if line["partitions"]]
    assert len(owners) >= 2
    assert 0 == engine.stop()
    stats = world.api.stats()
    assert (200, 0, 0) == (stats["applied"], stats["repeats"], stats["order_violations"])


def test_a_missing_topic_is_a_matter_of_configuration(world: World) -> None:
    """Code 2, and the text says which topic and what to do."""
    engine = world.engine(kafka={"topic": "nowhere"})
    done = engine.verb("run")
    assert 2 == done.code
    assert "kafka.topic" in done.errors
    assert "'nowhere'" in done.errors
    assert "create it" in done.errors


def test_a_wrong_configuration_is_said_with_its_place(world: World) -> None:
    """Code 2, and the text points at the key."""
    engine = world.engine(kafka={"tpic": "x"})
    done = engine.verb("run")
    assert 2 == done.code
    assert f"{engine.config}:" in done.errors
    assert "did you mean 'topic'?" in done.errors


def test_no_rules_is_a_matter_of_configuration(world: World) -> None:
    """Code 2 where the folder has no rules."""
    (world.rules / "note.yaml").unlink()
    done = world.engine().verb("run")
    assert (2, True) == (done.code, str(world.rules) in done.errors)


def test_a_port_that_is_taken_is_a_matter_of_configuration(world: World) -> None:
    """Code 2, and the text says what to set."""
    engine = world.engine()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", engine.port))
        taken.listen()
        done = engine.verb("run")
    assert (2, True) == (done.code, "http.port" in done.errors)


def test_a_member_that_was_replaced_ends_with_1(world: World) -> None:
    """A second engine with the same `kafka.instance` fences the first, which cannot go on."""
    first = world.engine(kafka={"instance": "one"}).start_ready()
    second = world.engine(kafka={"instance": "one"}).start_ready()
    world.notes(10, 10)
    assert 1 == first.wait_exit()
    assert first.events("engine.failed")
    world.wait_applied(10)
    assert second.ready()["ready"]


def test_events_are_published_and_explained_with_the_same_configuration(world: World) -> None:
    """`engine publish` in JSON format reaches the running engine; a missing file is code 2 and sends nothing."""
    engine = world.engine().start_ready()
    path = world.folder / "event.json"
    path.write_bytes(note_json("AC-1", 1))
    assert 0 == engine.verb("publish", str(path)).code
    world.wait_applied(1)
    assert 2 == engine.verb("publish", str(path), str(ROOT / "nowhere.json")).code
    assert 1 == world.topics.count(world.topic)
