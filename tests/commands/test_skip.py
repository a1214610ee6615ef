"""engine.commands.skip on the embedded broker; with a running engine in tests/e2e/test_skip.py."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from engine.commands.skip import skip
from engine.config.load import load_config
from engine.errors import Unusable
from engine.stream.metadata import encode
from engine.stream.state import Source
from engine.stream.state_topic import read_state
from tests.services.embedded import Embedded


@pytest.fixture
def file(embedded: Embedded, tmp_path: Path) -> Path:
    """A configuration for a topic with three events in partition 2."""
    topic = embedded.create_topic()
    producer = Producer({"bootstrap.servers": embedded.address})
    for number in range(3):
        producer.produce(topic, b"v" * number, b"AC-1", 2, timestamp=1_795_532_153_242)
    assert 0 == producer.flush(10)
    found = tmp_path / "config.yaml"
    kafka = {"brokers": embedded.address, "topic": topic, "group": "g"}
    found.write_text(json.dumps({"kafka": kafka, "dlq": {"topic": f"{topic}.dlq"}}))
    return found


def _commit(file: Path, offset: int, metadata: str = "") -> None:
    """What a stopped engine has committed."""
    kafka = load_config(file, {}).kafka
    consumer = Consumer({"bootstrap.servers": kafka.brokers, "group.id": kafka.group})
    consumer.commit(offsets=[TopicPartition(kafka.topic, 2, offset, metadata)], asynchronous=False)
    consumer.close()


def test_the_event_is_shown_and_the_wish_is_kept(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nobody runs: the next engine finds it on the state topic."""
    _commit(file, 1)
    assert 0 == skip(file, 2, 1, "why", yes=True, patience=0.0)
    config = load_config(file, {})
    shown, said = capsys.readouterr().out.splitlines()
    assert f"{config.kafka.topic}[2]@1: key 'AC-1', 1 bytes, of 2026-11-24 14:55:53 UTC" == shown
    assert said.startswith("asked for: ")
    ((source, wish),) = read_state(config).skips.items()
    assert (Source(config.kafka.topic, 2, 1), "why") == (source, wish.reason)


@pytest.mark.parametrize(("watermark", "metadata"), [(2, ""), (0, encode(0, [(1, 2)]))])
def test_an_event_that_is_done_is_left_alone(
    file: Path, watermark: int, metadata: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Below what is committed, or among what finished out of order."""
    _commit(file, watermark, metadata)
    assert 1 == skip(file, 2, 1, "", yes=True, patience=0.0)
    assert "is done already" in capsys.readouterr().err
    assert {} == read_state(load_config(file, {})).skips


@pytest.mark.parametrize("metadata", ["", "from the future", encode(0, [(2, 3)])])
def test_an_event_that_is_not_done_is_asked_for(file: Path, metadata: str) -> None:
    """Also where the group's metadata cannot be read."""
    _commit(file, 0, metadata)
    assert 0 == skip(file, 2, 1, "", yes=True, patience=0.0)
    assert 1 == len(read_state(load_config(file, {})).skips)


@pytest.mark.parametrize(
    ("partition", "offset", "says"),
    [
        (2, 3, "there is no offset 3 in partition 2 of observation-1; it has the offsets 0 to 2"),
        (0, 0, "it is empty"),
        (9, 0, "observation-1 has the partitions 0 to 3"),
    ],
)
def test_an_event_that_is_not_there_is_told(file: Path, partition: int, offset: int, says: str) -> None:
    """With what is there."""
    with pytest.raises(Unusable, match="--") as raised:
        skip(file, partition, offset, "", yes=True, patience=0.0)
    assert says in str(raised.value)


def test_nobody_at_the_terminal_and_no_yes_is_a_no(file: Path) -> None:
    """A script must say so."""
    with pytest.raises(Unusable, match="say --yes"):
        skip(file, 2, 1, "", yes=False, patience=0.0)
    assert {} == read_state(load_config(file, {})).skips
