"""Several worker processes seen as one: they leave numbers and health in a folder, the parent reads them.

The parent: `with shared_folder() as folder:` around starting the workers (spawned, never forked), then
`serve(http, WorkersMetrics(folder), WorkersHealth(folder, count, clock))`, and `worker_ended(folder, pid)` after each.
A worker: `Metrics()` as ever, and `report_health(folder, number, health)`.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event, Thread
from typing import Any

import orjson
from prometheus_client import CollectorRegistry
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

from engine.observe.health import Probe, Verdict
from engine.observe.metrics import expose

_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
_EVERY = 1.0  # seconds between two reports
_STALE = 10.0  # seconds after which a worker without a report is not alive


@contextmanager
def shared_folder() -> Iterator[Path]:
    """A fresh folder that workers started inside the block inherit through their environment; removed at the end.

    prometheus_client decides on its import whether numbers go to files; that is why it is an environment variable,
    and why a worker must be a fresh process.
    """
    folder = Path(tempfile.mkdtemp(prefix="engine-"))
    os.environ[_VARIABLE] = str(folder)
    try:
        yield folder
    finally:
        os.environ.pop(_VARIABLE, None)
        shutil.rmtree(folder, ignore_errors=True)


def worker_ended(folder: Path, pid: int) -> None:
    """Forget the gauges of a worker that ended; what it counted stays."""
    mark_process_dead(pid, str(folder))  # type: ignore[no-untyped-call]


class WorkersMetrics:
    """The numbers of all workers, added up."""

    def __init__(self, folder: Path) -> None:
        self._folder = str(folder)

    def expose(self, accept: str = "") -> tuple[bytes, str]:
        """The metrics as text and its media type, by a request's Accept header."""
        files = MultiProcessCollector(CollectorRegistry(), self._folder)  # type: ignore[no-untyped-call]
        return expose(files, accept)


class WorkersHealth:
    """All workers' health: live and ready where each of them is.

    Args:
        folder: where they report.
        count: how many there are.
        clock: seconds since the epoch, as the workers' own.
    """

    def __init__(self, folder: Path, count: int, clock: Callable[[], float]) -> None:
        self._folder = folder
        self._count = count
        self._clock = clock

    def live(self) -> Verdict:
        """True while every worker reports in time and says so."""
        return self._all("live")

    def ready(self) -> Verdict:
        """True while every worker reports in time and says so."""
        return self._all("ready")

    def _all(self, question: str) -> Verdict:
        said = {str(number): self._one(number, question) for number in range(1, self._count + 1)}
        ok = all(answer.get(question) is True for answer in said.values())
        return ok, {question: ok, "workers": said}

    def _one(self, number: int, question: str) -> dict[str, Any]:
        try:
            report = orjson.loads(_report(self._folder, number).read_bytes())
        except FileNotFoundError:
            return {question: False, "reason": "not started yet"}
        silent = self._clock() - report["at"]
        if silent > _STALE:
            return {question: False, "reason": f"no report for {silent:.0f} s"}
        answer: dict[str, Any] = report[question]
        return answer


def write_health(folder: Path, number: int, health: Probe, now: float) -> None:
    """Leave worker `number`'s health (from 1) for the parent; `now` in seconds since the epoch."""
    target = _report(folder, number)
    fresh = target.with_suffix(".new")
    fresh.write_bytes(orjson.dumps({"at": now, "live": health.live()[1], "ready": health.ready()[1]}))
    fresh.replace(target)  # a reader sees the old report or the new one, never half of one


def report_health(folder: Path, number: int, health: Probe, clock: Callable[[], float]) -> Callable[[], None]:
    """Report now, and every second on a thread of its own; returns what ends it."""
    end = Event()
    write_health(folder, number, health, clock())

    def report() -> None:
        while not end.wait(_EVERY):
            with suppress(OSError):  # a full disk, or the parent ended and removed the folder: the next one may work
                write_health(folder, number, health, clock())

    Thread(target=report, name="health", daemon=True).start()
    return end.set


def _report(folder: Path, number: int) -> Path:
    return folder / f"health-{number}.json"
