"""`engine skip`: an event that is stuck goes to the dead letters on purpose."""

from __future__ import annotations

import pytest

from tests.rig.topics import Record
from tests.rig.waiting import eventually
from tests.rig.world import World

pytestmark = pytest.mark.services

_STUBBORN = {"max_retries": 1000, "initial_delay": "200ms", "max_delay": "1m"}


def _stuck(world: World, key: str) -> Record:
    """The first event of a key."""
    return next(one for one in world.topics.read(world.topic) if one.key == key.encode())


def test_a_running_engine_gives_up_what_waits_and_goes_on_with_the_key(world: World) -> None:
    """The event that waits for its retry is a dead letter of stage `skipped`, once; the key's next one is done."""
    world.api.faults({"status": 503, "reference": "AC-1"})
    engine = world.engine(retry=_STUBBORN).start_ready()
    world.notes(20, 2)
    eventually(lambda: engine.total("engine_retries_total") >= 3)
    stuck = _stuck(world, "AC-1")
    place = ("--partition", str(stuck.partition), "--offset", str(stuck.offset))
    ended = engine.verb("skip", *place, "--reason", "nobody needs it", "--yes")
    assert (0, "") == (ended.code, ended.errors)
    (letter,) = world.topics.letters(world.dlq, 1)
    assert (stuck.partition, stuck.offset) == letter.source
    assert ("skipped", "skipped on purpose: nobody needs it") == (letter.text("dlq.stage"), letter.text("dlq.error"))
    assert "find" not in (letter.text("dlq.request") or "")
    world.api.faults()
    world.wait_applied(19)
    world.wait_committed()
    assert [2, 4, 6, 8, 10, 12, 14, 16, 18, 20][1:] == world.api.applied()["AC-1"]
    again = engine.verb("skip", *place, "--yes")
    assert (1, True) == (again.code, "done already" in again.errors)
    assert 1 == world.topics.count(world.dlq)


def test_an_engine_that_stands_does_it_at_its_next_start(world: World) -> None:
    """What was asked for is remembered; the next engine begins with it."""
    world.api.faults({"status": 503, "reference": "AC-1"})
    first = world.engine(retry=_STUBBORN).start_ready()
    world.notes(4, 2)
    eventually(lambda: first.total("engine_retries_total") >= 1)
    assert 0 == first.stop()
    stuck = _stuck(world, "AC-1")
    ended = first.verb("skip", "--partition", str(stuck.partition), "--offset", str(stuck.offset), "--yes")
    assert (0, True) == (ended.code, "at the next start of an engine" in ended.output)
    world.api.faults()
    world.engine(retry=_STUBBORN).start_ready()
    (letter,) = world.topics.letters(world.dlq, 1)
    assert "skipped" == letter.text("dlq.stage")
    world.wait_applied(3)
    world.wait_committed()
    assert [4] == world.api.applied()["AC-1"]


def test_an_event_that_nobody_can_decode_is_skipped_too(world: World) -> None:
    """A record that waits for a registry that is away; those behind it go on waiting, or are done."""
    engine = world.engine(events={"format": "avro"}, schema_registry={"url": "http://127.0.0.1:9", "timeout": "500ms"})
    engine.start_ready()
    for schema in (7, 7, 7):
        world.topics.produce(world.topic, b"\x00" + schema.to_bytes(4, "big") + b"x", "k", partition=0)
    world.topics.flush()
    eventually(lambda: engine.total("engine_partition_paused", 'partition="0"', 'reason="schema"') == 1)
    for offset in (1, 0):
        assert 0 == engine.verb("skip", "--partition", "0", "--offset", str(offset), "--yes").code
    letters = world.topics.letters(world.dlq, 2)
    assert {(0, 0), (0, 1)} == {letter.source for letter in letters}
    assert {"skipped"} == {letter.text("dlq.stage") for letter in letters}
    assert 1 == engine.total("engine_partition_paused", 'partition="0"', 'reason="schema"')


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--partition", "0", "--offset", "99", "--yes"), "there is no offset 99 in partition 0"),
        (("--partition", "44", "--offset", "0", "--yes"), "has the partitions 0 to 3"),
        (("--partition", "0", "--offset", "0"), "say --yes"),
    ],
)
def test_what_cannot_be_skipped_is_told(world: World, arguments: tuple[str, ...], says: str) -> None:
    """Exit code 2, and nothing is written."""
    world.topics.produce(world.topic, b"{}", "k", partition=0)
    world.topics.flush()
    ended = world.engine().verb("skip", *arguments)
    assert (2, True) == (ended.code, says in ended.errors)
