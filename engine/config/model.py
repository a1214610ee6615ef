"""The shape of the configuration, defaults included (design: config.yaml). Durations are seconds, sizes bytes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from engine.config.secret import Secret

Option = str | int | float | bool


@dataclass(frozen=True, slots=True)
class Security:
    """How to reach the broker. `ca`, `certificate`, `key` are PEM files."""

    protocol: Literal["plaintext", "ssl", "sasl_plaintext", "sasl_ssl"] = "plaintext"
    mechanism: str | None = None
    username: str | None = None
    password: Secret | None = None
    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None


@dataclass(frozen=True, slots=True)
class Kafka:
    """Broker, topic, group. `consumer_options` and `producer_options` are further librdkafka settings."""

    brokers: str = "localhost:9092"
    topic: str = "observation"
    group: str = "ciso-assistant-engine"
    start: Literal["earliest", "latest"] = "earliest"
    instance: str | None = None
    create_topic: bool = False
    security: Security = Security()
    consumer_options: Mapping[str, Option] = field(default_factory=dict)
    producer_options: Mapping[str, Option] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SchemaRegistry:
    """A Confluent-compatible registry; the URL may have a path. `timeout` in seconds for one request."""

    url: str = "http://localhost:8081"
    username: str | None = None
    password: Secret | None = None
    ca: Path | None = None
    timeout: float = 10.0


@dataclass(frozen=True, slots=True)
class Envelope:
    """Names of the three common fields in a record."""

    id: str = "event_id"
    type: str = "event_type"
    version: str = "version"


@dataclass(frozen=True, slots=True)
class Events:
    """How records are decoded. `schemas_configured`: the folder was named by the user, so its absence is an error."""

    format: Literal["avro", "json"] = "avro"
    envelope: Envelope = Envelope()
    unknown_type: Literal["dead", "skip"] = "dead"
    schemas: Path = Path("schemas/events")
    schemas_configured: bool = False


@dataclass(frozen=True, slots=True)
class NoAuth:
    """No credentials."""


@dataclass(frozen=True, slots=True)
class HeaderAuth:
    """A fixed header: types `token` (prefix "Token "), `bearer` (prefix "Bearer "), `header` (own name, no prefix)."""

    name: str
    value: Secret
    prefix: str = ""


@dataclass(frozen=True, slots=True)
class BasicAuth:
    """HTTP Basic."""

    username: str
    password: Secret


@dataclass(frozen=True, slots=True)
class LoginAuth:
    """A login request whose answer holds the token.

    Attributes:
        path: path under the API's URL, or an absolute URL of the same origin.
        method: upper case.
        body: values may be Secret, at any depth.
        encoding: of the body.
        headers: further headers of the login request; values may be Secret.
        token: dotted path of the token in the JSON answer, e.g. `meta.access_token`.
        header, prefix: how the token is sent, e.g. `Authorization: Token X`.
    """

    path: str
    body: Mapping[str, Any]
    token: str
    method: str = "POST"
    encoding: Literal["json", "form"] = "json"
    headers: Mapping[str, str | Secret] = field(default_factory=dict)
    header: str = "Authorization"
    prefix: str = "Token "


@dataclass(frozen=True, slots=True)
class OAuth2Auth:
    """OAuth2 client credentials (RFC 6749, 4.4); `client_auth`: credentials as HTTP Basic or in the form body."""

    token_url: str
    client_id: str
    client_secret: Secret
    scope: str | None = None
    client_auth: Literal["basic", "body"] = "basic"


Auth = NoAuth | HeaderAuth | BasicAuth | LoginAuth | OAuth2Auth


TransportName = Literal["httptools", "pyreqwest", "httpx"]
DEFAULT_TRANSPORT: TransportName = "httptools"


@dataclass(frozen=True, slots=True)
class Api:
    """One API.

    Attributes:
        name: "" for `api`, else its key in `apis`.
        url: scheme, host and base path, without a trailing slash.
        concurrency: requests in flight, at least 1.
        rate: requests a second, None for no limit.
        timeout: seconds for one request, connecting and reading the whole answer included.
        openapi: document to check requests against, None for none.
    """

    name: str = ""
    url: str = "http://localhost:8000/api"
    auth: Auth = NoAuth()
    concurrency: int = 16
    rate: float | None = None
    timeout: float = 30.0
    openapi: Path | None = None
    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    proxy: str | None = None
    transport: TransportName = DEFAULT_TRANSPORT


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """When and how often a request is tried again; delay n = min(max_delay, initial_delay * multiplier^(n-1)) +-jitter.

    Attributes:
        max_retries: 3 means four attempts.
        jitter: share of the delay, 0-1.
        throttled_for: seconds an event may meet only 429 before it is dead.
        ambiguous: what happens to a write whose answer was lost.
    """

    max_retries: int = 3
    initial_delay: float = 1.0
    multiplier: float = 2.0
    max_delay: float = 60.0
    jitter: float = 0.2
    statuses: frozenset[int] = frozenset({408, 425, 429, 500, 502, 503, 504})
    throttled_for: float = 900.0
    ambiguous: Literal["retry", "dead"] = "retry"


@dataclass(frozen=True, slots=True)
class Outage:
    """Away: failures of `open_after` different keys without a success; probed every `probe_every` seconds."""

    open_after: int = 10
    probe_every: float = 5.0


@dataclass(frozen=True, slots=True)
class Dedupe:
    """How many events a partition remembers."""

    window: int = 10_000


@dataclass(frozen=True, slots=True)
class Dlq:
    """The dead-letter topic. None: partitions as the source, replication the broker's default; `retention`: seconds."""

    topic: str = "observation.dlq"
    partitions: int | None = None
    replication: int | None = None
    retention: float = 30 * 86_400.0
    storm: Literal["hold", "continue"] = "hold"
    dead_after: int = 50


