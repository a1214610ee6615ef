"""Whatever stands on the topic, the engine goes on, and each message ends exactly once."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from tests.rig.engine import ROOT
from tests.rig.events import status
from tests.rig.waiting import eventually
from tests.rig.world import World, avro_values
from tests.services.registry import Registry

pytestmark = pytest.mark.services

_MESSAGES = 5_000
_WARM = 1_500
_GROWTH = 32 * 1024 * 1024  # bytes of memory that 3,500 further messages may take


def _bad(random_: random.Random, good: list[bytes]) -> bytes:
    """Random bytes, a valid message cut short, or one with a few bytes changed."""
    kind, value = random_.randrange(3), bytearray(random_.choice(good))
    if kind == 0:
        return random_.randbytes(random_.randrange(1, 400))
    if kind == 1:
        return bytes(value[: random_.randrange(1, len(value))])
    for _ in range(random_.randrange(1, 6)):
        value[random_.randrange(len(value))] = random_.randrange(256)
    return bytes(value)


def test_five_thousand_hostile_messages_end_once_each(world: World, registry: Registry) -> None:
    """One dead letter each (or done, where the change left it valid), then a good event is done; memory stays flat."""
    engine = world.engine(
        events={"format": "avro"},
        schema_registry={"url": registry.url},
        rules={"path": str(ROOT / "rules")},
        dlq={"storm": "continue"},
    ).start_ready()
    events = [status(f"AC-{number}", "active", "hostile") for number in range(1, 21)]
    good = avro_values(registry, world.topic, *events)
    random_ = random.Random(4)
    sent = [_bad(random_, good) for _ in range(_MESSAGES)]

    def ended() -> int:
        return sum(engine.outcomes(outcome) for outcome in ("done", "skipped", "dead", "duplicate"))

    def publish(values: list[bytes]) -> None:
        for number, value in enumerate(values):
            world.topics.produce(world.topic, value, f"k{number % 50}")
        world.topics.flush()

    publish(sent[:_WARM])
    eventually(lambda: ended() == _WARM, within=90.0, what=f"{_WARM} messages ended")
    warm = engine.memory()
    publish(sent[_WARM:])
    eventually(lambda: ended() == _MESSAGES, within=120.0, what=f"{_MESSAGES} messages ended")
    grown = engine.memory() - warm
    world.wait_committed()

    letters = world.topics.read(world.dlq)
    counts = Counter(letter.source for letter in letters)
    assert [] == [source for source, times in counts.items() if times > 1]
    assert engine.outcomes("dead") == len(letters)
    assert _MESSAGES - len(letters) == sum(engine.outcomes(outcome) for outcome in ("done", "skipped", "duplicate"))
    originals = {(one.partition, one.offset): one for one in world.topics.read(world.topic)}
    assert [] == [one.source for one in letters if originals[one.source].value != one.value]
    assert len(letters) > _MESSAGES * 0.8
    assert {"decode"} <= {letter.text("dlq.stage") for letter in letters}
    assert [] == engine.events("event.failed")
    assert grown < _GROWTH
    done = engine.outcomes("done")
    publish(avro_values(registry, world.topic, status("AC-1", "on_hold", "after")))
    eventually(lambda: engine.outcomes("done") == done + 1, what="a good event is done afterwards")
    assert [] == world.api.violations()
