"""Several processes of one group."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from engine.config.model import Api, Config, Kafka
from engine.workers import Worker, _wait, share

FOLDER = Path("/tmp/shared")


@pytest.mark.parametrize(("concurrency", "count"), [(16, 3), (16, 16), (7, 2), (1, 1)])
def test_concurrency_is_shared_without_loss(concurrency: int, count: int) -> None:
    """The workers' parts add up to the whole."""
    config = Config(api=Api(concurrency=concurrency))
    parts = [share(config, Worker(number, count, FOLDER)).api.concurrency for number in range(1, count + 1)]
    assert concurrency == sum(parts)
    assert max(parts) - min(parts) <= 1


def test_every_worker_may_send() -> None:
    """With more workers than requests in flight each has one."""
    config = Config(api=Api(concurrency=2))
    assert [1, 1, 1] == [share(config, Worker(number, 3, FOLDER)).api.concurrency for number in (1, 2, 3)]


def test_rates_are_shared_by_all_apis() -> None:
    """No limit stays none."""
    config = Config(api=Api(rate=50.0), apis={"two": Api(name="two", rate=10.0), "three": Api(name="three")})
    part = share(config, Worker(2, 4, FOLDER))
    assert (12.5, 2.5, None) == (part.api.rate, part.apis["two"].rate, part.apis["three"].rate)


def test_a_static_member_has_a_name_of_its_own() -> None:
    """Two of the same name would throw each other out; without a name there is none."""
    named = Config(kafka=Kafka(instance="engine-0"))
    assert "engine-0-2" == share(named, Worker(2, 4, FOLDER)).kafka.instance
    assert share(Config(), Worker(2, 4, FOLDER)).kafka.instance is None


def test_a_worker_learns_what_it_is_from_its_environment() -> None:
    """The folder may contain colons; without the variable it is no worker."""
    assert Worker(2, 4, Path("/tmp/a:b")) == Worker.from_environment({"ENGINE_WORKER": "2:4:/tmp/a:b"})
    assert Worker.from_environment({}) is None


def _process(code: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", code])


SLEEPS = "import time; time.sleep(60)"
LISTENS = "import signal, sys, time; signal.signal(signal.SIGTERM, lambda *_: sys.exit(0)); print('!', flush=True); "


def _listening(code: str = "time.sleep(60)") -> subprocess.Popen[bytes]:
    process = subprocess.Popen([sys.executable, "-c", LISTENS + code], stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    process.stdout.close()
    return process


def test_all_stopped_in_order_is_in_order(tmp_path: Path) -> None:
    """Exit 0 of all is 0."""
    assert 0 == _wait([_process("pass"), _process("pass")], tmp_path, [])


def test_one_that_fails_ends_the_others(tmp_path: Path) -> None:
    """And its exit code is the whole's."""
    processes = [_listening(), _process("raise SystemExit(2)"), _listening()]
    assert 2 == _wait(processes, tmp_path, [])
    assert [0, 2, 0] == [process.returncode for process in processes]


def test_one_that_was_killed_is_a_failure(tmp_path: Path) -> None:
    """The system has no exit code for it; ours is 1."""
    killed = _process(SLEEPS)
    killed.kill()
    assert 1 == _wait([killed, _listening()], tmp_path, [])


def test_one_that_was_told_to_stop_before_it_could_listen_stopped_in_order(tmp_path: Path) -> None:
    """Nothing had begun."""
    early = _process(SLEEPS)
    early.send_signal(signal.SIGTERM)
    assert 0 == _wait([early, _listening()], tmp_path, [signal.SIGTERM])


_SUPERVISE = """
import signal, sys, time
from pathlib import Path
from engine import workers
from engine.config.model import Config, Http

def start(config_file, worker):
    code = {early!r} if worker.number == 1 else {late!r}
    import subprocess
    return subprocess.Popen([sys.executable, "-c", code], start_new_session=True)

workers._start = start
sys.exit(workers.supervise(Config(http=Http(port=0)), None, 2))
"""


def test_a_signal_reaches_every_worker(tmp_path: Path) -> None:
    """They stop in order, and so does the whole."""
    code = (
        "import pathlib, signal, sys, time; signal.signal(signal.SIGTERM, lambda *_: sys.exit(0)); "
        "pathlib.Path({path!r}).touch(); time.sleep(60)"
    )
    marks = [tmp_path / "one", tmp_path / "two"]
    early, late = (code.format(path=str(mark)) for mark in marks)
    parent = _process(_SUPERVISE.format(early=early, late=late))
    until = time.monotonic() + 20
    while not all(mark.exists() for mark in marks) and time.monotonic() < until:
        time.sleep(0.05)
    parent.send_signal(signal.SIGTERM)
    assert 0 == parent.wait(20)
