"""`engine dlq`: dead letters are listed, shown, replayed where they stopped, given up; on Kafka, as a user does it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.rig.engine import Ended, Engine
from tests.rig.events import BROKEN, NOTE, write_rule
from tests.rig.waiting import eventually
from tests.rig.world import World

pytestmark = pytest.mark.services

_NO_RETRY = {"max_retries": 0}


def _listed(engine: Engine, *arguments: str) -> list[dict[str, Any]]:
    done = engine.verb("dlq", "list", *arguments)
    assert (0, "") == (done.code, done.errors)
    return [json.loads(line) for line in done.output.splitlines()]


def _replay(engine: Engine, *arguments: str) -> Ended:
    return engine.verb("dlq", "replay", "--yes", *arguments)


def _all_dead(world: World, events: int, keys: int, **sections: Any) -> Engine:
    """Every event becomes a dead letter; then the engine stops."""
    engine = world.engine(dlq={"storm": "continue"}, **sections).start_ready()
    world.notes(events, keys)
    eventually(lambda: engine.outcomes("dead") == events, what="all events are dead")
    assert 0 == engine.stop()
    return engine


def test_a_rule_is_mended_and_its_letters_are_replayed(world: World) -> None:
    """All are done once, in order per key; a second run has nothing to do; the list says what became of them."""
    write_rule(world.rules / "note.yaml", BROKEN)
    engine = _all_dead(world, 60, 7)
    assert {"open"} == {line["state"] for line in _listed(engine)}
    assert 60 == len(_listed(engine, "--rule", "note", "--stage", "expect", "--type", "note", "--since", "1h"))
    assert [] == _listed(engine, "--until", "1h")
    write_rule(world.rules / "note.yaml", NOTE)
    dry = engine.verb("dlq", "replay", "--dry-run")
    assert (0, True) == (dry.code, "the rule has changed" in dry.output)
    assert 0 == world.applied()
    done = _replay(engine)
    assert (0, "60 replayed\n", "") == (done.code, done.output, done.errors)
    stats = world.api.stats()
    assert (60, 0, 0) == (stats["applied"], stats["repeats"], stats["order_violations"])
    again = _replay(engine)
    assert (0, "nothing to do\n") == (again.code, again.output)
    assert {("replayed", 1)} == {(line["state"], line["replays"]) for line in _listed(engine)}
    assert [] == _listed(engine, "--state", "open")
