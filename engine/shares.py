"""Work that is shared out: one share here, the others in forked processes, which see all that is in memory."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

T = TypeVar("T")
R = TypeVar("R")

_MOST = 8  # processes; each copies what it touches


def processes(things: int, at_least: int) -> int:
    """How many processes should share a number of things, if each is to get so many at least. 1: only this one.

    Only on Linux: elsewhere a fork is not to be had, or not safe.
    """
    if sys.platform != "linux":
        return 1
    return max(1, min(len(os.sched_getaffinity(0)), things // at_least, _MOST))


def shared(work: Callable[[Sequence[T]], R], things: Sequence[T], number: int) -> list[R]:
    """What `work` gives for each share, in the order of the things.

    Args:
        work: asked once a share. What it gives is sent from process to process, so it must be picklable.
        things: split into shares that follow each other.
        number: of shares; with more than one, to be called in a process without threads.

    Raises:
        Exception: what `work` raises. A process that comes to its end early is no error: its share is done here.
    """
    size = -(-len(things) // number) or 1
    first, *others = [things[at : at + size] for at in range(0, len(things), size)] or [things]
    if not others:
        return [work(first)]
    import multiprocessing  # noqa: PLC0415 - slow, and most runs have one share

    context = multiprocessing.get_context("fork")
    started = []
    for share in others:
        receiver, sender = context.Pipe(duplex=False)
        process = context.Process(target=_send, args=(sender, work, share), daemon=True)
        process.start()
        sender.close()
        started.append((process, receiver, share))
    results = [work(first)]
    for process, receiver, share in started:
        results.append(_received(receiver, work, share))
        process.join()
    return results


def _send(sender: Connection, work: Callable[[Sequence[T]], R], share: Sequence[T]) -> None:
    try:
        sender.send(work(share))
    except BaseException:
        os._exit(1)


def _received(receiver: Connection, work: Callable[[Sequence[T]], R], share: Sequence[T]) -> R:
    try:
        result: Any = receiver.recv()
    except (EOFError, OSError):
        return work(share)
    else:
        found: R = result
        return found
    finally:
        receiver.close()
