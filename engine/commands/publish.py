"""`engine publish`: event files become messages on the topic, as a producer in production would write them."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from engine.config.load import load_config
from engine.config.model import Config, Events, Kafka
from engine.errors import Undeliverable, Unusable
from engine.events import json_format
from engine.events.avro import Schema
from engine.events.encoder import encode, encode_json
from engine.events.envelope import to_event
from engine.events.event import Message
from engine.events.plainjson import to_record
from engine.events.registry import Registry, subject_of
from engine.events.schemas import LocalSchemas
from engine.quix import producer
from engine.stream.survey import Survey

DELIVERY = 30.0
"""Seconds that the broker has to acknowledge a message, see `engine.quix.producer`."""

_Encode = Callable[[Mapping[str, Any]], bytes]


def publish(event_files: Sequence[Path], config_file: Path | None, key: str | None = None) -> int:
    """Encode event files (one JSON object each) and produce them; where one cannot be encoded, none is sent.

    Avro events are written with the local schema NAME_vN of their type and version, which is registered first. Without
    a `key` the messages have none: the producer spreads them over the partitions, as it does with any such message.

    Returns:
        0: all are acknowledged. 1: the broker did not take them.

    Raises:
        Unavailable: the registry did not take a schema, or the broker does not answer.
        Unusable: the configuration, a file, an event that does not fit its schema, or there is no topic.
    """
    config = load_config(config_file, os.environ, secrets={"kafka", "schema_registry"})
    encode_event = _avro(config) if config.events.format == "avro" else _json(config.events)
    values = [(file, _value(file, encode_event)) for file in event_files]
    _find_topic(config.kafka)
    return _produce(config.kafka, values, key)


def _value(file: Path, encode_event: _Encode) -> bytes:
    try:
        return encode_event(json_format.read(file.read_bytes()))
    except OSError as error:
        raise Unusable(f"{file}: cannot read the event: {error.strerror}") from error
    except (json_format.NotJson, Unusable, Undeliverable) as error:
        raise Unusable(f"{file}: {error}") from error


def _avro(config: Config) -> _Encode:
    schemas = LocalSchemas(config.events.schemas, required=config.events.schemas_configured)
    registry = Registry(config.schema_registry)

    def encode_event(event: Mapping[str, Any]) -> bytes:
        schema = _schema(event, config.events, schemas)
        _check(to_record(event, schema), config.events)
        return encode(event, schema, registry.register(subject_of(config.kafka.topic, schema), schema.raw))

    return encode_event


def _json(events: Events) -> _Encode:
    def encode_event(event: Mapping[str, Any]) -> bytes:
        _check(event, events)
        return encode_json(event)

    return encode_event


def _schema(event: Mapping[str, Any], events: Events, schemas: LocalSchemas) -> Schema:
    """The local schema of exactly this type and version; of the newest version where the event names none."""
    name = event.get(events.envelope.type)
    known = schemas.versions(name) if isinstance(name, str) else []
    if not known:
        raise Unusable(f"there is no schema for {events.envelope.type} {name!r} in {events.schemas}")
    version = event.get(events.envelope.version, known[-1])
    schema = schemas.find(str(name), version) if version in known else None
    if schema is None:
        raise Unusable(f"there is no schema {name}_v{version}.avsc in {events.schemas}; versions: {known}")
    return schema


def _check(record: Mapping[str, Any], events: Events) -> None:
    """Refuse what `run` would dead-letter for its envelope."""
    to_event(record, Message("", 0, 0, None, None), events.envelope, events.format)


def _find_topic(kafka: Kafka) -> None:
    """Say at once what a producer says after its delivery timeout, as `Message timed out`; and create nothing."""
    if kafka.topic not in Survey(kafka).topics():
        raise Unusable(
            f"kafka.topic: the broker has no topic {kafka.topic!r}, or does not show it to this user; create it, "
            "or set kafka.create_topic: true and start `engine run` once"
        )


def _produce(kafka: Kafka, values: Sequence[tuple[Path, bytes]], key: str | None) -> int:
    failed = list(values)

    def report(file: Path) -> Callable[[Any, Any], None]:
        def delivered(error: Any, message: Any) -> None:
            if error is not None:
                click.echo(f"error: {file}: the broker did not take it: {error.str()}", err=True)
                return
            click.echo(f"{file}: {message.topic()}[{message.partition()}]@{message.offset()}")
            failed.pop()

        return delivered

    with producer(kafka) as open_producer:
        for file, value in values:
            open_producer.produce(kafka.topic, value, key, on_delivery=report(file))
        open_producer.flush(DELIVERY + 5)
    if failed:
        click.echo(f"error: {len(failed)} of {len(values)} events were not acknowledged by {kafka.brokers}", err=True)
    return 1 if failed else 0
