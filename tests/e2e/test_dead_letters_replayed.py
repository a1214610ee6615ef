"""`engine dlq`: dead letters are listed, shown, replayed where they stopped, given up; on Kafka, as a user does it."""

from __future__ import annotations

import json
import signal
from typing import Any

import pytest

from tests.rig.engine import Ended, Engine, start_verb
from tests.rig.events import BROKEN, NOTE, note, write_rule
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


STEPS = """\
event_type: note
order_by: "{{ event.payload.ref_id }}"
requests:
  - id: evidence
    method: POST
    path: /evidences/
    body: {name: "{{ event.event_id }}"}
  - id: asset
    method: POST
    path: /assets/
    body: {name: "{{ event.event_id }}", type: SP}
  - id: update
    method: PATCH
    path: /applied-controls/{{ event.payload.control }}/
    body: {observation: "{{ event.payload.text }}", assets: ["{{ asset.body.id }}"]}
"""


def test_a_rule_goes_on_at_its_third_request(world: World) -> None:
    """The first two writes are made once, however often the third fails; each failure names the same event."""
    write_rule(world.rules / "note.yaml", STEPS)
    world.api.faults({"status": 500, "method": "PATCH"})
    engine = world.engine(retry=_NO_RETRY).start_ready()
    (control,) = [one for one in world.api.objects("applied-controls") if one["ref_id"] == "AC-1"]
    value = json.dumps(note("AC-1", 1, control=control["id"])).encode()
    world.topics.produce(world.topic, value, "AC-1", partition=2, headers=[("trace", None), ("trace", b"1")])
    world.topics.flush()
    first = world.topics.letters(world.dlq, 1)[0]
    shown = engine.verb("dlq", "show", "0", "--partition", "2")
    assert (0, "") == (shown.code, shown.errors)
    assert "resumed after 2 answers\n\n3. update\nPATCH " in shown.output
    assert world.api.token not in shown.output
    failed = _replay(engine)
    assert (1, True) == (
        failed.code,
        failed.output.startswith("1 failed again\nresumed at the request that had failed: 1\n"),
    )
    (line,) = _listed(engine)
    assert (2, 0, "open", 1, "update", 500) == tuple(
        line[name] for name in ("partition", "offset", "state", "replays", "request", "status")
    )
    second = world.topics.letters(world.dlq, 2)[-1]
    assert (first.source, first.key, value) == (second.source, second.key, second.value)
    assert (("trace", None), ("trace", b"1")) == second.headers[:2]
    assert ("1", first.text("dlq.resume")) == (second.text("dlq.replays"), second.text("dlq.resume"))
    refused = _replay(engine, "--max-replays", "1")
    assert (1, "nothing to do\n", True) == (refused.code, refused.output, "refused without --force" in refused.errors)
    world.api.faults()
    assert 0 == _replay(engine, "--force", "--max-replays", "1").code
    answers = world.api.stats()["answers"]
    assert {"POST 201": 2, "PATCH 500": 2, "PATCH 200": 1} == answers
    assert ["replayed"] == [line["state"] for line in _listed(engine)]
    eventually(lambda: engine.total("engine_dead_letters_open") == 0, within=30, what="nothing is open")


def _applied(world: World, events: int) -> None:
    eventually(lambda: world.applied() >= events, what="some were replayed")


def test_whoever_kills_a_replay_loses_nothing(world: World) -> None:
    """All are done in order; an interrupt repeats nothing, a kill what was under way at most."""
    write_rule(world.rules / "note.yaml", BROKEN)
    engine = _all_dead(world, 300, 60)
    write_rule(world.rules / "note.yaml", NOTE)
    world.api.faults(latency=0.05)
    for number in (signal.SIGINT, signal.SIGKILL, signal.SIGKILL):
        before, process = world.applied(), start_verb("dlq", "replay", "--yes", engine=engine)
        _applied(world, before + 30)
        process.send_signal(number)
        output, errors = process.communicate(timeout=30)
        assert (130 if number is signal.SIGINT else -9) == process.returncode, errors
        if number is signal.SIGINT:
            done = world.applied()
            assert f"{done} replayed, {300 - done} left\n" == output
            assert 0 == world.api.stats()["repeats"]
    world.api.faults()
    assert 0 == _replay(engine).code
    stats = world.api.stats()
    assert (300, 0) == (stats["distinct"], stats["order_violations"])
    assert stats["repeats"] <= 2 * 16
    assert {"replayed"} == {line["state"] for line in _listed(engine)}


def test_bytes_that_mean_nothing_are_shown_and_given_up(world: World) -> None:
    """As hexadecimal with the decoder's complaint; given up they are not open any more, and no replay takes them."""
    engine = world.engine().start_ready()
    for partition in (0, 3):
        world.topics.produce(world.topic, b"\x00\x1bnonsense", None, partition=partition)
    world.topics.flush()
    world.topics.letters(world.dlq, 2)
    eventually(lambda: engine.total("engine_dead_letters_open") == 2, within=30, what="two are open")
    ambiguous = engine.verb("dlq", "show", "0")
    assert (2, True) == (ambiguous.code, "partitions 3, 0" in ambiguous.errors or "partitions 0, 3" in ambiguous.errors)
    shown = engine.verb("dlq", "show", "0", "--partition", "3")
    assert (0, True, True) == (shown.code, "cannot be decoded" in shown.output, "00 1b 6e 6f" in shown.output)
    assert "\x1b" not in shown.output
    given = engine.verb("dlq", "give-up", "0", "--partition", "3", "--reason", "a test of the producer")
    assert (0, f"{world.topic}[3]@0: given up\n", "") == (given.code, given.output, given.errors)
    assert 1 == engine.verb("dlq", "give-up", "0", "9", "--partition", "3").code
    assert "given up (a test of the producer)" in engine.verb("dlq", "show", "0", "--partition", "3").output
    assert [3] == [line["partition"] for line in _listed(engine, "--state", "given-up")]
    eventually(lambda: engine.total("engine_dead_letters_open") == 1, within=30, what="one is open")
    dry = engine.verb("dlq", "replay", "--dry-run", "--json")
    assert (1, [(0, True)]) == (
        dry.code,
        [(one["partition"], one["fails"]) for one in map(json.loads, dry.output.splitlines())],
    )
    assert (1, True) == ((failed := _replay(engine)).code, failed.output.startswith("1 failed again"))


def test_what_cannot_be_replayed_is_a_matter_of_usage(world: World) -> None:
    """Code 2 without a dead-letter topic, and where nobody is there to be asked; nothing is sent."""
    engine = world.engine(dlq={"storm": "continue"})
    missing = engine.verb("dlq", "list")
    assert (2, "", True) == (missing.code, missing.output, f"'{world.dlq}'" in missing.errors)
    write_rule(world.rules / "note.yaml", BROKEN)
    engine.start_ready()
    world.notes(2, 2)
    world.topics.letters(world.dlq, 2)
    unasked = engine.verb("dlq", "replay")
    assert (2, "", True) == (unasked.code, unasked.output, "--yes" in unasked.errors)
    assert 2 == engine.verb("dlq", "list", "--since", "yesterday").code
    assert 2 == engine.verb("dlq", "show", "99").code
