"""An event that its producer sent twice is done once."""

from __future__ import annotations

import pytest

from tests.rig.events import note_json
from tests.rig.waiting import eventually
from tests.rig.world import World

pytestmark = pytest.mark.services


def _send(world: World, *numbers: int, **more: object) -> None:
    for number in numbers:
        value = note_json("AC-1", number) if not more else note_json("AC-1", number).replace(b"{", b"{ ", 1)
        world.topics.produce(world.topic, value, "AC-1")
    world.topics.flush()


def test_a_duplicate_is_counted_and_not_done(world: World) -> None:
    """Same id, same bytes: once; also after an orderly restart."""
    first = world.engine().start_ready()
    _send(world, 1, 2, 1, 3, 3)
    world.wait_applied(3)
    world.wait_committed()
    assert (3, 2) == (first.outcomes("done"), first.outcomes("duplicate"))
    assert [1, 2, 3] == world.api.applied()["AC-1"]
    eventually(lambda: len(first.events("event.duplicate")) == 2, what="both are told")  # lines wait for others
    assert 0 == first.stop()
    second = world.engine().start_ready()
    _send(world, 2, 4)
    world.wait_applied(4)
    world.wait_committed()
    assert (1, 1) == (second.outcomes("done"), second.outcomes("duplicate"))
    assert [1, 2, 3, 4] == world.api.applied()["AC-1"]


def test_the_same_id_with_other_bytes_is_done_with_a_warning(world: World) -> None:
    """Who changes the bytes means something else."""
    engine = world.engine().start_ready()
    _send(world, 1)
    _send(world, 1, space=True)
    eventually(lambda: engine.outcomes("done") == 2)
    (warning,) = engine.events("event.id_used_again")
    assert 0 == engine.outcomes("duplicate")
    assert world.topics.read(world.topic)[1].offset == warning["offset"]


def test_an_event_that_was_dead_is_no_duplicate(world: World) -> None:
    """Only what was done counts: sent again after the API was mended, it is done."""
    world.api.faults({"status": 422, "reference": "AC-1"})
    engine = world.engine().start_ready()
    _send(world, 1)
    world.topics.letters(world.dlq, 1)
    world.api.faults()
    _send(world, 1)
    world.wait_applied(1)
    assert 0 == engine.outcomes("duplicate")


def test_off_and_a_window(world: World) -> None:
    """`dedupe: off` does everything; a window of 2 forgets the third before the last."""
    engine = world.engine(dedupe={"window": 2}).start_ready()
    _send(world, 1, 2, 3, 1, 3)
    eventually(lambda: engine.outcomes("done") + engine.outcomes("duplicate") == 5)
    assert (4, 1) == (engine.outcomes("done"), engine.outcomes("duplicate"))
    assert 0 == engine.stop()
    off = world.engine(dedupe="off").start_ready()
    _send(world, 3, 3)
    eventually(lambda: off.outcomes("done") == 2)
