"""Events and rules of the tests."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5

NOTE = """\
event_type: note
order_by: "{{ event.payload.ref_id }}"
requests:
  - id: find
    method: GET
    path: /applied-controls/
    query: {ref_id: "{{ event.payload.ref_id }}"}
    paginate: true
    expect:
      that: "{{ find.items | length == 1 }}"
      message: "{{ find.items | length }} controls are {{ event.payload.ref_id }}, 1 expected"
  - id: update
    method: PATCH
    path: /applied-controls/{{ find.items[0].id }}/
    body: {observation: "{{ event.payload.text }}"}
"""
"""The rule of events `note`: it writes the event's text into one control, found by its reference."""

BROKEN = NOTE.replace("length == 1", "length == 2")
"""The same rule, valid and wrong: every event fails."""


def event_id(about: str) -> str:
    """The id of the event about something: always the same."""
    return str(uuid5(NAMESPACE_URL, about))


def note(ref_id: str, number: int, **more: Any) -> dict[str, Any]:
    """An event that writes "n NUMBER" into a control; the API server's recorder knows the order by the number."""
    payload = {"ref_id": ref_id, "text": f"n {number}", **more}
    return {"event_id": event_id(f"{ref_id}/{number}"), "event_type": "note", "version": 1, "payload": payload}


def note_json(ref_id: str, number: int) -> bytes:
    """The same as JSON."""
    return json.dumps(note(ref_id, number)).encode()


def status(ref_id: str, value: str, about: str = "") -> dict[str, Any]:
    """An event of the shipped rule for the status of a control."""
    payload = {"ref_id": ref_id, "status": value}
    kind = "update_applied_control_status"
    return {"event_id": event_id(f"{kind}/{ref_id}/{about}"), "event_type": kind, "version": 1, "payload": payload}


def rules_folder(folder: Path, **rules: str) -> Path:
    """A folder with rule files NAME.yaml."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in rules.items():
        write_rule(folder / f"{name}.yaml", text)
    return folder


def write_rule(path: Path, text: str) -> None:
    """Replace a rule file at once, as editors and deployments do."""
    fresh = path.with_name(f"{path.name}.new")
    fresh.write_text(text)
    fresh.rename(path)
