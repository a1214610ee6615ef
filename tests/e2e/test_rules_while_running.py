"""Rules change while the engine runs; a broken deploy stops it instead of draining the topic."""

from __future__ import annotations

import signal

import pytest

from tests.rig.engine import Engine
from tests.rig.events import BROKEN, NOTE, write_rule
from tests.rig.waiting import eventually, stays
from tests.rig.world import World

pytestmark = pytest.mark.services

_EVENTS, _KEYS = 200, 40


def _held(world: World, engine: Engine) -> int:
    """Let a rule that is wrong meet many events; the number of its dead letters when the engine holds."""
    engine.start_ready()
    world.notes(_EVENTS, _KEYS)
    said = engine.wait_ready(False)
    assert (503, ["storm"]) == (said["status"], list(said["reasons"]))
    assert "SIGHUP" in said["reasons"]["storm"]
    (line,) = eventually(lambda: engine.events("engine.holding"))
    assert ("note", "expect") == (line["rule"], line["stage"])
    letters = world.topics.count(world.dlq)
    assert 20 <= letters < _EVENTS
    stays(lambda: world.topics.count(world.dlq) == letters, during=1.0)
    assert engine.live()
    return letters


def _all_ended(world: World, engine: Engine, letters: int) -> None:
    """Every event without a dead letter is done, once and in order."""
    world.wait_applied(_EVENTS - letters)
    engine.wait_ready()
    world.wait_committed()
    stats = world.api.stats()
    assert (_EVENTS - letters, 0, 0) == (stats["applied"], stats["order_violations"], stats["repeats"])
    assert letters == world.topics.count(world.dlq)


def test_a_wrong_rule_stops_the_engine_until_it_is_mended(world: World) -> None:
    """After `dead_after` dead letters nothing is consumed; a mended file is picked up and the rest is done."""
    write_rule(world.rules / "note.yaml", BROKEN)
    engine = world.engine(dlq={"dead_after": 20})
    letters = _held(world, engine)
    write_rule(world.rules / "note.yaml", NOTE)
    _all_ended(world, engine, letters)


def test_sighup_reads_the_rules_again_and_goes_on(world: World) -> None:
    """Without `rules.reload` a mended file waits for SIGHUP."""
    write_rule(world.rules / "note.yaml", BROKEN)
    engine = world.engine(dlq={"dead_after": 20}, rules={"reload": False})
    letters = _held(world, engine)
    write_rule(world.rules / "note.yaml", NOTE)
    stays(lambda: not engine.ready()["ready"], during=1.0)
    engine.signal(signal.SIGHUP)
    _all_ended(world, engine, letters)


def test_storm_continue_drains_into_the_dead_letters(world: World) -> None:
    """`dlq.storm: continue`: every event becomes a dead letter and the engine stays ready."""
    write_rule(world.rules / "note.yaml", BROKEN)
    engine = world.engine(dlq={"dead_after": 20, "storm": "continue"}).start_ready()
    world.notes(60, 20)
    letters = world.topics.letters(world.dlq, 60)
    assert 60 == len({letter.source for letter in letters}) == len(letters)
    assert engine.ready()["ready"]


def test_a_broken_file_leaves_the_old_rules_in_force(world: World) -> None:
    """It is reported with its place, the next good one is used; no restart."""
    engine = world.engine().start_ready()
    write_rule(world.rules / "note.yaml", NOTE.replace("body:", "boddy:"))
    eventually(lambda: engine.total("engine_rule_reloads_total", 'result="failed"') >= 1)
    (line, *_) = eventually(lambda: engine.events("rules.not_reloaded"))
    assert "note.yaml" in line["reason"]
    assert "boddy" in line["reason"]
    world.notes(5, 5)
    world.wait_applied(5)
    assert 1 == engine.total("engine_rules")

    write_rule(world.rules / "note.yaml", NOTE.replace("{{ event.payload.text }}", "new {{ event.payload.text }}"))
    eventually(lambda: engine.total("engine_rule_reloads_total", 'result="ok"') >= 1)
    world.notes(1, 1, first=6)
    world.wait_applied(6)
    assert "new n 6" == next(o for o in world.api.objects("applied-controls") if o["ref_id"] == "AC-1")["observation"]
    assert 0 == world.topics.count(world.dlq)
