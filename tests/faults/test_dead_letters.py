"""A night's dead letters of five causes are replayed, with `kill -9` in between: nothing is lost, nothing done twice.

DEAD_LETTERS says how many (400).
"""

from __future__ import annotations

import json
import os
import random
import time
from collections import Counter
from typing import Any

import pytest

from tests.rig.engine import Engine, start_verb, verb
from tests.rig.events import BROKEN, NOTE, event_id, write_rule
from tests.rig.waiting import eventually
from tests.rig.world import World

pytestmark = [pytest.mark.services, pytest.mark.faults]

_COUNT = int(os.environ.get("DEAD_LETTERS", "400"))
_KEYS = 100
_PATIENCE = 60 + _COUNT / 20  # seconds
_CONCURRENCY = 16
_LARGE = {"limits": {"message": "2KiB"}}
_EVIDENCE = """\
  - id: evidence
    method: POST
    path: /evidences/
    body: {name: "{{ event.event_id }}"}
"""
_TWO_WRITES = NOTE.replace("  - id: find\n", f"{_EVIDENCE}  - id: find\n")
_CAUSES = {  # by type of event: stage, the rule in the night, the rule in the morning
    "large": ("decode", NOTE, NOTE),
    "unknown": ("route", "", NOTE),
    "unrendered": ("render", NOTE.replace("payload.text", "payload.txt"), NOTE),
    "refused": ("request", _TWO_WRITES, _TWO_WRITES),
    "unexpected": ("expect", BROKEN, NOTE),
}


def _rules(world: World, *, morning: bool) -> None:
    (world.rules / "note.yaml").unlink(missing_ok=True)
    for kind, (_, wrong, right) in _CAUSES.items():
        text = right if morning else wrong
        if text:
            write_rule(world.rules / f"{kind}.yaml", text.replace("event_type: note", f"event_type: {kind}"))


def _produce(world: World) -> dict[str, int]:
    """Events of all causes in turn for each control; the number of each control's last one."""
    chance, kinds, last = random.Random(6), list(_CAUSES), {}
    for number in range(1, _COUNT + 1):
        kind, key = chance.choice(kinds), f"AC-{number % _KEYS + 1}"
        payload = {"ref_id": key, "text": f"n {number}", "more": "-" * (3_000 if kind == "large" else 10)}
        value = {"event_id": event_id(f"{key}/{number}"), "event_type": kind, "version": 1, "payload": payload}
        world.topics.produce(world.topic, json.dumps(value).encode(), key)
        last[key] = number
    world.topics.flush()
    return last


def _listed(engine: Engine) -> Counter[tuple[str, str]]:
    done = verb("dlq", "list", "--config", str(engine.config), environment=engine.environment, within=_PATIENCE)
    assert (0, "") == (done.code, done.errors)
    lines: list[dict[str, Any]] = [json.loads(line) for line in done.output.splitlines()]
    assert _COUNT == len({(line["partition"], line["offset"]) for line in lines}) == len(lines)
    return Counter((line["stage"], line["state"]) for line in lines)


def _kill_at(world: World, engine: Engine, share: float) -> tuple[int, int]:
    """Start a replay and kill it when so much is applied; what was applied then, and repeats so far."""
    replay = start_verb("dlq", "replay", "--yes", engine=engine)
    eventually(lambda: world.applied() >= _COUNT * share, within=_PATIENCE, what=f"{share:.0%} are applied")
    time.sleep(random.Random(share).random() * 0.1)
    replay.kill()
    replay.communicate()
    stats = world.api.stats()
    return stats["distinct"], stats["repeats"]


def _keys_of_writes(world: World) -> set[str]:
    """Idempotency keys of the updates that were accepted."""
    requests = world.api.requests(limit=20 * _COUNT)
    return {one["headers"]["idempotency-key"] for one in requests if (one["method"], one["status"]) == ("PATCH", 200)}


def test_dead_letters_of_five_causes_are_replayed_over_three_kills(world: World) -> None:
    """Each object ends in the state of its last event; a write that succeeded in the night is not made again."""
    _rules(world, morning=False)
    world.api.faults({"status": 422, "method": "PATCH"})
    night = world.engine(dlq={"storm": "continue"}, **_LARGE).start_ready()
    last = _produce(world)
    eventually(lambda: night.outcomes("dead") == _COUNT, within=_PATIENCE, every=0.5, what="all are dead")
    assert 0 == night.stop()
    before = _listed(night)
    assert {(stage, "open") for stage, _, _ in _CAUSES.values()} == set(before)
    evidences = world.api.stats()["answers"]["POST 201"]
    assert before["request", "open"] == evidences
    _rules(world, morning=True)
    world.api.faults(latency=0.005)
    engine = world.engine()
    kills = [_kill_at(world, engine, share) for share in (0.2, 0.45, 0.7)]
    start, left = time.monotonic(), _COUNT - world.applied()
    done = verb(
        "dlq", "replay", "--yes", "--config", str(engine.config), environment=engine.environment, within=_PATIENCE
    )
    seconds = time.monotonic() - start
    assert 0 == done.code, done.output + done.errors
    stats = world.api.stats()
    numbers = (
        f"{_COUNT} dead letters {dict(before)}; applied and repeated at each kill {kills}; "
        f"{stats['repeats']} repeated in all; the rest of {left} in {seconds:.1f} s; {done.output!r}"
    )
    print(numbers)  # noqa: T201 - what `pytest -s` is asked for
    assert last == {ref: numbers[-1] for ref, numbers in world.api.applied().items()}
    assert (_COUNT, 0) == (stats["distinct"], stats["order_violations"])
    assert stats["repeats"] <= len(kills) * _CONCURRENCY
    assert _COUNT == len(_keys_of_writes(world))  # a repeat has the key of what it repeats
    assert evidences == stats["answers"]["POST 201"]
    assert ["POST 201"] == [name for name in stats["answers"] if name.startswith("POST")]
    assert {"replayed"} == {state for _, state in _listed(engine)}
