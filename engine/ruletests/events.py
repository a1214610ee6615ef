"""The event of a case: what is left out is filled in, the rest held against the event's local schema."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from engine.config.model import Config
from engine.documents import Document, Pointer
from engine.errors import Undeliverable, Unusable
from engine.events.avro import Schema
from engine.events.envelope import to_event
from engine.events.event import Event, Message
from engine.events.plainjson import Mismatch, to_record
from engine.events.schemas import LocalSchemas
from engine.findings import Finding, Level, spell
from engine.rules.book import Book
from engine.ruletests.model import Case

EVENT_ID = "00000000-0000-4000-8000-000000000001"
"""The id of an event whose case says none."""

_STEP = re.compile(r"\[(\d+)\]|[^.\[\]]+")


class WrongEvent(Exception):
    """The event of a case does not fit its schema or the envelope; `finding` says where."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.message)
        self.finding = finding


class Events:
    """Makes events of cases.

    Args:
        config: what events look like.

    Raises:
        Unusable: an event schema cannot be used.
    """

    def __init__(self, config: Config) -> None:
        self._config = config
        events = config.events
        is_avro = events.format == "avro"
        self._schemas = LocalSchemas(events.schemas, required=events.schemas_configured) if is_avro else None

    def make(self, case: Case, document: Document, book: Book) -> Event:
        """The event as decoding would give it.

        Args:
            case: whose event.
            document: where it stands.
            book: the rules it is for; the first one's type, and the lowest version, where the case says none.

        Raises:
            WrongEvent: a field is wrong or missing.
        """
        envelope = self._config.events.envelope
        event_type = case.event.get(envelope.type, book.rules[0].event_type)
        version = case.event.get(envelope.version, self._version(str(event_type), book))
        schema = self._schema(event_type, version)
        usual = {envelope.id: EVENT_ID, envelope.type: event_type, envelope.version: version}
        if schema is not None:
            known = {field["name"] for field in schema.parsed["fields"]}
            usual = {name: value for name, value in usual.items() if name in known}
        data = {**usual, **case.event}
        try:
            record = data if schema is None else to_record(data, schema)
            return to_event(record, self._message(case), envelope, self._config.events.format)
        except Unusable as error:
            raise WrongEvent(_finding(document, case, error)) from error
        except Undeliverable as error:
            field = str(error).partition(" ")[0]
            raise WrongEvent(_found(document, (*case.pointer, "event", field), str(error))) from error

    def _version(self, event_type: str, book: Book) -> int:
        """The lowest version of the first rule for the type; else the newest schema's."""
        for rule in book.rules:
            if rule.event_type == event_type and rule.versions is not None:
                return min(rule.versions)
        return max(self._schemas.versions(event_type), default=1) if self._schemas is not None else 1

    def _schema(self, event_type: Any, version: Any) -> Schema | None:
        if self._schemas is None or not isinstance(event_type, str):
            return None
        return self._schemas.find(event_type, version if isinstance(version, int) else 0)

    def _message(self, case: Case) -> Message:
        said: Mapping[str, Any] = case.message
        key = said.get("key")
        headers = tuple((name, value.encode()) for name, value in said.get("headers", {}).items())
        moment = case.now if "timestamp" not in said else case.now.fromisoformat(said["timestamp"])
        return Message(
            topic=said.get("topic", self._config.kafka.topic),
            partition=said.get("partition", 0),
            offset=said.get("offset", 0),
            key=None if key is None else key.encode(),
            value=b"",
            headers=headers,
            timestamp=round(moment.timestamp() * 1000),
        )


def _finding(document: Document, case: Case, error: Unusable) -> Finding:
    """At the field that is wrong; of one that is missing at the nearest value around it."""
    path = error.__cause__.path if isinstance(error.__cause__, Mismatch) else ""
    steps = [int(one[1]) if one[1] else one[0] for one in _STEP.finditer(path)]
    pointer: Pointer = (*case.pointer, "event", *steps)
    return _found(document, pointer, str(error), key="not a field" in str(error))


def _found(document: Document, pointer: Pointer, text: str, *, key: bool = False) -> Finding:
    message = f"{spell(pointer[:3])}: {text}"
    return Finding(document.path, document.span(pointer, key=key), Level.ERROR, "wrong-event", message)