@dataclass(frozen=True, slots=True)
class Rules:
    """Where rules stand, and whether a change is picked up while running."""

    path: Path = Path("rules")
    reload: bool = True


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds.

    Attributes:
        in_flight: undone events a partition may hold.
        buffer: bytes of all undone events.
        message: bytes of one record.
        body: bytes of one answer, decompressed.
        items: results that `paginate` or `for_each` may hold.
        pages: pages that `paginate` may fetch.
        rendered: characters that one template may render.
    """

    in_flight: int = 1000
    buffer: int = 64 * 1024 * 1024
    message: int = 1024 * 1024
    body: int = 10 * 1024 * 1024
    items: int = 1000
    pages: int = 100
    rendered: int = 1024 * 1024


@dataclass(frozen=True, slots=True)
class S3:
    """Where files named `s3://bucket/key` come from.

    Attributes:
        buckets: whose files a rule may send; none: no file is ever fetched.
        endpoint: URL of the store, None for AWS.
        region: None for the environment's, else us-east-1.
        access_key, secret_key: None: those of the environment or the machine.
        limit: bytes that the files of one request may have together.
        timeout: seconds for fetching one file.
    """

    buckets: tuple[str, ...] = ()
    endpoint: str | None = None
    region: str | None = None
    access_key: Secret | None = None
    secret_key: Secret | None = None
    limit: int = 50 * 1024 * 1024
    timeout: float = 30.0


@dataclass(frozen=True, slots=True)
class Files:
    """Stores of files."""

    s3: S3 = S3()


@dataclass(frozen=True, slots=True)
class Log:
    """`auto`: console on a terminal, json elsewhere. `mask`: further field names whose values are masked."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["auto", "console", "json"] = "auto"
    mask: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Http:
    """Where /metrics, /livez and /readyz are served. Port 0: any free one."""

    host: str = "127.0.0.1"
    port: int = 9108


@dataclass(frozen=True, slots=True)
class Config:
    """All of config.yaml. `file`: None where defaults alone are used."""

    file: Path | None = None
    kafka: Kafka = Kafka()
    schema_registry: SchemaRegistry = SchemaRegistry()
    events: Events = Events()
    api: Api = Api()
    apis: Mapping[str, Api] = field(default_factory=dict)
    retry: RetryPolicy = RetryPolicy()
    outage: Outage | None = Outage()
    dedupe: Dedupe | None = Dedupe()
    dlq: Dlq = Dlq()
    rules: Rules = Rules()
    limits: Limits = Limits()
    files: Files = Files()
    commit_interval: float = 0.1
    shutdown_timeout: float = 30.0
    log: Log = Log()
    http: Http = Http()
