"""librdkafka settings that `kafka.options` must not touch, and why."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

_OFFSETS = "the engine commits offsets itself, after an event is done"
_ASSIGNOR = "the engine needs the cooperative-sticky assignor"
_FETCH = "the engine sets it so that fetching follows its own bounds; use limits.in_flight and limits.buffer"
_CALLBACK = "it takes a function, which a file cannot hold"
_SECURITY = "use kafka.security"
_DURABLE = "a dead letter must be acknowledged by all replicas, exactly once and in order"

_BOTH = {
    "bootstrap.servers": "use kafka.brokers",
    "metadata.broker.list": "use kafka.brokers",
    "allow.auto.create.topics": "the engine never lets a broker invent topics; use kafka.create_topic",
    "plugin.library.paths": "it would load foreign code",
    "security.protocol": _SECURITY,
    "sasl.mechanism": _SECURITY,
    "sasl.mechanisms": _SECURITY,
    "sasl.username": _SECURITY,
    "sasl.password": _SECURITY,
    "ssl.ca.location": _SECURITY,
    "ssl.ca.pem": _SECURITY,
    "ssl.certificate.location": _SECURITY,
    "ssl.certificate.pem": _SECURITY,
    "ssl.key.location": _SECURITY,
    "ssl.key.pem": _SECURITY,
    "enable.ssl.certificate.verification": "an unverified broker could be anybody; use kafka.security.ca",
    "error_cb": _CALLBACK,
    "stats_cb": _CALLBACK,
    "throttle_cb": _CALLBACK,
    "log_cb": _CALLBACK,
    "oauth_cb": _CALLBACK,
    "logger": _CALLBACK,
}

CONSUMER: Mapping[str, str] = _BOTH | {
    "group.id": "use kafka.group",
    "group.instance.id": "use kafka.instance",
    "group.protocol": _ASSIGNOR,
    "group.remote.assignor": _ASSIGNOR,
    "partition.assignment.strategy": _ASSIGNOR,
    "auto.offset.reset": "use kafka.start",
    "enable.auto.commit": _OFFSETS,
    "auto.commit.enable": _OFFSETS,
    "auto.commit.interval.ms": "use commit_interval",
    "enable.auto.offset.store": _OFFSETS,
    "offset.store.method": _OFFSETS,
    "on_commit": _OFFSETS,
    "enable.partition.eof": "the engine reads without an end",
    "max.partition.fetch.bytes": _FETCH,
    "fetch.message.max.bytes": _FETCH,
    "fetch.max.bytes": _FETCH,
    "queued.min.messages": _FETCH,
    "queued.max.messages.kbytes": _FETCH,
}

PRODUCER: Mapping[str, str] = _BOTH | {
    "acks": _DURABLE,
    "request.required.acks": _DURABLE,
    "enable.idempotence": _DURABLE,
    "enable.gapless.guarantee": _DURABLE,
    "retries": _DURABLE,
    "message.send.max.retries": _DURABLE,
    "max.in.flight": _DURABLE,
    "max.in.flight.requests.per.connection": _DURABLE,
    "transactional.id": "the engine does not use transactions",
    "delivery.report.only.error": "the engine waits for every delivery report",
    "dr_cb": _CALLBACK,
    "dr_msg_cb": _CALLBACK,
    "on_delivery": _CALLBACK,
    "message.max.bytes": "the engine sets it from the topics, so that every event fits as a dead letter",
}


def refused(side: str, names: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    """The options of a side (`consumer`, `producer`) that are refused, each with the reason."""
    known = CONSUMER if side == "consumer" else PRODUCER
    for name in names:
        reason = known.get(name.strip().lower())
        if reason is not None:
            yield name, reason
