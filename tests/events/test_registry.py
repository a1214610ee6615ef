"""engine.events.registry and its client, against a real HTTP server that behaves and misbehaves."""

from __future__ import annotations

import base64
import json
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from engine.config.model import SchemaRegistry
from engine.config.secret import Secret
from engine.errors import SchemaPending, Stage, Unavailable, Undeliverable, Unusable
from engine.events import avro
from engine.events.registry import UNKNOWN_FOR, UNKNOWN_MOST, Registry, subject_of
from engine.events.registry_client import SchemaRefused
from tests.events.registry_server import Answer, Server

SCHEMA = {"type": "record", "name": "E", "fields": [{"name": "x", "type": "int"}]}


@pytest.fixture
def server() -> Iterator[Server]:
    """A registry without schemas."""
    server = Server()
    yield server
    server.close()


@pytest.fixture
def connect(server: Server) -> Iterator[Callable[..., Registry]]:
    """Make a client of the server; the URL may get a path."""
    made = []

    def make(path: str = "", **settings: Any) -> Registry:
        made.append(Registry(SchemaRegistry(url=server.url + path, **settings)))
        return made[-1]

    yield make
    for registry in made:
        registry.close()


def test_a_schema_is_asked_for_once(server: Server, connect: Callable[..., Registry]) -> None:
    """After one fetch the schema comes from the cache; the URL may have a path and a slash at its end."""
    server.answers["/apis/v7/schemas/ids/3"] = (200, {"schema": json.dumps(SCHEMA)})
    registry = connect("/apis/v7/")
    with pytest.raises(SchemaPending):
        registry.writer(3)
    registry.fetch(3)
    registry.fetch(3)
    assert "E" == registry.writer(3).name
    assert 1 == len(server.seen)


def test_credentials_are_sent_and_read_again_after_401(server: Server, connect: Callable[..., Registry]) -> None:
    """Basic authentication; a password that was rotated in its file is used at the next attempt."""
    server.answers["/schemas/ids/3"] = (401, {"error_code": 401})
    password = Secret("old", lambda: "new")
    registry = connect(username="app", password=password)
    for expected in ("app:old", "app:new"):
        with pytest.raises(Unavailable, match="401; check username and password"):
            registry.fetch(3)
        assert f"Basic {base64.b64encode(expected.encode()).decode()}" == server.seen[-1][2]["Authorization"]


@pytest.mark.parametrize("status", [301, 401, 403, 408, 409, 429, 500, 502, 503])
def test_a_registry_that_refuses_is_away(status: int, server: Server, connect: Callable[..., Registry]) -> None:
    """No such answer says anything about the schema: the record stays pending."""
    server.answers["/schemas/ids/3"] = (status, {"error_code": 40403 if status == 409 else status})
    registry = connect()
    with pytest.raises(Unavailable, match=str(status)):
        registry.fetch(3)
    with pytest.raises(SchemaPending):
        registry.writer(3)


@pytest.mark.parametrize(
    ("status", "body"),
    [(404, {"error_code": 40403}), (404, {"error_code": 404}), (404, b"<html>"), (400, {}), (422, {})],
)
def test_an_unknown_id_is_a_dead_letter(
    *, status: int, body: Any, server: Server, connect: Callable[..., Registry]
) -> None:
    """The registry says so by its own code, or is seen to be a registry that does not have the id."""
    server.answers["/schemas/ids/3"] = (status, body)
    registry = connect()
    registry.fetch(3)
    with pytest.raises(Undeliverable, match="schema 3 is not in the registry") as caught:
        registry.writer(3)
    assert Stage.DECODE == caught.value.stage


@pytest.mark.parametrize("subjects", [(404, {}), (503, {}), (200, b"<html>")])
def test_a_404_from_somewhere_else_is_not_confirmed(
    subjects: Answer, server: Server, connect: Callable[..., Registry]
) -> None:
    """A wrong path or a proxy answers 404 to everything; that must not empty the topic into the dead letters."""
    server.answers["/subjects"] = subjects
    registry = connect()
    with pytest.raises(Unavailable):
        registry.fetch(3)
    with pytest.raises(SchemaPending):
        registry.writer(3)


