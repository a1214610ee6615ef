"""Reading a topic newest first, and single records; on the embedded broker."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from confluent_kafka import KafkaError, Producer

from engine.config.model import Kafka
from engine.errors import Unavailable, Unusable
from engine.events.event import Message
from engine.stream.reader import Place, TopicReader, _runs
from tests.services.embedded import Embedded


def _place(message: Message) -> Place | None:
    """What is kept of a record in these tests; of those without a key nothing."""
    return None if message.key is None else Place(message.partition, message.offset)


@pytest.fixture
def written() -> Iterator[tuple[Kafka, str]]:
    """A topic: 700 records in partition 0 at even times, 300 in partition 2 at odd ones; the last one has no key."""
    broker = Embedded()
    topic = broker.create_topic()
    producer = Producer({"bootstrap.servers": broker.address})
    for number in range(1, 701):
        producer.produce(topic, b"v", b"k", partition=0, timestamp=1_000_000 + 2 * number)
    for number in range(1, 301):
        key = None if number == 300 else b"k"
        producer.produce(topic, b"v", key, partition=2, timestamp=1_000_001 + 2 * number)
    assert 0 == producer.flush(20)
    yield Kafka(brokers=broker.address), topic
    del broker  # it lived as long as the test


def test_the_newest_comes_first(written: tuple[Kafka, str]) -> None:
    """By offset within a partition, by time across; every record once; progress reaches the whole."""
    told: list[tuple[int, int]] = []
    with TopicReader(*written) as reader:
        found = list(reader.newest(_place, lambda *numbers: told.append(numbers)))
    assert [Place(0, offset) for offset in range(699, 299, -1)] == found[:400]
    assert [Place(2, 298), Place(0, 298), Place(2, 297)] == found[401:404]
    assert 999 == len(found) == len(set(found))
    assert (1000, 1000) == told[-1]


def test_whoever_wants_few_reads_little(written: tuple[Kafka, str]) -> None:
    """The first looks are small."""
    told: list[tuple[int, int]] = []
    with TopicReader(*written) as reader:
        newest = next(reader.newest(_place, lambda *numbers: told.append(numbers)))
    assert Place(0, 699) == newest
    assert told[-1][0] <= 300


def test_what_came_since_is_read_alone(written: tuple[Kafka, str]) -> None:
    """From an offset of each partition on."""
    with TopicReader(*written) as reader:
        found = list(reader.newest(_place, since={0: 698, 2: 298}))
    assert [Place(0, 699), Place(0, 698), Place(2, 298)] == found


def test_single_records_are_found(written: tuple[Kafka, str]) -> None:
    """Those that are not there are not among them."""
    wanted = [Place(0, 0), Place(0, 650), Place(0, 3), Place(2, 299), Place(2, 4000), Place(1, 0)]
    with TopicReader(*written) as reader:
        found = reader.load(wanted)
        again = reader.load([Place(0, 5)])
    assert {Place(0, 0), Place(0, 650), Place(0, 3), Place(2, 299)} == found.keys()
    assert (b"v", [Place(0, 5)]) == (found[Place(0, 3)].value, list(again))


def test_an_empty_topic_has_nothing() -> None:
    """And says so at once."""
    broker = Embedded()
    with TopicReader(Kafka(brokers=broker.address), broker.create_topic()) as reader:
        assert [] == list(reader.newest(_place))
        assert {(0, 0)} == set(reader.bounds().values())


def test_records_are_read_in_runs() -> None:
    """What stands close together is read in one go, what stands apart is not."""
    places = [Place(0, 1), Place(0, 2), Place(0, 500), Place(0, 2000), Place(1, 2001)]
    assert [(0, 1, 500), (0, 2000, 2000), (1, 2001, 2001)] == list(_runs(places))
    assert [] == list(_runs([]))


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (KafkaError.UNKNOWN_TOPIC_OR_PART, Unusable),
        (KafkaError._UNKNOWN_TOPIC, Unusable),
        (KafkaError._TRANSPORT, Unavailable),
    ],
)
def test_a_missing_topic_is_told_from_a_missing_broker(code: int, kind: type[Exception]) -> None:
    """One is a matter of configuration, the other of waiting."""
    broker = Embedded()
    with TopicReader(Kafka(brokers=broker.address), "observation.dlq") as reader:
        error = reader._meaning(KafkaError(code))
    assert kind is type(error)
