"""A child process that is waited for until it serves, and that never outlives the tests."""

from __future__ import annotations

import ctypes
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

_PR_SET_PDEATHSIG = 1


class NotStarted(Exception):
    """The process ended or did not serve in time; the text ends with its log."""


class Process:
    """One child process with its log in a file.

    Attributes:
        log: where its output goes, each start from the beginning.
    """

    def __init__(
        self,
        command: Sequence[str],
        log: Path,
        *,
        folder: Path | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._command = list(command)
        self._folder = folder
        self._environment = environment
        self._child: subprocess.Popen[bytes] | None = None
        self.log = log

    @property
    def pid(self) -> int:
        """Of the running child."""
        return self._running().pid

    def start(self, serves: Callable[[], bool], *, within: float = 60.0) -> None:
        """Start it and wait until `serves` says so, at most `within` seconds.

        Raises:
            NotStarted: it ended or did not serve in time.
        """
        with self.log.open("wb") as log:
            self._child = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self._folder,
                env=self._environment,
                start_new_session=True,  # Ctrl-C ends pytest, which then stops the services in order
                preexec_fn=_die_with_parent,  # noqa: PLW1509  one call into libc, no lock is taken
            )
        end = time.monotonic() + within
        while not serves():
            if self._child.poll() is not None or time.monotonic() > end:
                self.kill()
                raise NotStarted(f"{Path(self._command[0]).name} did not start:\n{self.log.read_text()[-2000:]}")
            time.sleep(0.05)

    def run(self) -> None:
        """Run it to its end.

        Raises:
            NotStarted: it failed.
        """
        with self.log.open("wb") as log:
            done = subprocess.run(
                self._command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, timeout=120, check=False
            )
        if done.returncode:
            raise NotStarted(f"{Path(self._command[0]).name} failed:\n{self.log.read_text()[-2000:]}")

    def stop(self, *, within: float = 20.0) -> int:
        """SIGTERM, then SIGKILL after `within` seconds; its exit code."""
        child = self._running()
        self.resume()
        child.terminate()
        try:
            return child.wait(within)
        except subprocess.TimeoutExpired:
            return self.kill()
        finally:
            self._child = None

    def kill(self) -> int:
        """SIGKILL; its exit code."""
        child = self._running()
        child.kill()
        self._child = None
        return child.wait()

    def suspend(self) -> None:
        """SIGSTOP: connections stay open and nothing answers."""
        self._running().send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """SIGCONT."""
        self._running().send_signal(signal.SIGCONT)

    @property
    def running(self) -> bool:
        """Whether it was started and has not ended."""
        return self._child is not None and self._child.poll() is None

    def _running(self) -> subprocess.Popen[bytes]:
        if self._child is None:
            raise RuntimeError(f"{self._command[0]} is not running")
        return self._child


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody uses.

    Below the range that the kernel hands out: a client that calls a stopped service again and again could otherwise be
    given that very port for its own end, and talk to itself.
    """
    while True:
        port = random.SystemRandom().randrange(18_000, 32_000)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def _die_with_parent() -> None:
    """Linux ends the child with the thread that started it: a killed pytest leaves no broker behind."""
    if sys.platform == "linux":
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


_LIBC = ctypes.CDLL(None)  # loaded before any fork: a child may only call, not load
