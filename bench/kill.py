"""kill -9 in the middle, again and again: nothing may be lost, and what is repeated is counted.

`python -m bench.kill --help`
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path

from bench.consumer import Task, engine
from bench.load import Load, preload
from bench.run import controls, start_services, wait_for
from tests.api_server.client import ApiServer
from tests.services.process import Process


def main(arguments: Sequence[str] | None = None) -> int:
    """Kill, start again, count; 0 if nothing was lost and the order held."""
    options = _options(arguments)
    load = Load(options.events, options.keys, options.partitions)
    with tempfile.TemporaryDirectory() as scratch, ExitStack() as stack:
        services = start_services(Path(scratch), stack)
        api = services.api
        api.reset(controls=load.keys)
        api.faults(latency=options.latency / 1000)
        topic = preload(load, services.kafka, services.registry, controls(api))
        process = engine(Task(topic, "kill", 2, options.concurrency), services, Path(scratch))
        process.start(lambda: True)
        share = load.events // (options.kills + 1)
        # before each kill: what one causes has come long before the next
        repeats = [_kill(process, api, share * number, number) for number in range(1, options.kills + 1)]
        wait_for(api, process, load.events)
        ended = process.stop()
        stats = api.stats()
    lost = load.events - stats["distinct"]
    each = [after - before for before, after in pairwise([*repeats, stats["repeats"]])]
    print(
        f"{load.events} events, {options.kills} kills: {lost} lost, {stats['order_violations']} out of order,", end=" "
    )
    print(f"{stats['repeats']} repeated ({', '.join(map(str, each))}); exit {ended}")
    return 1 if lost or stats["order_violations"] or ended else 0


def _kill(process: Process, api: ApiServer, at: int, number: int) -> int:
    """Kill it once so many events are applied, and start it again; how many were repeated before."""
    wait_for(api, process, at)
    time.sleep(random.Random(number).random() * 0.2)  # anywhere between two commits
    process.kill()
    before = api.stats()
    process.start(lambda: True)
    start = time.monotonic()
    while api.stats()["distinct"] <= before["distinct"]:
        time.sleep(0.02)
    print(f"kill {number} at {before['distinct']}: new ones after {time.monotonic() - start:.1f} s", flush=True)
    return int(before["repeats"])


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench.kill", description=__doc__)
    parser.add_argument("--events", type=int, default=20_000)
    parser.add_argument("--keys", type=int, default=200)
    parser.add_argument("--partitions", type=int, default=8)
    parser.add_argument("--latency", type=int, default=5, metavar="MS")
    parser.add_argument("--concurrency", type=int, default=64)
    parser.add_argument("--kills", type=int, default=5)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    raise SystemExit(main())
