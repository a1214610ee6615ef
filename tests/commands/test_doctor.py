"""What the doctor says; its API and registry are real servers."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from threading import Thread

import pytest

from engine.api.messages import Response
from engine.commands.doctor import (
    Result,
    _broker_remedy,
    _judged,
    _line,
    apis,
    doctor,
    files,
    readable,
    registry,
    rules,
    versions,
)
from engine.config.model import S3, Api, Config, Events, Files, HeaderAuth, NoAuth, Rules, SchemaRegistry
from engine.config.secret import Secret
from engine.demo.api import TOKEN, SampleApi
from engine.demo.registry import SampleRegistry
from engine.demo.shipped import shipped
from engine.demo.web import Answered, Asked, Web
from tests.api.s3_server import S3Server, s3_server
from tests.services.kafka import Kafka
from tests.services.registry import Registry

_ALICE = HeaderAuth("Authorization", Secret(TOKEN), "Token ")


@pytest.fixture
def api() -> Iterator[Api]:
    """The sample API, running, with credentials it accepts."""
    web = Web(SampleApi().answer)
    yield Api(url=f"{web.url}/api", auth=_ALICE)
    web.close()


def _one(results: Iterator[Result]) -> Result:
    (result,) = results
    return result


def test_a_line_begins_with_the_verdict() -> None:
    """In order, or not and what to do."""
    assert "ok    a" == _line(Result("a"))
    assert "FAIL  a -> b" == _line(Result("a", "b"))


@pytest.fixture
def store() -> Iterator[S3Server]:
    """A store of files with the bucket `reports`, on a thread of its own."""
    began, end = Future[tuple[S3Server, asyncio.AbstractEventLoop]](), asyncio.Event()

    async def serve() -> None:
        async with s3_server() as server:
            began.set_result((server, asyncio.get_running_loop()))
            await end.wait()

    thread = Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    server, loop = began.result(20)
    yield server
    loop.call_soon_threadsafe(end.set)
    thread.join()


def _with_files(url: str, *buckets: str) -> Config:
    return Config(files=Files(S3(buckets, url, "eu-west-1", Secret("AK"), Secret("very-secret"))))


def test_every_bucket_is_asked(store: S3Server) -> None:
    """A line each: it answers, or what to do."""
    answered, gone = files(_with_files(store.url, "reports", "gone"))
    assert Result("files.s3: the bucket 'reports' answers and accepts the credentials") == answered
    assert gone.text.endswith("the store has no such bucket")
    assert "create it, or correct files.s3: buckets, endpoint, region" == gone.remedy


def test_a_store_that_denies_or_is_away_is_told(store: S3Server) -> None:
    """The credentials themselves are not shown."""
    store.allowed = "other"
    denied = _one(files(_with_files(store.url, "reports")))
    away = _one(files(_with_files("http://127.0.0.1:1", "reports")))
    assert "very-secret" not in denied.text
    assert (denied.remedy or "").startswith("check files.s3.access_key and secret_key")
    assert "start the store, or correct files.s3: endpoint, region" == away.remedy


def test_without_a_bucket_no_store_is_asked() -> None:
    """Then there is no line."""
    assert [] == list(files(Config()))


def test_a_missing_extra_is_told_once(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """With what installs it; the API is asked all the same."""
    monkeypatch.delitem(sys.modules, "engine.api.s3", raising=False)
    monkeypatch.setitem(sys.modules, "obstore", None)  # as if it were not there
    config = replace(_with_files("http://127.0.0.1:1", "reports"), api=api)
    result = _one(files(config))
    assert "needs the extra 's3'" in result.text
    assert "EXTRAS=s3" in (result.remedy or "")
    assert None is _one(apis(config)).remedy


def test_versions_are_shown() -> None:
    """The HTTP transport, librdkafka, Quix Streams, Python and the engine itself."""
    text = next(versions(Config())).text
    assert all(word in text for word in ("engine ", "Python 3.", "librdkafka ", "Quix Streams ", "httptools "))


def test_an_api_that_accepts_the_credentials_is_in_order(api: Api) -> None:
    """It is asked for its base path."""
    assert Result(f"api {api.url} answers 200 and accepts the credentials") == _one(apis(Config(api=api)))


def test_refused_credentials_are_told(api: Api) -> None:
    """401: which key of the configuration to correct; the credentials themselves are not shown."""
    wrong = replace(api, auth=HeaderAuth("Authorization", Secret("wrong-token"), "Token "))
    result = _one(apis(Config(api=wrong)))
    assert "the credentials are not accepted: renew them in api.auth" == result.remedy
    assert "401" in result.text
    assert "wrong-token" not in result.text


def test_every_named_api_is_asked(api: Api) -> None:
    """A line each, with the name."""
    away = Api(name="other", url="http://127.0.0.1:1/api")
    results = list(apis(Config(api=api, apis={"other": away})))
    assert [None, "start the API, or correct apis.other.url, ca and proxy"] == [result.remedy for result in results]


def test_a_certificate_that_cannot_be_used_is_told(tmp_path: Path) -> None:
    """What makes a client impossible is a line, not the end of the doctor."""
    result = _one(apis(Config(api=Api(url="https://127.0.0.1:1", ca=tmp_path / "none.pem"))))
    assert "correct the configuration of the API" == result.remedy


@pytest.mark.parametrize(
    ("status", "auth", "text", "remedy"),
    [
        (200, _ALICE, "accepts the credentials", None),
        (200, NoAuth(), "no credentials are configured", None),
        (404, _ALICE, "says nothing about the credentials", None),
        (405, _ALICE, "accepts the credentials", None),
        (403, _ALICE, "allows them nothing here", "give this user the rights that the rules need"),
        (503, _ALICE, "answers 503", "wait until the API works again, or look into its log"),
    ],
)
def test_an_answer_is_judged_by_its_status(
    status: int, auth: HeaderAuth | NoAuth, text: str, remedy: str | None
) -> None:
    """What the status says about the credentials, no more."""
    result = _judged("api", Api(auth=auth), Response(status, {}, None))
    assert (True, remedy) == (text in result.text, result.remedy)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("SASL authentication error (_AUTHENTICATION)", "password"),
        ("SSL handshake failed (_SSL)", "certificate"),
        ("Failed to resolve 'b:9092' (_RESOLVE)", "host name"),
        ("Connection refused (_TRANSPORT)", "start the broker"),
    ],
)
def test_the_remedy_follows_from_the_brokers_error(text: str, word: str) -> None:
    """Each kind of failure has its own."""
    assert word in _broker_remedy(text)


def test_the_registry_is_pinged() -> None:
    """It answers, or what to do."""
    web = Web(SampleRegistry().answer)
    there = Config(schema_registry=SchemaRegistry(url=web.url))
    assert Result(f"schema registry {web.url} answers") == _one(registry(there))
    web.close()
    assert _one(registry(there)).remedy is not None


def test_no_registry_is_needed_for_json() -> None:
    """With `events.format: json` nothing is asked."""
    nowhere = SchemaRegistry(url="http://127.0.0.1:1")
    config = Config(events=Events(format="json"), schema_registry=nowhere)
    assert None is _one(registry(config)).remedy


def test_the_shipped_rules_and_schemas_are_in_order() -> None:
    """A line for both, with numbers."""
    config = Config(rules=Rules(shipped("rules")), events=Events(schemas=shipped("schemas") / "events"))
    found = list(rules(config))
    assert [None, None] == [result.remedy for result in found]
    count = len(list((shipped("schemas") / "events").glob("*.avsc")))
    assert found[0].text.startswith(f"{count} rules for {count} event types")
    assert found[1].text.startswith(f"{count} event schemas")


def test_broken_rules_and_schemas_are_told_both(tmp_path: Path) -> None:
    """The one does not hide the other."""
    (tmp_path / "a.yaml").write_text("event_type: a\n")
    (tmp_path / "a_v1.avsc").write_text("{")
    found = list(rules(Config(rules=Rules(tmp_path), events=Events(schemas=tmp_path))))
    assert ["see `engine validate-rules`", "correct the file, or events.schemas"] == [one.remedy for one in found]


_LIST = "event_type: a\nrequest: {method: GET, path: /applied-controls/}\n"
_ITEM = 'event_type: a\nrequest: {method: GET, path: "/applied-controls/{{ event.event_id }}/"}\n'
_DOCUMENT = """
openapi: 3.0.3
paths:
  /api/applied-controls/{id}/: {get: {}}
  /api/evidences/: {post: {}}
  /api/folders/: {get: {}}
