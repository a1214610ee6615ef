"""One HTTP request as it came, one reply as it goes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

import orjson

_REASONS = {200: "OK", 201: "Created", 204: "No Content", 301: "Moved Permanently", 429: "Too Many Requests"}


@dataclass(slots=True)
class Request:
    """A request.

    Attributes:
        target: path and query as they came.
        headers: lower-case names; the last of a repeated one.
        arrived: seconds of the loop's clock.
        reference: `ref_id` of the object it is about, once known.
    """

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    arrived: float
    path: str = ""
    query_text: str = ""
    reference: str | None = None
    status: int = 0
    notes: list[str] = field(default_factory=list)
    _query: list[tuple[str, str]] | None = None

    def __post_init__(self) -> None:
        self.path, _, self.query_text = self.target.partition("?")

    @property
    def query(self) -> list[tuple[str, str]]:
        """Decoded pairs, empty values kept."""
        if self._query is None:
            self._query = parse_qsl(self.query_text, keep_blank_values=True) if self.query_text else []
        return self._query

    @property
    def is_write(self) -> bool:
        """Whether it may change something."""
        return self.method not in ("GET", "HEAD", "OPTIONS")


@dataclass(slots=True)
class Reply:
    """A reply.

    Attributes:
        delay: seconds before it is sent.
        drop: nothing is sent, the connection is cut.
        hang: nothing is sent, the connection stays open.
    """

    status: int
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()
    media_type: str = "application/json"
    delay: float = 0.0
    drop: bool = False
    hang: bool = False

    def encode(self, *, head_only: bool = False) -> bytes:
        """Bytes for the wire."""
        more = "".join(f"{name}: {value}\r\n" for name, value in self.headers)
        head = (
            f"HTTP/1.1 {self.status} {_REASONS.get(self.status, 'Status')}\r\nContent-Type: {self.media_type}\r\n"
            f"Content-Length: {len(self.body)}\r\n{more}\r\n"
        ).encode("latin-1")
        return head if head_only else head + self.body


def json_reply(status: int, value: Any, *headers: tuple[str, str]) -> Reply:
    """A reply with a JSON body."""
    return Reply(status, orjson.dumps(value), headers)


def html_reply(status: int, title: str) -> Reply:
    """A page as a proxy or Django would send it."""
    page = f"<!doctype html><html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>"
    return Reply(status, page.encode(), media_type="text/html; charset=utf-8")
