"""What the demo has instead of the real world: a broker, an API, a registry, and a configuration that names them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from engine.config.model import Api, Config, Events, HeaderAuth, Http, Kafka, RetryPolicy, Rules, SchemaRegistry
from engine.config.secret import Secret
from engine.demo.api import TOKEN, SampleApi
from engine.demo.broker import Broker
from engine.demo.events import POISON, STUMBLES, Sample
from engine.demo.registry import SampleRegistry
from engine.demo.shipped import shipped
from engine.demo.web import Answered, Asked, Web
from engine.events.decoder import Decoder
from engine.events.encoder import encode
from engine.events.registry import Registry, subject_of
from engine.events.schemas import LocalSchemas
from engine.stream.state_topic import topic_name
from engine.stream.topics import Topics, event_topic

Seen = Callable[[Asked, Answered], None]
_LARGEST = 1_000_000  # bytes, librdkafka's default
_LATENCY = 0.02  # seconds of the sample API: fast, yet one sees requests of different keys overlap


class Parts:
    """The embedded parts, running.

    Args:
        seen: told each request that the API got, on the API's thread, and its answer.

    Attributes:
        config: what `engine run` would read from a file.
    """

    def __init__(self, seen: Seen) -> None:
        self._broker = Broker()
        self._api, self._registry, self._seen = SampleApi(STUMBLES), SampleRegistry(), seen
        self._web = Web(self._answer, _LATENCY)
        self.config = _config(self._broker.address, self._web.url)
        self._broker.create_topic(self.config.kafka.topic)
        self._broker.create_topic(self.config.dlq.topic)
        self._broker.create_topic(topic_name(self.config.dlq.topic))
        self._client = Registry(self.config.schema_registry)
        self._schemas = LocalSchemas(self.config.events.schemas)

    @property
    def broker(self) -> Broker:
        """The embedded broker."""
        return self._broker

    def topics(self, config: Config, decoder: Decoder) -> Topics:
        """What `stream.topics.prepare` finds on a real broker; this one does not answer such questions."""
        main, dlq = map(self._broker.partitions, (config.kafka.topic, config.dlq.topic))
        return Topics(event_topic(config.kafka.topic, decoder), main, dlq, _LARGEST)

    def publish(self, sample: Sample) -> None:
        """Publish one message, as `engine publish` would: the schema is registered, the event encoded and produced."""
        self._broker.publish(self.config.kafka.topic, sample.about, self._value(sample))

    def close(self) -> None:
        """Stop what serves."""
        self._client.close()
        self._web.close()

    def _value(self, sample: Sample) -> bytes:
        event = sample.event
        if event is None:
            return POISON
        schema = self._schemas.find(event["event_type"], event["version"])
        if schema is None:
            raise LookupError(f"no schema for {event['event_type']}")
        return encode(event, schema, self._client.register(subject_of(self.config.kafka.topic, schema), schema.raw))

    def _answer(self, asked: Asked) -> Answered:
        if asked.path.startswith("/registry/"):
            return self._registry.answer(replace(asked, path=asked.path.removeprefix("/registry")))
        answered = self._api.answer(asked)
        self._seen(asked, answered)
        return answered


def _config(brokers: str, url: str) -> Config:
    schemas = shipped("schemas")
    return Config(
        kafka=Kafka(brokers=brokers, group="engine-demo"),
        schema_registry=SchemaRegistry(url=f"{url}/registry"),
        events=Events(schemas=schemas / "events"),
        api=Api(
            url=f"{url}/api",
            auth=HeaderAuth("Authorization", Secret(TOKEN), "Token "),
            openapi=schemas / "ciso-assistant.openapi.json",
        ),
        retry=RetryPolicy(initial_delay=0.5),
        rules=Rules(path=shipped("rules"), reload=False),
        http=Http(port=0),
    )