@pytest.mark.parametrize("body", [b"<html>", [1], b"\xff"])
def test_a_200_that_is_no_answer_is_away(body: Any, server: Server, connect: Callable[..., Registry]) -> None:
    """A login page with status 200 is not a schema."""
    server.answers["/schemas/ids/3"] = (200, body)
    with pytest.raises(Unavailable):
        connect().fetch(3)


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        ({"schema": "{"}, "not JSON"),
        ({}, "not JSON"),
        ({"schema": '"int"'}, "not a record"),
        ({"schema": "{}", "schemaType": "PROTOBUF"}, "PROTOBUF, not Avro"),
        ({"schema": json.dumps(SCHEMA), "references": 5}, "int"),
        ({"schema": json.dumps(SCHEMA), "references": [{"subject": "s"}]}, "version"),
        ({"schema": json.dumps(SCHEMA), "references": [{"subject": "s", "version": 1}]}, "does not have"),
        ({"schema": "[" * 100_000}, "not JSON"),
    ],
)
def test_an_unusable_schema_is_a_dead_letter(
    *, answer: Any, text: str, server: Server, connect: Callable[..., Registry]
) -> None:
    """What is registered but cannot decode anything is no outage; it is said once and kept."""
    server.answers["/schemas/ids/3"] = (200, answer)
    registry = connect()
    registry.fetch(3)
    with pytest.raises(Undeliverable, match=text):
        registry.writer(3)


def test_references_are_followed(server: Server, connect: Callable[..., Registry]) -> None:
    """Schemas that a schema refers to, also through others and twice, are fetched and used."""
    inner = {"type": "record", "name": "a.Inner", "fields": [{"name": "n", "type": "int"}]}
    middle = {"type": "record", "name": "a.Middle", "fields": [{"name": "i", "type": "a.Inner"}]}
    outer = {
        "type": "record",
        "name": "E",
        "fields": [{"name": "m", "type": "a.Middle"}, {"name": "i", "type": ["null", "a.Inner"]}],
    }
    to_inner = {"name": "a.Inner", "subject": "the/inner", "version": 2}
    to_middle = {"name": "a.Middle", "subject": "middle", "version": 1}
    server.answers["/schemas/ids/3"] = (200, {"schema": json.dumps(outer), "references": [to_inner, to_middle]})
    server.answers["/subjects/the%2Finner/versions/2"] = (200, {"schema": json.dumps(inner)})
    server.answers["/subjects/middle/versions/1"] = (200, {"schema": json.dumps(middle), "references": [to_inner]})
    registry = connect()
    registry.fetch(3)
    record = {"m": {"i": {"n": 1}}, "i": {"n": 2}}
    assert record == avro.read(registry.writer(3), avro.write(registry.writer(3), record))
    assert 3 == len(server.seen)


def test_a_union_of_referenced_records(server: Server, connect: Callable[..., Registry]) -> None:
    """Several types of events in one topic: a schema that is a union of references."""
    server.answers["/schemas/ids/3"] = (
        200,
        {"schema": '["E", "F"]', "references": [{"subject": s, "version": 1} for s in "ef"]},
    )
    for name in "ef":
        server.answers[f"/subjects/{name}/versions/1"] = (200, {"schema": json.dumps(SCHEMA | {"name": name.upper()})})
    registry = connect()
    registry.fetch(3)
    assert {"x": 5} == avro.read(registry.writer(3), b"\x02\x0a")


def test_nobody_there(server: Server, connect: Callable[..., Registry]) -> None:
    """A refused connection and a server that never answers are away, within the timeout."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        registry = Registry(SchemaRegistry(url=url, timeout=0.1))
        with pytest.raises(Unavailable):
            registry.fetch(1)
    with pytest.raises(Unavailable):
        registry.ping()
    registry.close()


def test_an_answer_in_drips_is_cut_off(server: Server, connect: Callable[..., Registry]) -> None:
    """A byte now and then does not prolong the timeout."""
    server.answers["/schemas/ids/3"] = (200, b" " * 10_000)
    server.drip = 0.02
    with pytest.raises(Unavailable, match=r"more than 0\.1 s"):
        connect(timeout=0.1).fetch(3)


def test_a_huge_answer_is_cut_off(server: Server, connect: Callable[..., Registry]) -> None:
    """Nobody's registry fills the memory."""
    server.answers["/schemas/ids/3"] = (200, b" " * 9_000_000)
    with pytest.raises(Unavailable, match="more than 8388608 bytes"):
        connect().fetch(3)


