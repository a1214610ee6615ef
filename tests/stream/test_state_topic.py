"""The state topic on a broker: what was written is read, by whoever asks later."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, ConfigResource

from engine.config.model import Config, Dlq
from engine.config.model import Kafka as KafkaConfig
from engine.stream.state import Entry, Fate, LetterState, Source, letter_entry, skip_entry
from engine.stream.state_topic import StateMissing, StateReader, StateWriter, read_state, topic_name
from engine.stream.topics import create_state_topic
from tests.services.embedded import Embedded
from tests.services.kafka import Kafka

AT = datetime(2026, 11, 24, tzinfo=UTC)
REPLAYED = LetterState(Fate.REPLAYED, AT, 2)


def _config(address: str, dlq: str) -> Config:
    return Config(kafka=KafkaConfig(brokers=address), dlq=Dlq(topic=dlq))


def _letters(number: int) -> list[Entry]:
    return [letter_entry(Source("t", 0, one), REPLAYED, [(0, one)]) for one in range(number)]


def test_what_was_written_is_read(embedded: Embedded) -> None:
    """In order, up to the end; progress is told; a reader that stays hears what comes later."""
    config = _config(embedded.address, embedded.create_topic("dlq"))
    topic = topic_name(config.dlq.topic)
    writer = StateWriter(config.kafka, topic)
    writer.write(_letters(2500))
    told: list[tuple[int, int]] = []
    state = read_state(config, progress=lambda read, end: told.append((read, end)))
    assert (REPLAYED, 2500, (2500, 2500)) == (state.letter(Source("t", 0, 2499)), state.settled(0, 0, 2500), told[-1])
    with StateReader(config.kafka, topic) as reader:
        _take(reader, 2500)
        writer.write([skip_entry(Source("t", 0, 1), None)])
        assert [(b"skip/t/0/1", None)] == _take(reader, 2501)
    writer.close()


def _take(reader: StateReader, position: int) -> Sequence[Any]:
    found: Sequence[Any] = []
    while reader.position < position:
        found = reader.take(1.0) or found
    return found


def test_without_records_nothing_is_known() -> None:
    """An empty topic is a state like any other."""
    embedded = Embedded()
    state = read_state(_config(embedded.address, "never-written"))
    assert (None, []) == (state.letter(Source("t", 0, 1)), list(state.lanes()))


def test_an_options_error_is_none_of_the_writers() -> None:
    """Nothing is connected before the first record; nothing written is nothing asked."""
    opened: list[KafkaConfig] = []

    def never(kafka: KafkaConfig) -> Any:
        opened.append(kafka)
        return Producer({})

    StateWriter(KafkaConfig(), "t", never).close()
    assert [] == opened


@pytest.mark.services
def test_the_topic_is_compacted_and_has_one_partition(kafka: Kafka) -> None:
    """Created where it is missing, left alone where it is there."""
    config = _config(kafka.address, kafka.create_topic("dlq"))
    for _ in range(2):
        create_state_topic(config)
    name = topic_name(config.dlq.topic)
    admin = AdminClient(kafka.client())
    (described,) = admin.describe_configs([ConfigResource(ConfigResource.Type.TOPIC, name)]).values()
    assert "compact" == described.result(30)["cleanup.policy"].value
    assert 1 == len(admin.list_topics(name, timeout=10).topics[name].partitions)


@pytest.mark.services
def test_a_missing_topic_is_told_soon_and_works_when_it_is_there(kafka: Kafka) -> None:
    """By readers at once, by writers after some seconds; the same writer goes on when the topic was made."""
    config = _config(kafka.address, kafka.create_topic("dlq"))
    topic = topic_name(config.dlq.topic)
    writer = StateWriter(config.kafka, topic)
    for ask in (_end, lambda *_: writer.write(_letters(1))):
        with pytest.raises(StateMissing):
            ask(config, topic)
    assert None is read_state(config).letter(Source("t", 0, 0))
    create_state_topic(config)
    writer.write(_letters(1))
    assert REPLAYED == read_state(config).letter(Source("t", 0, 0))


def _end(config: Config, topic: str) -> int:
    with StateReader(config.kafka, topic) as reader:
        return reader.end()


@pytest.mark.services
def test_an_end_without_records_is_reached(kafka: Kafka) -> None:
    """Compaction may have taken the last ones; here a transaction that was given up left none."""
    config = _config(kafka.address, kafka.create_topic("dlq"))
    create_state_topic(config)
    StateWriter(config.kafka, topic_name(config.dlq.topic)).write(_letters(1))
    producer = Producer(kafka.client({"transactional.id": "given-up", "log_level": 0}))
    producer.init_transactions(30)
    producer.begin_transaction()
    producer.produce(topic_name(config.dlq.topic), b"{}", b"nonsense", 0)
    producer.flush(30)
    producer.abort_transaction(30)
    state = read_state(config)
    assert (0, REPLAYED) == (state.unreadable, state.letter(Source("t", 0, 0)))