"""


@pytest.mark.parametrize(
    ("rule", "document", "path"),
    [(_LIST, False, "/applied-controls/"), (_LIST, True, "/applied-controls/"), (_ITEM, True, "/folders/"),
     (_ITEM, False, None), ("", True, "/folders/")],
)  # fmt: skip
def test_what_can_be_asked_for_is_found(tmp_path: Path, rule: str, document: bool, path: str | None) -> None:
    """A literal GET of the rules, else one without parameters of the document; rules that do not load have none."""
    (tmp_path / "a.yaml").write_text(rule)
    api = Api(url="http://127.0.0.1:1/api")
    if document:
        (tmp_path / "api.yml").write_text(_DOCUMENT)
        api = replace(api, openapi=tmp_path / "api.yml")
    assert path == readable(Config(rules=Rules(tmp_path / "a.yaml"), api=api), api)


@pytest.mark.parametrize(
    ("status", "text", "remedy"),
    [
        (200, "GET /things/ answers 200 and accepts the credentials", None),
        (401, "GET /things/", "the credentials are not accepted: renew them in api.auth"),
        (403, "does not accept the credentials", "check the credentials, then the rights of this user"),
        (404, "GET /things/ answers 404; that says nothing about the credentials", None),
    ],
)
def test_an_api_without_anything_at_its_base_is_asked_for_a_path_of_the_rules(
    tmp_path: Path, status: int, text: str, remedy: str | None
) -> None:
    """The line names what was asked."""
    (tmp_path / "a.yaml").write_text("event_type: a\nrequest: {method: GET, path: /things/}\n")

    def answer(asked: Asked) -> Answered:
        return Answered(status if asked.path == "/api/things/" else 404, {})

    web = Web(answer)
    result = _one(apis(Config(api=Api(url=f"{web.url}/api", auth=_ALICE), rules=Rules(tmp_path))))
    web.close()
    assert (True, remedy) == (text in result.text, result.remedy), result


_CONFIG = """
kafka: {{brokers: "{brokers}", topic: {topic}, create_topic: {create}}}
schema_registry: {{url: "{registry}"}}
api: {{url: "{api}", auth: {{type: token, token: {token}}}}}
rules: {{path: {rules}}}
events: {{schemas: {schemas}}}
"""


@pytest.mark.services
def test_all_in_order_is_exit_0(
    kafka: Kafka,
    registry: Registry,
    api: Api,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """On real parts every line is ok; without the topic one line fails, and the exit is 1."""
    file = tmp_path / "config.yaml"
    values = {
        "brokers": kafka.address,
        "registry": registry.url,
        "api": api.url,
        "token": TOKEN,
        "rules": shipped("rules"),
        "schemas": shipped("schemas") / "events",
    }
    topic = kafka.create_topic("doctor")
    file.write_text(_CONFIG.format(topic=topic, create="false", **values))
    assert 0 == doctor(file), capsys.readouterr().out
    file.write_text(_CONFIG.format(topic="doctor-none", create="false", **values))
    capsys.readouterr()
    assert 1 == doctor(file)
    failed = [line for line in capsys.readouterr().out.splitlines() if line.startswith("FAIL")]
    assert [
        "FAIL  topic 'doctor-none' is not there -> create it, correct kafka.topic, or set kafka.create_topic: true"
    ] == failed
