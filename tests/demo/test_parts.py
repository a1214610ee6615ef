"""The embedded parts, over real sockets."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from engine.config.model import Events, Limits
from engine.demo.api import CONTROLS, TOKEN
from engine.demo.broker import Broker
from engine.demo.events import samples
from engine.demo.parts import Parts
from engine.demo.registry import SampleRegistry
from engine.demo.shipped import shipped
from engine.demo.web import Answered, Asked, Web
from engine.errors import SchemaPending, Undeliverable
from engine.events.decoder import Decoder
from engine.events.registry import Registry
from engine.events.schemas import LocalSchemas


@pytest.fixture(scope="module")
def seen() -> list[tuple[Asked, Answered]]:
    """What the API was asked."""
    return []


@pytest.fixture(scope="module")
def parts(seen: list[tuple[Asked, Answered]]) -> Iterator[Parts]:
    """All parts, running."""
    running = Parts(lambda asked, answered: seen.append((asked, answered)))
    yield running
    running.close()


def _request(url: str, method: str, target: str, body: str | None = None) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=5)
    try:
        connection.request(method, target, body, {"Authorization": f"Token {TOKEN}"})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def test_the_api_answers_over_http_and_tells_who_listens(parts: Parts, seen: list[tuple[Asked, Answered]]) -> None:
    """A query is decoded, the answer is JSON, and the screen is told both."""
    status, body = _request(parts.config.api.url, "GET", f"/api/applied-controls/?ref_id={CONTROLS[0]}&x=%20")
    assert (200, CONTROLS[0]) == (status, json.loads(body)["results"][0]["ref_id"])
    asked, answered = seen[-1]
    assert (200, {"ref_id": CONTROLS[0], "x": " "}) == (answered.status, asked.query)


def test_what_is_published_decodes_with_the_sample_registry(parts: Parts) -> None:
    """Bytes on the topic are framed Avro, whose schema the registry gives, except for the poison."""
    decoder_of = Registry(parts.config.schema_registry)
    schemas = LocalSchemas(parts.config.events.schemas)
    decoder = Decoder(Events(), Limits(), schemas, decoder_of)
    good = next(sample for sample in samples() if sample.event is not None)
    poison = next(sample for sample in samples() if sample.event is None)
    assert good.event is not None
    parts.publish(good)
    parts.publish(poison)
    values = {letter.key: letter for letter in parts.broker.letters(parts.config.kafka.topic, 2)}
    assert {good.about, poison.about} == set(values)
    with pytest.raises(SchemaPending) as pending:
        decoder.record(parts._value(good))
    decoder_of.fetch(pending.value.schema_id)
    assert good.event["event_id"] == str(decoder.record(parts._value(good))["event_id"])
    with pytest.raises(Undeliverable):
        decoder.record(parts._value(poison))
    decoder_of.close()


def test_no_more_letters_than_there_are(parts: Parts) -> None:
    """Waiting for what does not come ends."""
    assert [] == parts.broker.letters("another-topic", 1, patience=0.3)


def test_a_broker_has_an_address_of_its_own() -> None:
    """Two demos do not meet."""
    assert Broker().address != Broker().address


def test_the_registry_knows_what_was_registered() -> None:
    """The same schema is the same id, under any subject; an unknown id is 404 in the registry's own words."""
    registry = SampleRegistry()
    ids = [
        registry.answer(Asked("POST", "", f"/subjects/{subject}/versions", body={"schema": schema})).body["id"]
        for subject, schema in (("a", "1"), ("b", "2"), ("c", "1"))
    ]
    assert [1, 2, 1] == ids
    assert {"schema": "2"} == registry.answer(Asked("GET", "", "/schemas/ids/2")).body
    assert ["a", "b", "c"] == registry.answer(Asked("GET", "", "/subjects")).body
    assert (404, 40403) == (
        registry.answer(Asked("GET", "", "/schemas/ids/3")).status,
        registry.answer(Asked("GET", "", "/schemas/ids/0")).body["error_code"],
    )


def test_the_server_survives_nonsense() -> None:
    """A client that speaks no HTTP is hung up on; the next one is served."""
    web = Web(lambda _asked: Answered(200, "fine"))
    try:
        connection = http.client.HTTPConnection(urlsplit(web.url).netloc, timeout=5)
        connection.connect()
        connection.sock.sendall(b"nonsense\r\n\r\n")
        assert b"" == connection.sock.recv(100)
        connection.close()
        assert (200, b'"fine"') == _request(web.url, "POST", "/", "{}")
    finally:
        web.close()


@pytest.mark.parametrize(("name", "inside"), [("rules", "create_incident.yaml"), ("schemas", "config.schema.json")])
def test_shipped_files_are_found(name: str, inside: str) -> None:
    """From a checkout; the wheel has them inside the package."""
    folder = shipped("rules") if name == "rules" else shipped("schemas")
    assert Path(folder / inside).is_file()
