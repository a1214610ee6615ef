"""Which event loop: uvloop where it is installed; and how a process ends that had one."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable, Coroutine
from typing import Any, NoReturn, TypeVar

Given = TypeVar("Given")


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """What makes a loop; None for asyncio's own."""
    try:
        import uvloop  # noqa: PLC0415 - not everywhere
    except ImportError:
        return None
    return uvloop.new_event_loop


def run(coroutine: Coroutine[Any, Any, Given]) -> Given:
    """Run a coroutine to its end on a loop of its own."""
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        return runner.run(coroutine)


def leave(code: int) -> NoReturn:
    """End the process here: with plain asyncio, pyreqwest's threads may abort it at the interpreter's exit."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
