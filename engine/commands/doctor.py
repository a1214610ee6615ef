"""`engine doctor`: tries everything that `run` needs, and says what to do where something fails. Changes nothing."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from urllib.parse import urlsplit

import click
import confluent_kafka

from engine import __version__
from engine.api.client import Client
from engine.api.clients import build_clients, open_files
from engine.api.files import Store
from engine.api.lone import LoneCall
from engine.api.messages import Accept, Request, Response
from engine.config.load import load_config
from engine.config.model import Api, Config, Files, NoAuth
from engine.errors import EngineError, NoAnswer, Transient, Unavailable, Undeliverable, Unusable
from engine.events.registry import Registry
from engine.events.schemas import LocalSchemas
from engine.findings import many
from engine.loops import run
from engine.openapi.document import ApiDocument
from engine.rules.book import load_book
from engine.stream.survey import Survey

_MOVED = frozenset({301, 302, 303, 307, 308})
# Every status is an answer here but those that the client knows how to handle: renewal and redirects.
_ANY = Accept(codes=frozenset(range(200, 600)) - _MOVED - {401}, classes=frozenset())
_HEADROOM = 64 * 1024  # see stream.topics


@dataclass(frozen=True, slots=True)
class Result:
    """One line: what was tried; `remedy` where it failed, None where it is in order."""

    text: str
    remedy: str | None = None


Check = Callable[[Config], Iterator[Result]]


def doctor(config_file: Path | None) -> int:
    """Try broker, topics, registry, APIs, credentials, rules and schemas; print a line each.

    Returns:
        0: all in order. 1: something is not.

    Raises:
        Unusable: the configuration cannot be read.
    """
    config = load_config(config_file, os.environ)
    failures = 0
    for check in CHECKS:
        for result in check(config):
            failures += result.remedy is not None
            click.echo(_line(result))
    return 1 if failures else 0


def _line(result: Result) -> str:
    return f"ok    {result.text}" if result.remedy is None else f"FAIL  {result.text} -> {result.remedy}"


def versions(config: Config) -> Iterator[Result]:
    """What runs here."""
    apis = (config.api, *config.apis.values())
    transports = ", ".join(f"{name} {version(name)}" for name in dict.fromkeys(api.transport for api in apis))
    kafka = f"Quix Streams {version('quixstreams')}, librdkafka {confluent_kafka.libversion()[0]}"
    yield Result(f"engine {__version__}, Python {platform.python_version()}, {kafka}, transport {transports}")
    yield Result(f"configuration {config.file}" if config.file else "configuration: the defaults, no config.yaml here")


def broker(config: Config) -> Iterator[Result]:
    """The broker, with the configured security, and both topics."""
    try:
        survey = Survey(config.kafka)
        topics = survey.topics()
    except Unavailable as error:
        yield Result(f"broker: {error}", _broker_remedy(str(error)))
        return
    yield Result(f"broker {config.kafka.brokers} answers ({config.kafka.security.protocol})")
    yield _main_topic(config, topics.get(config.kafka.topic))
    name = config.dlq.topic
    there = f"has {topics[name]} partitions" if name in topics else "is not there yet: `run` creates it"
    yield Result(f"dead-letter topic {name!r} {there}")
    present = [topic for topic in (config.kafka.topic, name) if topic in topics]
    if present:
        yield from _settings(config, survey, present)


def _main_topic(config: Config, partitions: int | None) -> Result:
    name = config.kafka.topic
    if partitions is not None:
        return Result(f"topic {name!r} has {partitions} partitions")
    if config.kafka.create_topic:
        return Result(f"topic {name!r} is not there yet: `run` creates it")
    return Result(f"topic {name!r} is not there", "create it, correct kafka.topic, or set kafka.create_topic: true")


def _settings(config: Config, survey: Survey, topics: list[str]) -> Iterator[Result]:
    try:
        found = survey.settings(topics)
    except (Unusable, Unavailable) as error:
        yield Result(f"settings of topics: {error}", "allow DescribeConfigs on both topics to this user")
        return
    yield Result("the settings of the topics can be read")
    main, dlq = found.get(config.kafka.topic), found.get(config.dlq.topic)
    if main and dlq:
        largest = int(main.get("max.message.bytes", 0)) + _HEADROOM
        if int(dlq.get("max.message.bytes", largest)) < largest:
            text = f"dead-letter topic {config.dlq.topic!r} takes smaller messages than a dead letter may be"
            yield Result(text, f"set its max.message.bytes to {largest}")


def _broker_remedy(text: str) -> str:
    known = {
        "_AUTHENTICATION": "check kafka.security: mechanism, username and password",
        "_SSL": "check kafka.security: protocol, ca, certificate and key",
        "_RESOLVE": "check the host name in kafka.brokers",
        "are refused": "check kafka.security and kafka.options",
    }
    found = [remedy for sign, remedy in known.items() if sign in text]
    return found[0] if found else "start the broker, or correct kafka.brokers and kafka.security.protocol"


def registry(config: Config) -> Iterator[Result]:
    """The schema registry, where events are Avro."""
    if config.events.format == "json":
        yield Result("no schema registry is needed: events.format is json")
        return
    client = Registry(config.schema_registry)
    try:
        client.ping()
    except Unavailable as error:
        yield Result(str(error), "start the registry, or correct schema_registry (its url may need a path)")
    else:
        yield Result(f"schema registry {config.schema_registry.url} answers")
    finally:
        client.close()


def apis(config: Config) -> Iterator[Result]:
    """Each API: it answers, and accepts the credentials."""
    try:
        results = run(_ask_all(config))
    except Unusable as error:
        yield Result(str(error), "correct the configuration of the API")
        return
    yield from results


async def _ask_all(config: Config) -> list[Result]:
    clients = build_clients(replace(config, files=Files()))  # the store of files has lines of its own
    try:
        named = [(config.api, clients[""]), *((api, clients[name]) for name, api in config.apis.items())]
        return [await _ask(api, client, readable(config, api)) for api, client in named]
    finally:
        for client in clients.values():
            with suppress(EngineError, OSError):
                await client.close()


async def _ask(api: Api, client: Client, known: str | None) -> Result:
    """Ask for the base path; where the API has nothing there, for a path that it does have."""
    result, status = await _try(api, client, "/")
    if status == 404 and known is not None and not isinstance(api.auth, NoAuth):
        result, _ = await _try(api, client, known)
    return result


async def _try(api: Api, client: Client, path: str) -> tuple[Result, int | None]:
    place = f"apis.{api.name}" if api.name else "api"
    name = f"{place} {api.url}" if path == "/" else f"{place} {api.url}: GET {path}"
    try:
        response = await client.attempt(Request("doctor", api.name, "GET", path, path, accept=_ANY), LoneCall("doctor"))
    except NoAnswer as error:
        return Result(f"{name}: {error}", f"start the API, or correct {place}.url, ca and proxy"), None
    except Transient as error:
        if error.status == 401 or error.reason == "auth":
            remedy = f"the credentials are not accepted: renew them in {place}.auth"
        else:
            remedy = "wait until the API works again, or look into its log"
        return Result(f"{name}: {error}", remedy), error.status
    except Undeliverable as error:
        if path != "/" and error.status is not None and error.status < 300:  # more than limits.body: it did let us read
            return Result(f"{name} answers {error.status} and accepts the credentials"), error.status
        return Result(f"{name}: {error}", f"correct {place}.url"), error.status
    return _judged(name, api, response, path), response.status


def _judged(name: str, api: Api, response: Response, path: str = "/") -> Result:
    status = response.status
    if status == 403:
        if path != "/":  # some APIs say 403 to whoever they do not know
            return Result(
                f"{name} answers 403: it does not accept the credentials, or does not let them read this",
                "check the credentials, then the rights of this user",
            )
        return Result(
            f"{name} answers 403: it knows the credentials but allows them nothing here",
            "give this user the rights that the rules need",
        )
    if status >= 500:
        return Result(f"{name} answers {status}", "wait until the API works again, or look into its log")
    if isinstance(api.auth, NoAuth):
        return Result(f"{name} answers {status}; no credentials are configured")
    if status == 404:
        where = " at its base path" if path == "/" else ""
        return Result(f"{name} answers 404{where}; that says nothing about the credentials")
    return Result(f"{name} answers {status} and accepts the credentials")


def readable(config: Config, api: Api) -> str | None:
    """A path without parameters that the API can be asked for: of a rule, else of its OpenAPI document; None: none."""
    with suppress(Unusable):  # the rules have a line of their own
        book = load_book(config.rules.path, config.limits, config.apis)
        for request in (request for rule in book.rules for request in rule.requests):
            if (request.method, request.api, request.path_template) == ("GET", api.name, None):
                return request.path
    if api.openapi is None:
        return None
    document = ApiDocument.load(api.openapi)
    found = document.seen_by_rules(urlsplit(api.url).path.rstrip("/"))
    return next((path for path, known in found.items() if "{" not in path and "get" in document.item(known)), None)


def files(config: Config) -> Iterator[Result]:
    """Each bucket of the store of files, where some are configured: it is there, and lets us read."""
    try:
        store = open_files(config.files.s3)
    except Unusable as error:
        yield Result(str(error), "install it; an image has it when it is built with the argument EXTRAS=s3")
        return
    if store is not None:
        yield from run(_probe_all(store, config.files.s3.buckets))


async def _probe_all(store: Store, buckets: Iterable[str]) -> list[Result]:
    return [await _probe(store, bucket) for bucket in buckets]


async def _probe(store: Store, bucket: str) -> Result:
    try:
        await store.probe(bucket)
    except (Undeliverable, Transient) as error:
        return Result(f"files.s3: {error}", _store_remedy(str(error)))
    return Result(f"files.s3: the bucket {bucket!r} answers and accepts the credentials")


def _store_remedy(text: str) -> str:
    known = {
        "denies": "check files.s3.access_key and secret_key, then that they may get objects and list the bucket",
        "no such bucket": "create it, or correct files.s3: buckets, endpoint, region",
    }
    found = [remedy for sign, remedy in known.items() if sign in text]
    return found[0] if found else "start the store, or correct files.s3: endpoint, region"


def rules(config: Config) -> Iterator[Result]:
    """All rules load, and so do all schemas."""
    try:
        book = load_book(config.rules.path, config.limits, config.apis)
    except Unusable as error:
        yield Result(f"rules: {error}", "see `engine validate-rules`")
    else:
        types = many(len(book.event_types), "event type")
        yield Result(f"{many(len(book), 'rule')} for {types} in {config.rules.path}")
    try:
        schemas = list(LocalSchemas(config.events.schemas, required=config.events.schemas_configured))
    except Unusable as error:
        yield Result(f"schemas: {error}", "correct the file, or events.schemas")
    else:
        yield Result(f"{many(len(schemas), 'event schema')} in {config.events.schemas}")


CHECKS: tuple[Check, ...] = (versions, broker, registry, apis, files, rules)
"""In the order of their lines."""
