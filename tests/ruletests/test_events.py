"""Events of cases: what is filled in, and where one does not fit its schema."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from engine.config.model import Events
from tests.ruletests.making import failures, play

SCHEMA = {
    "type": "record",
    "name": "Changed",
    "fields": [
        {"name": "event_id", "type": "string"},
        {"name": "event_type", "type": "string"},
        {"name": "version", "type": "int"},
        {"name": "list", "type": {"type": "array", "items": {"type": "record", "name": "Item", "fields": [
            {"name": "kind", "type": {"type": "enum", "name": "Kind", "symbols": ["big", "small"]}},
        ]}}, "default": []},
        {"name": "day", "type": {"type": "int", "logicalType": "date"}, "default": 0},
    ],
}  # fmt: skip
RULE = (
    "event_type: changed\nrequest: {method: POST, path: /x/, body: {d: '{{ event.day }}', v: '{{ event.version }}'}}\n"
)


@pytest.fixture
def avro(tmp_path: Path) -> Events:
    """A folder with the schema above, for version 3."""
    (tmp_path / "schemas").mkdir()
    (tmp_path / "schemas/changed_v3.avsc").write_text(json.dumps(SCHEMA))
    return Events(schemas=tmp_path / "schemas", schemas_configured=True)


def test_what_is_left_out_is_filled_in(tmp_path: Path, avro: Events) -> None:
    """The envelope, and defaults of the schema; the version is that of the newest schema where the rule lists none."""
    case = """\
    cases:
      - name: a
        event: {}
        conversation: [{request: {method: POST, path: /x/, body: {d: 1970-01-01, v: 3}}, answer: {}}]
    """
    assert [] == failures(play(tmp_path, case, RULE, events=avro))


@pytest.mark.parametrize(
    ("event", "column", "text"),
    [
        ("{day: 2026-02-31}", 32, "day: must be a date"),
        ("{dai: 2026-02-01}", 27, "did you mean 'day'?"),
        ("{list: [{kind: big}, {kind: bgi}]}", 54, "list[1].kind: 'bgi' is none of big, small"),
        ("{list: [{}]}", 34, "list[0].kind: missing"),
        ("{event_id: x}", 37, "event_id must be a UUID"),
    ],
)
def test_a_wrong_event(tmp_path: Path, avro: Events, event: str, column: int, text: str) -> None:
    """It is a finding at the field, and the case is not played."""
    report = play(tmp_path, f"cases: [{{name: a, event: {event}}}]", RULE, events=avro)
    (finding,) = report.findings
    assert (1, column, "wrong-event") == (finding.span.line, finding.span.column, finding.id)
    assert [] == report.results
    assert text in finding.message
