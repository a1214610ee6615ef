"""The API server as tests hold it: a process of its own and its controls."""

from __future__ import annotations

import http.client
import json
import sys
import time
from pathlib import Path
from typing import Any

from tests.api_server.credentials import TOKEN
from tests.services.process import Process, free_port

_ROOT = Path(__file__).parents[2]


class ApiServer:
    """One API server process on fixed ports.

    Attributes:
        url: base URL of the API, with `/api`.
        token: the fixed token, for `Authorization: Token X`; more credentials in `tests.api_server.credentials`.
    """

    def __init__(self, folder: Path) -> None:
        self._port, self._control_port = free_port(), free_port()
        self.url = f"http://127.0.0.1:{self._port}/api"
        self.token = TOKEN
        ports = ("--port", str(self._port), "--control-port", str(self._control_port))
        self._process = Process([sys.executable, "-m", "tests.api_server", *ports], folder / "api.log", folder=_ROOT)

    def start(self) -> None:
        """Start it; what it knew before is forgotten.

        Raises:
            NotStarted: it did not start.
        """
        self._process.start(lambda: str(self._control_port) in self._process.log.read_text())

    def stop(self) -> None:
        """SIGTERM."""
        self._process.stop()

    def kill(self) -> None:
        """SIGKILL."""
        self._process.kill()

    def suspend(self) -> None:
        """Connections stay open and nothing answers, not even the controls, until `resume`."""
        self._process.suspend()

    def resume(self) -> None:
        """Go on."""
        self._process.resume()

    @property
    def running(self) -> bool:
        """Whether its process lives."""
        return self._process.running

    @property
    def pid(self) -> int:
        """Of its process."""
        return self._process.pid

    def stats(self) -> dict[str, Any]:
        """Numbers: requests, answers, applied, order_violations, repeats, duplicate_keys, peak_in_flight ..."""
        return dict(self._control("GET", "stats"))

    def requests(self, limit: int = 1000) -> list[dict[str, Any]]:
        """The latest requests, oldest first: method, path, query, headers, body, status, reference."""
        return list(self._control("POST", "requests", {"limit": limit}))

    def violations(self) -> list[dict[str, str]]:
        """What came against the document: kind, detail, request. Kinds: unknown-path, wrong-method, unknown-query,
        unknown-field, read-only-field, no-trailing-slash, no-idempotency-key.
        """
        return list(self._control("GET", "violations"))

    def applied(self) -> dict[str, list[int]]:
        """By `ref_id`: the numbers at the end of `observation`, in the order in which they were written."""
        return dict(self._control("GET", "applied"))

    def objects(self, collection: str) -> list[dict[str, Any]]:
        """All objects of a collection (`applied-controls`), as stored: relations are ids."""
        return list(self._control("POST", "objects", {"collection": collection}))

    def add(self, collection: str, **values: Any) -> dict[str, Any]:
        """Put an object there, without a request; the object."""
        return dict(self._control("POST", "add", {"collection": collection, "values": values}))

    def faults(self, *rules: dict[str, Any], latency: float = 0.0, jitter: float = 0.0) -> None:
        """Replace all faults; a rule has the fields of `tests.api_server.faults.Fault`. Nothing given: no faults."""
        self._control("PUT", "faults", {"rules": rules, "latency": latency, "jitter": jitter})

    def down(self, seconds: float | None = None) -> None:
        """Refuse and cut connections, for so many seconds or until `up`."""
        self._control("POST", "down", {"seconds": seconds})
        self._until_listening(False)

    def up(self) -> None:
        """Accept connections again."""
        self._control("POST", "up")
        self._until_listening(True)

    def expire_tokens(self) -> None:
        """Every token that was given out is invalid; the fixed one stays valid."""
        self._control("POST", "expire")

    def revoke_tokens(self) -> None:
        """Every token is invalid, the fixed one too, until `reset`; a login gives out a valid one."""
        self._control("POST", "revoke")

    def forget(self) -> None:
        """Empty the record, keep the objects and the faults."""
        self._control("POST", "forget")

    def reset(self, *, controls: int = 10) -> None:
        """Begin anew: AC-1 to AC-<controls> and the other seeds, no faults, an empty record, accepting connections."""
        self.up()
        self._control("POST", "reset", {"controls": controls})

    def _until_listening(self, wanted: bool) -> None:
        end = time.monotonic() + 10
        while self._control("GET", "listening") is not wanted:
            if time.monotonic() > end:
                raise TimeoutError("the API server did not obey")
            time.sleep(0.002)

    def _control(self, method: str, name: str, body: Any = None) -> Any:
        connection = http.client.HTTPConnection("127.0.0.1", self._control_port, timeout=60)
        try:
            connection.request(method, f"/__{name}", None if body is None else json.dumps(body))
            answer = connection.getresponse()
            value = json.load(answer)
        finally:
            connection.close()
        if answer.status != 200:
            raise ValueError(value["detail"])
        return value
