"""The engine as a user runs it: `python -m engine run --config F`, a process of its own."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.rig.waiting import eventually
from tests.services.process import Process, free_port

ROOT = Path(__file__).parents[2]
_COMMAND = (sys.executable, "-m", "engine")


@dataclass(frozen=True, slots=True)
class Ended:
    """A verb's end: exit code and what it printed."""

    code: int
    output: str
    errors: str


class Engine:
    """One `engine run` with its configuration file, log and HTTP port.

    Args:
        folder: for its files.
        name: of its files.
        config: all of config.yaml but `http`.
        environment: added to the test's own.
    """

    def __init__(
        self, folder: Path, name: str, config: Mapping[str, Any], environment: Mapping[str, str], *arguments: str
    ) -> None:
        self.port = free_port()
        self.config = folder / f"{name}.yaml"
        self.config.write_text(json.dumps({**config, "http": {"port": self.port}}, indent=1))
        self.log = folder / f"{name}.log"
        self.environment = {**os.environ, **environment}
        command = [*_COMMAND, "run", "--config", str(self.config), *arguments]
        self._process = Process(command, self.log, folder=ROOT, environment=self.environment)
        self._pid = 0

    def start(self) -> None:
        """Start it; returns when its /livez answers."""
        self._process.start(lambda: self._get("/livez") is not None)
        self._pid = self._process.pid

    def start_ready(self) -> Engine:
        """Start it; returns when it says that it is ready."""
        self.start()
        self.wait_ready()
        return self

    def wait_ready(self, ready: bool = True, *, within: float = 40.0) -> dict[str, Any]:
        """Return what /readyz says once it says this."""

        def says() -> dict[str, Any] | None:
            found = self.ready()
            return found if found["ready"] is ready else None

        try:
            return eventually(says, within=within, what=f"ready={ready}")
        except AssertionError as late:
            raise AssertionError(f"{late}; {self.ready()}; its log ends:\n{self.text()[-3000:]}") from late

    def ready(self) -> dict[str, Any]:
        """What /readyz says; `ready` and, where not, `reasons`."""
        return self._json("/readyz")

    def live(self) -> bool:
        """What /livez says."""
        return bool(self._json("/livez")["live"])

    def metrics(self) -> dict[str, float]:
        """Series by name with labels, as Prometheus writes them."""
        found = self._get("/metrics")
        assert found is not None
        lines = [line for line in found[1].decode().splitlines() if not line.startswith("#")]
        return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}

    def total(self, name: str, *labels: str) -> float:
        """Sum of the series of a name whose labels contain all these texts, e.g. `outcome="done"`."""
        return sum(
            value
            for series, value in self.metrics().items()
            if series.partition("{")[0] == name and all(label in series for label in labels)
        )

    def outcomes(self, outcome: str) -> int:
        """Events that ended so since the process began."""
        return int(self.total("engine_events_total", f'outcome="{outcome}"'))

    def text(self) -> str:
        """Everything it printed."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def events(self, name: str) -> list[dict[str, Any]]:
        """Its log lines of one name."""
        lines = [line for line in self.text().splitlines() if f'"{name}"' in line]
        return [line for line in map(_parsed, lines) if line.get("event") == name]

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        os.kill(self._process.pid, number)

    def stop(self, *, within: float = 30.0) -> int:
        """SIGTERM; its exit code."""
        return self._process.stop(within=within)

    def kill(self) -> None:
        """SIGKILL."""
        self._process.kill()

    def suspend(self) -> None:
        """SIGSTOP."""
        self._process.suspend()

    def resume(self) -> None:
        """SIGCONT."""
        self._process.resume()

    def wait_exit(self, *, within: float = 40.0) -> int:
        """Its exit code when it ended by itself; -1 stands for a process that is gone otherwise."""
        eventually(lambda: not self._process.running, within=within, what="the engine ended")
        return self._process.stop()

    @property
    def running(self) -> bool:
        """Whether its process lives."""
        return self._process.running

    def memory(self) -> int:
        """Bytes that are resident now."""
        status = Path(f"/proc/{self._pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0]) * 1024

    def verb(self, *arguments: str) -> Ended:
        """Run another verb with the same configuration and environment."""
        return verb(*arguments, "--config", str(self.config), environment=self.environment)

    def _json(self, path: str) -> dict[str, Any]:
        found = self._get(path)
        assert found is not None, f"{path} does not answer; the log ends:\n{self.text()[-3000:]}"
        return dict(json.loads(found[1])) | {"status": found[0]}

    def _get(self, path: str) -> tuple[int, bytes] | None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read()
        except OSError:
            return None
        finally:
            connection.close()


def verb(*arguments: str, environment: Mapping[str, str] = os.environ, within: float = 60.0) -> Ended:
    """Run a verb of the engine to its end."""
    command = [*_COMMAND, *arguments]
    done = subprocess.run(
        command, env=dict(environment), cwd=ROOT, capture_output=True, text=True, timeout=within, check=False
    )
    return Ended(done.returncode, done.stdout, done.stderr)


def start_verb(*arguments: str, engine: Engine) -> subprocess.Popen[str]:
    """A verb that runs, with an engine's configuration and environment."""
    command = [*_COMMAND, *arguments, "--config", str(engine.config)]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, env=engine.environment, cwd=ROOT, stdout=pipe, stderr=pipe, text=True)


def _parsed(line: str) -> dict[str, Any]:
    try:
        return dict(json.loads(line))
    except ValueError:
        return {}
