"""The transport with threads of its own: pyreqwest (Rust), about 50 us of CPU a request with nothing else to do.

A process that used it must end with `os._exit`: with plain asyncio its runtime thread can abort the interpreter's exit.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta

from pyreqwest import exceptions
from pyreqwest.client import Client, ClientBuilder
from pyreqwest.http import HeaderMap
from pyreqwest.proxy import ProxyBuilder
from pyreqwest.response import Response

from engine.api.tls import Tls
from engine.api.transports import Answer, Headers
from engine.config.model import Api
from engine.errors import NoAnswer, Stage, Undeliverable, Unusable

# Below the 5 s after which common servers close an idle connection: a request on one that closes meanwhile is lost.
_IDLE = timedelta(seconds=4)

# Without a body the library sends no length, and some servers answer 411.
_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})

# The library's names mislead: a connection closed after sending is ConnectError, waiting for headers is
# ConnectTimeoutError, a cut body BodyDecodeError. So none of them says whether the API saw the request.
_NO_ANSWER: tuple[tuple[type[Exception], str, str], ...] = (
    (exceptions.RequestTimeoutError, "timeout", "no whole answer within"),
    (exceptions.BodyDecodeError, "body", "the answer's body was cut off or broken"),
    (exceptions.DecodeError, "no_answer", "the answer is not HTTP"),
    (exceptions.NetworkError, "no_answer", "the connection failed"),
    (exceptions.RequestError, "no_answer", "the request failed"),
)


class PyreqwestTransport:
    """One connection pool for one API."""

    def __init__(self, client: Client, deadline: float) -> None:
        self._client = client
        self._deadline = deadline  # the client's own, which needs no telling

    async def send(
        self, method: str, url: str, headers: Headers, body: bytes | None, *, deadline: float, limit: int
    ) -> Answer:
        """See Transport.send.

        Leaving the library's context costs a round trip through its runtime thread, so a body that was read to its end
        is left without: its connection is back in the pool already.
        """
        try:
            builder = self._client.request(method, url).headers(headers)
            if deadline != self._deadline:
                builder = builder.timeout(timedelta(seconds=deadline))
            if body:
                builder = builder.body_bytes(body)
            elif method in _WITH_BODY:
                builder = builder.header("Content-Length", "0")
            request = builder.build_streamed()
        except ValueError as error:
            raise Undeliverable(Stage.REQUEST, f"the request cannot be sent: {_plain(error)}") from error
        try:
            response = await request.__aenter__()
            try:
                values = read_headers(response.headers)
                return Answer(response.status, values, await _read(response, values, limit))
            except BaseException:
                await request.__aexit__(None, None, None)  # the rest of a body must not meet the next request
                raise
        except exceptions.PyreqwestError as error:
            raise _no_answer(error, deadline) from error

    async def close(self) -> None:
        """Close the pool."""
        await self._client.close()


def open_transport(api: Api, tls: Tls) -> PyreqwestTransport:
    """A pool with room for `api.concurrency` connections.

    Raises:
        Unusable: a certificate or the proxy is not accepted.
    """
    builder = (
        ClientBuilder()
        .no_proxy()
        .follow_redirects(False)
        .referer(False)
        .max_connections(max(api.concurrency, 1) + 8)  # a login does not wait for the requests that wait for it
        .pool_idle_timeout(_IDLE)
        .pool_max_idle_per_host(max(api.concurrency, 1) + 8)
        .http1_only()
        .timeout(timedelta(seconds=api.timeout))
    )
    try:
        if tls.ca is not None:
            builder = builder.add_root_certificate_pem(tls.ca)
        if tls.identity is not None:
            builder = builder.identity_pem(tls.identity)
        if api.proxy is not None:
            builder = builder.proxy(ProxyBuilder.all(api.proxy))
        return PyreqwestTransport(builder.build(), api.timeout)
    except (exceptions.PyreqwestError, ValueError) as error:
        raise Unusable(f"{api.url}: certificates or proxy cannot be used: {_plain(error)}") from error


async def _read(response: Response, headers: Mapping[str, str], limit: int) -> bytes:
    # The library drops this header from what it decompresses: where it stands, it is the body's true length.
    length = headers.get("content-length")
    if length is not None and length.isdigit() and int(length) <= limit:
        return (await response.bytes()).to_bytes()
    reader = response.body_reader
    size = 0
    chunks = []
    while (chunk := await reader.read_chunk()) is not None:
        size += len(chunk)
        if size > limit:
            text = f"the answer is over limits.body ({limit} bytes)"
            raise Undeliverable(Stage.REQUEST, text, status=response.status)
        chunks.append(chunk.to_bytes())
    return b"".join(chunks)


def read_headers(headers: HeaderMap) -> Mapping[str, str]:
    """Names in lower case (the library's own), values of repeated headers joined."""
    try:
        values = headers.dict_multi_value()
    except ValueError:
        return _readable(headers)
    for name, value in values.items():
        if type(value) is list:
            values[name] = ", ".join(value)
    return values  # type: ignore[return-value]  # no list is left


def _readable(headers: HeaderMap) -> dict[str, str]:
    # The library gives a value that is not ASCII in no form at all; the others are not lost with it.
    values: dict[str, str] = {}
    for name in dict.fromkeys(headers):
        with suppress(ValueError):
            values[name] = ", ".join(headers.getall(name))
    return values


def _no_answer(error: Exception, deadline: float) -> NoAnswer:
    for kind, reason, text in _NO_ANSWER:
        if isinstance(error, kind):
            why = f"{text} {deadline:g} s" if reason == "timeout" else f"{text}: {_plain(error)}"
            return NoAnswer(why, reason=reason)
    return NoAnswer(f"the request failed: {type(error).__name__}")


def _plain(error: Exception) -> str:
    """The innermost cause: the outer ones repeat the URL, which may hold data."""
    details = getattr(error, "details", None) or {}
    causes = details.get("causes") or ()
    text = causes[-1]["message"] if causes else str(error.args[0] if error.args else error)
    return " ".join(text.split())[:200]
