"""Several processes seen as one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from engine.observe.health import Health
from engine.observe.workers import (
    WorkersHealth,
    WorkersMetrics,
    report_health,
    shared_folder,
    worker_ended,
    write_health,
)

_WORKER = """
import sys
from engine.observe.metrics import Metrics
metrics = Metrics()
metrics.event("a", "done", 0.1, 1.0)
metrics.in_flight(3)
metrics.outage(sys.argv[1] == "2")
metrics.lag(int(sys.argv[1]), 9)
metrics.lag(7, 9)
metrics.forget_partition(7)
"""


def _work(number: int) -> int:
    process = subprocess.Popen([sys.executable, "-c", _WORKER, str(number)])
    assert 0 == process.wait()
    return process.pid


def test_the_parent_adds_up_what_workers_counted() -> None:
    """Counters and processes' gauges are summed, flags are the greatest, partitions stand side by side."""
    with shared_folder() as folder:
        pids = [_work(1), _work(2)]
        text = WorkersMetrics(folder).expose()[0].decode()
        assert 'engine_events_total{event_type="a",outcome="done"} 2.0\n' in text
        assert 'engine_event_seconds_count{event_type="a"} 2.0\n' in text
        assert "engine_in_flight 6.0\n" in text
        assert "engine_outage 1.0\n" in text
        assert 'engine_consumer_lag{partition="1"} 9.0\n' in text
        assert 'engine_consumer_lag{partition="2"} 9.0\n' in text
        assert 'partition="7"' not in text
        worker_ended(folder, pids[1])
        text = WorkersMetrics(folder).expose()[0].decode()
        assert "engine_in_flight 3.0\n" in text
        assert 'engine_events_total{event_type="a",outcome="done"} 2.0\n' in text


def test_the_folder_and_the_variable_are_gone_afterwards() -> None:
    """Nothing is left behind."""
    with shared_folder() as folder:
        assert str(folder) == os.environ["PROMETHEUS_MULTIPROC_DIR"]
    assert (False, False) == (folder.exists(), "PROMETHEUS_MULTIPROC_DIR" in os.environ)


def test_all_workers_must_be_ready(tmp_path: Path) -> None:
    """One that is not ready, or has not reported, makes the whole not ready, and is named."""
    ready, unready = Health(lambda: 0.0, conditions=()), Health(lambda: 0.0)
    group = WorkersHealth(tmp_path, 2, lambda: 1005.0)
    write_health(tmp_path, 1, ready, 1000.0)
    assert (False, "not started yet") == (group.ready()[0], group.ready()[1]["workers"]["2"]["reason"])
    write_health(tmp_path, 2, unready, 1000.0)
    assert (False, {"broker": "not yet", "rules": "not yet"}) == (
        group.ready()[0],
        group.ready()[1]["workers"]["2"]["reasons"],
    )
    write_health(tmp_path, 2, ready, 1000.0)
    assert group.ready()[0]


def test_a_worker_that_stopped_reporting_is_not_alive(tmp_path: Path) -> None:
    """A report older than ten seconds counts as none."""
    write_health(tmp_path, 1, Health(lambda: 0.0, conditions=()), 1000.0)
    assert WorkersHealth(tmp_path, 1, lambda: 1009.0).live()[0]
    ok, said = WorkersHealth(tmp_path, 1, lambda: 1011.0).live()
    assert (False, "no report for 11 s") == (ok, said["workers"]["1"]["reason"])


def test_a_worker_reports_at_once(tmp_path: Path) -> None:
    """The parent need not wait for the first report."""
    end = report_health(tmp_path, 1, Health(lambda: 0.0, conditions=()), lambda: 1000.0)
    end()
    assert WorkersHealth(tmp_path, 1, lambda: 1000.0).ready()[0]
