"""A call for nobody's event: for verbs that try an API."""

from __future__ import annotations

import asyncio

from engine.api.messages import Request
from engine.api.slots import Seat


class LoneCall:
    """May send at once; nothing is counted (see `api.call.Call`). `key`: of the verb."""

    def __init__(self, key: str) -> None:
        self.key = key
        self.seat = Seat(kept=False)

    async def permit(self) -> None:
        """Always."""

    async def sleep(self, seconds: float) -> None:
        """Do wait: a configured rate holds for a verb, too."""
        await asyncio.sleep(seconds)

    def sent(self, request: Request, status: int | None, seconds: float) -> None:
        """Nobody counts."""

    def retried(self, request: Request, reason: str, attempt: int, delay: float, text: str) -> None:
        """Nothing is tried again."""
