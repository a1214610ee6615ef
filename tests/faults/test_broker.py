"""A broker that dies, and a dead-letter topic that cannot be written."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewTopic,
    ResourceType,
)

from tests.rig.events import note_json
from tests.rig.waiting import eventually, stays
from tests.rig.world import World
from tests.services.kafka import Kafka

pytestmark = [pytest.mark.services, pytest.mark.faults]

_IMPATIENT = {"delivery.timeout.ms": 1500, "request.timeout.ms": 1000, "topic.metadata.propagation.max.ms": 200}


def test_a_broker_that_is_killed_loses_nothing(world: World, kafka: Kafka) -> None:
    """kill -9 and a start on the same data: every event is done in order, dead letters of the time are written once."""
    world.api.faults(latency=0.01)
    engine = world.engine().start_ready()
    world.notes(800, 40)
    world.topics.produce(world.topic, note_json("AC-404", 1), "AC-404")
    world.topics.flush()
    world.wait_applied(150)
    kafka.kill()
    kafka.start()
    world.notes(100, 40, first=801)
    world.wait_applied(900)
    world.wait_committed()
    assert 0 == world.api.stats()["order_violations"]
    letters = world.topics.letters(world.dlq, 1)
    assert 1 == len({letter.source for letter in letters})
    engine.wait_ready()
    assert 0 == engine.stop()


def _alter(kafka: Kafka, topic: str, size: int) -> None:
    admin = AdminClient(kafka.client())
    entry = ConfigEntry("max.message.bytes", str(size), incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[entry])
    admin.incremental_alter_configs([resource])[resource].result(20)


def _delete(kafka: Kafka, topic: str, _size: int) -> None:
    admin = AdminClient(kafka.client())
    admin.delete_topics([topic])[topic].result(20)


def _create(kafka: Kafka, topic: str, size: int) -> None:
    admin = AdminClient(kafka.client())
    made = NewTopic(topic, 4, 1, config={"max.message.bytes": str(size)})

    def create() -> bool:
        try:
            admin.create_topics([made])[topic].result(20)
        except KafkaException as error:  # the deletion is not yet through
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise
            return False
        return True

    eventually(create)


@pytest.mark.parametrize(("spoil", "mend"), [(_alter, _alter), (_delete, _create)], ids=["too-small", "deleted"])
def test_a_dead_letter_that_cannot_be_written_holds_its_partition(
    world: World, kafka: Kafka, spoil: Callable[[Kafka, str, int], None], mend: Callable[[Kafka, str, int], None]
) -> None:
    """Nothing is committed beyond it, others are done; when the topic takes it, it stands there once."""
    engine = world.engine(kafka={"options": {"producer": _IMPATIENT}}).start_ready()
    spoil(kafka, world.dlq, 60)
    world.topics.produce(world.topic, note_json("AC-1", 1), "AC-1", partition=0)
    world.topics.produce(world.topic, note_json("AC-404", 2), "AC-404", partition=0)
    for number in range(3, 13):
        world.topics.produce(world.topic, note_json("AC-2", number), "AC-2", partition=0)
        world.topics.produce(world.topic, note_json("AC-3", number), "AC-3", partition=1)
    world.topics.flush()
    world.wait_applied(21)
    eventually(lambda: engine.total("engine_dead_letter_failures_total") >= 1, what="the failure is counted")
    eventually(lambda: world.topics.committed(world.topic, world.group)[1][0] == 10)
    stays(lambda: world.topics.committed(world.topic, world.group)[0][0] == 1, during=1.0)
    assert engine.live()
    mend(kafka, world.dlq, 1_000_000)
    (letter,) = world.topics.letters(world.dlq, 1, within=60.0)
    assert (0, 1) == letter.source
    assert note_json("AC-404", 2) == letter.value
    world.wait_committed()
    stats = world.api.stats()
    assert (21, 0, 0) == (stats["applied"], stats["repeats"], stats["order_violations"])
