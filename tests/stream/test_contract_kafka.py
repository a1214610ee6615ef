"""The contract of the stream side on Kafka, and what only Kafka has: transactions."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic

from engine.service import Parts
from tests.api_server.client import ApiServer
from tests.rig.events import note_json
from tests.rig.topics import Topics
from tests.rig.waiting import eventually
from tests.services.kafka import Kafka
from tests.stream.contract import PARTITIONS, Stage, StreamContract, make_stage

pytestmark = pytest.mark.services

_NAMES = itertools.count(1)


class KafkaBroker:
    """The session's Kafka; the engine asks it for everything, as in production."""

    def __init__(self, kafka: Kafka) -> None:
        self._kafka = kafka

    @property
    def address(self) -> str:
        """Bootstrap address."""
        return self._kafka.address

    def create(self, topic: str, settings: Mapping[str, str]) -> None:
        """Make a topic."""
        admin = AdminClient(self._kafka.client())
        admin.create_topics([NewTopic(topic, PARTITIONS, 1, config=dict(settings))])[topic].result(30)

    def parts(self) -> Parts:
        """Those of `engine run`."""
        return Parts()


def _stage(kafka: Kafka, api: ApiServer, folder: Path) -> Stage:
    return make_stage(KafkaBroker(kafka), Topics(kafka.client()), api, folder, f"contract-{next(_NAMES)}")


@pytest.fixture
def stage(kafka: Kafka, api_server: ApiServer, tmp_path: Path) -> Iterator[Stage]:
    """A stage for one test."""
    made = _stage(kafka, api_server, tmp_path)
    yield made
    made.close()


@pytest.fixture(scope="module")
def steady(kafka: Kafka, api_server_process: ApiServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A stage whose engine runs for several tests."""
    made = _stage(kafka, api_server_process, tmp_path_factory.mktemp("steady"))
    made.node()
    yield made
    made.close()


class TestKafka(StreamContract):
    """On Kafka."""

    def test_gaps_in_the_offsets_are_no_lag(self, stage: Stage, kafka: Kafka) -> None:
        """Committed transactions are done, an aborted one at the very end is not; the lag is 0 all the same."""
        node = stage.node()
        producer = Producer(kafka.client({"transactional.id": stage.topic}))
        producer.init_transactions(30)
        for number in range(1, 10):
            producer.begin_transaction()
            producer.produce(stage.topic, note_json("AC-1", number), "AC-1", partition=0)
            if number % 3 == 0:
                producer.flush(30)
                producer.abort_transaction(30)
            else:
                producer.commit_transaction(30)
        stage.wait_applied(6)
        stage.wait_committed()
        assert [1, 2, 4, 5, 7, 8] == stage.api.applied()["AC-1"]
        eventually(lambda: node.total("engine_consumer_lag", 'partition="0"') == 0, what="the lag is 0")
        assert 18 == stage.committed()[0][0]
