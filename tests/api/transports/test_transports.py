"""All transports do the same, whatever the other side does."""

from __future__ import annotations

import os
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from engine.api.tls import read_tls
from engine.api.transports import TRANSPORTS, Answer, Transport, open_transport
from engine.config.model import Api
from engine.errors import NoAnswer, Stage, Undeliverable, Unusable
from tests.api.transports.raw_server import MEGABYTE, RawServer
from tests.services.certificates import Certificates

BROKEN = [
    ("/closed", "no_answer"),
    ("/mid-headers", "no_answer"),
    ("/garbage", "no_answer"),
    ("/cut", None),
    ("/cut-chunked", None),
    ("/bad-chunk", None),
    ("/bad-gzip", "body"),
    ("/cut-gzip", None),
    ("/slow-headers", "timeout"),
    ("/slow-body", "timeout"),
]


@pytest.fixture(params=sorted(TRANSPORTS))
def api(request: pytest.FixtureRequest) -> Api:
    """An API that is reached with each transport in turn."""
    return Api(transport=request.param, concurrency=4)


@asynccontextmanager
async def opened(api: Api) -> AsyncIterator[Transport]:
    """A transport, closed in the end."""
    transport = open_transport(api, read_tls(api))
    try:
        yield transport
    finally:
        await transport.close()


async def ask(transport: Transport, url: str, *, deadline: float = 5.0) -> Answer:
    """A plain GET."""
    return await transport.send("GET", url, [("Accept", "*/*")], None, deadline=deadline, limit=MEGABYTE)


@pytest.mark.parametrize(("path", "reason"), BROKEN)
async def test_no_answer(api: Api, path: str, reason: str | None) -> None:
    """However an answer is broken, late or cut off, it is NoAnswer: the API may have acted."""
    async with RawServer().running() as server, opened(api) as transport:
        with pytest.raises(NoAnswer) as error:
            await ask(transport, server.url + path, deadline=0.3 if reason == "timeout" else 5.0)
        assert error.value.reason in ("no_answer", "body") if reason is None else reason == error.value.reason
        assert (True, True, None) == (error.value.ambiguous, error.value.outage, error.value.status)
        assert "\n" not in str(error.value)
        assert path not in str(error.value)
        assert reason != "timeout" or "no whole answer within 0.3 s" == str(error.value)
        assert 1 == len(server.requests)


async def test_refused(api: Api) -> None:
    """Nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    async with opened(api) as transport:
        with pytest.raises(NoAnswer, match="connection"):
            await ask(transport, f"http://127.0.0.1:{port}/")


async def test_an_unknown_host(api: Api) -> None:
    """A name that does not resolve is no answer either."""
    async with opened(api) as transport:
        with pytest.raises(NoAnswer):
            await ask(transport, "http://no-such-host.invalid/")


@pytest.mark.parametrize("path", ["/flood", "/big", "/bomb", "/bomb-deflate"])
async def test_over_the_limit(api: Api, path: str) -> None:
    """A body over limits.body, decompressed, is a permanent failure, and not held in memory."""
    async with RawServer().running() as server, opened(api) as transport:
        with pytest.raises(Undeliverable, match=r"limits\.body") as error:
            await ask(transport, server.url + path)
        assert (Stage.REQUEST, 200) == (error.value.stage, error.value.status)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/plain", b'{"a": 1}'),
        ("/gzip", b'{"a": 1}'),
        ("/chunked", b"abcde"),
        ("/until-close", b"abc"),
        ("/empty", b""),
        ("/exact", b"x" * MEGABYTE),
    ],
)
async def test_whole_answers(api: Api, path: str, body: bytes) -> None:
    """Bodies of a length, in chunks, compressed, up to the close, and none; up to the limit exactly."""
    async with RawServer().running() as server, opened(api) as transport:
        answer = await ask(transport, server.url + path)
        assert (204 if path == "/empty" else 200, body) == (answer.status, answer.body)


async def test_headers(api: Api) -> None:
    """Names in lower case, repeated ones joined."""
    async with RawServer().running() as server, opened(api) as transport:
        answer = await ask(transport, server.url + "/plain")
        assert ("application/json", "1, 2") == (answer.headers["content-type"], answer.headers["x-two"])


async def test_headers_that_are_not_ascii(api: Api) -> None:
    """Latin-1; pyreqwest cannot give such a value, but the answer and its other headers are not lost."""
    async with RawServer().running() as server, opened(api) as transport:
        answer = await ask(transport, server.url + "/latin-1")
        assert "y" == answer.headers["x-other"]
        assert (None if api.transport == "pyreqwest" else "café") == answer.headers.get("x-name")


async def test_what_is_sent(api: Api) -> None:
    """The request line as it is encoded, the headers as given, the body with its length."""
    async with RawServer().running() as server, opened(api) as transport:
        headers = [("Authorization", "Token x"), ("X-Name", "é")]
        url = server.url + "/api/plain?q=a%20b&c=%2F"
        await transport.send("PATCH", url, headers, b'{"b":2}', deadline=5.0, limit=MEGABYTE)
        [request] = server.requests
        head, _, body = request.partition(b"\r\n\r\n")
        lines = [line.lower() for line in head.split(b"\r\n")]
        assert (b"patch /api/plain?q=a%20b&c=%2f http/1.1", b'{"b":2}') == (lines[0], body)
        assert {b"authorization: token x", "x-name: é".encode(), b"content-length: 7"} <= set(lines)


@pytest.mark.parametrize("body", [None, b""])
async def test_a_write_without_a_body(api: Api, body: bytes | None) -> None:
    """Says that its length is 0: some servers answer 411 otherwise."""
    async with RawServer().running() as server, opened(api) as transport:
        await transport.send("POST", server.url + "/plain", [], body, deadline=5.0, limit=MEGABYTE)
        assert b"\r\ncontent-length: 0\r\n" in server.requests[0].lower()


@pytest.mark.parametrize("header", [("X-A", "\ud800"), ("X é", "b")])
async def test_what_cannot_be_sent(api: Api, header: tuple[str, str]) -> None:
    """A header that is none is a permanent failure. Line breaks are the client's to refuse: httpx lets them through."""
    async with RawServer().running() as server, opened(api) as transport:
        with pytest.raises(Undeliverable, match="cannot be sent"):
            await transport.send("GET", server.url + "/plain", [header], None, deadline=5.0, limit=MEGABYTE)
        assert [] == server.requests


