"""Serves /metrics, /livez and /readyz on a thread of its own."""

from __future__ import annotations

import socket
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingTCPServer
from threading import Thread
from typing import Any, Protocol

import orjson

from engine.config.model import Http
from engine.errors import Unusable
from engine.observe.health import Probe, Verdict

_JSON = "application/json"


class Exposed(Protocol):
    """Metrics that can be shown."""

    def expose(self, accept: str) -> tuple[bytes, str]:
        """The metrics as text, and its media type, by the request's Accept header."""
        ...


class Server:
    """A running server; `close` ends it."""

    def __init__(self, listener: _Listener) -> None:
        self._listener = listener
        self._thread = Thread(target=listener.serve_forever, args=(0.1,), name="http", daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        """The port it listens on: the free one that was found where 0 was configured."""
        return int(self._listener.server_address[1])

    def close(self) -> None:
        """Stop listening. Answers under way are finished by their own threads."""
        self._listener.shutdown()
        self._listener.server_close()
        self._thread.join()


def serve(http: Http, metrics: Exposed, health: Probe) -> Server:
    """Serve until `Server.close`.

    Raises:
        Unusable: the address cannot be listened on.
    """
    try:
        return Server(_Listener(http, metrics, health))
    except (OSError, OverflowError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise Unusable(
            f"http: cannot listen on {http.host} port {http.port}: {reason}; "
            "set http.port to a free port (0 finds one) and http.host to an address of this machine"
        ) from error


class _Listener(ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False

    def __init__(self, http: Http, metrics: Exposed, health: Probe) -> None:
        self.address_family = socket.AF_INET6 if ":" in http.host else socket.AF_INET
        self.pages: dict[str, Callable[[str], tuple[int, bytes, str]]] = {
            "/metrics": lambda accept: (200, *metrics.expose(accept)),
            "/livez": lambda _accept: _verdict(health.live()),
            "/readyz": lambda _accept: _verdict(health.ready()),
        }
        super().__init__((http.host, http.port), _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Nothing: a client that went away is no news."""


class _Handler(BaseHTTPRequestHandler):
    server: _Listener
    timeout = 10  # seconds a silent client may hold its thread
    protocol_version = "HTTP/1.1"
    server_version = "engine"
    sys_version = ""

    def do_GET(self) -> None:
        page = self.server.pages.get(self.path.partition("?")[0])
        if page is None:
            self._answer(404, b'{"error":"not found: /metrics, /livez and /readyz are"}\n', _JSON)
        else:
            self._answer(*page(self.headers.get("Accept", "")))

    def do_HEAD(self) -> None:
        self.do_GET()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is the library's
        """Nothing: probes every few seconds would fill the log."""

    def _answer(self, status: int, body: bytes, media_type: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", media_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


def _verdict(verdict: Verdict) -> tuple[int, bytes, str]:
    ok, said = verdict
    return (200 if ok else 503), orjson.dumps(said, option=orjson.OPT_APPEND_NEWLINE), _JSON
