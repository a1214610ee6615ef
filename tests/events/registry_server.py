"""A schema registry over HTTP whose every answer the test writes, right or wrong."""

from __future__ import annotations

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = tuple[int, Any]


class Server:
    """A registry whose answers the test writes: path -> (status, JSON or bytes)."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer] = {"/subjects": (200, [])}
        self.seen: list[tuple[str, str, dict[str, str], bytes]] = []
        self.drip: float = 0
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                size = int(self.headers.get("Content-Length", 0))
                server.seen.append((self.command, self.path, dict(self.headers), self.rfile.read(size)))
                status, body = server.answers.get(self.path, (404, {"error_code": 404, "message": "HTTP 404"}))
                self._answer(status, body if isinstance(body, bytes) else json.dumps(body).encode())

            do_POST = do_GET  # noqa: N815

            def _answer(self, status: int, data: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Length", str(len(data)))
                self.send_header("Location", "/elsewhere")
                self.end_headers()
                for byte in data if server.drip else [data]:
                    try:
                        self.wfile.write(bytes([byte]) if isinstance(byte, int) else byte)
                    except OSError:
                        return
                    time.sleep(server.drip)

            def log_message(self, *_: Any) -> None:
                return

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._http.server_port}"
        threading.Thread(target=self._http.serve_forever, args=(0.01,), daemon=True).start()

    def close(self) -> None:
        """Stop listening."""
        self._http.shutdown()
        self._http.server_close()
