"""`engine explain`: the requests that an event would make; nothing is sent."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from engine.config.load import load_config
from engine.config.model import Config
from engine.errors import Undeliverable, Unusable
from engine.events import json_format
from engine.events.envelope import to_event
from engine.events.event import Event, Message
from engine.events.plainjson import to_record
from engine.events.schemas import LocalSchemas
from engine.findings import suggest
from engine.rules.book import Book, load_book
from engine.rules.model import Rule
from engine.rules.preview import Known, Open, preview
from engine.sketch import Contracts, lines


def explain(event_file: Path, config_file: Path | None) -> int:
    """Print the rule for an event and each request as far as it is known without an answer.

    Args:
        event_file: one event as plain JSON: unions untagged, bytes as base64, times as ISO 8601.
        config_file: the configuration, None for ./config.yaml or the defaults.

    Returns:
        0: the event would be carried out, or skipped. 1: it would be a dead letter.

    Raises:
        Unusable: configuration, rules, schemas or the event file cannot be used.
    """
    config = load_config(config_file, os.environ, secrets=False)
    book = load_book(config.rules.path, config.limits, config.apis)
    try:
        event = _event(event_file, config)
        click.echo(f"event    {event.type}, version {event.version}, id {event.id}")
        return _explain(book, event, config)
    except Undeliverable as error:
        click.echo(f"\ndead letter at stage {error.stage}: {error}")
        return 1


def _explain(book: Book, event: Event, config: Config) -> int:
    rule = book.find(event.type, event.version)
    if rule is None:
        return _no_rule(book, event, config)
    click.echo(f"rule     {rule.name} ({rule.path}:{rule.line})")
    click.echo(f"ordering {_ordering(rule, event)}")
    if not rule.applies(event):
        click.echo("\nskipped: the rule's `when` is false for this event")
        return 0
    contracts = Contracts(config)
    needed: list[str] = []
    for number, sight in enumerate(preview(rule, event, config.limits), 1):
        for line in lines(number, sight, event, config):
            click.echo(line)
        if isinstance(sight, Known):
            contracts.check(sight.request)
        needed += sight.needs if isinstance(sight, Open) else ()
    if needed:
        names = ", ".join(dict.fromkeys(needed))
        click.echo(f"\nWhat stands in {{{{ }}}} depends on the answer of {names}; nothing was sent.")
    return 0


def _no_rule(book: Book, event: Event, config: Config) -> int:
    others = sorted(version for rule in book.rules if rule.event_type == event.type for version in rule.versions or ())
    near = suggest(event.type, book.event_types)
    hint = f"; did you mean '{near}'?" if near else ""
    why = (
        f"there are rules for version {', '.join(map(str, others))} only" if others else f"no rule has this type{hint}"
    )
    click.echo(f"rule     none: {why}")
    if config.events.unknown_type == "skip":
        click.echo("\nskipped: `events.unknown_type` is skip")
        return 0
    click.echo("\ndead letter at stage route: `events.unknown_type` is dead")
    return 1


def _event(file: Path, config: Config) -> Event:
    """The event as decoding would give it; its message stands nowhere, its time is now."""
    try:
        value = file.read_bytes()
        data = json_format.read(value)
    except OSError as error:
        raise Unusable(f"{file}: cannot read the event: {error.strerror}") from error
    except json_format.NotJson as error:
        raise Unusable(f"{file}: {error}") from error
    try:
        record = _record(data, config)
    except Unusable as error:
        raise Unusable(f"{file}: {error}") from error
    message = Message(config.kafka.topic, 0, 0, None, value, (), int(time.time() * 1000))
    return to_event(record, message, config.events.envelope, config.events.format)


def _record(data: Mapping[str, Any], config: Config) -> Mapping[str, Any]:
    """In the values of its local schema, where there is one and events are Avro."""
    events = config.events
    name, version = data.get(events.envelope.type), data.get(events.envelope.version)
    if events.format == "json" or not isinstance(name, str):
        return data
    schemas = LocalSchemas(events.schemas, required=events.schemas_configured)
    schema = schemas.find(name, version if isinstance(version, int) else 0)
    return data if schema is None else to_record(data, schema)


def _ordering(rule: Rule, event: Event) -> str:
    key = rule.order_key(event)
    if key is None:
        return "by the message's key"
    return f"by {key!r}"
