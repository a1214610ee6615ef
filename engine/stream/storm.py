"""A bad deploy must not drain the topic into the dead letters: after too many of them in a row the engine holds."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable

from engine.config.model import Dlq
from engine.errors import Stage
from engine.stream.lease import Lease

KEYS = 10
"""Different ordering keys that must have failed: one poison key never stops the engine."""

# nobody can stop the service with bad bytes, and what is parked or skipped was not tried
_UNCOUNTED = frozenset({Stage.DECODE, Stage.ENVELOPE, Stage.PARKED, Stage.SKIPPED})


class Storm:
    """Counts dead letters without a success between them; lives on the event loop.

    Args:
        dlq: `storm` and `dead_after`.
        on_change: told whether the engine holds from now on.
    """

    def __init__(self, dlq: Dlq, on_change: Callable[[bool], None]) -> None:
        self._limit = dlq.dead_after if dlq.storm == "hold" else None
        self._on_change = on_change
        self._dead = 0
        self._keys: set[Hashable] = set()
        self._calm = asyncio.Event()
        self._calm.set()

    @property
    def holding(self) -> bool:
        """True while nothing is processed."""
        return not self._calm.is_set()

    def dead(self, key: Hashable, stage: Stage) -> bool:
        """An event became a dead letter; True where the engine holds because of it."""
        if self._limit is None or self.holding or stage in _UNCOUNTED:
            return False
        self._dead += 1
        if len(self._keys) < KEYS:
            self._keys.add(key)
        if self._dead < self._limit or len(self._keys) < KEYS:
            return False
        self._calm.clear()
        self._on_change(True)
        return True

    def succeeded(self) -> None:
        """An event was done."""
        if self._dead:
            self._dead = 0
            self._keys.clear()

    def release(self) -> None:
        """Go on: somebody looked (SIGHUP), or the rules were read again."""
        self.succeeded()
        if self.holding:
            self._calm.set()
            self._on_change(False)

    async def wait(self, lease: Lease) -> None:
        """Return when the engine does not hold.

        Raises:
            Revoked: the partition goes meanwhile.
        """
        while self.holding:
            await lease.until(self._calm)
