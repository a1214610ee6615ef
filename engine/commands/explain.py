"""`engine explain`: the requests that an event would make; nothing is sent."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import click

from engine.api.contract import Contract
from engine.api.messages import Request
from engine.config.load import load_config
from engine.config.model import Api, Auth, BasicAuth, Config, HeaderAuth, LoginAuth, NoAuth
from engine.errors import Undeliverable, Unusable
from engine.events import json_format
from engine.events.envelope import to_event
from engine.events.event import Event, Message
from engine.events.plainjson import to_record
from engine.events.schemas import LocalSchemas
from engine.findings import suggest
from engine.rules.book import Book, load_book
from engine.rules.model import RequestRule, Rule
from engine.rules.preview import Known, LeftOut, Open, Sight, preview

_SECRET = re.compile(r"(?i)token|secret|password|passwd|api[-_]?key|credential|session")
_STRUCTURED = ("application/json",)


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
    contracts = _Contracts(config)
    needed: list[str] = []
    for number, sight in enumerate(preview(rule, event, config.limits), 1):
        for line in _lines(number, sight, event, config):
            click.echo(line)
        if isinstance(sight, Known):
            contracts.check(sight.request)
        needed += sight.needs if isinstance(sight, Open) else ()
    if needed:
        names = ", ".join(dict.fromkeys(needed))
        click.echo(f"\nWhat stands in {{{{ }}}} depends on the answer of {names}; nothing was sent.")
    return 0


class _Contracts:
    """The documents of the APIs, each read when its first request is known."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._read: dict[str, Contract] = {}

    def check(self, request: Request) -> None:
        """Hold a request against its API's document, as `run` would before it is sent.

        Raises:
            Undeliverable: the document does not know a query name or body field.
            Unusable: the document cannot be read.
        """
        api = self._config.apis[request.api] if request.api else self._config.api
        if api.openapi is None:
            return
        if request.api not in self._read:
            self._read[request.api] = Contract.load(api.openapi)
        self._read[request.api].check(request, urlsplit(api.url).path)


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


# One request


def _lines(number: int, sight: Sight, event: Event, config: Config) -> Iterator[str]:
    rule = sight.rule
    item = "" if isinstance(sight, Open) or sight.number is None else f", item {sight.number}"
    yield ""
    if isinstance(sight, LeftOut):
        yield f"{number}. {rule.id}{item}: left out, its `when` is false"
        return
    api = config.apis[rule.api] if rule.api else config.api
    if isinstance(sight, Known):
        yield f"{number}. {rule.id}{item}"
        yield from _known(sight.request, api)
    else:
        yield f"{number}. {rule.id}: depends on the answer of {', '.join(sight.needs)}"
        yield from _open(sight, event, api)
    yield from _expected(rule)


def _known(request: Request, api: Api) -> Iterator[str]:
    query = f"?{urlencode(request.query, quote_via=quote, safe='')}" if request.query else ""
    yield f"{request.method} {api.url}{request.path}{query}"
    yield from _authorization(api.auth)
    for name, value in request.headers:
        yield _header(name, value)
    if request.media_type is not None:
        yield f"Content-Type: {request.media_type}"
    if request.idempotency_key is not None:
        yield f"Idempotency-Key: {request.idempotency_key}"
    if request.body is not None:
        yield ""
        yield _body(request)


def _open(sight: Open, event: Event, api: Api) -> Iterator[str]:
    rule = sight.rule
    if sight.for_each is not None:
        yield f"for each {rule.item} of {sight.for_each}"
    if sight.when is not None:
        yield f"when {sight.when}"
    yield f"{rule.method} {api.url}{sight.path}"
    yield from _authorization(api.auth)
    for name, value in sight.headers.items():
        yield _header(name, str(value))
    if rule.method not in ("GET", "HEAD", "OPTIONS"):
        yield f"Idempotency-Key: {event.id}/{rule.id}{'/...' if rule.for_each is not None else ''}"
    if sight.query is not None:
        yield f"query: {json.dumps(sight.query, ensure_ascii=False, default=str)}"
    if sight.body is not None:
        yield f"\n{_pretty(sight.body)}"


def _expected(rule: RequestRule) -> Iterator[str]:
    that = rule.expect.that
    if that is not None and not isinstance(that, bool):
        yield f"\nexpects {that.source.strip()}"
    if rule.paginate:
        yield "follows `next` to all pages"


def _authorization(auth: Auth) -> Iterator[str]:
    """The credentials' header without the credentials."""
    if isinstance(auth, NoAuth):
        return
    if isinstance(auth, HeaderAuth):
        yield f"{auth.name}: {auth.prefix}***"
    elif isinstance(auth, LoginAuth):
        yield f"{auth.header}: {auth.prefix}***"
    else:
        yield f"Authorization: {'Basic' if isinstance(auth, BasicAuth) else 'Bearer'} ***"


def _header(name: str, value: str) -> str:
    return f"{name}: {'***' if _SECRET.search(name) else value}"


def _body(request: Request) -> str:
    body = request.body or b""
    if request.media_type in _STRUCTURED:
        return _pretty(json.loads(body))
    try:
        return body.decode()
    except UnicodeDecodeError:
        return f"({len(body)} bytes)"


def _pretty(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False, default=str)
