"""`engine explain`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from engine.commands.explain import explain
from engine.errors import Unusable

ID = "0192f1c4-7b1e-7c3a-9d2e-000000000001"
CONFIG = """
events: {format: json, unknown_type: dead}
api: {url: "http://api.example/base", auth: {type: token, token: "${UNSET_TOKEN}"}}
rules: {path: rules}
"""
RULE = """
event_type: changed
versions: [1]
order_by: "{{ event.ref }}"
when: "{{ event.ref is not none }}"
requests:
  - id: find
    method: GET
    path: /things/
    query: {ref: "{{ event.ref }}"}
    headers: {X-Session-Token: "{{ event.ref }}", X-Plain: "{{ event.ref }}"}
    expect: {that: "{{ find.body.count == 1 }}"}
  - id: update
    method: PATCH
    path: /things/{{ find.body.id }}/
    body: {ref: "{{ event.ref }}", was: "{{ find.body.ref }}"}
"""


def run(folder: Path, **fields: Any) -> int:
    """Explain an event with the configuration above."""
    (folder / "rules").mkdir(exist_ok=True)
    (folder / "rules" / "a.yaml").write_text(RULE, encoding="utf-8")
    (folder / "config.yaml").write_text(CONFIG, encoding="utf-8")
    event = {"event_id": ID, "event_type": "changed", "version": 1, **fields}
    (folder / "event.json").write_text(json.dumps(event), encoding="utf-8")
    return explain(folder / "event.json", folder / "config.yaml")


def test_requests_are_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each request as it would go out, credentials masked, and where an answer is needed."""
    assert 0 == run(tmp_path, ref="A 1")
    out = capsys.readouterr().out
    for line in (
        f"event    changed, version 1, id {ID}",
        "ordering by 'A 1'",
        "GET http://api.example/base/things/?ref=A%201",
        "Authorization: Token ***",
        "X-Session-Token: ***",
        "X-Plain: A 1",
        "2. update: depends on the answer of find",
        "PATCH http://api.example/base/things/{{ find.body.id }}/",
        f"Idempotency-Key: {ID}/update",
        '  "ref": "A 1",',
        '  "was": "{{ find.body.ref }}"',
    ):
        assert line in out.splitlines()


@pytest.mark.parametrize(
    ("fields", "code", "text"),
    [
        ({"ref": None}, 0, "skipped: the rule's `when` is false"),
        ({"ref": "a", "version": 2}, 1, "rule     none: there are rules for version 1 only"),
        ({"ref": "a", "event_type": "other"}, 1, "rule     none: no rule has this type\n"),
        ({"ref": "a", "event_type": "chnged"}, 1, "rule     none: no rule has this type; did you mean 'changed'?"),
        ({}, 1, "dead letter at stage render: order_by: event.ref is undefined"),
        ({"ref": "a", "event_id": "x"}, 1, "dead letter at stage envelope: event_id must be a UUID"),
    ],
)
def test_events_without_requests(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], fields: dict[str, Any], code: int, text: str
) -> None:
    """Why an event makes no request; 1 where it would be a dead letter."""
    assert code == run(tmp_path, **fields)
    assert text in capsys.readouterr().out


def test_the_document_of_the_api_is_asked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A query name that the API's document does not know is told here, as `run` would refuse it."""
    run(tmp_path, ref="a")
    parameters = [{"name": "name", "in": "query", "schema": {"type": "string"}}]
    document = {"openapi": "3.1.0", "paths": {"/things/": {"get": {"parameters": parameters, "responses": {}}}}}
    (tmp_path / "api.json").write_text(json.dumps(document), encoding="utf-8")
    config = CONFIG.replace("api: {url", "api: {openapi: api.json, url")
    (tmp_path / "config.yaml").write_text(config, encoding="utf-8")
    capsys.readouterr()
    assert 1 == explain(tmp_path / "event.json", tmp_path / "config.yaml")
    assert "dead letter at stage render: " in capsys.readouterr().out


def test_what_cannot_be_used(tmp_path: Path) -> None:
    """A missing or broken event file is a usage error."""
    run(tmp_path, ref="a")
    (tmp_path / "broken.json").write_text("{", encoding="utf-8")
    for name in ("nowhere.json", "broken.json"):
        with pytest.raises(Unusable, match=name):
            explain(tmp_path / name, tmp_path / "config.yaml")


def test_the_local_schema_is_used(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With Avro an event has the values that decoding would give: defaults filled in."""
    run(tmp_path, ref="a")
    (tmp_path / "config.yaml").write_text(
        CONFIG.replace("format: json", "format: avro, schemas: schemas"), encoding="utf-8"
    )
    (tmp_path / "schemas").mkdir()
    fields = [
        {"name": "event_id", "type": "string"},
        {"name": "event_type", "type": "string"},
        {"name": "version", "type": "int"},
        {"name": "ref", "type": ["string", "null"], "default": "filled"},
    ]
    schema = {"type": "record", "name": "changed", "fields": fields}
    (tmp_path / "schemas" / "changed_v1.avsc").write_text(json.dumps(schema), encoding="utf-8")
    (tmp_path / "event.json").write_text(
        json.dumps({"event_id": ID, "event_type": "changed", "version": 1}), encoding="utf-8"
    )
    capsys.readouterr()
    assert 0 == explain(tmp_path / "event.json", tmp_path / "config.yaml")
    assert "?ref=filled" in capsys.readouterr().out
