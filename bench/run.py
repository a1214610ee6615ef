"""Events a second, CPU and memory of the engine beside a bare peer, on a real broker, registry and HTTP server.

All of it shares this machine, so absolute numbers say little and ratios of one run much. `python -m bench.run --help`.
"""

from __future__ import annotations

import argparse
import itertools
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from bench.consumer import CONSUMERS, Services, Task, cpu_seconds, peak_memory
from bench.load import Load, preload
from engine.config.model import DEFAULT_TRANSPORT, TransportName
from tests.api_server.client import ApiServer
from tests.services.kafka import Kafka
from tests.services.process import Process
from tests.services.registry import Registry

_STALLED = 60.0  # seconds without progress
_RUNS = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Case:
    """What is measured: a consumer, its requests an event, the API's latency in milliseconds."""

    consumer: str
    requests: int
    latency: int


@dataclass(frozen=True, slots=True)
class Result:
    """One run.

    Attributes:
        rate: events a second, first request to last answer.
        cpu: microseconds of CPU an event in that time.
        memory: highest resident size, MiB.
        wrong: order violations, repeats and violations of the API's document.
    """

    case: Case
    rate: float
    cpu: float
    memory: float
    peak: int
    wrong: str


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; 0 if nothing was lost, repeated or out of order."""
    options = _options(arguments)
    load = Load(options.events, options.keys, options.partitions)
    results: list[Result] = []
    with tempfile.TemporaryDirectory() as scratch, ExitStack() as stack:
        services = start_services(Path(scratch), stack)
        services.api.reset(controls=load.keys)
        topic = preload(load, services.kafka, services.registry, controls(services.api))
        print(
            f"{load.events} events of {load.keys} keys on {load.partitions} partitions, {options.concurrency} in flight"
        )
        print(f"{'':8}{'requests':>9}{'latency':>9}{'events/s':>10}{'CPU us/event':>14}{'MiB':>6}{'in flight':>11}")
        for case in _cases(options):
            group = f"run-{next(_RUNS)}"
            task = Task(topic, group, case.requests, options.concurrency, options.transport, options.workers)
            process = CONSUMERS[case.consumer](task, services, Path(scratch))
            results.append(measure(case, process, services.api, load))
            _print(results[-1])
    _print_ratios(results)
    return 1 if any(one.wrong for one in results) else 0


def start_services(folder: Path, stack: ExitStack) -> Services:
    """Broker, registry and API server; `stack` stops them."""
    services = Services(Kafka(folder / "kafka"), Registry(folder / "registry"), ApiServer(folder))
    for one in (services.kafka, services.registry, services.api):
        one.start()
        stack.callback(one.stop)
    services.kafka.warm_up()
    return services


def controls(api: ApiServer) -> dict[str, str]:
    """Ids of the applied controls by ref_id."""
    return {one["ref_id"]: one["id"] for one in api.objects("applied-controls")}


def measure(case: Case, process: Process, api: ApiServer, load: Load) -> Result:
    """Run a consumer until all events are applied, then stop it in order.

    Raises:
        RuntimeError: it made no progress for a minute, or did not end in order.
    """
    api.reset(controls=load.keys)
    api.faults(latency=case.latency / 1000)
    process.start(lambda: True)
    idle = cpu_seconds(process.pid)
    while api.stats()["requests"] == 0:
        time.sleep(0.02)
        idle = cpu_seconds(process.pid)
    wait_for(api, process, load.events)
    busy, memory = cpu_seconds(process.pid) - idle, peak_memory(process.pid)
    process.stop()
    stats = api.stats()
    wrong = {name: stats[name] for name in ("order_violations", "repeats", "duplicate_keys", "violations")}
    told = ", ".join(f"{number} {name.replace('_', ' ')}" for name, number in wrong.items() if number)
    rate = load.events / stats["seconds"]
    return Result(case, rate, busy / load.events * 1e6, memory, stats["peak_in_flight"], told)


def wait_for(api: ApiServer, process: Process, events: int) -> None:
    """Until so many different events were applied.

    Raises:
        RuntimeError: the process ended, or nothing was applied for a minute.
    """
    reached, since = -1, time.monotonic()
    while (now := api.stats()["distinct"]) < events:
        if now > reached:
            reached, since = now, time.monotonic()
        if not process.running or time.monotonic() - since > _STALLED:
            raise RuntimeError(f"{now} of {events} events were applied; its log:\n{process.log.read_text()[-3000:]}")
        time.sleep(0.1)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench.run", description=__doc__)
    parser.add_argument("--events", type=int, default=20_000)
    parser.add_argument("--keys", type=int, default=200)
    parser.add_argument("--partitions", type=int, default=8)
    parser.add_argument("--latency", type=int, nargs="+", default=[0, 5, 20], metavar="MS", help="of the API")
    parser.add_argument("--requests", type=int, nargs="+", default=[2], choices=[1, 2], help="per event")
    parser.add_argument("--concurrency", type=int, default=64, help="requests in flight")
    parser.add_argument("--consumers", nargs="+", default=list(CONSUMERS), choices=list(CONSUMERS))
    parser.add_argument("--transport", default=DEFAULT_TRANSPORT, choices=get_args(TransportName), help="of the engine")
    parser.add_argument("--workers", type=int, default=1, help="processes of the engine; they share --concurrency")
    return parser.parse_args(arguments)


def _cases(options: argparse.Namespace) -> list[Case]:
    """Peer and engine in turn, so that both meet the same machine."""
    return [
        Case(who, *how) for how in itertools.product(options.requests, options.latency) for who in options.consumers
    ]


def _print(one: Result) -> None:
    case = f"{one.case.consumer:8}{one.case.requests:>9}{one.case.latency:>6} ms"
    print(f"{case}{one.rate:>10.0f}{one.cpu:>14.0f}{one.memory:>6.0f}{one.peak:>11}  {one.wrong}".rstrip(), flush=True)


def _print_ratios(results: Sequence[Result]) -> None:
    peers = {(one.case.requests, one.case.latency): one for one in results if one.case.consumer == "peer"}
    for one in results:
        other = peers.get((one.case.requests, one.case.latency))
        if one.case.consumer == "engine" and other is not None:
            ratios = (f"{a / b:.2f} {what}" for a, b, what in _pairs(one, other))
            print(f"engine / peer, {one.case.requests} requests, {one.case.latency} ms: {', '.join(ratios)}")


def _pairs(one: Result, other: Result) -> list[tuple[float, float, str]]:
    return [
        (one.rate, other.rate, "events/s"),
        (one.cpu, other.cpu, "CPU an event"),
        (one.memory, other.memory, "memory"),
    ]


if __name__ == "__main__":
    raise SystemExit(main())
