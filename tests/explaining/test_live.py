"""With --live only GETs reach the API, and its answers lead on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from engine.errors import EngineError
from tests.api_server.client import ApiServer
from tests.api_server.credentials import EMAIL, LOGIN, PASSWORD
from tests.explaining.making import Project

RULE = """
event_type: changed
requests:
  - id: find
    method: GET
    path: /applied-controls/
    query: {ref_id: "{{ event.ref }}"}
    paginate: true
    expect: {that: "{{ find.items | length == 1 }}", message: "{{ find.items | length }} found"}
  - {id: update, method: PATCH, path: "/applied-controls/{{ find.items[0].id }}/", body: {status: active}}
  - {id: after, method: GET, path: "/applied-controls/{{ find.items[0].id }}/"}
  - {id: tell, method: POST, path: /log/, body: {was: "{{ update.body.status }}"}}
"""
TOKEN = "type: token, token: '${MY_TOKEN}'"


def project(folder: Path, server: ApiServer, auth: str = TOKEN) -> Project:
    """A project whose API is the server."""
    config = f"events: {{format: json}}\napi: {{url: '{server.url}', auth: {{{auth}}}}}\nrules: {{path: rules}}\n"
    made = Project(folder, RULE, config)
    made.event(ref="AC-7")
    return made


def test_only_gets_are_sent(
    tmp_path: Path, api_server: ApiServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Lookups are answered by the API; a write is shown and not sent; what needs its answer stays open."""
    monkeypatch.setenv("MY_TOKEN", api_server.token)
    assert 0 == project(tmp_path, api_server).explain(live=True)
    out = capsys.readouterr().out
    assert 2 == out.count("answered 200")
    assert "answered 200, 1 item (live)" in out
    assert 1 == out.count("not sent: it is no GET")
    assert "4. tell: depends on the answer of update" in out
    assert "depends on the answer of update; no write was sent." in out
    assert api_server.token not in out
    assert {"GET"} == {one["method"] for one in api_server.requests()}


def test_a_file_answers_what_is_not_sent(
    tmp_path: Path, api_server: ApiServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Both together: the file's answers for writes, the API's for lookups."""
    monkeypatch.setenv("MY_TOKEN", api_server.token)
    assert 0 == project(tmp_path, api_server).explain("update: {body: {status: active}}", live=True, output="json")
    states = [one["state"] for one in json.loads(capsys.readouterr().out)["requests"]]
    assert ["answered", "answered", "answered", "known"] == states
    assert {"GET"} == {one["method"] for one in api_server.requests()}


def test_answers_that_are_no_success(
    tmp_path: Path, api_server: ApiServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Refused credentials would be tried again; a lookup that finds nothing is a dead letter."""
    monkeypatch.setenv("MY_TOKEN", "wrong-token-of-mine")
    assert 1 == project(tmp_path, api_server).explain(live=True)
    out = capsys.readouterr().out
    assert "would be tried again" in out
    assert "wrong-token-of-mine" not in out
    assert "not sent" not in out
    monkeypatch.setenv("MY_TOKEN", api_server.token)
    made = project(tmp_path, api_server)
    made.event(ref="nowhere")
    assert 1 == made.explain(live=True)
    assert "dead letter at stage expect: 0 found" in capsys.readouterr().out


def test_credentials_must_be_there(tmp_path: Path, api_server: ApiServer) -> None:
    """Live needs the API's secrets, as `run` does."""
    with pytest.raises(EngineError, match="MY_TOKEN"):
        project(tmp_path, api_server).explain(live=True)


def test_a_secret_that_comes_back_is_not_shown(
    tmp_path: Path, api_server: ApiServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Not even where an answer holds the credentials and the rule sends them on."""
    monkeypatch.setenv("MY_TOKEN", api_server.token)
    answers = f"update: {{body: {{status: {api_server.token}}}}}"
    for output in ("text", "json", "curl"):
        assert 0 == project(tmp_path, api_server).explain(answers, live=True, output=output)
        out = capsys.readouterr().out
        assert api_server.token not in out
        assert "***" in out


def test_a_login_is_sent(
    tmp_path: Path, api_server: ApiServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What the credentials need is sent too, although it is a POST, and nothing else."""
    monkeypatch.setenv("MY_PASSWORD", PASSWORD)
    body = f"{{email: {EMAIL}, password: '${{MY_PASSWORD}}'}}"
    auth = f"type: login, path: {LOGIN.removeprefix('/api')}, body: {body}, token: meta.access_token"
    assert 0 == project(tmp_path, api_server, auth).explain(live=True)
    out = capsys.readouterr().out
    assert PASSWORD not in out
    assert "Authorization: Token ***" in out
    sent = [(one["method"], one["path"]) for one in api_server.requests()]
    assert [LOGIN] == [path for method, path in sent if method != "GET"]
    assert 3 == len(sent)


def test_an_api_that_is_away(
    tmp_path: Path, api_server: ApiServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One attempt, and what `run` would make of it."""
    monkeypatch.setenv("MY_TOKEN", api_server.token)
    api_server.down()
    assert 1 == project(tmp_path, api_server).explain(live=True)
    out = capsys.readouterr().out
    assert "would be tried again, and then be a dead letter at stage request: GET /applied-controls/: " in out
    assert "not sent" not in out
