"""`engine run`: consumes until SIGTERM or SIGINT."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import sys
import time
from collections.abc import Callable, Collection
from pathlib import Path
from typing import NoReturn

from engine.config.load import load_config
from engine.config.model import Config
from engine.errors import Unusable
from engine.loops import run as run_loop
from engine.observe.health import Health
from engine.observe.log import configure
from engine.observe.mask import secrets_of
from engine.observe.metrics import Metrics
from engine.observe.server import serve
from engine.observe.workers import report_health
from engine.service import Service
from engine.signals import STOPS, stop_with
from engine.workers import Worker, held, share, supervise

_GATHER = 0.1  # seconds that a line of INFO may wait for others
_GARBAGE = 20_000  # objects between two collections: thousands of events wait at a time, and none of them is garbage


def run(config_file: Path | None, workers: int, heard: Collection[int] = ()) -> int:
    """Run the engine. Exit code: 0 stopped in order, 1 failed, 2 configuration.

    Args:
        config_file: None for `config.yaml` here.
        workers: processes.
        heard: signals that came since the process began; grows until this takes them over.

    Raises:
        Unusable: the configuration, the rules or a topic cannot be used.
    """
    config = load_config(config_file, os.environ)
    flush = configure(config.log, secrets=secrets_of(config), gather=_GATHER)
    worker = Worker.from_environment(os.environ)
    if worker is not None:
        stop_with(sys.stdin.fileno())
        with held(worker.folder):
            code = _consume(share(config, worker), worker, heard)
        return _leave(code, flush)
    if workers > 1:
        return supervise(config, config_file, workers, heard)
    return _leave(_consume(config, None, heard), flush)


def _consume(config: Config, worker: Worker | None, heard: Collection[int]) -> int:
    metrics, health = Metrics(), Health(time.monotonic)
    try:
        service = Service(config, metrics, health)
        if worker is not None:
            end = report_health(worker.folder, worker.number, health, time.time)
            try:
                return drive(service, heard)
            finally:
                end()
        server = serve(config.http, metrics, health)
        try:
            return drive(service, heard)
        finally:
            server.close()
    except Unusable as error:
        print(f"engine: {error}", file=sys.stderr)  # noqa: T201 - talk goes to stderr
        return 2


def drive(service: Service, heard: Collection[int] = ()) -> int:
    """Run a service on a loop of its own, under the process's signals; `heard`: those that came already."""
    gc.freeze()  # rules, schemas and code live as long as the process: never look through them again
    gc.set_threshold(_GARBAGE, *gc.get_threshold()[1:])
    return run_loop(_under_signals(service, heard))


async def _under_signals(service: Service, heard: Collection[int]) -> int:
    loop = asyncio.get_running_loop()
    stop, look_again = asyncio.Event(), asyncio.Event()
    for number in STOPS:
        loop.add_signal_handler(number, stop.set)
    loop.add_signal_handler(signal.SIGHUP, look_again.set)
    if not STOPS.isdisjoint(heard):
        stop.set()
    if signal.SIGHUP in heard:
        look_again.set()
    return await service.run(stop, look_again)


def _leave(code: int, flush: Callable[[], None]) -> NoReturn:
    """End the process here: with plain asyncio, pyreqwest's threads may abort it at the interpreter's exit."""
    flush()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
