"""Answers that the API's document does not have."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from engine.config.model import Api
from tests.ruletests.making import play

THING = {
    "type": "object",
    "properties": {
        "id": {"type": "integer"},
        "name": {"type": "string", "enum": ["a", "b"]},
        "owner": {"type": "string"},
        "tags": {"type": "array", "items": {"type": "string"}},
    },
}
PAGE = {"type": "object", "properties": {"count": {"type": "integer"}, "results": {"type": "array", "items": THING}}}
DOCUMENT = {
    "openapi": "3.0.3",
    "info": {"title": "t", "version": "1"},
    "paths": {
        "/things/": {"get": {"responses": {"200": {
            "description": "", "content": {"application/json": {"schema": PAGE}},
        }}}},
    },
}  # fmt: skip
RULE = "event_type: a\nrequest: {method: GET, path: /things/, expect: {status: [2xx, 404]}}\n"


def warnings(folder: Path, answer: str) -> list[tuple[int, str, str]]:
    """Column, level and text of the findings about an answer."""
    (folder / "api.json").write_text(json.dumps(DOCUMENT))
    exchange = f"{{request: {{method: GET, path: /things/}}, answer: {answer}}}"
    case = f"cases: [{{name: a, event: {{}}, conversation: [{exchange}]}}]"
    report = play(folder, case, RULE, api=Api(url="http://api.example", openapi=folder / "api.json"))
    assert [] == report.failed
    return [
        (one.span.column - case.index(answer), str(one.level), f"{one.message}; {one.help}") for one in report.findings
    ]


@pytest.mark.parametrize(
    "answer",
    [
        "{}",
        "{items: [{id: 1, name: a, tags: [x], further: 1}]}",
        "{body: {count: 1}}",
        "{body: text}",
        "{items: [{owner: {id: 1}}]}",
        "{status: 404, body: {id: wrong}}",
        "{items: [{id: $captured:event_id}]}",
    ],
)
def test_answers_of_the_document(tmp_path: Path, answer: str) -> None:
    """What fits, what the document does not say, related objects, and failures are no findings."""
    assert [] == warnings(tmp_path, answer)


@pytest.mark.parametrize(
    ("answer", "column", "text"),
    [
        ("{status: 202}", 10, "does not have 202 for GET /things/; it has 200"),
        ("{items: [{id: x}]}", 15, "items[0].id: the API's document says otherwise: "),
        ("{items: [{name: c}]}", 17, "'c' is not one of the values that the API knows"),
        ("{body: {results: [{tags: [1]}]}}", 27, "body.results[0].tags[0]: "),
        ("{body: []}", 8, "body: "),
    ],
)
def test_answers_that_the_api_never_gives(tmp_path: Path, answer: str, column: int, text: str) -> None:
    """A warning at the value."""
    ((found, level, said),) = warnings(tmp_path, answer)
    assert (column, "warning") == (found, level)
    assert text in said
