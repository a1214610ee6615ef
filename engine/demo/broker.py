"""librdkafka's mock cluster: a Kafka broker inside this process, for showing, never for data."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

from confluent_kafka import OFFSET_BEGINNING, Consumer, Producer, TopicPartition

_PATIENCE = 10.0  # seconds for one answer of a broker that is in the same process


@dataclass(frozen=True, slots=True)
class Letter:
    """A message of the dead-letter topic; of a header that stands there twice, the last one."""

    key: str
    headers: Mapping[str, str]


class Broker:
    """A mock cluster; it lives as long as this value. Topics appear with 4 partitions when they are first named.

    Attributes:
        address: for other clients.
    """

    def __init__(self) -> None:
        self._producer = Producer(
            {"bootstrap.servers": "embedded:1", "test.mock.num.brokers": 1, "log_level": 0, "linger.ms": 0}
        )
        brokers = self._producer.list_topics(timeout=_PATIENCE).brokers.values()
        self.address = ",".join(f"{broker.host}:{broker.port}" for broker in brokers)

    def create_topic(self, topic: str) -> None:
        """Make a topic appear. (The mock cluster does not answer the request that creates one.)"""
        self._producer.list_topics(topic, timeout=_PATIENCE)

    def partitions(self, topic: str) -> int:
        """How many partitions a topic has."""
        return len(self._producer.list_topics(topic, timeout=_PATIENCE).topics[topic].partitions)

    def publish(self, topic: str, key: str, value: bytes) -> None:
        """Produce a message and wait until it is acknowledged."""
        self._producer.produce(topic, value, key)
        self._producer.flush(_PATIENCE)

    def letters(self, topic: str, count: int, patience: float = _PATIENCE) -> list[Letter]:
        """The first `count` messages of a topic; fewer where no more come within `patience` seconds."""
        partitions = range(self.partitions(topic))
        consumer = Consumer({"bootstrap.servers": self.address, "group.id": "demo-reader", "log_level": 0})
        consumer.assign([TopicPartition(topic, partition, OFFSET_BEGINNING) for partition in partitions])
        found: list[Letter] = []
        end = time.monotonic() + patience
        while len(found) < count and time.monotonic() < end:
            message = consumer.poll(0.2)
            if message is not None and message.error() is None:
                headers = {name: _text(value) for name, value in message.headers() or ()}
                found.append(Letter(_text(message.key()), headers))
        consumer.close()
        return found


def _text(value: bytes | str | None) -> str:
    return value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else value or ""
