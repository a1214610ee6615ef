"""Who gets a connection when there is room for one only."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from engine.api.transports.http1.connection import Connection
from engine.api.transports.http1.pool import Pool
from engine.api.transports.http1.routes import Route, Routes
from engine.errors import NoAnswer
from tests.api.transports.scripted import OK, Scripted

SOON = 2.0  # seconds, below those after which an idle connection would give its place up by itself


@asynccontextmanager
async def one_place() -> AsyncIterator[tuple[Pool, Route, Route]]:
    """A pool and the routes to two servers."""
    pool, routes = Pool(1, ssl.create_default_context()), Routes(None)
    async with Scripted([OK]).running() as first, Scripted([OK]).running() as second:
        yield pool, routes.find(first.url)[0], routes.find(second.url)[0]
        await pool.close()


def waiting(pool: Pool, route: Route) -> asyncio.Task[Connection]:
    """Somebody who needs a connection soon."""
    loop = asyncio.get_running_loop()
    return asyncio.create_task(pool.wait(route, loop.time() + SOON, SOON))


async def test_handed_over() -> None:
    """Whoever waits longest gets the connection that another leaves."""
    async with one_place() as (pool, route, _):
        connection = await waiting(pool, route)
        first, second = waiting(pool, route), waiting(pool, route)
        await asyncio.sleep(0)
        pool.free(connection)
        assert connection is await first
        assert not second.done()
        pool.free(connection)
        assert connection is await second


async def test_handed_over_too_late() -> None:
    """Whoever is cancelled in the moment of getting it leaves it to the next."""
    async with one_place() as (pool, route, _):
        connection = await waiting(pool, route)
        first, second = waiting(pool, route), waiting(pool, route)
        await asyncio.sleep(0)
        pool.free(connection)
        first.cancel()
        assert connection is await second


async def test_promised_too_late() -> None:
    """The same for the place of a connection that is closed."""
    async with one_place() as (pool, route, _):
        connection = await waiting(pool, route)
        first, second = waiting(pool, route), waiting(pool, route)
        await asyncio.sleep(0)
        connection.abort()
        pool.gone(connection)
        first.cancel()
        assert connection is not await second


async def test_another_route() -> None:
    """A connection is never handed to a request for another origin: it leaves its place to it."""
    async with one_place() as (pool, route, other):
        connection = await waiting(pool, route)
        second = waiting(pool, other)
        await asyncio.sleep(0)
        pool.free(connection)
        assert other is (await second).route


async def test_an_idle_connection_makes_room() -> None:
    """For one to another origin."""
    async with one_place() as (pool, route, other):
        pool.free(await waiting(pool, route))
        assert other is (await waiting(pool, other)).route
        assert pool.take(route, 0.0) is None


async def test_a_failure_leaves_its_place() -> None:
    """Nobody listens, again and again; the next one still gets the place."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        nowhere, _ = Routes(None).find(f"http://127.0.0.1:{free.getsockname()[1]}/")
        async with one_place() as (pool, route, _):
            for _ in range(3):
                with pytest.raises(NoAnswer, match="refused"):
                    await waiting(pool, nowhere)
            assert route is (await waiting(pool, route)).route


async def test_closed_connections_are_forgotten() -> None:
    """An idle one that is closed leaves nothing behind."""
    async with one_place() as (pool, route, _):
        for _ in range(3):
            connection = await waiting(pool, route)
            pool.free(connection)
            connection.abort()
        await pool.close()
        assert [[]] == list(pool._idle.values())
