"""The broker of the tests is a real one and bears the faults that tests inflict on it."""

from __future__ import annotations

import pytest
from confluent_kafka import Consumer, KafkaException, Producer
from confluent_kafka.admin import AdminClient

from tests.services.embedded import Embedded
from tests.services.kafka import PASSWORD, USER, Kafka

pytestmark = pytest.mark.services


def _produce(kafka: Kafka, topic: str, value: bytes) -> None:
    producer = Producer(kafka.client({"acks": "all"}))
    producer.produce(topic, value)
    assert 0 == producer.flush(30)


def _first_value(kafka: Kafka, topic: str) -> bytes | None:
    consumer = Consumer(kafka.client({"group.id": topic, "auto.offset.reset": "earliest"}))
    consumer.subscribe([topic])
    message = consumer.poll(30)
    consumer.close()
    return message.value() if message is not None else None


def test_topics_have_the_settings_that_were_asked_for(kafka: Kafka) -> None:
    """Partitions are as asked, and no two topics share a name."""
    topics = [kafka.create_topic(partitions=3, max_message_bytes=2000) for _ in range(2)]
    admin = AdminClient(kafka.client())
    assert [3, 3] == [len(admin.list_topics(topic, timeout=10).topics[topic].partitions) for topic in topics]
    assert topics[0] != topics[1]


def test_a_message_over_the_topics_limit_is_refused(kafka: Kafka) -> None:
    """Topic settings reach the broker."""
    topic = kafka.create_topic(partitions=1, max_message_bytes=2000)
    errors: list[object] = []
    producer = Producer(kafka.client())
    producer.produce(topic, b"x" * 5000, on_delivery=lambda error, _: errors.append(error.name()))
    producer.flush(30)
    assert ["MSG_SIZE_TOO_LARGE"] == errors


def test_an_acknowledged_message_survives_a_killed_broker(kafka: Kafka) -> None:
    """kill -9 and a start on the same address keep what was acknowledged."""
    topic = kafka.create_topic(partitions=1)
    _produce(kafka, topic, b"kept")
    address = kafka.address
    kafka.kill()
    kafka.start()
    assert address == kafka.address
    assert b"kept" == _first_value(kafka, topic)


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])
@pytest.mark.parametrize("listener", ["sasl_plaintext", "sasl_ssl"])
def test_the_secured_broker_admits_its_user(kafka_secured: Kafka, listener: str, mechanism: str) -> None:
    """Every mechanism works on both listeners."""
    assert kafka_secured.certificates is not None
    settings = {
        "bootstrap.servers": kafka_secured.addresses[listener],
        "security.protocol": listener,
        "sasl.mechanism": mechanism,
        "sasl.username": USER,
        "sasl.password": PASSWORD,
        "ssl.ca.location": str(kafka_secured.certificates.ca),
    }
    admin = AdminClient(settings)
    assert 1 == len(admin.list_topics(timeout=20).brokers)


def test_the_secured_broker_refuses_a_wrong_password(kafka_secured: Kafka) -> None:
    """A wrong password gets no metadata."""
    settings = {
        "bootstrap.servers": kafka_secured.addresses["sasl_plaintext"],
        "security.protocol": "sasl_plaintext",
        "sasl.mechanism": "PLAIN",
        "sasl.username": USER,
        "sasl.password": "wrong",
        "log_level": 0,
    }
    admin = AdminClient(settings)
    with pytest.raises(KafkaException):
        admin.list_topics(timeout=3)


def test_the_embedded_broker_keeps_topics_apart(embedded: Embedded) -> None:
    """Without Java: topics of 4 partitions in this process."""
    topics = [embedded.create_topic() for _ in range(2)]
    admin = AdminClient({"bootstrap.servers": embedded.address})
    assert [4, 4] == [len(admin.list_topics(topic, timeout=10).topics[topic].partitions) for topic in topics]
