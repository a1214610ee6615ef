"""What a schema cannot say about config.yaml: files that exist, keys that need each other, options the engine owns."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from engine.config.certificates import authority_problem, file_problem, key_problem
from engine.config.filling import Secrets, needs
from engine.config.model import DEFAULT_TRANSPORT
from engine.config.options import refused
from engine.documents import Document, Pointer
from engine.findings import Finding, Level, spell
from engine.units import duration, size

_BROKER = re.compile(r"(?:[A-Za-z_]+://)?(?:\[[0-9A-Fa-f:.]+\]|[^\s:/\[\]]+)(?::(?P<port>[0-9]{1,5}))?")
_HEADER_TEXT = re.compile(r"[\x20-\x7e]+")
_POSITIVE: tuple[Pointer, ...] = (
    ("commit_interval",),
    ("api", "timeout"),
    ("schema_registry", "timeout"),
    ("outage", "probe_every"),
    ("dlq", "retention"),
    ("files", "s3", "timeout"),
)
_SIZES = (*(("limits", name) for name in ("buffer", "message", "body", "rendered")), ("files", "s3", "limit"))


def check_options(document: Document) -> list[Finding]:
    """Options of librdkafka that the engine sets itself, or that weaken a promise of it."""
    meaning = _Meaning(document, Path())
    return [finding for side in ("consumer", "producer") for finding in meaning.options(side)]


def check_meaning(document: Document, folder: Path, *, secrets: Secrets) -> list[Finding]:
    """Check a document whose shape is sound.

    Args:
        document: filled, see `filling`.
        folder: relative paths start here.
        secrets: sections whose certificates and keys are looked at.
    """
    meaning = _Meaning(document, folder)
    checks = (meaning.numbers(), meaning.kafka(), meaning.addresses(), meaning.auths(), meaning.files())
    return [finding for check in (*checks, meaning.certificates(secrets)) for finding in check]


class _Meaning:
    """The checks, over one document."""

    def __init__(self, document: Document, folder: Path) -> None:
        self._document = document
        self._folder = folder

    def at(self, *pointer: str | int) -> Any:
        """The value at a place, None where there is none."""
        value = self._document.data
        for step in pointer:
            value = value.get(step) if isinstance(value, dict) else None
        return value

    def finding(self, pointer: Pointer, check: str, message: str, help_: str = "", *, key: bool = False) -> Finding:
        """A finding at a value, or at its key."""
        span = self._document.span(pointer, key=key)
        return Finding(self._document.path, span, Level.ERROR, check, f"{spell(pointer)}: {message}", help_)

    def apis(self) -> list[Pointer]:
        """The places of all APIs."""
        return [("api",), *(("apis", name) for name in self.at("apis") or ())]

    def options(self, side: str) -> Iterator[Finding]:
        """Refused librdkafka settings of the consumer or the producer, at their names."""
        options = self.at("kafka", "options", side)
        for name, reason in refused(side, options if isinstance(options, dict) else {}):
            yield self.finding(
                ("kafka", "options", side, name), "engine-option", "cannot be set here", reason, key=True
            )

    def numbers(self) -> Iterator[Finding]:
        """Durations and sizes that must be above nothing, and sizes that must fit into each other."""
        timeouts = [(*api, "timeout") for api in self.apis()[1:]]
        for pointer in (*_POSITIVE, *timeouts):
            text = self.at(*pointer)
            if text is not None and duration(text) <= 0:
                yield self.finding(pointer, "wrong-value", f"must be above 0, not '{text}'")
        for pointer in _SIZES:
            text = self.at(*pointer)
            if text is not None and size(text) < 1:
                yield self.finding(pointer, "wrong-value", f"must be at least one byte, not '{text}'")
        message, buffer = (
            size(self.at("limits", name) or default) for name, default in (("message", "1MiB"), ("buffer", "64MiB"))
        )
        if message > buffer:
            place = "message" if self.at("limits", "message") else "buffer"
            yield self.finding(("limits", place), "wrong-value", "limits.message must fit into limits.buffer")

    def kafka(self) -> Iterator[Finding]:
        """Brokers, topics and security."""
        for broker in (self.at("kafka", "brokers") or "").split(","):
            match = _BROKER.fullmatch(broker.strip())
            if broker and (match is None or int(match["port"] or 1) not in range(1, 65536)):
                text = f"'{broker.strip()}' is not a broker such as kafka-1:9092"
                yield self.finding(("kafka", "brokers"), "wrong-value", text)
        topic, dlq = self.at("kafka", "topic") or "observation", self.at("dlq", "topic") or "observation.dlq"
        if topic == dlq:
            place: Pointer = ("dlq", "topic") if self.at("dlq", "topic") else ("kafka", "topic")
            yield self.finding(place, "wrong-value", f"dead letters cannot go to the events' own topic '{topic}'")
        yield from self._security()

    def _security(self) -> Iterator[Finding]:
        place = ("kafka", "security")
        security = self.at(*place) or {}
        protocol, mechanism = security.get("protocol", "plaintext"), security.get("mechanism")
        if protocol.startswith("sasl_") and mechanism is None:
            yield self.finding(place, "missing-key", f"protocol {protocol} needs 'mechanism'", key=True)
        if mechanism in ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512") and "username" not in security:
            yield self.finding((*place, "mechanism"), "missing-key", f"{mechanism} needs 'username' and 'password'")
        for name in ("mechanism", "username"):
            if name in security and not protocol.startswith("sasl_"):
                yield self._unused(place, name, protocol, "sasl_ssl or sasl_plaintext")
        for name in ("ca", "certificate"):
            if name in security and not protocol.endswith("ssl"):
                yield self._unused(place, name, protocol, "ssl or sasl_ssl")

    def _unused(self, place: Pointer, name: str, protocol: str, needed: str) -> Finding:
        text = f"has no effect with protocol {protocol}"
        return self.finding((*place, name), "unused-key", text, f"set kafka.security.protocol to {needed}", key=True)

    def addresses(self) -> Iterator[Finding]:
        """URLs whose host or port is none."""
        places = [*((*api, name) for api in self.apis() for name in ("url", "proxy")), ("schema_registry", "url")]
        places += [(*api, "auth", "token_url") for api in self.apis()]
        for pointer in places:
            url = self.at(*pointer)
            if url is not None and not _is_address(url):
                yield self.finding(pointer, "wrong-value", "has no host name, or a port that is none")
        for api in self.apis():
            secure = (self.at(*api, "proxy") or "").startswith("https:")
            if secure and (self.at(*api, "transport") or DEFAULT_TRANSPORT) == "httptools":
                text = "an https:// proxy needs another transport than httptools"
                yield self.finding((*api, "proxy"), "wrong-value", text, f"set {spell((*api, 'transport'))}: pyreqwest")

    def auths(self) -> Iterator[Finding]:
        """Credentials that no header can carry, and a login elsewhere."""
        for api in self.apis():
            for name in ("token", "value", "prefix"):
                text = self.at(*api, "auth", name)
                if text and not _HEADER_TEXT.fullmatch(text):
                    message = "has a line feed or another character that no header can carry"
                    yield self.finding((*api, "auth", name), "wrong-value", message)
            path = self.at(*api, "auth", "path") or "/"
            url = self.at(*api, "url") or "http://localhost:8000/api"
            if not path.startswith("/") and _origin(path) != _origin(url):
                text = f"the login must stand on the API's own host, {_origin(url)}"
                yield self.finding((*api, "auth", "path"), "wrong-value", text)

    def files(self) -> Iterator[Finding]:
        """Files and folders that are named and not there."""
        for api in self.apis():
            document = self.at(*api, "openapi")
            problem = file_problem(self._folder / document) if document else ""
            if problem:
                yield self.finding((*api, "openapi"), "unreadable-file", f"{self._folder / document} {problem}")
        schemas = self.at("events", "schemas")
        if schemas and not (self._folder / schemas).is_dir():
            yield self.finding(("events", "schemas"), "unreadable-file", f"{self._folder / schemas} is not a folder")

    def certificates(self, secrets: Secrets) -> Iterator[Finding]:
        """PEM files that are not there, do not parse, or do not belong together."""
        for place in (("kafka", "security"), ("schema_registry",), *self.apis()):
            if not needs(secrets, place):
                continue
            ca, certificate, key = (self.at(*place, name) for name in ("ca", "certificate", "key"))
            problems = {"ca": authority_problem(self._folder / ca) if ca else ""}
            if certificate:
                problems["certificate"] = authority_problem(self._folder / certificate)
            if certificate and not problems["certificate"]:
                password = self.at("kafka", "options", "consumer", "ssl.key.password") if place[0] == "kafka" else None
                problems["key"] = key_problem(self._folder / certificate, self._folder / key, password)
            for name, problem in problems.items():
                if problem:
                    file = self._folder / self.at(*place, name)
                    yield self.finding((*place, name), "unreadable-file", f"{file} {problem}")


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _origin(url: str) -> str:
    try:
        parts = urlsplit(url)
        port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    except ValueError:
        return url
    return f"{parts.scheme}://{parts.hostname}:{port}"
