"""Quix Streams, configured: the one file that imports it and makes applications, consumers and producers."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from typing import Any

from confluent_kafka import KafkaException

with warnings.catch_warnings(record=True):  # authlib, which it imports, warns every user about its own future
    from quixstreams import Application
    from quixstreams.exceptions import QuixException
    from quixstreams.kafka import ConnectionConfig, Consumer, Producer
    from quixstreams.models.serializers import Deserializer, SerializationContext
    from quixstreams.models.topics import Topic, TopicAdmin, TopicConfig
    from quixstreams.models.topics.exceptions import (
        CreateTopicFailure,
        CreateTopicTimeout,
        TopicNotFoundError,
        TopicPermissionError,
    )

from engine.config.model import Kafka, Limits
from engine.errors import Unusable

__all__ = [
    "Consumer",
    "CreateTopicFailure",
    "CreateTopicTimeout",
    "Deserializer",
    "Producer",
    "QuixException",
    "SerializationContext",
    "Topic",
    "TopicAdmin",
    "TopicConfig",
    "TopicNotFoundError",
    "TopicPermissionError",
    "application",
    "consumer",
    "onlooker",
    "producer",
    "session_timeout",
]

SESSION_TIMEOUT = 10.0
"""Seconds after which the broker gives a silent member's partitions away, unless `kafka.options` says otherwise."""

_FETCH = 64 * 1024  # bytes of a partition at once: more would be thrown away when it pauses


def application(kafka: Kafka, *, create_topics: bool, consumer_options: Mapping[str, Any] | None = None) -> Application:
    """An application for the topics of `kafka`.

    Args:
        kafka: brokers, group, security.
        create_topics: False: a topic that is not there is an error.
        consumer_options: over those of every consumer of ours.
    """
    return Application(
        broker_address=_connection(kafka),
        consumer_group=kafka.group,
        auto_offset_reset="error",  # where to start is ours to say at each assignment
        consumer_extra_config={**_consumer_options(kafka), **(consumer_options or {})},
        auto_create_topics=create_topics,
        loglevel=None,  # its loggers stay as they are, see observe.log
        request_timeout=10,
    )


def consumer(kafka: Kafka) -> Consumer:
    """A consumer that commits nothing by itself.

    Raises:
        Unusable: librdkafka refuses an option.
    """
    made = application(kafka, create_topics=False).get_consumer(auto_commit_enable=False)
    _check(made.memberid, "consumer")  # makes it now: two threads at once would make two
    return made


def onlooker(kafka: Kafka, more: Mapping[str, Any] | None = None) -> Consumer:
    """A consumer for looking at a partition outside the group: assign, never subscribe; it tells partition ends.

    Args:
        kafka: brokers, security, further options.
        more: options over those of every consumer of ours.
    """
    options = {"enable.partition.eof": True, "group.instance.id": "", **(more or {})}
    return application(kafka, create_topics=False, consumer_options=options).get_consumer(auto_commit_enable=False)


def producer(kafka: Kafka, max_message_bytes: int | None = None) -> Producer:
    """A producer whose messages are acknowledged by all replicas, once and in order.

    Args:
        kafka: brokers, security, further options.
        max_message_bytes: the largest message; None: librdkafka's 1,000,000 bytes.

    Raises:
        Unusable: librdkafka refuses an option.
    """
    options: dict[str, Any] = {"linger.ms": 5, "delivery.timeout.ms": 30_000, **kafka.producer_options}
    options |= {"acks": "all", "enable.idempotence": True}
    if max_message_bytes is not None:
        options["message.max.bytes"] = max_message_bytes
    made = Application(
        broker_address=_connection(kafka),
        consumer_group=kafka.group,
        producer_extra_config=options,
        auto_create_topics=False,
        loglevel=None,
    ).get_producer()
    _check(made.poll, "producer")
    return made


def _check(touch: Callable[[], object], which: str) -> None:
    """Make librdkafka's part of a client, which Quix does at its first use."""
    try:
        touch()
    except KafkaException as error:
        raise Unusable(f"kafka.options.{which} or kafka.security: {error.args[0].str()}") from error


def session_timeout(kafka: Kafka) -> float:
    """Seconds after which the group takes a silent member's partitions away."""
    return float(kafka.consumer_options.get("session.timeout.ms", SESSION_TIMEOUT * 1000)) / 1000


def _connection(kafka: Kafka) -> ConnectionConfig:
    security = kafka.security
    password = None if security.password is None else security.password.reveal()
    values: dict[str, Any] = {
        "bootstrap_servers": kafka.brokers,
        "security_protocol": security.protocol,
        "sasl_mechanism": security.mechanism,
        "sasl_username": security.username,
        "sasl_password": password,
        "ssl_ca_location": _text(security.ca),
        "ssl_certificate_location": _text(security.certificate),
        "ssl_key_location": _text(security.key),
    }
    return ConnectionConfig(**{name: value for name, value in values.items() if value is not None})


def _text(path: object) -> str | None:
    return None if path is None else str(path)


def _consumer_options(kafka: Kafka) -> dict[str, Any]:
    options: dict[str, Any] = {
        "session.timeout.ms": int(SESSION_TIMEOUT * 1000),
        "fetch.queue.backoff.ms": 20,  # librdkafka's default of 1 s stalls a queue as small as ours
        **kafka.consumer_options,
        "partition.assignment.strategy": "cooperative-sticky",
        "enable.partition.eof": False,  # with it, librdkafka 2.12 loses records when a partition pauses and resumes
        "max.partition.fetch.bytes": _FETCH,
        "queued.min.messages": Limits().in_flight,
    }
    if kafka.instance is not None:
        options["group.instance.id"] = kafka.instance
    return options
