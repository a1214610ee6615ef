"""The events of a measurement: made once, put on the topic before anybody consumes."""

from __future__ import annotations

import io
import json
import random
import struct
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fastavro
from confluent_kafka import Producer

from tests.services.kafka import Kafka
from tests.services.registry import Registry

HERE = Path(__file__).parent
_STATUSES = ("to_do", "in_progress", "on_hold", "active")


@dataclass(frozen=True, slots=True)
class Load:
    """How much there is to do.

    Attributes:
        events: in all.
        keys: different keys; the events of one key are spread over the whole load.
        partitions: of the topic.
    """

    events: int = 20_000
    keys: int = 200
    partitions: int = 8


def preload(load: Load, kafka: Kafka, registry: Registry, controls: Mapping[str, str]) -> str:
    """Put the events on a new topic; its name. `controls`: id by ref_id, AC-1 to AC-<keys>."""
    topic = kafka.create_topic("bench", partitions=load.partitions)
    schema = json.loads((HERE / "schemas" / "set_status_v1.avsc").read_text())
    frame = b"\0" + struct.pack(">I", registry.register(f"{topic}-value", schema))
    parsed = fastavro.parse_schema(schema)
    producer = Producer(kafka.client({"acks": "all", "linger.ms": 20, "queue.buffering.max.messages": 1_000_000}))
    for record in records(load, controls):
        buffer = io.BytesIO(frame)
        buffer.seek(len(frame))
        fastavro.schemaless_writer(buffer, parsed, record)
        producer.produce(topic, buffer.getvalue(), record["payload"]["ref_id"])
        producer.poll(0)
    if producer.flush(120):
        raise RuntimeError("the broker did not take all events")
    return topic


def records(load: Load, controls: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    """The events, in the order in which they are produced; always the same for a load."""
    chance = random.Random(7)
    order = [f"AC-{index % load.keys + 1}" for index in range(load.events)]
    chance.shuffle(order)
    position: dict[str, int] = {}
    for reference in order:
        position[reference] = position.get(reference, 0) + 1
        payload = {"ref_id": reference, "control": controls[reference], "status": chance.choice(_STATUSES)}
        yield {
            "event_id": str(uuid.UUID(int=chance.getrandbits(128), version=4)),
            "event_type": "set_status",
            "version": 1,
            "payload": payload | {"seq": position[reference]},
        }
