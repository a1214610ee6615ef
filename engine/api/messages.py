"""What a plan asks for (Request) and what it is told (Response); no socket here.

Nobody changes one. They are not frozen because each event makes several, and freezing makes that eight times as slow.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True, slots=True)
class Accept:
    """Which statuses are a success.

    Attributes:
        codes: single statuses, 100-599.
        classes: first digits, 2 for `2xx`.
    """

    codes: frozenset[int] = frozenset()
    classes: frozenset[int] = frozenset({2})

    def __contains__(self, status: int) -> bool:
        return status in self.codes or status // 100 in self.classes


@dataclass(frozen=True, slots=True)
class RetryOverrides:
    """A rule's or request's `retry`: None leaves the wider scope's value. See config.model.RetryPolicy."""

    max_retries: int | None = None
    initial_delay: float | None = None
    multiplier: float | None = None
    max_delay: float | None = None
    jitter: float | None = None
    statuses: frozenset[int] | None = None
    throttled_for: float | None = None
    ambiguous: str | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """A file that is fetched when its request is sent.

    Attributes:
        at: offset in the request's body where the file's bytes belong.
        url: `s3://bucket/key`.
        without: what the file must not hold, the boundary around it; empty for nothing.
    """

    at: int
    url: str
    without: bytes = b""


@dataclass(slots=True)
class Request:
    """One request, rendered; everything in it is data.

    Attributes:
        id: id of the rule's request.
        api: name of the API in `apis`, "" for `api`.
        method: upper case.
        path: under the API's URL, begins with "/", values percent-encoded.
        template: the rule's path as written, for matching the OpenAPI document and for metrics.
        query: pairs in order; a list of the rule is a repeated name. Not encoded.
        headers: the rule's own headers, checked; no Authorization.
        body: encoded bytes, None without a body.
        media_type: of `body`; None where a rule's Content-Type stands in `headers`.
        fields: top-level names of the body that is a mapping, for the check against the document; None: not checked.
        accept: statuses that are a success.
        timeout: seconds, None for the API's.
        retry: already merged overrides of rule and request.
        idempotency_key: for writes, None for safe methods.
        next_link: a page's `next` as the API gave it; where set it replaces path and query (same origin only).
        sources: files that `body` lacks until it is sent, by their offsets.
    """

    id: str
    api: str
    method: str
    path: str
    template: str
    query: tuple[tuple[str, str], ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None
    media_type: str | None = None
    fields: frozenset[str] | None = None
    accept: Accept = field(default=Accept())
    timeout: float | None = None
    retry: RetryOverrides = field(default=RetryOverrides())
    idempotency_key: str | None = None
    next_link: str | None = None
    sources: tuple[Source, ...] = ()

    @property
    def is_write(self) -> bool:
        """True unless the method is safe (RFC 9110, 9.2.1)."""
        return self.method not in SAFE_METHODS


@dataclass(slots=True)
class Response:
    """An accepted answer.

    Attributes:
        status: HTTP status.
        headers: lower-case names; repeated headers joined by ", ".
        body: parsed JSON where the answer is JSON, else text; None for an empty body.
        attempts: times the request was sent until this answer.
    """

    status: int
    headers: Mapping[str, str]
    body: Any
    attempts: int = 1
