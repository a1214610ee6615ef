"""Decoding the events of letters; the registry may be away."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest
from structlog.testing import capture_logs

from engine.config.model import Config, Events, SchemaRegistry
from engine.deadletters.opening import Decoding
from engine.deadletters.rounds import free_lease
from engine.errors import Revoked, Stage, Unavailable, Undeliverable
from engine.events import avro
from engine.events.encoder import encode
from engine.events.event import Message
from tests.events.registry_server import Server

SCHEMA: dict[str, Any] = {
    "type": "record",
    "name": "Changed",
    "fields": [
        {"name": "event_id", "type": "string"},
        {"name": "event_type", "type": "string"},
        {"name": "version", "type": "int"},
    ],
}
EVENT = {"event_id": "0192f1c4-7b1e-7c3a-9d2e-000000000001", "event_type": "changed", "version": 1}


@pytest.fixture
def registry() -> Iterator[Server]:
    """A registry that knows schema 7."""
    server = Server()
    server.answers["/schemas/ids/7"] = (200, {"schema": json.dumps(SCHEMA)})
    yield server
    server.close()


@pytest.fixture
def decoding(registry: Server) -> Iterator[Decoding]:
    """Decodes with that registry, and no local schemas."""
    made = Decoding(Config(schema_registry=SchemaRegistry(url=registry.url), events=Events()))
    yield made
    made.close()


def _message(schema_id: int = 7) -> Message:
    return Message("observation", 0, 3, None, encode(EVENT, avro.parse(SCHEMA), schema_id))


async def test_an_event_is_decoded_with_its_writers_schema(decoding: Decoding) -> None:
    """Asked once; at once and on the loop."""
    assert "changed" == (await decoding.event_soon(_message(), free_lease())).type
    assert "changed" == decoding.event(_message()).type


async def test_a_registry_that_is_away_is_waited_for(decoding: Decoding, registry: Server) -> None:
    """No letter fails again for it; whoever only looks is told."""
    known = registry.answers.pop("/schemas/ids/7")
    registry.answers["/schemas/ids/7"] = (503, {})
    with pytest.raises(Unavailable):
        decoding.event(_message())
    with capture_logs() as logs:
        waiting = asyncio.create_task(decoding.event_soon(_message(), free_lease()))
        for _ in range(1_000):
            if logs:
                break
            await asyncio.sleep(0.01)
        registry.answers["/schemas/ids/7"] = known
        assert "changed" == (await waiting).type
    assert "registry.away" == logs[0]["event"]


async def test_an_interrupt_ends_the_wait(decoding: Decoding, registry: Server) -> None:
    """The letter stays as it is."""
    registry.answers["/schemas/ids/7"] = (503, {})
    lease = free_lease()
    lease.close()
    with capture_logs(), pytest.raises(Revoked):
        await decoding.event_soon(_message(), lease)


def test_an_unknown_schema_is_the_letters_own_fault(decoding: Decoding) -> None:
    """Stage decode, as in the engine."""
    with pytest.raises(Undeliverable) as caught:
        decoding.event(_message(8))
    assert Stage.DECODE == caught.value.stage
