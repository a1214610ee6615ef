"""Reaching a route: its addresses tried side by side, a proxy's tunnel, TLS."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import chain, zip_longest
from typing import Any

from engine.api.transports.http1.routes import Proxy, Route

_STAGGER = 0.25  # seconds an address has before the next is tried beside it (RFC 8305)
_HEAD = 64 * 1024  # bytes of a proxy's answer
_CLOSING = 1.0  # seconds TLS may take to say goodbye

Address = tuple[int, int, int, str, Any]  # as getaddrinfo gives them


class ProxyFailed(Exception):
    """The proxy opened no tunnel."""


async def dial(route: Route, context: ssl.SSLContext, protocol: Callable[[], asyncio.Protocol]) -> None:
    """Connect `protocol` to the route.

    Raises:
        OSError: nobody could be reached, or the TLS handshake failed.
        ProxyFailed: the proxy opened no tunnel.
    """
    loop = asyncio.get_running_loop()
    proxy = route.proxy
    host, port = (route.host, route.port) if proxy is None else (proxy.host, proxy.port)
    sock = await reach(await _addresses(host, port))
    try:
        if proxy is not None and route.secure:
            await _tunnel(sock, route, proxy)
        if route.secure:
            await loop.create_connection(
                protocol, sock=sock, ssl=context, server_hostname=route.host, ssl_shutdown_timeout=_CLOSING
            )
        else:
            await loop.create_connection(protocol, sock=sock)
    except BaseException:
        sock.close()
        raise


def plain(error: Exception) -> str:
    """What went wrong with a connection, without addresses."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the certificate is not trusted: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return f"TLS: {error.reason or 'failed'}"
    if isinstance(error, OSError) and error.errno is not None:
        return os.strerror(error.errno) if error.errno > 0 else str(error.strerror)
    return type(error).__name__


async def _addresses(host: str, port: int) -> list[Address]:
    """The host's addresses, its families in turn."""
    try:  # without a thread where it is an address already
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    except socket.gaierror:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    first = [address for address in found if address[0] == found[0][0]]
    others = [address for address in found if address[0] != found[0][0]]
    return [address for address in chain.from_iterable(zip_longest(first, others)) if address is not None]


async def reach(addresses: Sequence[Address]) -> socket.socket:
    """The first socket that connects; one dead address among several costs a quarter of a second only."""
    if len(addresses) == 1:
        return await _open(addresses[0])
    attempts: list[asyncio.Task[socket.socket]] = []
    try:
        for number, address in enumerate(addresses, 1):
            attempts.append(asyncio.create_task(_open(address)))
            while waiting := [attempt for attempt in attempts if not attempt.done()]:
                patience = _STAGGER if number < len(addresses) else None
                done, _ = await asyncio.wait(waiting, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
                winner = next((attempt for attempt in done if attempt.exception() is None), None)
                if winner is not None:
                    attempts.remove(winner)
                    return winner.result()
                if patience is not None:
                    break
        attempts[0].result()
        raise ConnectionError("no address answers")
    finally:
        _give_up(attempts)


def _give_up(attempts: Sequence[asyncio.Task[socket.socket]]) -> None:
    for attempt in attempts:
        attempt.cancel()
        attempt.add_done_callback(_discard)


def _discard(attempt: asyncio.Task[socket.socket]) -> None:
    if not attempt.cancelled() and attempt.exception() is None:
        attempt.result().close()


async def _open(address: Address) -> socket.socket:
    family, kind, protocol, _, where = address
    sock = socket.socket(family, kind, protocol)
    try:
        sock.setblocking(False)
        with suppress(OSError):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await asyncio.get_running_loop().sock_connect(sock, where)
    except BaseException:
        sock.close()
        raise
    return sock


async def _tunnel(sock: socket.socket, route: Route, proxy: Proxy) -> None:
    loop = asyncio.get_running_loop()
    request = f"CONNECT {route.authority} HTTP/1.1\r\nHost: {route.authority}\r\n{proxy.line}\r\n"
    await loop.sock_sendall(sock, request.encode())
    head = b""
    while b"\r\n\r\n" not in head:
        more = await loop.sock_recv(sock, 4096)
        head += more
        if not more or len(head) > _HEAD:
            raise ProxyFailed("its answer to CONNECT is none")
    line = head.partition(b"\r\n")[0]
    if not line.startswith(b"HTTP/1.") or line[8:9] != b" " or not line[9:12].isdigit():
        raise ProxyFailed("its answer to CONNECT is not HTTP")
    if line[9:10] != b"2":
        raise ProxyFailed(f"it answered CONNECT with {line[9:12].decode()}")
    if not head.endswith(b"\r\n\r\n") or head.count(b"\r\n\r\n") != 1:
        raise ProxyFailed("it said more than its answer to CONNECT")
