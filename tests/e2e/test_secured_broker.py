"""SASL and TLS with an authority of one's own: the engine runs and publishes, and the password stands nowhere."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.api_server.client import ApiServer
from tests.rig.engine import ROOT
from tests.rig.events import note_json, status
from tests.rig.waiting import eventually
from tests.rig.world import World
from tests.services import registry as registry_service
from tests.services.certificates import Certificates
from tests.services.kafka import PASSWORD, USER, Kafka
from tests.services.registry import Registry

pytestmark = pytest.mark.services


@pytest.fixture
def secured(tmp_path: Path, kafka_secured: Kafka, api_server: ApiServer) -> Iterator[World]:
    """A world on the secured broker; its own clients use the plain listener."""
    made = World(tmp_path, kafka_secured, api_server)
    yield made
    made.close()


def _kafka(world: World, listener: str, **security: Any) -> dict[str, Any]:
    certificates = world.kafka.certificates
    assert certificates is not None
    given = {"protocol": listener, "ca": str(certificates.ca), **security}
    return {"brokers": world.kafka.addresses[listener], "security": given}


def test_run_and_publish_over_sasl_and_tls(secured: World, registry_secured: Registry) -> None:
    """SCRAM over TLS to the broker, Basic over TLS to the registry: an event is published and done."""
    world = secured
    world.environment |= {"KAFKA_PASSWORD": PASSWORD, "REGISTRY_PASSWORD": registry_service.PASSWORD}
    ca = str(world.kafka.certificates.ca) if world.kafka.certificates else ""
    engine = world.engine(
        kafka=_kafka(world, "sasl_ssl", mechanism="SCRAM-SHA-256", username=USER, password="${KAFKA_PASSWORD}"),
        schema_registry={
            "url": registry_secured.secure_url,
            "username": registry_service.USER,
            "password": "${REGISTRY_PASSWORD}",
            "ca": ca,
        },
        events={"format": "avro"},
        rules={"path": str(ROOT / "rules")},
        log={"level": "debug"},
    )
    engine.start_ready()
    path = world.folder / "event.json"
    path.write_text(json.dumps(status("AC-2", "active")))
    published = engine.verb("publish", str(path))
    assert (0, "") == (published.code, published.errors)
    eventually(lambda: engine.outcomes("done") == 1)
    assert "active" == next(o for o in world.api.objects("applied-controls") if o["ref_id"] == "AC-2")["status"]
    world.topics.produce(world.topic, b"no avro", "k")
    world.topics.flush()
    world.topics.letters(world.dlq, 1)
    world.wait_committed()
    assert 0 == engine.stop()
    assert [] == [secret for secret in (PASSWORD, registry_service.PASSWORD) if secret in world.printed()]


def test_a_client_certificate_is_enough(secured: World, certificates: Certificates) -> None:
    """TLS with a client certificate and no SASL."""
    security = {"certificate": str(certificates.client), "key": str(certificates.client_key)}
    secured.engine(kafka=_kafka(secured, "ssl", **security)).start_ready()
    secured.topics.produce(secured.topic, note_json("AC-1", 1), "AC-1")
    secured.topics.flush()
    secured.wait_applied(1)
    secured.wait_committed()


def test_a_wrong_password_is_waited_out_and_said(secured: World) -> None:
    """The engine lives, is not ready and says why; the password is not in it."""
    secured.environment["KAFKA_PASSWORD"] = "wrong-password"
    security = {"mechanism": "PLAIN", "username": USER, "password": "${KAFKA_PASSWORD}"}
    engine = secured.engine(kafka=_kafka(secured, "sasl_ssl", **security))
    engine.start()
    eventually(lambda: engine.events("broker.away"))
    said = engine.wait_ready(False)
    assert "broker" in said["reasons"]
    assert engine.live()
    assert 0 == engine.stop(within=25.0)
    assert "wrong-password" not in secured.printed() + str(said)
