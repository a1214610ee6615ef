"""Several processes of one group."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.config.model import Api, Config, Kafka
from engine.workers import Worker, _wait, held, share

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


def _until(true: Callable[[], bool]) -> None:
    """Wait for something of another process.

    Raises:
        AssertionError: it does not come.
    """
    end = time.monotonic() + 30
    while not true():
        assert time.monotonic() < end
        time.sleep(0.05)


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
    _until(lambda: all(mark.exists() for mark in marks))
    parent.send_signal(signal.SIGTERM)
    assert 0 == parent.wait(20)


_CONFIG = """
kafka: {brokers: "127.0.0.1:1"}
events: {format: json}
rules: {path: RULES, reload: false}
http: {port: 0}
shutdown_timeout: 5s
"""


def test_nothing_is_left_of_a_parent_that_was_killed(tmp_path: Path) -> None:
    """Its workers end, too, and the last one removes the folder in which they reported."""
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "a.yaml").write_text("event_type: a\nrequest: {method: GET, path: /a/}\n")
    config = tmp_path / "config.yaml"
    config.write_text(_CONFIG.replace("RULES", str(tmp_path / "rules")))
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    command = [sys.executable, "-m", "engine", "run", "--config", str(config), "--workers", "2"]
    environ = {**os.environ, "TMPDIR": str(temporary)}
    parent = subprocess.Popen(command, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _until(lambda: 2 == len(list(temporary.glob("engine-*/health-?.json"))))
    parent.kill()
    parent.wait(20)
    _until(lambda: not list(temporary.iterdir()))


_HOLDS = """
import time
from pathlib import Path
from engine.workers import held

with held(Path({folder!r})):
    Path({mark!r}).touch()
    time.sleep(60)
"""


def test_who_leaves_last_removes_the_folder(tmp_path: Path) -> None:
    """Others that are there still need it; one that was killed does not."""
    folder, mark = tmp_path / "shared", tmp_path / "mark"
    other = _process(_HOLDS.format(folder=str(folder), mark=str(mark)))
    _until(mark.exists)
    with held(folder):
        pass
    assert folder.exists()
    with held(folder):
        other.kill()
        other.wait(20)
    assert not folder.exists()
