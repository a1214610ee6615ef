"""What only a transport that keeps its own connections can get wrong."""

from __future__ import annotations

import asyncio
import gc
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from typing import Any

import pytest

from engine.api.tls import read_tls
from engine.api.transports import Answer
from engine.api.transports.http1.pool import Pool
from engine.api.transports.http1.routes import Routes
from engine.api.transports.httptools import HttptoolsTransport, open_transport
from engine.config.model import Api
from engine.errors import NoAnswer, Stage, Undeliverable
from tests.api.transports.raw_server import MEGABYTE
from tests.api.transports.scripted import OK, SILENCE, Scripted
from tests.services.certificates import Certificates

API = Api(transport="httptools", concurrency=1)
ROOM = 9  # of its pool


@pytest.fixture(autouse=True)
async def complaints() -> AsyncIterator[list[str]]:
    """Nothing may reach the loop's handler of exceptions that nobody caught."""
    heard: list[str] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: heard.append(str(context)))
    yield heard
    assert [] == heard


@asynccontextmanager
async def opened(api: Api = API) -> AsyncIterator[HttptoolsTransport]:
    """A transport, closed in the end."""
    transport = open_transport(api, read_tls(api))
    try:
        yield transport
    finally:
        await transport.close()


async def ask(transport: HttptoolsTransport, url: str, method: str = "GET", **how: Any) -> Answer:
    """A request without headers of its own."""
    return await transport.send(method, url, [], **({"body": None, "deadline": 5.0, "limit": MEGABYTE} | how))


