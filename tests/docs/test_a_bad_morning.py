"""The page "A bad morning" is what happens: its commands are run against a broker and an API after a bad night."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.api_server.client import ApiServer
from tests.docs.pages import ROOT, blocks, commands, read
from tests.rig.engine import Engine
from tests.rig.events import rules_folder, write_rule
from tests.rig.topics import Topics
from tests.rig.waiting import eventually
from tests.services.kafka import Kafka

pytestmark = pytest.mark.services

PAGE = "a-bad-morning.md"
FINDING = """\
event_type: log_finding
order_by: "{{ event.payload.ref_id }}"
requests:
  - id: evidence
    method: POST
    path: /evidences/
    body: {name: "{{ event.payload.title }}"}
  - id: control
    method: GET
    path: /applied-controls/
    query: {ref_id: "{{ event.payload.ref_id }}"}
    paginate: true
    expect:
      that: "{{ control.items | length == 1 }}"
  - id: attach
    method: PATCH
    path: /applied-controls/{{ control.items[0].id }}/
    body: {evidences: ["{{ evidence.body.id }}"]}
"""
_TIME = re.compile(r"(\d{4}-)?\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d{3}Z|\.\d{6}Z)?")
_ID = re.compile(r"\b(?!0192f1c4)[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b|\b[0-9a-f]{16}\b")  # or its digest


class Morning:
    """What the night left: an engine that runs, two rules, five dead letters.

    Args:
        folder: of `config.yaml`.
    """

    def __init__(self, folder: Path, kafka: Kafka, api: ApiServer) -> None:
        self.folder, self.api = folder, api
        self.topic = kafka.create_topic(partitions=4)
        (closing,) = [block.text for block in blocks(read(PAGE)) if block.title == "rules/close_incident.yaml"]
        wrong = closing.replace("status: closed", "status: close")
        rules_folder(folder / "rules", log_finding=FINDING, close_incident=wrong)
        config = {
            "kafka": {"brokers": kafka.address, "topic": self.topic, "group": self.topic},
            "events": {"format": "json", "schemas": str(ROOT / "schemas" / "events")},
            "api": {"url": api.url, "auth": {"type": "token", "token": "${CISO_TOKEN}"}},
            "dlq": {"topic": f"{self.topic}.dlq"},
        }
        self.engine = Engine(folder, "config", config, {"CISO_TOKEN": api.token, "PYTHONPATH": str(ROOT)})
        self._topics = Topics(kafka.client())

    def night(self) -> None:
        """Five events, one after the other, so that their letters are in this order, too."""
        self.api.add("incidents", name="Second", ref_id="INC-2", status="new", severity=3)
        self.engine.start_ready()
        self._event(0, b"\x00load test \xff\xfe 17", None)
        for number, ref in enumerate(("INC-1", "INC-2")):
            self._event(2, _event(number + 101, "close_incident", {"ref_id": ref}), ref)
        self.api.faults({"status": 403, "method": "PATCH"})
        for number, ref in enumerate(("AC-1", "AC-2")):
            payload = {"ref_id": ref, "title": f"Scan of {ref}"}
            self._event(1, _event(number + 103, "log_finding", payload), ref)
        self.api.faults()

    def run(self, words: list[str]) -> str:
        """What a command prints on a terminal, without the bars."""
        if words[0] == "curl":
            eventually(lambda: self.engine.total("engine_dead_letters_open") == 0, within=30, what="zero are open")
            return f"engine_dead_letters_open {self.engine.total('engine_dead_letters_open')}\n"
        main, other = pty.openpty()
        environment = {**self.engine.environment, "TERM": "dumb", "NO_COLOR": "1"}
        command = [sys.executable, "-m", "engine", *words[1:]]
        with subprocess.Popen(
            command, cwd=self.folder, env=environment, stdin=subprocess.DEVNULL, stdout=other, stderr=subprocess.PIPE
        ) as process:
            os.close(other)
            output = b"".join(_until_closed(main))
            errors = process.stderr.read() if process.stderr else b""
        return (output.replace(b"\r\n", b"\n") + errors).decode()

    def public(self, text: str) -> str:
        """The text with the names that the page uses, and nothing that differs from one morning to the next."""
        text = text.replace(self.api.url, "http://localhost:8000/api").replace(self.topic, "observation")
        text = _ID.sub("ID", _TIME.sub(lambda found: "T" * len(found[0]), text))
        return "\n".join(re.sub(r" +", " ", line).rstrip() for line in text.splitlines()).strip()

    def _event(self, partition: int, value: bytes, key: str | None) -> None:
        dead = self.engine.outcomes("dead")
        self._topics.produce(self.topic, value, key, partition=partition)
        self._topics.flush()
        eventually(lambda: self.engine.outcomes("dead") > dead, what="the event is dead")


def _event(number: int, kind: str, payload: dict[str, str]) -> bytes:
    event_id = f"0192f1c4-7b1e-7c3a-9d2e-{number:012}"
    return json.dumps({"event_id": event_id, "event_type": kind, "version": 1, "payload": payload}).encode()


def _until_closed(terminal: int) -> Iterator[bytes]:
    try:
        while data := os.read(terminal, 65_536):
            yield data
    except OSError:  # how Linux says that the other end is closed
        pass
    finally:
        os.close(terminal)


@pytest.fixture
def morning(tmp_path: Path, kafka: Kafka, api_server: ApiServer) -> Iterator[Morning]:
    """After the night."""
    made = Morning(tmp_path, kafka, api_server)
    made.night()
    yield made
    made.engine.kill()


def session(morning: Morning) -> Iterator[tuple[int, list[str], str, str]]:
    """The page from its first line to its last: line, command, what is shown, what is printed."""
    for block in blocks(read(PAGE)):
        if block.is_file:
            write_rule(morning.folder / block.title, block.text)
        elif block.language == "console":
            for command in commands(block):
                yield block.line, list(command.words), command.shown, morning.run(list(command.words))


def test_the_page_is_what_happens(morning: Morning) -> None:
    """Each command prints what the page shows; times, ids and widths of columns aside."""
    for line, words, shown, printed in session(morning):
        assert (line, words, morning.public(shown)) == (line, words, morning.public(printed))
    posts = morning.api.stats()["answers"]
    assert {"POST 201": 2, "PATCH 200": 4} == {name: posts[name] for name in ("POST 201", "PATCH 200")}
