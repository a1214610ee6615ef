"""engine.events.envelope: id, type and version of an event."""

from __future__ import annotations

import uuid
from typing import Any, Literal

import pytest

from engine.config.model import Envelope
from engine.errors import Stage, Undeliverable
from engine.events.envelope import to_event
from engine.events.event import Event, Message

ID = "6f9619ff-8b86-4011-b42d-00c04fc964ff"
MESSAGE = Message("observation", 3, 41, b"key", b"value")


def event_of(record: dict[str, Any], kind: Literal["avro", "json"] = "avro", envelope: Envelope | None = None) -> Event:
    return to_event(record, MESSAGE, envelope or Envelope(), kind)


def test_the_three_fields_are_taken() -> None:
    """Id, type and version stand in the event and, under their own names, in the record; the rest is kept."""
    record = {"event_id": ID, "event_type": "t", "version": 2, "payload": {"a": 1}}
    event = event_of(record)
    assert (ID, "t", 2) == (event.id, event.type, event.version)
    assert record == event.record
    assert MESSAGE is event.message


def test_other_names_are_added_under_the_common_ones() -> None:
    """A record with other names has both; the given record is not changed."""
    record = {"id": ID, "kind": "t", "rev": 2}
    event = event_of(record, envelope=Envelope(id="id", type="kind", version="rev"))
    assert {"event_id": ID, "event_type": "t", "version": 2, **record} == event.record
    assert {"id": ID, "kind": "t", "rev": 2} == record


@pytest.mark.parametrize("value", [ID.upper(), uuid.UUID(ID)])
def test_an_id_becomes_canonical_text(value: Any) -> None:
    """Upper case and a decoded UUID become lower-case text, in the record too."""
    event = event_of({"event_id": value, "event_type": "t", "version": 1})
    assert ID == event.id
    assert ID == event.record["event_id"]


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"event_id": None}, "event_id must be a UUID, it is absent or null"),
        ({"event_id": "abc"}, "event_id must be a UUID, it is 'abc'"),
        ({"event_id": ID + "\n"}, "event_id must be a UUID"),
        ({"event_id": "{" + ID + "}"}, "event_id must be a UUID"),
        ({"event_id": ID.encode()}, "event_id must be a UUID"),
        ({"event_type": ""}, "event_type must be a text that is not empty, it is ''"),
        ({"event_type": 5}, "event_type must be a text that is not empty, it is 5"),
        ({"version": True}, "version must be an integer of at least 1, it is True"),
        ({"version": 0}, "version must be an integer of at least 1, it is 0"),
        ({"version": 1.0}, "version must be an integer of at least 1, it is 1.0"),
        ({"version": "1"}, "version must be an integer of at least 1, it is '1'"),
        ({"version": None}, "version must be an integer of at least 1, it is absent or null"),
    ],
)
def test_a_wrong_envelope_is_a_dead_letter(change: dict[str, Any], text: str) -> None:
    """Each of the three fields is checked; the error names it and what it is."""
    with pytest.raises(Undeliverable) as caught:
        event_of({"event_id": ID, "event_type": "t", "version": 1} | change)
    assert Stage.ENVELOPE == caught.value.stage
    assert str(caught.value).startswith(text)


def test_json_may_do_without_id_and_version() -> None:
    """A dispatcher's message: its id is the same at every delivery and another at another offset; version 1."""
    record = {"message_type": "update_applied_control", "selector": {"ref_id": "foo"}, "values": {"priority": "1"}}
    envelope = Envelope(type="message_type")
    event = event_of(record, "json", envelope)
    other = to_event(record, Message("observation", 3, 42, None, None), envelope, "json")
    assert ("update_applied_control", 1) == (event.type, event.version)
    assert uuid.UUID(event.id).version == 5
    assert event.id == event_of(record, "json", envelope).id
    assert event.id != other.id


def test_json_is_checked_where_it_has_them() -> None:
    """An id or a version that is there must be right, in JSON too."""
    for change in ({"event_id": "abc"}, {"version": 0}, {"version": True}, {"event_type": None}):
        with pytest.raises(Undeliverable):
            event_of({"event_id": ID, "event_type": "t", "version": 1} | change, "json")