def test_unknown_ids_are_forgotten() -> None:
    """An id may be registered later, so unknown is unknown for a while; and their number is bounded."""
    now = [0.0]
    known: dict[str, Any] = {}

    def answer(request: httpx.Request) -> httpx.Response:
        found = known.get(request.url.path)
        return httpx.Response(200, json=found) if found else httpx.Response(404, json={"error_code": 40403})

    registry = Registry(SchemaRegistry(), transport=httpx.MockTransport(answer), clock=lambda: now[0])
    registry.fetch(3)
    now[0] = UNKNOWN_FOR - 1
    with pytest.raises(Undeliverable):
        registry.writer(3)
    now[0] = UNKNOWN_FOR
    with pytest.raises(SchemaPending):
        registry.writer(3)
    known["/schemas/ids/3"] = {"schema": json.dumps(SCHEMA)}
    registry.fetch(3)
    assert "E" == registry.writer(3).name
    for schema_id in range(10, UNKNOWN_MOST + 12):
        registry.fetch(schema_id)
    with pytest.raises(SchemaPending):
        registry.writer(10)
    with pytest.raises(Undeliverable):
        registry.writer(UNKNOWN_MOST + 11)


def test_a_proxy_of_the_environment_is_ignored(
    server: Server, connect: Callable[..., Registry], monkeypatch: pytest.MonkeyPatch
) -> None:
    """No password goes to whatever HTTP_PROXY names."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    connect().ping()
    assert "/subjects" == server.seen[0][1]


def test_registering(server: Server, connect: Callable[..., Registry]) -> None:
    """A schema is posted under TOPIC-RECORD as text, its id is returned."""
    subject = subject_of("obs", avro.parse(SCHEMA))
    server.answers["/subjects/obs-E/versions"] = (200, {"id": 12})
    assert 12 == connect().register(subject, SCHEMA)
    method, _, headers, body = server.seen[0]
    assert "POST" == method
    assert "application/vnd.schemaregistry.v1+json" == headers["Content-Type"]
    assert SCHEMA == json.loads(json.loads(body)["schema"])


@pytest.mark.parametrize(
    ("status", "error"),
    [(409, SchemaRefused), (422, SchemaRefused), (401, Unavailable), (404, Unavailable), (500, Unavailable)],
)
def test_a_schema_that_is_not_taken(
    *, status: int, error: type[Exception], server: Server, connect: Callable[..., Registry]
) -> None:
    """Incompatible and invalid are the schema's fault; the rest is not."""
    server.answers["/subjects/s/versions"] = (status, {"message": "no"})
    with pytest.raises(error):
        connect().register("s", SCHEMA)


@pytest.mark.parametrize(
    ("answer", "compatible"),
    [
        ((200, {"is_compatible": True}), True),
        ((200, {"is_compatible": False, "messages": ["x is missing"]}), False),
        ((404, {"error_code": 40401}), True),
        ((422, {"message": "invalid"}), False),
    ],
)
def test_judging(*, answer: Answer, compatible: bool, server: Server, connect: Callable[..., Registry]) -> None:
    """The registry's own opinion; a subject that does not exist yet has none."""
    server.answers["/compatibility/subjects/s/versions/latest?verbose=true"] = answer
    verdict = connect().judge("s", SCHEMA)
    assert compatible is verdict.compatible
    assert compatible or verdict.text


def test_a_bad_ca_file_is_found_at_once(tmp_path: Path) -> None:
    """A file that holds no certificate is an error when the registry is made."""
    (tmp_path / "ca.pem").write_text("nonsense")
    for path in (tmp_path / "ca.pem", tmp_path / "absent.pem"):
        with pytest.raises(Unusable, match="schema_registry"):
            Registry(SchemaRegistry(ca=path))


def test_the_url_is_shown_without_its_password() -> None:
    """Errors name the registry, not the credentials in its URL."""

    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused", request=request)

    registry = Registry(SchemaRegistry(url="http://me:secret@host"), transport=httpx.MockTransport(refuse))
    with pytest.raises(Unavailable) as caught:
        registry.fetch(1)
    assert "schema registry http://host: refused" == str(caught.value)
