"""engine.commands.publish: event files on a broker, against the embedded one and a registry over HTTP."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer
from confluent_kafka import Message as KafkaMessage

from engine.commands.publish import publish
from engine.config.model import Events, Limits, SchemaRegistry
from engine.errors import Unavailable, Unusable
from engine.events.decoder import Decoder
from engine.events.registry import Registry
from engine.events.schemas import LocalSchemas
from tests.events.registry_server import Server
from tests.services.embedded import Embedded

ID = "6f9619ff-8b86-4011-b42d-00c04fc964ff"
SCHEMA = {
    "type": "record",
    "name": "thing",
    "fields": [
        {"name": "event_id", "type": "string"},
        {"name": "event_type", "type": "string"},
        {"name": "version", "type": "int"},
        {"name": "note", "type": ["null", "string"], "default": None},
    ],
}
EVENT = {"event_id": ID, "event_type": "thing", "version": 1, "note": "hello"}


@pytest.fixture
def server() -> Iterator[Server]:
    """A registry that takes the schema as number 7."""
    server = Server()
    yield server
    server.close()


@pytest.fixture
def configured(embedded: Embedded, server: Server, tmp_path: Path) -> Callable[..., tuple[Path, str]]:
    """Write a configuration for the broker and the registry: (its file, the topic)."""

    def write(**events: Any) -> tuple[Path, str]:
        topic = embedded.create_topic()
        server.answers[f"/subjects/{topic}-thing/versions"] = (200, {"id": 7})
        server.answers["/schemas/ids/7"] = (200, {"schema": json.dumps(SCHEMA)})
        file = tmp_path / "config.yaml"
        config = {
            "kafka": {"brokers": embedded.address, "topic": topic},
            "schema_registry": {"url": server.url},
            "events": {"schemas": "schemas", **events},
        }
        file.write_text(json.dumps(config))  # JSON is YAML
        (tmp_path / "schemas").mkdir()
        (tmp_path / "schemas" / "thing_v1.avsc").write_text(json.dumps(SCHEMA))
        return file, topic

    return write


@pytest.fixture
def saved(tmp_path: Path) -> Callable[..., Path]:
    """Write an event file."""

    def write(event: Any, name: str = "event.json") -> Path:
        (tmp_path / name).write_text(event if isinstance(event, str) else json.dumps(event))
        return tmp_path / name

    return write


def consumed(embedded: Embedded, topic: str, count: int) -> list[KafkaMessage]:
    """The first messages of a topic."""
    settings = {"bootstrap.servers": embedded.address, "group.id": "g", "auto.offset.reset": "earliest"}
    consumer = Consumer(settings)
    consumer.subscribe([topic])
    try:
        messages: list[KafkaMessage] = consumer.consume(count, timeout=20)
        return messages
    finally:
        consumer.close()


def test_an_avro_event_arrives(
    *,
    configured: Callable[..., tuple[Path, str]],
    saved: Callable[..., Path],
    embedded: Embedded,
    server: Server,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Two events are registered, framed, produced without a key and acknowledged; the decoder reads them."""
    config, topic = configured()
    other = EVENT | {"note": None}
    assert 0 == publish([saved(EVENT), saved(other, "other.json")], config)
    messages = consumed(embedded, topic, 2)
    registry = Registry(SchemaRegistry(url=server.url))
    registry.fetch(7)
    decoder = Decoder(Events(), Limits(), LocalSchemas(tmp_path / "schemas"), registry)
    records = [decoder.record(message.value() or b"", message.headers()) for message in messages]
    assert [EVENT, other] == sorted(records, key=lambda record: record["note"] or "~")
    assert [None, None] == [message.key() for message in messages]
    assert f"{tmp_path / 'event.json'}: {topic}[" in capsys.readouterr().out


def test_a_json_event_arrives(
    *,
    configured: Callable[..., tuple[Path, str]],
    saved: Callable[..., Path],
    embedded: Embedded,
    server: Server,
) -> None:
    """With format json the event goes out as it is, and no registry is asked; a key is set where one is given."""
    config, topic = configured(format="json", envelope={"type": "message_type"})
    event = {"message_type": "update_thing", "values": {"é": 2**70}}
    assert 0 == publish([saved(event)], config, "K")
    (message,) = consumed(embedded, topic, 1)
    assert event == json.loads(message.value() or b"")
    assert b"K" == message.key()
    assert [] == server.seen


@pytest.mark.parametrize(
    ("event", "text"),
    [
        ("{", "event.json: not JSON"),
        ("[]", "event.json: the event is not a JSON object"),
        (EVENT | {"event_type": "thong"}, "event.json: there is no schema for event_type 'thong'"),
        (EVENT | {"version": 2}, r"event.json: there is no schema thing_v2.avsc in .*; versions: \[1\]"),
        (EVENT | {"note": 5}, "event.json: note: must be a text, it is 5"),
        (EVENT | {"event_id": "x"}, "event.json: event_id must be a UUID"),
    ],
)
def test_one_bad_file_stops_all(
    *,
    event: Any,
    text: str,
    configured: Callable[..., tuple[Path, str]],
    saved: Callable[..., Path],
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A file that is no event of its schema is named, and nothing is sent, the good ones neither."""
    config, _ = configured()
    with pytest.raises(Unusable, match=text):
        publish([saved(EVENT, "good.json"), saved(event)], config)
    assert "" == capsys.readouterr().out


def test_an_absent_file_is_named(configured: Callable[..., tuple[Path, str]], tmp_path: Path) -> None:
    """The path and what the system says."""
    config, _ = configured()
    with pytest.raises(Unusable, match=r"absent\.json: cannot read the event: No such file"):
        publish([tmp_path / "absent.json"], config)


def test_without_a_registry_nothing_is_sent(
    configured: Callable[..., tuple[Path, str]], saved: Callable[..., Path], server: Server
) -> None:
    """The registry is away: nobody could read the event."""
    config, topic = configured()
    server.answers[f"/subjects/{topic}-thing/versions"] = (503, {})
    with pytest.raises(Unavailable, match="503"):
        publish([saved(EVENT)], config)


def test_a_missing_topic_is_named_at_once(
    configured: Callable[..., tuple[Path, str]], saved: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is sent, and nobody waits for a delivery timeout to read that a message timed out."""
    config, topic = configured(format="json")
    config.write_text(config.read_text().replace(topic, "elsewhere"))
    with pytest.raises(Unusable, match="the broker has no topic 'elsewhere', or does not show it"):
        publish([saved(EVENT)], config)
    assert "" == capsys.readouterr().out
