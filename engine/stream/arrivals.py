"""Records that were handed over and are not in their lanes yet: a few are taken a turn of the loop.

A batch of the consumer thread is hundreds of records to decode; taken at once they would keep every answer waiting.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from confluent_kafka import Message as Record

from engine.stream.partition import Partition

_A_TURN = 32
"""Records taken in one turn of the loop: about a millisecond."""


class Arrivals:
    """A queue, in order; lives on the event loop.

    Args:
        take: takes one record for the partition as it was assigned when the record came: an offset of a former
            assignment says nothing of the present one.
    """

    __slots__ = ("_records", "_take")

    def __init__(self, take: Callable[[Partition, Record], None]) -> None:
        self._take = take
        self._records: deque[tuple[Partition, Record]] = deque()

    def put(self, records: list[tuple[Partition, Record]]) -> None:
        """Take the first of them now where none waits, the others in the next turns."""
        idle = not self._records
        self._records.extend(records)
        if idle:
            self._go_on()

    def _go_on(self) -> None:
        for _ in range(min(_A_TURN, len(self._records))):
            self._take(*self._records.popleft())
        if self._records:
            asyncio.get_running_loop().call_soon(self._go_on)
