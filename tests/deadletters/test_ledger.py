"""What became of letters, made durable for many at once."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence

from structlog.testing import capture_logs

from engine.deadletters.ledger import Ledger
from engine.errors import Unavailable
from engine.stream.state import Entry


def _entry(name: str) -> Entry:
    return Entry(name.encode(), b"{}")


async def test_nobody_goes_on_before_it_is_durable() -> None:
    """What waits while one batch is under way goes together in the next."""
    batches: list[list[bytes]] = []
    let_go = threading.Event()

    def write(entries: Sequence[Entry]) -> None:
        let_go.wait(10)
        batches.append([one.key for one in entries])

    ledger = Ledger(write)
    tasks = [asyncio.create_task(ledger.write(_entry("a")))]
    await asyncio.sleep(0.01)
    tasks += [asyncio.create_task(ledger.write(_entry(name), _entry(name * 2))) for name in "bc"]
    await asyncio.sleep(0.01)
    assert [False] * 3 == [task.done() for task in tasks]
    let_go.set()
    await asyncio.gather(*tasks)
    assert [[b"a"], [b"b", b"bb", b"c", b"cc"]] == batches


async def test_it_is_tried_until_it_is_written() -> None:
    """The broker may be away for a while; somebody hears of it."""
    left = [Unavailable("away")]

    def write(_entries: Sequence[Entry]) -> None:
        if left:
            raise left.pop()

    with capture_logs() as logs:
        await Ledger(write).write(_entry("a"))
    assert ["state.not_written"] == [line["event"] for line in logs]


async def test_closing_gives_up() -> None:
    """A broker that stays away does not keep the process."""

    def write(_entries: Sequence[Entry]) -> None:
        raise Unavailable("away")

    ledger = Ledger(write)
    with capture_logs():
        task = asyncio.create_task(ledger.write(_entry("a")))
        await asyncio.sleep(0.05)
        await ledger.close()
    assert not task.done()
    task.cancel()
