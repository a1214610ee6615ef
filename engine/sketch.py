"""Requests as people read them before they are sent; for `engine explain` and `engine dlq`."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from engine.api.contract import Contract
from engine.api.messages import SAFE_METHODS, Request
from engine.config.model import Api, Auth, BasicAuth, Config, HeaderAuth, LoginAuth, NoAuth
from engine.events.event import Event
from engine.rules.model import RequestRule
from engine.rules.multipart import outline
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
        api = api_of(request.api, self._config)
        if api.openapi is None:
            return
        if request.api not in self._read:
            self._read[request.api] = Contract.load(api.openapi)
        self._read[request.api].check(request, urlsplit(api.url).path)


def api_of(name: str, config: Config) -> Api:
    """The API of this name; "" for `api`."""
    return config.apis[name] if name else config.api


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
    api = api_of(rule.api, config)
    if isinstance(sight, Known):
        yield f"{number}. {rule.id}{item}"
        yield from _known(sight.request, api)
    else:
        yield f"{number}. {rule.id}: depends on the answer of {', '.join(sight.needs)}"
        yield from _open(sight, event, api)
    yield from _expected(rule)


def _known(request: Request, api: Api) -> Iterator[str]:
    yield f"{request.method} {address(request, api)}"
    for name, value in headers(request, api):
        yield f"{name}: {value}"
    if request.body is not None:
        body = body_of(request)
        yield ""
        yield body if isinstance(body, str) else _pretty(body)


def address(request: Request, api: Api) -> str:
    """The whole URL, encoded."""
    query = f"?{urlencode(request.query, quote_via=quote, safe='')}" if request.query else ""
    return f"{api.url}{request.path}{query}"


def headers(request: Request, api: Api) -> Iterator[tuple[str, str]]:
    """The headers that are this request's own, values of credentials masked."""
    yield from _authorization(api.auth)
    for name, value in request.headers:
        yield name, masked(name, value)
    if request.media_type is not None:
        yield "Content-Type", request.media_type
    if request.idempotency_key is not None:
        yield "Idempotency-Key", request.idempotency_key


def body_of(request: Request) -> Any:
    """The body: data where it is JSON or a form with files, else text; of bytes that are no text their number."""
    body = request.body or b""
    if request.media_type in _STRUCTURED:
        return json.loads(body)
    if request.media_type is not None and request.media_type.startswith("multipart/form-data;"):
        return outline(body, request.media_type, request.sources)
    if request.sources:
        return {"from": request.sources[0].url}
    try:
        return body.decode()
    except UnicodeDecodeError:
        return f"({len(body)} bytes)"


def is_secret(header: str) -> bool:
    """Whether a header's name says that its value is a secret."""
    return _SECRET.search(header) is not None


def masked(header: str, value: str) -> str:
    """A header's value, `***` where its name says that it is a secret."""
    return "***" if is_secret(header) else value


def _open(sight: Open, event: Event, api: Api) -> Iterator[str]:
    rule = sight.rule
    if sight.for_each is not None:
        yield f"for each {rule.item} of {sight.for_each}"
    if sight.when is not None:
        yield f"when {sight.when}"
    yield f"{rule.method} {api.url}{sight.path}"
    for name, value in open_headers(sight, event, api):
        yield f"{name}: {value}"
    if sight.query is not None:
        yield f"query: {json.dumps(sight.query, ensure_ascii=False, default=str)}"
    if sight.body is not None:
        yield f"\n{_pretty(sight.body)}"


def open_headers(sight: Open, event: Event, api: Api) -> Iterator[tuple[str, str]]:
    """As `headers`, as far as they are known."""
    rule = sight.rule
    yield from _authorization(api.auth)
    for name, value in sight.headers.items():
        yield name, masked(name, str(value))
    if rule.method not in SAFE_METHODS:
        yield "Idempotency-Key", f"{event.id}/{rule.id}{'/...' if rule.for_each is not None else ''}"


def _expected(rule: RequestRule) -> Iterator[str]:
    that = rule.expect.that
    if that is not None and not isinstance(that, bool):
        yield f"\nexpects {that.source.strip()}"
    if rule.paginate:
        yield "follows `next` to all pages"


def _authorization(auth: Auth) -> Iterator[tuple[str, str]]:
    """The credentials' header without the credentials."""
    if isinstance(auth, NoAuth):
        return
    if isinstance(auth, HeaderAuth):
        yield auth.name, f"{auth.prefix}***"
    elif isinstance(auth, LoginAuth):
        yield auth.header, f"{auth.prefix}***"
    else:
        yield "Authorization", f"{'Basic' if isinstance(auth, BasicAuth) else 'Bearer'} ***"


def _pretty(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False, default=str)
