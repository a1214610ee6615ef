"""`engine_dead_letters_open`: what is left to be done about dead letters."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from engine.config.model import Kafka as KafkaConfig
from engine.stream.state import Fate, LetterState, Source, letter_entry
from engine.stream.state_topic import StateWriter, topic_name
from tests.rig.topics import Record
from tests.rig.waiting import eventually
from tests.rig.world import World

pytestmark = pytest.mark.services


def test_open_dead_letters_fall_with_what_is_replayed_or_given_up(world: World) -> None:
    """Messages stay in the topic, the open ones get less; a replay that failed leaves one open."""
    world.api.faults({"status": 422})
    engine = world.engine(dlq={"storm": "continue"}).start_ready()
    world.notes(12, 6)
    letters = world.topics.letters(world.dlq, 12)

    def open_() -> float:
        return engine.total("engine_dead_letters_open")

    eventually(lambda: open_() == 12, what="12 are open")
    _settle(world, letters[:5], Fate.REPLAYED)
    _settle(world, letters[5:7], Fate.GIVEN_UP)
    _settle(world, letters[:5], Fate.REPLAYED)  # once more changes nothing
    eventually(lambda: open_() == 5, what="5 are open")
    assert 12 == engine.total("engine_dead_letter_messages")
    assert 0 == engine.stop()
    second = world.engine(dlq={"storm": "continue"}).start_ready()
    eventually(lambda: second.total("engine_dead_letters_open") == 5, what="the next engine knows it")


def _settle(world: World, letters: list[Record], fate: Fate) -> None:
    state = LetterState(fate, datetime.now(UTC), 1)
    StateWriter(KafkaConfig(brokers=world.kafka.address), topic_name(world.dlq)).write(
        letter_entry(Source(world.topic, *letter.source), state, [(letter.partition, letter.offset)])
        for letter in letters
    )
