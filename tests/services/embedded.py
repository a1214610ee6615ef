"""librdkafka's mock cluster: a broker inside this process, for tests that need no Java."""

from __future__ import annotations

import itertools

from confluent_kafka import Producer


class Embedded:
    """A mock cluster. It lives as long as this value.

    Topics appear with 4 partitions when they are first named; about 5 MB a partition are kept, older messages are lost.

    Attributes:
        address: bootstrap address.
    """

    def __init__(self, *, brokers: int = 1) -> None:
        self._names = itertools.count(1)
        self._producer = Producer({"bootstrap.servers": "embedded:1", "test.mock.num.brokers": brokers})
        metadata = self._producer.list_topics(timeout=10)
        self.address = ",".join(f"{broker.host}:{broker.port}" for broker in metadata.brokers.values())

    def create_topic(self, name: str = "observation") -> str:
        """A new topic's name; it has 4 partitions."""
        topic = f"{name}-{next(self._names)}"
        self._producer.list_topics(topic, timeout=10)
        return topic
