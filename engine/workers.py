"""`run --workers N`: several processes of one group, seen as one from outside."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Collection, Container, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import structlog

from engine.config.model import Api, Config
from engine.observe.server import serve
from engine.observe.workers import WorkersHealth, WorkersMetrics, shared_folder, worker_ended
from engine.signals import NUMBERS, STOPS

_VARIABLE = "ENGINE_WORKER"
_LOOK = 0.2

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Worker:
    """One of several: its number from 1, how many there are, and where it reports."""

    number: int
    count: int
    folder: Path

    @staticmethod
    def from_environment(environ: Mapping[str, str]) -> Worker | None:
        """What the parent left in the environment, None in a process that is no worker."""
        text = environ.get(_VARIABLE)
        if text is None:
            return None
        number, count, folder = text.split(":", 2)
        return Worker(int(number), int(count), Path(folder))


def share(config: Config, worker: Worker) -> Config:
    """The configuration of one worker: its share of `rate` and `concurrency`, a name of its own as static member."""
    kafka = config.kafka
    if kafka.instance is not None:
        kafka = replace(kafka, instance=f"{kafka.instance}-{worker.number}")

    def part(api: Api) -> Api:
        slots, rest = divmod(api.concurrency, worker.count)
        rate = None if api.rate is None else api.rate / worker.count
        return replace(api, concurrency=max(1, slots + (worker.number <= rest)), rate=rate)

    return replace(
        config, kafka=kafka, api=part(config.api), apis={name: part(api) for name, api in config.apis.items()}
    )


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Use the folder of parent and workers. Who is the last to leave it removes it, however the others ended.

    The system counts who is left, by locks: it takes that of a killed process away.
    """
    folder.mkdir(mode=0o700, exist_ok=True)  # the parent was killed, and the first worker ended before this one began
    place = os.open(folder, os.O_RDONLY)
    with suppress(OSError):  # a file system without locks: then the parent alone removes it
        fcntl.flock(place, fcntl.LOCK_SH)
    try:
        yield
    finally:
        with suppress(OSError):  # others are left
            fcntl.flock(place, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
        os.close(place)


def supervise(config: Config, config_file: Path | None, count: int, heard: Collection[int] = ()) -> int:
    """Start the workers, serve their numbers, pass signals on, wait for all of them.

    A worker that ends by itself ends the others: whoever started the engine starts it again as a whole. A parent that
    is killed ends them, too: each reads a pipe that ends with it, see `signals.stop_with`.

    Args:
        config: for `http`.
        config_file: that the workers read; None for theirs by default.
        count: how many.
        heard: signals that came before this took them over.

    Returns:
        0 where all stopped in order, else the first other exit code.
    """
    with shared_folder() as folder, held(folder):
        server = serve(config.http, WorkersMetrics(folder), WorkersHealth(folder, count, time.time))
        processes: list[subprocess.Popen[bytes]] = []
        asked: list[int] = []

        def pass_on(number: int, _frame: object) -> None:
            asked.append(number)
            _send(processes, number)

        for number in NUMBERS:
            signal.signal(number, pass_on)
        try:
            if not STOPS.isdisjoint((*heard, *asked)):
                return 0  # nothing had begun
            processes.extend(_start(config_file, Worker(one, count, folder)) for one in range(1, count + 1))
            for told in asked:  # who came later has not heard
                _send(processes, told)
            return _wait(processes, folder, asked)
        finally:
            _send(processes, signal.SIGTERM)
            for process in processes:
                if process.stdin is not None:
                    process.stdin.close()
            server.close()


def _start(config_file: Path | None, worker: Worker) -> subprocess.Popen[bytes]:
    """A fresh process, never a fork: HTTP clients and librdkafka do not survive one."""
    command = [sys.executable, "-m", "engine", "run"]
    if config_file is not None:
        command += ["--config", str(config_file)]
    environ = {**os.environ, _VARIABLE: f"{worker.number}:{worker.count}:{worker.folder}"}
    return subprocess.Popen(  # noqa: S603 - our own command
        command,
        env=environ,
        start_new_session=True,
        stdin=subprocess.PIPE,  # ends with this process
    )


def _wait(processes: list[subprocess.Popen[bytes]], folder: Path, asked: Container[int]) -> int:
    codes: dict[int, int] = {}
    while len(codes) < len(processes):
        time.sleep(_LOOK)
        for process in processes:
            code = process.poll()
            if code is None or process.pid in codes:
                continue
            codes[process.pid] = 0 if -code in asked else code  # it was told before it could listen: nothing had begun
            worker_ended(folder, process.pid)
            if len(codes) == 1 and len(processes) > 1:
                log.log(20 if code == 0 else 40, "worker.ended", pid=process.pid, code=code)
                _send(processes, signal.SIGTERM)
    return next((code if code > 0 else 1 for code in codes.values() if code), 0)


def _send(processes: list[subprocess.Popen[bytes]], number: int) -> None:
    for process in processes:
        if process.poll() is None:
            process.send_signal(number)
