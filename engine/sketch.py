"""Requests as people read them before they are sent; for `engine explain` and `engine dlq`."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from engine.api.contract import Contract
from engine.api.messages import Request
from engine.config.model import Api, Auth, BasicAuth, Config, HeaderAuth, LoginAuth, NoAuth
from engine.events.event import Event
from engine.rules.model import RequestRule
from engine.rules.preview import Known, LeftOut, Open, Sight

_SECRET = re.compile(r"(?i)token|secret|password|passwd|api[-_]?key|credential|session")
_STRUCTURED = ("application/json",)


class Contracts:
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


def lines(number: int, sight: Sight, event: Event, config: Config) -> Iterator[str]:
    """One request as far as it is known, an empty line before it; without credentials.

    Args:
        number: of the request, from 1.
        sight: what is known of it.
        event: that it is made for.
        config: where the APIs are.
    """
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
