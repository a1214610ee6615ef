"""The portable transport: httpx, pure Python, about 2 ms of CPU a request at 32 connections."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Mapping

import httpx

from engine.api.tls import Tls
from engine.api.transports import Answer, Headers
from engine.api.transports.inflate import ACCEPTED, Inflate
from engine.config.model import Api
from engine.errors import NoAnswer, Stage, Undeliverable, Unusable

_IDLE = 4.0  # seconds; for the reason see pyreqwest.py

# As with pyreqwest, no class says whether the API saw the request.
_NO_ANSWER: tuple[tuple[type[Exception], str, str], ...] = (
    (httpx.TimeoutException, "timeout", "no whole answer within"),
    (TimeoutError, "timeout", "no whole answer within"),
    (zlib.error, "body", "the answer's body was cut off or broken"),
    (httpx.RemoteProtocolError, "no_answer", "the answer is not HTTP or was cut off"),
    (httpx.ProxyError, "no_answer", "the proxy failed"),
    (httpx.NetworkError, "no_answer", "the connection failed"),
    (httpx.TransportError, "no_answer", "the request failed"),
    (httpx.StreamError, "no_answer", "the request failed"),
)
_FAILURES = tuple(kind for kind, _, _ in _NO_ANSWER)


class HttpxTransport:
    """One connection pool for one API.

    Uses httpx's transport without its client, which would keep cookies, follow redirects and read the environment.
    """

    def __init__(self, pool: httpx.AsyncHTTPTransport) -> None:
        self._pool = pool

    async def send(
        self, method: str, url: str, headers: Headers, body: bytes | None, *, deadline: float, limit: int
    ) -> Answer:
        """See Transport.send."""
        request = _request(method, url, headers, body)
        try:
            async with asyncio.timeout(deadline):
                response = await self._pool.handle_async_request(request)
                try:
                    values = _headers(response)
                    return Answer(response.status_code, values, await _read(response, values, limit))
                finally:
                    await response.aclose()
        except (httpx.LocalProtocolError, httpx.UnsupportedProtocol) as error:
            raise Undeliverable(Stage.REQUEST, f"the request cannot be sent: {_plain(error)}") from error
        except _FAILURES as error:
            raise _no_answer(error, deadline) from error

    async def close(self) -> None:
        """Close the pool."""
        await self._pool.aclose()


def open_transport(api: Api, tls: Tls) -> HttpxTransport:
    """A pool with room for `api.concurrency` connections.

    Raises:
        Unusable: the proxy is not accepted.
    """
    room = max(api.concurrency, 1) + 8  # a login does not wait for the requests that wait for it
    try:
        pool = httpx.AsyncHTTPTransport(
            verify=tls.context,
            trust_env=False,
            limits=httpx.Limits(max_connections=room, max_keepalive_connections=room, keepalive_expiry=_IDLE),
            proxy=None if api.proxy is None else _proxy(api.proxy, tls),
        )
    except (ValueError, httpx.InvalidURL) as error:
        raise Unusable(f"{api.url}: the proxy cannot be used: {_plain(error)}") from error
    return HttpxTransport(pool)


def _proxy(url: str, tls: Tls) -> httpx.Proxy:
    return httpx.Proxy(url, ssl_context=tls.context if url.lower().startswith("https:") else None)


def _request(method: str, url: str, headers: Headers, body: bytes | None) -> httpx.Request:
    try:
        named = [(name.encode("ascii"), value.encode()) for name, value in headers]
        named.append((b"Accept-Encoding", ACCEPTED.encode()))
        return httpx.Request(method, url, headers=named, content=body)
    except (ValueError, httpx.InvalidURL) as error:
        raise Undeliverable(Stage.REQUEST, f"the request cannot be sent: {_plain(error)}") from error


def _headers(response: httpx.Response) -> Mapping[str, str]:
    values: dict[str, str] = {}
    for raw_name, raw_value in response.headers.raw:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        values[name] = f"{values[name]}, {value}" if name in values else value
    return values


async def _read(response: httpx.Response, headers: Mapping[str, str], limit: int) -> bytes:
    """The body, decompressed here: httpx would inflate a whole chunk, a thousandfold, before anybody could object."""
    decoder = Inflate(headers.get("content-encoding", ""))
    size = 0
    chunks = []
    async for raw in response.aiter_raw():
        chunk = decoder.feed(raw, limit + 1 - size)
        size += len(chunk)
        if size > limit:
            raise Undeliverable(
                Stage.REQUEST, f"the answer is over limits.body ({limit} bytes)", status=response.status_code
            )
        chunks.append(chunk)
    decoder.end()
    return b"".join(chunks)


def _no_answer(error: Exception, deadline: float) -> NoAnswer:
    for kind, reason, text in _NO_ANSWER:
        if isinstance(error, kind):
            why = f"{text} {deadline:g} s" if reason == "timeout" else f"{text}: {_plain(error)}"
            return NoAnswer(why, reason=reason)
    return NoAnswer(f"the request failed: {type(error).__name__}")


def _plain(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
