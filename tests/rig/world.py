"""One test's world: a topic and a group of its own on the shared broker, the API server, engines that end with it."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from engine.events import avro
from engine.events.encoder import encode
from engine.events.schemas import LocalSchemas
from tests.api_server.client import ApiServer
from tests.rig.engine import ROOT, Engine
from tests.rig.events import NOTE, note_json, rules_folder
from tests.rig.topics import Topics
from tests.rig.waiting import eventually
from tests.services.kafka import Kafka
from tests.services.registry import Registry

SESSION = 2.0
"""Seconds of the engines' session timeout."""

CONTROLS = 100
"""Applied controls in the beginning: AC-1 to AC-100."""

SCHEMAS = ROOT / "schemas" / "events"


class World:
    """Makes engines that share a topic, a group and the API server.

    Attributes:
        topic, dlq, group: of this world alone.
        topics: the broker's side.
        rules: the engines' folder of rules; `note` is in it.
    """

    def __init__(self, folder: Path, kafka: Kafka, api: ApiServer, *, partitions: int = 4) -> None:
        self.folder = folder
        self.kafka = kafka
        self.api = api
        api.reset(controls=CONTROLS)
        self.topic = kafka.create_topic(partitions=partitions)
        self.dlq = f"{self.topic}.dlq"
        self.group = f"{self.topic}-group"
        self.topics = Topics(kafka.client())
        self.rules = rules_folder(folder / "rules", note=NOTE)
        self.environment = {"CISO_TOKEN": api.token}
        self._engines: list[Engine] = []
        self._numbers = itertools.count(1)

    def engine(self, *arguments: str, **sections: Any) -> Engine:
        """An engine, not started. `sections` go over the test's configuration, key by key; `format: json` is set."""
        name = f"engine{next(self._numbers)}"
        engine = Engine(self.folder, name, _over(self.config(), sections), self.environment, *arguments)
        self._engines.append(engine)
        return engine

    def config(self) -> dict[str, Any]:
        """What the engines of this world share."""
        consumer = {"session.timeout.ms": int(SESSION * 1000), "heartbeat.interval.ms": 400}
        return {
            "kafka": {
                "brokers": self.kafka.address,
                "topic": self.topic,
                "group": self.group,
                "options": {"consumer": consumer},
            },
            "events": {"format": "json", "schemas": str(SCHEMAS)},
            "api": {"url": self.api.url, "auth": {"type": "token", "token": "${CISO_TOKEN}"}},
            "retry": {"initial_delay": "50ms", "max_delay": "1s"},
            "outage": {"probe_every": "200ms"},
            "dlq": {"topic": self.dlq},
            "rules": {"path": str(self.rules)},
            "shutdown_timeout": "10s",
        }

    def notes(self, events: int, keys: int, *, first: int = 1) -> None:
        """Produce events `note`, numbered from `first`, in turn for the controls AC-1 to AC-<keys>."""
        for number in range(first, first + events):
            key = f"AC-{number % keys + 1}"
            self.topics.produce(self.topic, note_json(key, number), key)
        self.topics.flush()

    def applied(self) -> int:
        """Different events that the API has applied."""
        return int(self.api.stats()["distinct"])

    def wait_applied(self, events: int, *, within: float = 60.0) -> None:
        """Return when the API has applied so many different events."""
        try:
            eventually(lambda: self.applied() >= events, within=within, every=0.1)
        except AssertionError as late:
            dead = self.topics.count(self.dlq)
            logs = "\n".join(f"--- {engine.log.name}\n{engine.text()[-2500:]}" for engine in self._engines)
            raise AssertionError(f"{self.applied()} of {events} events were applied, {dead} dead\n{logs}") from late

    def wait_committed(self, *, within: float = 30.0) -> None:
        """Return when the group has committed everything."""
        eventually(lambda: self.topics.lag(self.topic, self.group) == 0, within=within, every=0.1, what="lag 0")

    def close(self) -> None:
        """End what still runs."""
        for engine in self._engines:
            if engine.running:
                engine.resume()
                engine.kill()

    def printed(self) -> str:
        """Everything that all engines printed."""
        return "\n".join(engine.text() for engine in self._engines)


def avro_values(registry: Registry, topic: str, *events: Mapping[str, Any]) -> list[bytes]:
    """Events as a producer writes them with the shipped schemas, registered first."""
    schemas = LocalSchemas(SCHEMAS, required=True)
    values = []
    for event in events:
        schema = schemas.find(event["event_type"], event["version"])
        assert isinstance(schema, avro.Schema)
        values.append(encode(event, schema, registry.register(f"{topic}-{schema.name}", json.dumps(schema.raw))))
    return values


def _over(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for key, value in above.items():
        old = merged.get(key)
        both = isinstance(old, Mapping) and isinstance(value, Mapping) and "type" not in value
        merged[key] = _over(old, value) if both and isinstance(old, Mapping) else value
    return merged
