"""Makes and checks the topics on a real broker."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import structlog
from confluent_kafka import KafkaException

from engine.config.model import Config
from engine.errors import Unavailable, Unusable
from engine.events.decoder import Decoder
from engine.events.deserializer import EventDeserializer
from engine.quix import (
    CreateTopicFailure,
    CreateTopicTimeout,
    QuixException,
    Topic,
    TopicAdmin,
    TopicConfig,
    TopicNotFoundError,
    TopicPermissionError,
    application,
)
from engine.stream.state_topic import topic_name
from engine.stream.survey import Survey

HEADROOM = 64 * 1024
"""Bytes that a dead letter may be larger than its event: the `dlq.*` headers."""

_KAFKA_DEFAULT = 1_048_588  # `max.message.bytes` where the broker does not say
_TIMEOUT = 10.0
_DEFAULT = -1  # of the broker
# compacted only: what was replayed must be known for as long as its dead letter may stand there, however long that is;
# small segments, because the newest is never compacted and everybody reads it
_STATE_SETTINGS = {"cleanup.policy": "compact", "segment.bytes": str(16 * 1024 * 1024)}
Made = TypeVar("Made")


@dataclass(frozen=True, slots=True)
class Topics:
    """What the stream needs to know of its topics.

    Attributes:
        main: the topic of events, with its deserializer.
        partitions: of the main topic.
        dlq_partitions: of the dead-letter topic.
        max_message_bytes: the largest message the dead-letter topic takes.
    """

    main: Topic
    partitions: int
    dlq_partitions: int
    max_message_bytes: int


@dataclass(frozen=True, slots=True)
class LetterTopic:
    """What a replay needs to know of the dead-letter topic.

    Attributes:
        same_partitions: it has as many as the topic of events.
        max_message_bytes: the largest message it takes.
    """

    same_partitions: bool
    max_message_bytes: int


def letter_topic(config: Config) -> LetterTopic:
    """Look at the dead-letter topic, and create its state topic where that is missing.

    Raises:
        Unusable: they must not be read, or not be created.
        Unavailable: the broker does not answer.
    """
    create_state_topic(config)
    counts = Survey(config.kafka).topics()
    same = counts.get(config.dlq.topic) == counts.get(config.kafka.topic)
    return LetterTopic(same, _asking(lambda: max_message_bytes(config, config.dlq.topic), config))


def event_topic(name: str, decoder: Decoder) -> Topic:
    """The topic of events as Quix deserializes it; asks no broker."""
    return Topic(name, value_deserializer=EventDeserializer(decoder), key_deserializer="bytes")


def prepare(config: Config, decoder: Decoder) -> Topics:
    """Verify the main topic (or create it, where `kafka.create_topic` says so), create those of dead letters.

    Raises:
        Unusable: a topic is missing or must not be read; says what to do.
        Unavailable: the broker does not answer.
    """
    found = _asking(lambda: _prepare(config, decoder), config)
    try:
        create_state_topic(config)
    except Unusable as error:  # the engine works without it, see `keeper`
        structlog.get_logger().warning("state.not_created", topic=topic_name(config.dlq.topic), reason=str(error))
    return found


def create_state_topic(config: Config) -> None:
    """Create the topic `<dlq topic>.state` where it is missing.

    Raises:
        Unusable: it must not be created.
        Unavailable: the broker does not answer.
    """
    settings = TopicConfig(
        num_partitions=1, replication_factor=config.dlq.replication or _DEFAULT, extra_config=_STATE_SETTINGS
    )
    _asking(
        lambda: application(config.kafka, create_topics=True).topic(topic_name(config.dlq.topic), config=settings),
        config,
    )


def _prepare(config: Config, decoder: Decoder) -> Topics:
    kafka = config.kafka
    main = application(kafka, create_topics=kafka.create_topic).topic(
        kafka.topic,
        value_deserializer=EventDeserializer(decoder),
        key_deserializer="bytes",
        config=TopicConfig(num_partitions=_DEFAULT, replication_factor=_DEFAULT) if kafka.create_topic else None,
    )
    partitions = main.broker_config.num_partitions or 1
    largest = max_message_bytes(config, kafka.topic) + HEADROOM
    wanted = {
        "retention.ms": str(int(config.dlq.retention * 1000)),
        "max.message.bytes": str(largest),
        "cleanup.policy": "delete",
    }
    count = config.dlq.partitions or partitions
    dlq = application(kafka, create_topics=True).topic(
        config.dlq.topic,
        config=TopicConfig(
            num_partitions=count, replication_factor=config.dlq.replication or _DEFAULT, extra_config=wanted
        ),
    )
    _compare(config, dlq, wanted)
    return Topics(main, partitions, dlq.broker_config.num_partitions or 1, largest)


def max_message_bytes(config: Config, topic: str) -> int:
    """`max.message.bytes` of a topic."""
    return int(_settings(config, topic).get("max.message.bytes") or _KAFKA_DEFAULT)


def _settings(config: Config, topic: str) -> dict[str, str]:
    found = _admin(config).inspect_topics([topic], timeout=_TIMEOUT)[topic]
    return {} if found is None else found.extra_config


def _admin(config: Config) -> TopicAdmin:
    return TopicAdmin(application(config.kafka, create_topics=False).config.broker_address)


def _compare(config: Config, dlq: Topic, wanted: dict[str, str]) -> None:
    """A dead-letter topic that was there already stays as it is; what differs is a warning."""
    actual = _settings(config, dlq.name)
    found = {name: actual.get(name) for name in wanted}
    differing = {name: value for name, value in found.items() if value != wanted[name]}
    if config.dlq.partitions is not None and dlq.broker_config.num_partitions != config.dlq.partitions:
        differing["partitions"] = str(dlq.broker_config.num_partitions)
        wanted = {**wanted, "partitions": str(config.dlq.partitions)}
    if differing:
        structlog.get_logger().warning(
            "dlq.topic_differs",
            topic=dlq.name,
            found=differing,
            wanted={name: wanted[name] for name in differing},
            what_to_do="alter the topic, or the configuration under dlq",
        )


def _asking(ask: Callable[[], Made], config: Config) -> Made:
    """`ask`'s answer, with the errors of Quix and librdkafka made ours."""
    try:
        return ask()
    except TopicNotFoundError as error:
        raise Unusable(
            f"kafka.topic: the broker has no topic {config.kafka.topic!r}; create it, or set kafka.create_topic: true"
        ) from error
    except TopicPermissionError as error:
        raise Unusable(
            f"kafka.topic: the settings of {config.kafka.topic!r} or {config.dlq.topic!r} must not be read; "
            "allow DescribeConfigs (and Create for the dead-letter topic) to this user"
        ) from error
    except CreateTopicTimeout as error:
        raise Unavailable(f"the broker did not create a topic in time: {_line(error)}") from error
    except CreateTopicFailure as error:
        raise Unusable(f"dlq.topic: {_line(error)}; check dlq.replication and the user's rights") from error
    except (KafkaException, QuixException) as error:
        raise Unavailable(f"the broker at {config.kafka.brokers} does not answer: {_line(error)}") from error


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:300]