async def test_no_redirect_and_no_cookie(api: Api) -> None:
    """A transport follows no redirect and keeps no cookie."""
    async with RawServer().running() as server, opened(api) as transport:
        assert 302 == (await ask(transport, server.url + "/redirect")).status
        await ask(transport, server.url + "/cookie")
        await ask(transport, server.url + "/plain")
        assert 3 == len(server.requests)
        assert not any(b"\r\ncookie:" in request.lower() for request in server.requests)


async def test_no_proxy_of_the_environment(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only `api.proxy` sets one: a token would go to the environment's in clear."""
    async with RawServer().running() as proxy, RawServer().running() as server:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.delenv("NO_PROXY", raising=False)
        assert proxy.url == os.environ["ALL_PROXY"]
        async with opened(api) as transport:
            await ask(transport, server.url + "/plain")
        assert (0, 1) == (len(proxy.requests), len(server.requests))


async def test_a_configured_proxy(api: Api) -> None:
    """`api.proxy` is asked for the whole URL."""
    async with RawServer().running() as proxy, opened(replace(api, proxy=proxy.url)) as transport:
        await ask(transport, "http://api.invalid/plain")
        assert proxy.requests[0].startswith(b"GET http://api.invalid/plain HTTP/1.1\r\n")


async def test_connections_are_kept(api: Api) -> None:
    """One connection serves many requests; one that was closed while idle costs no failure."""
    server = RawServer()
    server.keep = True
    async with server.running(), opened(api) as transport:
        for _ in range(5):
            await ask(transport, server.url + "/plain")
        assert 1 == server.connections
        server.hang_up()
        # The client needs a moment to see the close; until then this is the race that the retry policy is for.
        for _ in range(50):
            try:
                answer = await ask(transport, server.url + "/plain")
                break
            except NoAnswer:
                continue
        assert (200, 2) == (answer.status, server.connections)


async def test_tls_with_our_authority(api: Api, certificates: Certificates) -> None:
    """A server of an unknown authority is refused, one of `api.ca` is not, and it sees the client's certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates.server, certificates.server_key)
    context.load_verify_locations(certificates.ca)
    context.verify_mode = ssl.CERT_REQUIRED
    ours = replace(api, ca=certificates.ca, certificate=certificates.client, key=certificates.client_key)
    async with RawServer().running(context) as server:
        url = f"https://localhost:{server.port}/plain"
        for wrong in (api, replace(api, ca=certificates.ca)):
            async with opened(wrong) as transport:
                with pytest.raises(NoAnswer):
                    await ask(transport, url)
        async with opened(ours) as transport:
            assert 200 == (await ask(transport, url)).status


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        ({"ca": "garbage"}, r"api\.ca: .* holds no PEM certificate"),
        ({"ca": "client_key"}, r"api\.ca: .* holds no PEM certificate"),
        ({"ca": "missing"}, r"api\.ca: cannot read"),
        ({"certificate": "garbage"}, r"api\.certificate: .* are no PEM certificate"),
        ({"certificate": "client", "key": "server_key"}, r"api\.certificate"),
        ({"certificate": "client"}, r"api\.certificate"),
        ({"key": "client_key"}, r"api\.key is set without api\.certificate"),
    ],
)
def test_certificates_are_proven(certificates: Certificates, tmp_path: Path, wrong: dict[str, str], text: str) -> None:
    """A file that is no certificate, or a key that does not fit, is told when the client is built."""
    garbage = tmp_path / "garbage"
    garbage.write_text("-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----\n")
    files = {"garbage": garbage, "missing": tmp_path / "missing"}
    named = {key: files.get(name) or getattr(certificates, name) for key, name in wrong.items()}
    api = Api(ca=named.get("ca"), certificate=named.get("certificate"), key=named.get("key"))
    with pytest.raises(Unusable, match=text):
        read_tls(api)


def test_an_unusable_proxy(api: Api) -> None:
    """A proxy that is no URL is told when the client is built."""
    with pytest.raises(Unusable, match="proxy"):
        open_transport(replace(api, proxy="http://[::1"), read_tls(api))
