"""Which of a host's addresses is used."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from engine.api.transports.http1.dial import Address, reach

Place = tuple[str, int]


@contextmanager
def listening(backlog: int = 10) -> Iterator[Place]:
    """A socket that takes connections by itself."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        sock.listen(backlog)
        yield sock.getsockname()


@contextmanager
def silent() -> Iterator[Place]:
    """A place that neither takes connections nor refuses them: its queue is full."""
    with ExitStack() as stack:
        place = stack.enter_context(listening(0))
        for _ in range(4):
            sock = stack.enter_context(socket.socket())
            sock.setblocking(False)
            sock.connect_ex(place)
        yield place


@contextmanager
def refusing() -> Iterator[Place]:
    """A place where nobody listens."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        yield sock.getsockname()


def address(place: Place) -> Address:
    """As getaddrinfo gives it."""
    return (socket.AF_INET, socket.SOCK_STREAM, 0, "", place)


@pytest.mark.parametrize("living", range(4))
async def test_one_of_them_lives(living: int) -> None:
    """Whichever it is, and whether the others refuse or say nothing."""
    with refusing() as first, silent() as second, refusing() as third, listening() as place:
        others = [address(first), address(second), address(third)]
        others.insert(living, address(place))
        with await reach(others) as sock:
            assert place == sock.getpeername()
        await asyncio.sleep(0.01)
        assert 1 == len(asyncio.all_tasks())


async def test_none_lives() -> None:
    """The first one's failure is told."""
    with refusing() as first, refusing() as second:
        with pytest.raises(ConnectionRefusedError):
            await reach([address(first), address(second)])
        with pytest.raises(ConnectionRefusedError):
            await reach([address(first)])


async def test_given_up() -> None:
    """No attempt is left behind."""
    with silent() as first, silent() as second:
        asking = asyncio.create_task(reach([address(first), address(second)]))
        await asyncio.sleep(0.3)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        await asyncio.sleep(0.01)
        assert 1 == len(asyncio.all_tasks())
