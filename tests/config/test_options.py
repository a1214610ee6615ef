"""librdkafka settings that the engine owns."""

from __future__ import annotations

import pytest

from engine.config.options import CONSUMER, PRODUCER, refused


@pytest.mark.parametrize(
    "name",
    [
        "group.id",
        "enable.auto.commit",
        "auto.offset.reset",
        "error_cb",
        "on_commit",
        "bootstrap.servers",
        "partition.assignment.strategy",
        "enable.auto.offset.store",
        "Group.Id",
    ],
)
def test_consumer_settings_of_the_engine_are_refused(name: str) -> None:
    """Those that Quix silently ignores, and those that would break a promise; in any case of letters."""
    assert [name] == [refusal for refusal, _ in refused("consumer", {name: 1, "client.id": "x"})]


@pytest.mark.parametrize(
    "name", ["acks", "enable.idempotence", "request.required.acks", "bootstrap.servers", "dr_cb", "retries"]
)
def test_producer_settings_that_weaken_a_dead_letter_are_refused(name: str) -> None:
    """acks=all and idempotence are what makes a dead letter durable."""
    assert [name] == [refusal for refusal, _ in refused("producer", {name: 1, "linger.ms": 5})]


def test_every_refusal_has_a_reason() -> None:
    """A person is told what to use instead, or why."""
    assert all(len(reason) > 10 for reason in (*CONSUMER.values(), *PRODUCER.values()))
