"""The listening side: the API on one port, its controls on another that no fault reaches."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import orjson

from tests.api_server.app import App
from tests.api_server.messages import Reply, Request, json_reply
from tests.api_server.protocol import Connection

HOST = "127.0.0.1"


class Server:
    """One API server.

    Attributes:
        port: of the API.
        control_port: of the controls (`/__stats` ...), open while the API is down.
    """

    def __init__(self, app: App, port: int, control_port: int) -> None:
        self._app = app
        self.port = port
        self.control_port = control_port
        self._connections: set[Connection] = set()
        self._server: asyncio.Server | None = None
        self._listening = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._controls: dict[tuple[str, str], Callable[[Any], Any]] = {
            ("GET", "/__stats"): lambda _: app.recorder.stats(),
            ("GET", "/__listening"): lambda _: self._listening,
            ("GET", "/__violations"): lambda _: app.recorder.violations,
            ("GET", "/__applied"): lambda _: app.recorder.applied,
            ("POST", "/__requests"): lambda given: app.recorder.listed(limit=given.get("limit", 1000)),
            ("POST", "/__objects"): lambda given: app.store.all(given["collection"]),
            ("POST", "/__add"): lambda given: app.store.add(given["collection"], given["values"]),
            ("PUT", "/__faults"): app.faults.set,
            ("POST", "/__forget"): lambda _: app.recorder.clear(),
            ("POST", "/__reset"): lambda given: app.reset(controls=given.get("controls", 10)),
            ("POST", "/__expire"): lambda _: app.credentials.renew(),
            ("POST", "/__revoke"): lambda _: app.credentials.revoke(),
            ("POST", "/__down"): lambda given: self._spawn(self._down(given.get("seconds"))),
            ("POST", "/__up"): lambda _: self._spawn(self._up()),
        }

    async def start(self) -> None:
        """Listen on both ports."""
        loop = asyncio.get_running_loop()
        await self._up()
        self._controlling = await loop.create_server(
            lambda: Connection(self._control, set(), lambda: None), HOST, self.control_port
        )

    def _control(self, request: Request) -> Reply:
        control = self._controls.get((request.method, request.path))
        if control is None:
            return json_reply(404, {"detail": f"controls are {sorted(' '.join(one) for one in self._controls)}"})
        try:
            value = control(orjson.loads(request.body) if request.body else {})
        except (KeyError, TypeError, ValueError) as wrong:
            return json_reply(400, {"detail": repr(wrong)})
        return json_reply(200, value)

    def _connection(self) -> Connection:
        self._app.recorder.connected()
        return Connection(self._app.answer, self._connections, self._app.recorder.finished)

    async def _up(self) -> None:
        if self._server is None:
            loop = asyncio.get_running_loop()
            self._server = await loop.create_server(self._connection, HOST, self.port, backlog=1024)
            self._listening = True

    async def _down(self, seconds: float | None) -> None:
        """Refuse and cut all connections, for so many seconds or until `/__up`."""
        if self._server is None:
            return
        self._server.close()
        for connection in list(self._connections):
            connection.abort()
        await self._server.wait_closed()
        self._server, self._listening = None, False
        if seconds is not None:
            await asyncio.sleep(seconds)
            await self._up()

    def _spawn(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
