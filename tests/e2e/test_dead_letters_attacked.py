"""Dead letters under attack: forged headers, records that are too big, a rule that vanished, a deleted topic."""

from __future__ import annotations

import json
from typing import Any

import pytest
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType

from engine.stream.state_topic import topic_name
from tests.e2e.test_dead_letters_replayed import STEPS
from tests.rig.engine import start_verb
from tests.rig.events import NOTE, note, note_json, write_rule
from tests.rig.topics import Headers
from tests.rig.waiting import eventually
from tests.rig.world import World

pytestmark = pytest.mark.services

FORGED: Headers = [
    ("dlq.resume", b'{"rule":"x","answers":[]}'),
    ("dlq.replays", b"99"),
    ("DLQ.Stage", b"skipped"),
    ("dlq.source.offset", b"7"),
    ("dlq.truncated", b"value"),
]
OWN: Headers = [("trace", None), ("trace", b"\x00\xff"), ("", b""), ("trace", None), ("dl\u00e9", b"1")]


def _replayed(world: World, engine: Any) -> None:
    done = engine.verb("dlq", "replay", "--yes")
    assert 0 == done.code, done.output + done.errors
    assert {("replayed", 1)} == {
        (line["state"], line["replays"]) for line in map(json.loads, engine.verb("dlq", "list").output.splitlines())
    }


def test_an_event_cannot_forge_its_dead_letter(world: World) -> None:
    """Its own headers stay byte for byte, null and duplicate ones too; those that look like ours are gone."""
    write_rule(world.rules / "note.yaml", STEPS)
    engine = world.engine().start_ready()
    (control,) = [one for one in world.api.objects("applied-controls") if one["ref_id"] == "AC-1"]
    value = json.dumps(note("AC-1", 1, control=control["id"])).encode()
    world.api.faults({"status": 422, "method": "PATCH"})
    world.topics.produce(world.topic, value, b"\xff\x00key", partition=2, headers=[*OWN[:2], *FORGED, *OWN[2:]])
    world.topics.flush()
    (letter,) = world.topics.letters(world.dlq, 1)
    assert (b"\xff\x00key", value) == (letter.key, letter.value)
    assert list(OWN) == [header for header in letter.headers if not header[0].lower().startswith("dlq.")]
    facts = ("dlq.stage", "dlq.replays", "dlq.source.offset", "dlq.truncated", "DLQ.Stage")
    assert ["request", "0", "0", None, None] == [letter.text(name) for name in facts]
    assert 2 == len(json.loads(letter.text("dlq.resume") or "")["answers"])
    world.api.faults()
    _replayed(world, engine)
    assert {"POST 201": 2, "PATCH 422": 1, "PATCH 200": 1} == world.api.stats()["answers"]


def test_a_record_that_is_too_big_with_its_facts_is_replayed_from_its_topic(world: World) -> None:
    """A dead-letter topic that takes less than the event: the value is left out, said, and found again."""
    engine = world.engine().start_ready()
    admin = AdminClient(world.kafka.client())
    eventually(lambda: world.topics.ends(world.dlq), what="the topic is there")
    _limit(admin, world.dlq, 5_000)
    world.api.faults({"status": 422, "method": "PATCH"})
    event = {**note("AC-1", 1), "more": "-" * 20_000}
    world.topics.produce(world.topic, json.dumps(event).encode(), "AC-1", partition=1)
    world.topics.flush()
    (letter,) = world.topics.letters(world.dlq, 1)
    assert (None, "value") == (letter.value, letter.text("dlq.truncated"))
    world.api.faults()
    _replayed(world, engine)
    assert {"AC-1": [1]} == world.api.applied()


def test_a_replay_while_the_rule_is_gone_keeps_what_was_done(world: World) -> None:
    """It fails at once, at stage route; with the rule back it goes on at the third request."""
    write_rule(world.rules / "note.yaml", STEPS)
    write_rule(world.rules / "other.yaml", NOTE.replace("event_type: note", "event_type: other"))
    engine = world.engine().start_ready()
    (control,) = [one for one in world.api.objects("applied-controls") if one["ref_id"] == "AC-1"]
    world.api.faults({"status": 422, "method": "PATCH"})
    value = json.dumps(note("AC-1", 1, control=control["id"])).encode()
    world.topics.produce(world.topic, value, "AC-1")
    world.topics.flush()
    world.topics.letters(world.dlq, 1)
    world.api.faults()
    (world.rules / "note.yaml").unlink()
    gone = engine.verb("dlq", "replay", "--yes")
    assert (1, True) == (gone.code, "route" in gone.output)
    write_rule(world.rules / "note.yaml", STEPS)
    back = engine.verb("dlq", "replay", "--yes")
    assert (0, "1 replayed\nresumed at the request that had failed: 1\n") == (back.code, back.output)
    assert {"POST 201": 2, "PATCH 422": 1, "PATCH 200": 1} == world.api.stats()["answers"]


def test_a_state_topic_that_is_deleted_during_a_replay_is_made_anew(world: World) -> None:
    """The replay goes on, and comes to its end; what it did before may be open again."""
    world.api.faults({"status": 422, "method": "PATCH"})
    engine = world.engine(dlq={"storm": "continue"}).start_ready()
    for number in range(1, 61):
        world.topics.produce(world.topic, note_json(f"AC-{number}", number), f"AC-{number}")
    world.topics.flush()
    world.topics.letters(world.dlq, 60)
    world.api.faults()
    assert 0 == engine.stop()
    replay = start_verb("dlq", "replay", "--yes", "--rate", "15/s", engine=engine)
    try:
        eventually(lambda: world.applied() >= 10, what="the replay is under way")
        name, admin = topic_name(world.dlq), AdminClient(world.kafka.client())
        admin.delete_topics([name])[name].result(30)
        output, errors = replay.communicate(timeout=60)
    finally:
        replay.kill()
    assert (0, "60 replayed", True) == (replay.returncode, output.splitlines()[0], "state.missing" in errors), errors
    assert (60, 0) == (world.applied(), world.api.stats()["repeats"])


def _limit(admin: AdminClient, topic: str, size: int) -> None:
    entry = ConfigEntry("max.message.bytes", str(size), incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[entry])
    admin.incremental_alter_configs([resource])[resource].result(30)