def sized(*headers: bytes, body: bytes = b"ok", status: bytes = b"200 OK", version: bytes = b"1.1") -> bytes:
    """An answer with its length."""
    lines = b"".join(header + b"\r\n" for header in headers)
    return b"HTTP/%s %s\r\n%sContent-Length: %d\r\n\r\n%s" % (version, status, lines, len(body), body)


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    ("method", "answer", "status", "body"),
    [
        ("GET", sized(), 200, b"ok"),
        ("GET", sized(b"Connection: keep-alive", version=b"1.0"), 200, b"ok"),
        ("GET", CHUNKED + b"1;x=y\r\no\r\n1\r\nk\r\n0\r\nX-Trailer: 1\r\nX-Other: 2\r\n\r\n", 200, b"ok"),
        ("GET", b"HTTP/1.1 100 Continue\r\n\r\n" + OK, 200, b"ok"),
        ("GET", b"HTTP/1.1 103 Early Hints\r\nX-Hint: 1\r\n\r\nHTTP/1.1 102 Wait\r\n\r\n" + OK, 200, b"ok"),
        ("GET", b"HTTP/1.1 204 No Content\r\n\r\n", 204, b""),
        ("GET", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 2000000\r\nContent-Encoding: gzip\r\n\r\n", 304, b""),
        ("GET", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 2000000\r\n\r\n", 304, b""),
        ("GET", sized(b"Upgrade: h2c", b"Connection: upgrade"), 200, b"ok"),
        ("HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 2000000\r\nContent-Encoding: br\r\n\r\n", 200, b""),
        ("HEAD", CHUNKED, 200, b""),
        ("HEAD", sized(body=b""), 200, b""),
        ("HEAD", b"HTTP/1.1 204 No Content\r\n\r\n", 204, b""),
    ],
)
async def test_a_connection_is_used_again(method: str, answer: bytes, status: int, body: bytes) -> None:
    """After each answer whose end is certain, of which there is nothing left."""
    async with Scripted([answer, answer, OK]).running() as server, opened() as transport:
        for _ in range(2):
            got = await ask(transport, server.url + "/", method)
            assert (status, body, None) == (got.status, got.body, got.headers.get("x-hint"))
            assert got.headers.keys().isdisjoint({"x-trailer", "x-other"})
        assert b"ok" == (await ask(transport, server.url + "/")).body
        assert 1 == server.connections


@pytest.mark.parametrize(
    ("method", "answer", "body"),
    [
        ("GET", sized(b"Connection: close"), b"ok"),
        ("GET", sized(version=b"1.0"), b"ok"),
        ("GET", OK + OK, b"ok"),
        ("GET", OK + b"HT", b"ok"),
        ("GET", OK + b"\0\1garbage", b"ok"),
        ("GET", CHUNKED + b"2\r\nok\r\n0\r\n\r\n0\r\n\r\n", b"ok"),
        ("GET", b"HTTP/1.1 204 No Content\r\n\r\nok", b""),
        ("HEAD", OK, b""),
        ("HEAD", b"HTTP/1.1 200 OK\r\n\r\n", b""),
    ],
)
async def test_a_connection_is_not_used_again(method: str, answer: bytes, body: bytes) -> None:
    """The answer is good, but what comes next on its connection would be anybody's guess."""
    async with Scripted([answer, OK]).running() as server, opened() as transport:
        assert body == (await ask(transport, server.url + "/", method)).body
        assert b"ok" == (await ask(transport, server.url + "/")).body
        assert (2, 2) == (server.connections, len(server.requests))
        await server.until(1)


@pytest.mark.parametrize("data", [OK, b"x", b"\r\n", b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n"])
async def test_what_nobody_asked_for(data: bytes) -> None:
    """A connection on which a byte comes while it is idle is closed: it would be taken for the next answer."""
    async with Scripted([OK]).running() as server, opened() as transport:
        await ask(transport, server.url + "/")
        server.say(data)
        assert b"ok" == (await ask(transport, server.url + "/")).body
        await server.until(1)
        assert (2, 2) == (server.connections, len(server.requests))


async def test_closed_a_moment_ago() -> None:
    """A connection that the other side closed is not used, even where the loop could not notice yet."""
    loop = asyncio.get_running_loop()

    async def answer(listener: socket.socket) -> socket.socket:
        sock, _ = await loop.sock_accept(listener)
        await loop.sock_recv(sock, 1000)
        await loop.sock_sendall(sock, OK)
        return sock

    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        async with opened() as transport:
            for _ in range(3):
                answering = asyncio.create_task(answer(listener))
                assert 200 == (await ask(transport, url)).status
                (await answering).close()


async def test_closed_with_the_answer() -> None:
    """A server that hangs up without saying so costs no request."""
    async with Scripted([OK], hang_up=True).running() as server, opened() as transport:
        for _ in range(20):
            await ask(transport, server.url + "/")
            await server.until(0)
        assert (20, 20) == (server.connections, len(server.requests))


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\n", "no_answer"),
        (b"HTTP/1.1 101 Switching Protocols\r\n\r\n", "no_answer"),
        (sized(status=b"099 Odd"), "no_answer"),
        (sized(status=b"99 Odd"), "no_answer"),
        (sized(b"X-Folded: a\r\n b"), "no_answer"),
        (sized(b"X-Nul: a\0b"), "no_answer"),
        (sized(b"X Blank: a"), "no_answer"),
        (sized(b": a"), "no_answer"),
        (OK.replace(b"\r\n", b"\n"), "no_answer"),
        (sized(b"Content-Length: 3"), "no_answer"),
        (sized(b"Transfer-Encoding: chunked"), "no_answer"),
        (sized(*[b"X-A: b"] * 1000), "no_answer"),
        (b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 300_000, "no_answer"),
        (b"HTTP/1.1 103 Early Hints\r\nX: y\r\n\r\n" * 20_000, "no_answer"),
        (CHUNKED + b"2\r\nok\r\n0\r\nX-Trailer: " + b"x" * 300_000, "body"),
        (CHUNKED + b"2;" + b"x" * 300_000, "body"),
        (CHUNKED + b"-1\r\nok\r\n0\r\n\r\n", "body"),
        (CHUNKED + b"fffffffffffffffff\r\nok\r\n0\r\n\r\n", "body"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nok", "body"),
        (sized(b"Content-Encoding: br"), "body"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "no_answer"),
        (b"\x15\x03\x01\x00\x02\x02\x50", "no_answer"),
    ],
)
async def test_refused_answers(answer: bytes, reason: str) -> None:
    """Broken or endless: NoAnswer at once, and its connection is closed."""
    async with Scripted([answer, OK]).running() as server, opened() as transport:
        with pytest.raises(NoAnswer) as error:
            await ask(transport, server.url + "/")
        assert reason == error.value.reason
        await server.until(0)
        assert b"ok" == (await ask(transport, server.url + "/")).body
        assert 2 == len(server.requests)


async def test_a_length_over_the_limit() -> None:
    """Is refused by the headers: nothing of the body needs to come."""
    answer = b"HTTP/1.1 201 Created\r\nContent-Length: 11\r\n\r\n"
    async with Scripted([answer]).running() as server, opened() as transport:
        with pytest.raises(Undeliverable, match=r"over limits\.body \(10 bytes\)") as error:
            await ask(transport, server.url + "/", limit=10)
        assert (Stage.REQUEST, 201) == (error.value.stage, error.value.status)
        await server.until(0)


async def test_given_up() -> None:
    """The late answer to a request that was given up never meets the next request."""
    async with (
        Scripted([b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlate", OK]).running() as server,
        opened() as transport,
    ):
        server.go.clear()
        asking = asyncio.create_task(ask(transport, server.url + "/"))
        await server.asked(1)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        server.go.set()
        assert b"ok" == (await ask(transport, server.url + "/")).body
        assert 2 == server.connections


@pytest.mark.parametrize(("first", "failures"), [(OK, ()), (b"garbage", (NoAnswer,))])
async def test_given_up_when_the_answer_is_there(first: bytes, failures: tuple[type[Exception], ...]) -> None:
    """A request that is cancelled in any moment around its answer does the next one no harm, and nobody complains."""
    for wait in range(30):
        async with Scripted([first, OK]).running() as server, opened() as transport:
            asking = asyncio.create_task(ask(transport, server.url + "/"))
            for _ in range(wait):
                await asyncio.sleep(0)
            asking.cancel()
            with suppress(*failures):  # the next one is the first where the first was never sent
                assert b"ok" == (await ask(transport, server.url + "/")).body
            await asyncio.gather(asking, return_exceptions=True)
            del asking
    gc.collect()


async def test_never_more_connections_than_room() -> None:
    """The others wait in line, first come first served; who gives up waiting takes nobody's place."""
    async with Scripted([OK]).running() as server, opened() as transport:
        server.go.clear()
        asking = [asyncio.create_task(ask(transport, f"{server.url}/{number}")) for number in range(60)]
        await server.asked(ROOM)
        for number in range(20, 40):
            asking[number].cancel()
        server.go.set()
        done = await asyncio.gather(*asking, return_exceptions=True)
        assert [number for number in range(60) if not 20 <= number < 40] == [
            number for number, one in enumerate(done) if isinstance(one, Answer)
        ]
        assert (ROOM, ROOM) == (server.connections, server.at_once)
        waited = [int(path[1:]) for path in server.paths[ROOM:]]
        assert sorted(waited) == waited


async def test_a_place_is_passed_on() -> None:
    """Answers that close their connections, failures and cancellations leave their places to who waits."""
    async with (
        Scripted([sized(b"Connection: close"), b"garbage"] * 20 + [OK]).running() as server,
        opened() as transport,
    ):
        server.go.clear()
        asking = [asyncio.create_task(ask(transport, server.url + "/")) for _ in range(40)]
        await server.asked(ROOM)
        for one in asking[:5]:
            one.cancel()
        server.go.set()
        done = await asyncio.gather(*asking, return_exceptions=True)
        assert {Answer, NoAnswer, asyncio.CancelledError} == {type(one) for one in done}
        assert ROOM >= server.at_once
        await server.until(0)


async def test_two_origins_share_the_room() -> None:
    """An idle connection to another origin makes room for one to this."""
    async with Scripted([OK]).running() as first, Scripted([OK]).running() as second, opened() as transport:
        for server in (first, second) * 3:
            done = await asyncio.gather(*[ask(transport, server.url + "/") for _ in range(2 * ROOM)])
            assert {b"ok"} == {one.body for one in done}
            assert ROOM >= first.here + second.here


async def test_the_newest_connection_is_used() -> None:
    """Others grow old and are closed."""
    context = ssl.create_default_context()
    transport = HttptoolsTransport(Pool(ROOM, context, idle=1.0), Routes(None))
    async with Scripted([OK]).running() as server:
        await asyncio.gather(*[ask(transport, server.url + "/", deadline=60.0) for _ in range(5)])
        assert 5 == server.here
        async with asyncio.timeout(15):
            while server.here > 1:
                await ask(transport, server.url + "/", deadline=60.0)
            await server.until(0)
        assert 5 == server.connections
        await transport.close()


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_the_deadline_holds_for_connecting(scheme: str) -> None:
    """For TLS with somebody who says nothing, and for a server that does not answer."""
    async with Scripted([SILENCE]).running() as server, opened() as transport:
        with pytest.raises(NoAnswer, match=r"^no whole answer within 0\.2 s$") as error:
            await ask(transport, f"{scheme}://127.0.0.1:{server.port}/", deadline=0.2)
        assert "timeout" == error.value.reason
        await server.until(0)


async def test_the_deadline_holds_on_a_used_connection() -> None:
    """A short deadline after a long one."""
    async with Scripted([OK, SILENCE]).running() as server, opened() as transport:
        await ask(transport, server.url + "/", deadline=60.0)
        async with asyncio.timeout(2.5):  # long before a timer that was set for the first request
            with pytest.raises(NoAnswer, match=r"within 0\.2 s"):
                await ask(transport, server.url + "/", deadline=0.2)
        assert 1 == server.connections
        await server.until(0)


async def test_the_deadline_holds_for_waiting() -> None:
    """Nobody waits longer for a place in the pool."""
    async with Scripted([OK, SILENCE]).running() as server, opened() as transport:
        await ask(transport, server.url + "/", deadline=60.0)
        waiting = [asyncio.create_task(ask(transport, server.url + "/", deadline=60.0)) for _ in range(ROOM - 1)]
        await server.asked(ROOM)
        async with asyncio.timeout(2.5):
            for _ in range(2):
                with pytest.raises(NoAnswer, match=r"within 0\.2 s"):
                    await asyncio.gather(*[ask(transport, server.url + "/", deadline=0.2) for _ in range(3)])
        for one in waiting:
            one.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        await server.until(0)


async def test_the_deadline_holds_for_sending() -> None:
    """A server that does not read."""
    async with Scripted([SILENCE], reads=False).running() as server, opened() as transport:
        with pytest.raises(NoAnswer, match=r"within 0\.3 s"):
            await ask(transport, server.url + "/", "POST", body=b"x" * 30 * MEGABYTE, deadline=0.3)


async def test_closing() -> None:
    """Whoever waits, for an answer, a connection or a handshake, is told; nothing can be sent afterwards."""
    async with Scripted([SILENCE]).running() as server, opened() as transport:
        secure = f"https://127.0.0.1:{server.port}/"
        asking = [asyncio.create_task(ask(transport, secure, deadline=60.0))]
        asking += [asyncio.create_task(ask(transport, server.url + "/", deadline=60.0)) for _ in range(2 * ROOM)]
        await server.asked(ROOM - 1)
        await transport.close()
        done = await asyncio.gather(*asking, return_exceptions=True)
        assert {"the connection failed: the transport is closed"} == {str(one) for one in done}
        assert {NoAnswer} == {type(one) for one in done}
        await server.until(0)
        with pytest.raises(NoAnswer, match="closed"):
            await ask(transport, server.url + "/")


async def test_big_bodies() -> None:
    """10 MB in both directions, plain."""
    body = bytes(range(256)) * 40_000
    async with Scripted([sized(body=body)]).running() as server, opened() as transport:
        for _ in range(2):
            answer = await ask(transport, server.url + "/", "POST", body=body, limit=len(body))
            assert body == answer.body
        assert [body, body] == [request.partition(b"\r\n\r\n")[2] for request in server.requests]
        assert 1 == server.connections


async def test_an_answer_before_the_request_was_sent() -> None:
    """The answer counts; its connection, in which the rest of the body is stuck, does not."""
    refusal = sized(status=b"413 Content Too Large")
    async with Scripted([refusal, OK], reads=False).running() as server, opened() as transport:
        answer = await ask(transport, server.url + "/", "POST", body=b"x" * 30 * MEGABYTE)
        assert 413 == answer.status
        assert 200 == (await ask(transport, server.url + "/")).status
        assert 2 == server.connections


async def test_the_exact_request() -> None:
    """One line after the other, in order, nothing normalised."""
    async with Scripted([OK]).running() as server, opened() as transport:
        headers = [("X-B", "1"), ("x-a", ""), ("X-B", "é")]
        url = f"{server.url}/a//../%2e;b?q=%20&&r=a+b?"
        await transport.send("PUT", url, headers, b"\r\n", deadline=5.0, limit=10)
        await transport.send("DELETE", server.url, (), None, deadline=5.0, limit=10)
        await transport.send("OPTIONS", server.url + "?a", (), b"", deadline=5.0, limit=10)
    ours = f"Host: 127.0.0.1:{server.port}\r\nAccept-Encoding: gzip, deflate\r\n"
    assert [
        f"PUT /a//../%2e;b?q=%20&&r=a+b? HTTP/1.1\r\n{ours}X-B: 1\r\nx-a: \r\nX-B: é\r\nContent-Length: 2\r\n\r\n\r\n",
        f"DELETE / HTTP/1.1\r\n{ours}\r\n",
        f"OPTIONS /?a HTTP/1.1\r\n{ours}\r\n",
    ] == [request.decode() for request in server.requests]


@pytest.mark.parametrize(
    ("method", "path", "header"),
    [
        ("GET", "/", ("X-A", "secret\r\nX-C: d")),
        ("GET", "/", ("X-A", "secret\n")),
        ("GET", "/", ("X-A", "secret\r")),
        ("GET", "/", ("X-A", "secret\0")),
        ("GET", "/", ("X-A: b\r\nX-C", "secret")),
        ("GET", "/", ("", "secret")),
        ("GET", "/", ("content-length", "3")),
        ("GET", "/", ("Transfer-Encoding", "chunked")),
        ("GET", "/", ("HOST", "secret")),
        ("GET / HTTP/1.1\r\n", "/", ("X-A", "secret")),
        ("", "/", ("X-A", "secret")),
        ("GÉT", "/", ("X-A", "secret")),
        ("GET", "/a b", ("X-A", "secret")),
        ("GET", "/\r\n", ("X-A", "secret")),
        ("GET", "/é", ("X-A", "secret")),
        ("GET", "/#a", ("X-A", "secret")),
    ],
)
async def test_what_would_be_another_request(method: str, path: str, header: tuple[str, str]) -> None:
    """Is not sent, and the text tells nothing of the values."""
    async with Scripted([OK]).running() as server, opened() as transport:
        with pytest.raises(Undeliverable, match=r"^the request cannot be sent: ") as error:
            await transport.send(method, server.url + path, [header], None, deadline=5.0, limit=10)
        assert (Stage.REQUEST, None) == (error.value.stage, error.value.status)
        assert "secret" not in str(error.value)
        assert 0 == server.connections


async def test_hosts() -> None:
    """Names, and addresses of both families, are told to the server as the URL has them."""
    async with Scripted([OK]).running() as server, opened() as transport:
        for host in ("localhost", "LocalHost", "127.0.0.1"):
            assert 200 == (await ask(transport, f"http://{host}:{server.port}/")).status
            assert f"Host: {host}:{server.port}\r\n".lower().encode() in server.requests[-1].lower()
    if has_ipv6():
        async with Scripted([OK]).running(host="::1") as server, opened() as transport:
            assert 200 == (await ask(transport, f"http://[::1]:{server.port}/")).status
            assert f"Host: [::1]:{server.port}\r\n".encode() in server.requests[0]


def has_ipv6() -> bool:
    """Whether this machine has an address of that family."""
    try:
        with socket.socket(socket.AF_INET6) as sock:
            sock.bind(("::1", 0))
    except OSError:
        return False
    return True


def served(certificates: Certificates) -> ssl.SSLContext:
    """A server's side of TLS, which takes HTTP/1.1 only."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates.server, certificates.server_key)
    context.set_alpn_protocols(["http/1.1"])
    return context


async def test_tls(certificates: Certificates) -> None:
    """Connections are kept, big bodies pass, and the name must be the certificate's."""
    body = bytes(range(256)) * 40_000
    async with (
        Scripted([sized(body=body)]).running(served(certificates)) as server,
        opened(replace(API, ca=certificates.ca)) as transport,
    ):
        url = f"https://localhost:{server.port}/"
        for _ in range(3):
            assert body == (await ask(transport, url, "POST", body=body, limit=len(body))).body
        assert 1 == server.here
    async with (
        Scripted([OK]).running(served(certificates), host="127.0.0.2") as server,
        opened(replace(API, ca=certificates.ca)) as transport,
    ):
        with pytest.raises(NoAnswer, match=r"^the connection failed: the certificate is not trusted: "):
            await ask(transport, f"https://127.0.0.2:{server.port}/")
        assert [] == server.requests


async def test_tls_that_hangs_up(certificates: Certificates) -> None:
    """A connection that was closed while idle costs no request, with TLS either."""
    async with (
        Scripted([OK]).running(served(certificates)) as server,
        opened(replace(API, ca=certificates.ca)) as transport,
    ):
        for _ in range(5):
            assert 200 == (await ask(transport, f"https://localhost:{server.port}/")).status
            server.hang_up()
            await server.until(0)
        assert 5 == len(server.requests)
