"""The demo as a newcomer starts it."""

from __future__ import annotations

import subprocess
import sys


def test_the_demo_shows_everything_and_ends_in_order() -> None:
    """Exit 0: 38 of 40 messages are done, two of them after a retry, and two are dead letters with their reasons."""
    command = [sys.executable, "-m", "engine", "demo"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert 0 == ended.returncode, ended.stdout + ended.stderr
    lines = ended.stdout.splitlines()
    words = [line.split(" ", 1)[0] for line in lines]
    assert (40, 38, 2, 2) == tuple(words.count(word) for word in ("in", "done", "retried", "dead"))
    assert any(line.startswith("  decode   (not an event): ") for line in lines)
    assert any(line.startswith("  expect   create_incident INC-2026-05: The incident was refused") for line in lines)
    assert any("38 done, 2 of them after a retry; 2 dead letters." in line for line in lines)
    assert 1 == sum(line.startswith("request  400 POST /api/incidents/") for line in lines)
