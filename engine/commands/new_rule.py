"""`engine new-rule`: a rule that validates, with a test that passes and the event's schema."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from engine.commands.validate_rules import check, known_apis
from engine.config.load import load_config
from engine.config.model import Config
from engine.documents import Document, read_documents
from engine.errors import Undeliverable, Unusable
from engine.events.avro import Schema, parse
from engine.events.envelope import to_event
from engine.events.event import Event, Message
from engine.events.plainjson import to_record
from engine.events.schemas import LocalSchemas, load
from engine.findings import Finding
from engine.rules.book import read_rules, rule_files
from engine.rules.load import load_rules
from engine.scaffold.fields import EVENT_ID, Field, example, fields, new_schema
from engine.scaffold.requests import candidates, known_names
from engine.scaffold.rule import rule_test_text, rule_text
from engine.scaffold.writing import Fate, NewFile, standing, write
from engine.typing.avro import event_type as type_of
from engine.typing.schemas import NO_EVENTS, EventTypes

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,150}")
_VERSION = re.compile(r"_v([1-9][0-9]{0,8})\.avsc$")
_PLAIN = Field("ref_id", "event.payload.ref_id", True)


@dataclass(frozen=True, slots=True)
class _Given:
    """What is known of the events.

    Attributes:
        version: of the events.
        schema: theirs, None where events are JSON.
        file: the schema's file, to be written where it is not there; None where events are JSON.
    """

    version: int
    schema: Schema | None
    file: NewFile | None


def new_rule(event_type: str, from_schema: Path | None, config_file: Path | None) -> int:
    """Write a rule, its test and, where none is there, the event's schema.

    Args:
        event_type: of the events; the files are named by it.
        from_schema: an Avro schema, None for the newest local one of the type, or a new one.
        config_file: the configuration, None for ./config.yaml or the defaults.

    Returns:
        0: all is written.

    Raises:
        Unusable: the name, the schema or the configuration cannot be used, or a file or rule is there already.
    """
    if not _NAME.fullmatch(event_type):
        raise Unusable(f"{event_type!r} cannot name files: write letters, digits, '_', '-' and '.'")
    config = load_config(config_file, os.environ, secrets=False)
    given = _given(event_type, from_schema, config)
    _refuse_second(event_type, given.version, config)
    files = [given.file] if given.file is not None else []
    files += _rule_files(event_type, given, config)
    there = standing(files)
    if there:
        raise Unusable(f"{', '.join(map(str, there))}: there already; nothing was written")
    for file, fate in write(files):
        if fate is not Fate.SAME:
            click.echo(f"{file.path}: {fate}")
    return 0


def _given(event_type: str, from_schema: Path | None, config: Config) -> _Given:
    events = config.events
    if events.format == "json" and from_schema is None:
        return _Given(1, None, None)
    if from_schema is not None:
        found = _VERSION.search(from_schema.name)
        version = int(found[1]) if found else 1
        schema = load(from_schema)
        _refuse_without_envelope(from_schema, schema, config)
        content = from_schema.read_bytes()
    else:
        local = LocalSchemas(events.schemas, required=False)
        known = local.versions(event_type)
        version = max(known, default=1)
        raw = local.raw(event_type, version) or new_schema(event_type, version, events.envelope)
        schema = parse(raw, reader=True)
        path = _schema_path(event_type, version, config)
        content = path.read_bytes() if known else (json.dumps(raw, indent=2) + "\n").encode()
    return _Given(version, schema, NewFile(_schema_path(event_type, version, config), content))


def _schema_path(event_type: str, version: int, config: Config) -> Path:
    return config.events.schemas / f"{event_type}_v{version}.avsc"


def _refuse_without_envelope(file: Path, schema: Schema, config: Config) -> None:
    envelope = config.events.envelope
    names = {field["name"] for field in schema.parsed["fields"]}
    missing = [name for name in (envelope.id, envelope.type, envelope.version) if name not in names]
    if missing:
        listed = " and ".join(f"'{name}'" for name in missing)
        raise Unusable(f"{file}: has no field {listed}; `events.envelope` says where events have the common fields")


def _refuse_second(event_type: str, version: int, config: Config) -> None:
    """Raise where the project has a rule for these events already."""
    path = config.rules.path
    documents, _ = read_rules(rule_files(path)) if path.exists() else ([], [])
    rules, _ = load_rules(documents, config.limits, config.apis)
    same = [rule for rule in rules if rule.event_type == event_type and version in (rule.versions or ())]
    if same:
        place = f"{same[0].path}:{same[0].line}"
        raise Unusable(f"{place}: is a rule for {event_type}, version {version}, already; nothing was written")


def _rule_files(event_type: str, given: _Given, config: Config) -> list[NewFile]:
    """The rule, chosen among candidates by what `validate-rules` finds, and its test."""
    known = [_PLAIN] if given.schema is None else fields(given.schema, config.events.envelope)
    folder = config.rules.path if not config.rules.path.is_file() else config.rules.path.parent
    document = _first_sound(_documents(event_type, given, known, config, folder), given, event_type, config)
    written: dict[str, Any] = {"payload": {"ref_id": "ref_id-1"}}
    if given.schema is not None:
        written = example(given.schema, config.events.envelope, event_type, given.version)
    event = _event(written, event_type, given, config)
    (rule,), _ = load_rules([document], config.limits, config.apis)
    shown = {name: value for name, value in written.items() if value != EVENT_ID}
    try:
        test = rule_test_text(rule, event, shown, config.limits, _editor("rule-test", folder, config))
    except Undeliverable as error:
        raise Unusable(f"the schema's example event cannot be sent: {error}") from error
    rule_file = NewFile(folder / f"{event_type}.yaml", document.text.encode())
    return [rule_file, NewFile(folder / f"{event_type}.test.yaml", test.encode())]


def _documents(event_type: str, given: _Given, known: Sequence[Field], config: Config, folder: Path) -> list[Document]:
    """One a candidate, each with a path of its own."""
    api = known_apis(config).get("")
    named = list(known_names(known).values())
    editor = _editor("rule", folder, config)
    found: list[Document] = []
    for number, candidate in enumerate(candidates(api, event_type, named)):
        text = rule_text(event_type, given.version, named, candidate, editor)
        found += read_documents(Path(f"{number}.yaml"), text)[0]
    return found


def _first_sound(documents: Sequence[Document], given: _Given, event_type: str, config: Config) -> Document:
    """The first that has no finding.

    Raises:
        Unusable: the API's document has nothing that fits.
    """
    events = NO_EVENTS
    if given.schema is not None:
        events = EventTypes({event_type: {given.version: type_of(given.schema.raw)}})
    findings: list[Finding] = check(documents, config, events)
    faulty = {finding.path for finding in findings if finding.id != "rule-overlap"}
    for document in documents:
        if document.path not in faulty:
            return document
    raise Unusable(f"{config.api.openapi}: has no request that a new rule for {event_type} could begin with")


def _event(written: dict[str, Any], event_type: str, given: _Given, config: Config) -> Event:
    envelope = config.events.envelope
    record: Any = {envelope.id: EVENT_ID, envelope.type: event_type, envelope.version: given.version, **written}
    if given.schema is not None:
        record = to_record(written, given.schema)
    message = Message(config.kafka.topic, 0, 0, None, b"", (), 0)
    return to_event(record, message, envelope, config.events.format)


def _editor(name: str, folder: Path, config: Config) -> str:
    """Where the JSON Schema for editors is, seen from the rules; "" where the project has none."""
    root = config.file.parent if config.file is not None else Path()
    file = root / "schemas" / f"{name}.schema.json"
    return Path(os.path.relpath(file, folder)).as_posix() if file.is_file() else ""
