"""From a request of a rule and what its templates see to a Request: path, query, headers, body."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from engine.api.messages import SAFE_METHODS, Request, Source
from engine.findings import spell
from engine.rules.model import RequestRule
from engine.rules.multipart import multipart, raw_source
from engine.rules.parts import Part, Single
from engine.rules.paths import check_path
from engine.rules.sandbox import Scope
from engine.rules.templates import RenderFailed
from engine.rules.values import OMIT, Problem, dumps, kind, sound, text

FORBIDDEN_HEADERS = frozenset(
    {"authorization", "host", "content-length", "transfer-encoding", "connection", "cookie", "idempotency-key"}
)
"""What a rule cannot set: credentials, framing, and what the engine sets itself. Lower case."""

HEADER_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")

_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_MEDIA = {"json": "application/json", "form": "application/x-www-form-urlencoded"}

Pairs = tuple[tuple[str, str], ...]
_Body = tuple[bytes, str, frozenset[str] | None, tuple[Source, ...]]


def build(request: RequestRule, scope: Scope, event_id: str, limit: int) -> Request:
    """The request, rendered.

    Args:
        request: what the rule says.
        scope: what its templates see.
        event_id: for the idempotency key.
        limit: characters that the query may have in all.

    Raises:
        RenderFailed: something cannot be rendered or sent for this event; names the place in the rule.
    """
    headers = _headers(request, scope) if request.headers else ()
    body, media_type, fields, sources = (
        _body(request, request.body, scope) if request.body is not None else (None, None, None, ())
    )
    if media_type is not None and any(name.lower() == "content-type" for name, _ in headers):
        media_type = None
    path = _path(request, scope)
    return Request(
        request.id,
        request.api,
        request.method,
        path,
        request.path,
        _query(request, request.query, scope, limit) if request.query is not None else (),
        headers,
        body,
        media_type,
        fields,
        request.expect.accept,
        request.timeout,
        request.retry,
        None if request.method in SAFE_METHODS else _key(request, event_id, path, body, sources),
        sources=sources,
    )


def _key(request: RequestRule, event_id: str, path: str, body: bytes | None, sources: tuple[Source, ...]) -> str:
    """The idempotency key; with `for_each` it names what is written, as an index would name another object later."""
    if request.for_each is None:
        return f"{event_id}/{request.id}"
    digest = hashlib.sha256(f"{request.method}\n{path}\n".encode() + (body or b""))
    for source in sources:  # by address: what it holds is not known yet
        digest.update(source.url.encode())
    return f"{event_id}/{request.id}/{digest.hexdigest()[:16]}"


def _path(request: RequestRule, scope: Scope) -> str:
    template = request.path_template
    if template is None:
        return request.path
    path = template.text(scope)
    try:
        check_path(path)
    except Problem as error:
        raise _failed(request, error, "path") from error
    return path


def _query(request: RequestRule, query: Part, scope: Scope, limit: int) -> Pairs:
    values = query.value(scope)
    if not isinstance(values, Mapping):
        raise _failed(request, Problem(f"must be a mapping, is {kind(values)}"), "query")
    pairs: list[tuple[str, str]] = []
    for name, value in values.items():
        if value is OMIT:
            continue
        try:
            for chunk in _repeated(value, request.allow_empty):
                limit -= len(chunk)
                pairs.append((sound(text(name)), chunk))
        except Problem as error:
            shown = () if isinstance(query, Single) else (name,)  # a name that only this event had is not told
            raise _failed(request, error, "query", *shown) from error
        if limit < 0:
            raise _failed(request, Problem("is too long"), "query")
    return tuple(pairs)


def _repeated(value: Any, allow_empty: bool) -> list[str]:
    """The texts of one query parameter.

    Raises:
        Problem: an empty one that the rule did not allow, or one without text.
    """
    if type(value) is str and value:
        return [sound(value)]
    values = [one for one in value if one is not OMIT] if isinstance(value, (list, tuple, range)) else [value]
    if not allow_empty and (not values or any(one is None or one == "" for one in values)):
        shown = "null" if value is None else "empty"
        raise Problem(
            f"is {shown}, and many APIs answer an empty filter with the whole list; "
            "use `omit` to leave it out or `allow_empty: true` to send it"
        )
    return ["" if one is None else sound(text(one)) for one in values]


def _headers(request: RequestRule, scope: Scope) -> Pairs:
    pairs = []
    for name, part in request.headers:
        value = part.value(scope)
        if value is None or value is OMIT:
            continue
        try:
            pairs.append((name, _header(value)))
        except Problem as error:
            raise _failed(request, error, "headers", name) from error
    return tuple(pairs)


def _header(value: Any) -> str:
    chunk = sound(text(value)).strip(" \t")
    if _CONTROL.search(chunk) is not None:
        raise Problem("has a line break or another control character, which a header cannot hold")
    return chunk


def _body(request: RequestRule, part: Part, scope: Scope) -> _Body:
    """The bytes, their media type, the top-level names where the body is a mapping, the files that it lacks."""
    try:
        if request.encoding == "raw":
            return _raw(part.value(scope))
        values = part.plain(scope) if request.encoding == "json" else part.value(scope)
        if request.encoding == "multipart":
            body, media_type, sources = multipart(values)
            return body, media_type, frozenset(name for name, one in values.items() if one is not OMIT), sources
        encoded = _json(values) if request.encoding == "json" else _form(values)
    except Problem as error:
        raise _failed(request, error, "body") from error
    return encoded, _MEDIA[request.encoding], frozenset(values) if isinstance(values, Mapping) else None, ()


def _raw(value: Any) -> _Body:
    if isinstance(value, bytes):
        return value, "application/octet-stream", None, ()
    if isinstance(value, str):
        return sound(value).encode(), "text/plain; charset=utf-8", None, ()
    if isinstance(value, Mapping) and "from" in value:
        media_type, sources = raw_source(value)
        return b"", media_type, None, sources
    raise Problem(f"must be text or bytes with `encoding: raw`, is {kind(value)}")


def _json(values: Any) -> bytes:
    if values is OMIT:
        raise Problem("is `omit`; leave `body` away, or use `when`")
    return dumps(values)


def _form(values: Any) -> bytes:
    if not isinstance(values, Mapping):
        raise Problem(f"must be a mapping with `encoding: form`, is {kind(values)}")
    pairs = []
    for name, value in values.items():
        if value is OMIT:
            continue
        many = value if isinstance(value, (list, tuple, range)) else (value,)
        pairs += [(sound(text(name)), sound(text(one))) for one in many if one is not OMIT]
    return urlencode(pairs).encode()


def _failed(request: RequestRule, error: Problem, *steps: str) -> RenderFailed:
    """The failure of a part of the request."""
    return RenderFailed(f"{spell((*request.pointer, *steps))}: {error}")
