"""The contract of the stream side on the embedded broker: no Java needed."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from confluent_kafka import Producer

from engine.config.model import Config
from engine.events.decoder import Decoder
from engine.service import Parts
from engine.stream.topics import Topics as EngineTopics
from engine.stream.topics import event_topic
from tests.api_server.client import ApiServer
from tests.rig.topics import Topics
from tests.services.embedded import Embedded
from tests.stream.contract import LETTER, PARTITIONS, Stage, StreamContract, make_stage

_NAMES = itertools.count(1)


class EmbeddedBroker:
    """librdkafka's mock cluster. It does not describe topics, so the engine is told what they are like."""

    def __init__(self) -> None:
        self._broker = Embedded()
        self.address = self._broker.address

    def create(self, topic: str, settings: Mapping[str, str]) -> None:
        """Topics appear when they are named; settings there are none, the engine's own producer keeps the limit."""
        Producer({"bootstrap.servers": self.address}).list_topics(topic, timeout=10)

    def parts(self) -> Parts:
        """Topics without asking the broker."""

        def topics(config: Config, decoder: Decoder) -> EngineTopics:
            return EngineTopics(event_topic(config.kafka.topic, decoder), PARTITIONS, PARTITIONS, LETTER)

        return Parts(topics=topics)


@pytest.fixture(scope="module")
def broker() -> EmbeddedBroker:
    """One mock cluster for all tests of this file."""
    return EmbeddedBroker()


def _stage(broker: EmbeddedBroker, api: ApiServer, folder: Path) -> Stage:
    topics = Topics({"bootstrap.servers": broker.address})
    return make_stage(broker, topics, api, folder, f"contract-{next(_NAMES)}")


@pytest.fixture
def stage(broker: EmbeddedBroker, api_server: ApiServer, tmp_path: Path) -> Iterator[Stage]:
    """A stage for one test."""
    made = _stage(broker, api_server, tmp_path)
    yield made
    made.close()


@pytest.fixture(scope="module")
def steady(
    broker: EmbeddedBroker, api_server_process: ApiServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stage]:
    """A stage whose engine runs for several tests."""
    made = _stage(broker, api_server_process, tmp_path_factory.mktemp("steady"))
    made.node()
    yield made
    made.close()


class TestEmbedded(StreamContract):
    """On the embedded broker."""

    commits_in_a_rebalance = False  # it answers REBALANCE_IN_PROGRESS, where Kafka still takes the commit
