"""Every test of a transport runs on both event loops."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

import pytest

from engine.loops import loop_factory


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """asyncio's own, and the engine's where that is another one."""
    ours = loop_factory()
    return {"asyncio": asyncio.new_event_loop} if ours is None else {"asyncio": asyncio.new_event_loop, "uvloop": ours}
