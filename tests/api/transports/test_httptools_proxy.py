"""`api.proxy` with the transport that opens the tunnel itself."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace

import pytest

from engine.api.tls import read_tls
from engine.api.transports.httptools import open_transport
from engine.config.model import Api
from engine.errors import NoAnswer, Unusable
from tests.api.transports.scripted import OK, Scripted
from tests.services.certificates import Certificates

API = Api(transport="httptools", concurrency=1)
BASIC = b"Proxy-Authorization: Basic dXM6ZXI6cGE6c3M="  # us:er:pa:ss


class Tunnels:
    """A proxy that answers CONNECT; remembers what it was told."""

    def __init__(self, answer: bytes) -> None:
        self._answer = answer
        self._tasks: list[asyncio.Task[None]] = []
        self._writers: list[asyncio.StreamWriter] = []
        self.heads: list[bytes] = []
        self.port = 0

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        head = await reader.readuntil(b"\r\n\r\n")
        self.heads.append(head)
        writer.write(self._answer)
        if not self._answer.startswith(b"HTTP/1.1 200 "):
            writer.close()
            return
        port = int(head.split(b" ", 2)[1].rpartition(b":")[2])
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", port)
        self._writers.append(far_writer)
        self._tasks += [
            asyncio.create_task(_pass_on(reader, far_writer)),
            asyncio.create_task(_pass_on(far_reader, writer)),
        ]

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Tunnels]:
        """Listen as long as the block runs."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            await asyncio.sleep(0.01)  # who was let in has begun
            server.close()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            for writer in self._writers:
                writer.transport.abort()
            await asyncio.sleep(0.01)


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        with suppress(ConnectionError):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
    finally:
        writer.close()


async def test_a_tunnel(certificates: Certificates) -> None:
    """TLS goes through it to the origin, whose name is proven; the proxy alone sees its credentials, once."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates.server, certificates.server_key)
    proxy = Tunnels(b"HTTP/1.1 200 Connection established\r\nVia: x\r\n\r\n")
    async with proxy.running(), Scripted([OK]).running(context) as server:
        for user in ("", "us%3Aer:pa%3Ass@"):
            api = replace(API, ca=certificates.ca, proxy=f"http://{user}127.0.0.1:{proxy.port}/")
            transport = open_transport(api, read_tls(api))
            for _ in range(2):
                answer = await transport.send(
                    "GET", f"https://localhost:{server.port}/a", [], None, deadline=5.0, limit=10
                )
                assert b"ok" == answer.body
            await transport.close()
        start = b"CONNECT localhost:%d HTTP/1.1\r\nHost: localhost:%d\r\n" % (server.port, server.port)
        assert [start + b"\r\n", start + BASIC + b"\r\n\r\n"] == proxy.heads
        assert ["/a"] * 4 == server.paths
        assert not any(b"proxy-authorization" in request.lower() for request in server.requests)


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", "the proxy failed: it answered CONNECT with 407"),
        (b"HTTP/1.0 502 Bad Gateway\r\n\r\n<html>", "the proxy failed: it answered CONNECT with 502"),
        (b"SSH-2.0-OpenSSH\r\n\r\n", "the proxy failed: its answer to CONNECT is not HTTP"),
        (b"HTTP/1.1 OK\r\n\r\n", "the proxy failed: its answer to CONNECT is not HTTP"),
        (b"", "the proxy failed: its answer to CONNECT is none"),
        (b"HTTP/1.1 407 No", "the proxy failed: its answer to CONNECT is none"),
        (b"HTTP/1.1 407 " + b"x" * 100_000, "the proxy failed: its answer to CONNECT is none"),
    ],
)
async def test_no_tunnel(answer: bytes, text: str) -> None:
    """What the proxy answers is told, without URL and credentials."""
    async with Tunnels(answer).running() as proxy:
        api = replace(API, proxy=f"http://user:secret@127.0.0.1:{proxy.port}")
        transport = open_transport(api, read_tls(api))
        with pytest.raises(NoAnswer) as error:
            await transport.send("GET", "https://localhost:1/a", [], None, deadline=5.0, limit=10)
        assert (text, "no_answer") == (str(error.value), error.value.reason)
        await transport.close()


async def test_more_than_a_tunnel() -> None:
    """Bytes behind the proxy's answer would be taken for the origin's."""
    async with (
        Tunnels(b"HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 200 OK\r\n\r\n").running() as proxy,
        Scripted([OK]).running() as server,
    ):
        api = replace(API, proxy=f"http://127.0.0.1:{proxy.port}")
        transport = open_transport(api, read_tls(api))
        with pytest.raises(NoAnswer, match="the proxy failed: it said more than its answer"):
            await transport.send("GET", f"https://localhost:{server.port}/", [], None, deadline=5.0, limit=10)
        await transport.close()


async def test_a_silent_proxy() -> None:
    """The deadline holds for the tunnel."""
    async with Scripted([b""]).running() as proxy:
        api = replace(API, proxy=proxy.url)
        transport = open_transport(api, read_tls(api))
        with pytest.raises(NoAnswer, match=r"within 0\.2 s"):
            await transport.send("GET", "https://localhost:1/", [], None, deadline=0.2, limit=10)
        await transport.close()
        await proxy.until(0)


async def test_without_a_tunnel() -> None:
    """Plain HTTP: each request tells the proxy the whole URL and who we are."""
    async with Scripted([OK]).running() as proxy:
        api = replace(API, proxy=f"http://us%3Aer:pa%3Ass@127.0.0.1:{proxy.port}")
        transport = open_transport(api, read_tls(api))
        for url in ("http://api.invalid/a?b", "http://api.invalid:8000", "http://API.invalid?c"):
            await transport.send("GET", url, [("X-A", "b")], None, deadline=5.0, limit=10)
        await transport.close()
    rest = b"Accept-Encoding: gzip, deflate\r\n" + BASIC + b"\r\nX-A: b\r\n\r\n"
    assert [
        b"GET http://api.invalid/a?b HTTP/1.1\r\nHost: api.invalid\r\n" + rest,
        b"GET http://api.invalid:8000/ HTTP/1.1\r\nHost: api.invalid:8000\r\n" + rest,
        b"GET http://API.invalid/?c HTTP/1.1\r\nHost: api.invalid\r\n" + rest,
    ] == proxy.requests


@pytest.mark.parametrize(
    ("proxy", "text"),
    [
        ("https://user:secret@proxy:1", "needs `transport: pyreqwest`"),
        ("socks5://user:secret@proxy:1", "needs `transport: pyreqwest`"),
        ("proxy:3128", "needs `transport: pyreqwest`"),
        ("http://user:secret@", "has no host"),
        ("http://user:secret@proxy:x", "the proxy cannot be used"),
        ("http://[::1", "the proxy cannot be used"),
    ],
)
def test_unusable_proxies(proxy: str, text: str) -> None:
    """Are told when the transport is opened, without their password."""
    api = replace(API, proxy=proxy)
    with pytest.raises(Unusable, match=text) as error:
        open_transport(api, read_tls(api))
    assert "secret" not in str(error.value)
