"""The room's fixtures."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Literal

import pytest

from engine.config.model import Limits
from tests.stream.stage import Make, Stage

LIMITS = Limits()


@pytest.fixture
async def stages() -> AsyncIterator[Make]:
    """Makes sources and ends their threads."""
    made: list[Stage] = []

    def make(
        limits: Limits = LIMITS, *, start: Literal["earliest", "latest"] = "earliest", patience: float = 10.0
    ) -> Stage:
        made.append(Stage(limits, start, patience))
        return made[-1]

    yield make
    for stage in made:
        await asyncio.to_thread(stage.source.stop, 10.0)
        assert not stage.source._thread.is_alive()
