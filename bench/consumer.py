"""One consumer process under measurement: the engine, or the peer."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import yaml

from engine.config.model import DEFAULT_TRANSPORT
from tests.api_server.client import ApiServer
from tests.services.kafka import Kafka
from tests.services.process import Process
from tests.services.registry import Registry

ROOT = Path(__file__).parents[1]
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Task:
    """What a consumer has to do.

    Attributes:
        topic, group: what it consumes, and as whom.
        requests: per event, 1 or 2.
        concurrency: requests in flight.
        transport: HTTP client of the engine.
        workers: processes of the engine; they share `concurrency`.
    """

    topic: str
    group: str
    requests: int
    concurrency: int
    transport: str = DEFAULT_TRANSPORT
    workers: int = 1


@dataclass(frozen=True, slots=True)
class Services:
    """What a consumer talks to."""

    kafka: Kafka
    registry: Registry
    api: ApiServer


def engine(task: Task, services: Services, folder: Path) -> Process:
    """`engine run`, logs at INFO in a file, metrics on. Not started."""
    config = folder / f"{task.group}.yaml"
    rules = ROOT / "bench" / "rules" / ("one" if task.requests == 1 else "two")
    config.write_text(
        yaml.safe_dump(
            {
                "kafka": {"brokers": services.kafka.address, "topic": task.topic, "group": task.group},
                "schema_registry": {"url": services.registry.url},
                "events": {"schemas": str(ROOT / "bench" / "schemas")},
                "api": {
                    "url": services.api.url,
                    "auth": {"type": "token", "token": services.api.token},
                    "concurrency": task.concurrency,
                    "openapi": str(ROOT / "schemas" / "ciso-assistant.openapi.json"),
                    "transport": task.transport,
                },
                # one of its own: what a former run had done would be a duplicate for the next
                "dlq": {"topic": f"{task.topic}.{task.group}.dlq"},
                "rules": {"path": str(rules)},
                "log": {"level": "info", "format": "json"},
                "http": {"port": 0},
            }
        )
    )
    command = [sys.executable, "-m", "engine", "run", "--config", str(config)]
    if task.workers > 1:
        command += ["--workers", str(task.workers)]
    return Process(command, folder / f"{task.group}.log", folder=ROOT)


def peer(task: Task, services: Services, folder: Path) -> Process:
    """The bare pipeline of bench/peer.py. Not started."""
    names = ("--brokers", services.kafka.address, "--topic", task.topic, "--group", task.group)
    urls = ("--registry", services.registry.url, "--api", services.api.url, "--token", services.api.token)
    work = ("--requests", str(task.requests), "--concurrency", str(task.concurrency))
    command = [sys.executable, "-m", "bench.peer", *names, *urls, *work]
    return Process(command, folder / f"{task.group}.log", folder=ROOT)


CONSUMERS = {"peer": peer, "engine": engine}


def cpu_seconds(pid: int) -> float:
    """User and system time of a process, its children and all their threads so far."""
    fields = [Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split() for one in _family(pid)]
    return sum(int(one[11]) + int(one[12]) for one in fields) / _TICKS


def peak_memory(pid: int) -> float:
    """Highest resident size so far of a process and its children together, MiB."""
    lines = [line for one in _family(pid) for line in Path(f"/proc/{one}/status").read_text().splitlines()]
    return sum(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) / 1024


def _family(pid: int) -> list[str]:
    """A process and its children, as long as they live."""
    family = [str(pid)]
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(FileNotFoundError):  # the thread ended meanwhile
            family += task.read_text().split()
    return family
