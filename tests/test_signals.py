"""Signals that come before the engine can stop, and a parent that is gone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from engine.signals import listening

_CONFIG = """
kafka: {brokers: "127.0.0.1:1"}
events: {format: json}
rules: {path: RULES, reload: false}
http: {port: 0}
"""

# A signal comes at the import of a module, which is a certain moment of the start.
_STRUCK = """
import os, sys
moment, number = sys.argv[1], int(sys.argv[2])

class Striker:
    def find_spec(self, name, path=None, target=None):
        if name == moment:
            os.kill(os.getpid(), number)

sys.meta_path.insert(0, Striker())
from engine.__main__ import main
sys.argv[1:] = ["run", *sys.argv[3:]]
main()
"""


def test_what_came_is_remembered_and_the_handlers_come_back() -> None:
    """The process lives on, and whoever listens sees all of them in order."""
    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)]
    with listening() as heard:
        for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGINT):
            os.kill(os.getpid(), number)
        assert [signal.SIGHUP, signal.SIGTERM, signal.SIGINT] == list(heard)
    assert before == [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)]


@pytest.mark.parametrize(
    ("number", "moment", "arguments"),
    [
        (signal.SIGTERM, "engine.cli", ()),
        (signal.SIGINT, "click", ()),
        (signal.SIGTERM, "engine.commands.run", ()),
        (signal.SIGINT, "quixstreams", ()),
        (signal.SIGTERM, "uvloop", ()),  # with the loop: everything is read, nothing is connected
        (signal.SIGTERM, "click", ("--workers", "2")),
        (signal.SIGTERM, "engine.commands.run", ("--workers", "2")),
    ],
)
def test_a_signal_during_the_start_ends_it_in_order(
    tmp_path: Path, number: signal.Signals, moment: str, arguments: tuple[str, ...]
) -> None:
    """Exit code 0 and no complaint, although nothing had begun."""
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "a.yaml").write_text("event_type: a\nrequest: {method: GET, path: /a/}\n")
    config = tmp_path / "config.yaml"
    config.write_text(_CONFIG.replace("RULES", str(tmp_path / "rules")))
    command = [sys.executable, "-c", _STRUCK, moment, str(int(number)), "--config", str(config), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (0, False) == (done.returncode, "Traceback" in done.stderr), done.stderr


def test_the_end_of_the_parent_is_a_signal_to_stop() -> None:
    """Whatever it died of: its end of the pipe is closed."""
    code = (
        "import signal, sys, threading; from engine.signals import stop_with; "
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(7)); stop_with(0); print('!', flush=True); "
        "threading.Event().wait(60)"
    )
    child = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert child.stdin is not None
    assert child.stdout is not None
    child.stdout.readline()
    child.stdin.close()
    assert 7 == child.wait(20)
    child.stdout.close()
