"""The three pages, over a real socket."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Iterator

import pytest
from prometheus_client import CollectorRegistry

from engine.config.model import Http
from engine.errors import Unusable
from engine.observe.health import Health
from engine.observe.metrics import Metrics
from engine.observe.server import Server, serve

_now = [0.0]


@pytest.fixture
def health() -> Health:
    """Health whose clock stands still."""
    return Health(lambda: 0.0)


@pytest.fixture
def server(health: Health) -> Iterator[Server]:
    """A server on any free port."""
    metrics = Metrics(CollectorRegistry())
    metrics.rules(4)
    running = serve(Http(port=0), metrics, health)
    yield running
    running.close()


def _get(port: int, path: str, method: str = "GET") -> tuple[int, str, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request(method, path)
        answer = connection.getresponse()
        return answer.status, answer.headers["Content-Type"], answer.read()
    finally:
        connection.close()


def test_metrics_are_served_as_text(server: Server) -> None:
    """/metrics is what Prometheus reads, whatever the query."""
    status, media_type, body = _get(server.port, "/metrics?x=1")
    assert (200, True) == (status, media_type.startswith("text/plain"))
    assert b"engine_rules 4.0" in body


def test_ready_is_503_with_reasons_until_it_is_ready(server: Server, health: Health) -> None:
    """/readyz answers 503 and says why, then 200."""
    status, media_type, body = _get(server.port, "/readyz")
    assert (503, "application/json", "not yet") == (status, media_type, json.loads(body)["reasons"]["rules"])
    health.set_ready("rules", True)
    health.set_ready("broker", True)
    assert 200 == _get(server.port, "/readyz")[0]


def test_live_is_503_when_a_part_is_silent(server: Server, health: Health) -> None:
    """/livez answers by the parts' beats."""
    assert 200 == _get(server.port, "/livez")[0]
    health.watch("loop", within=-1)
    assert 503 == _get(server.port, "/livez")[0]


def test_head_has_no_body_and_other_paths_are_404(server: Server) -> None:
    """Probes may ask with HEAD; nothing else is served."""
    assert (200, b"") == (_get(server.port, "/livez", "HEAD")[0], _get(server.port, "/livez", "HEAD")[2])
    assert 404 == _get(server.port, "/")[0]
    assert 501 == _get(server.port, "/metrics", "POST")[0]


def test_a_port_in_use_is_a_clear_error(server: Server, health: Health) -> None:
    """The text names the address and the key to change."""
    with pytest.raises(Unusable, match=f"127.0.0.1 port {server.port}: .*in use.*http.port"):
        serve(Http(port=server.port), Metrics(CollectorRegistry()), health)


@pytest.mark.parametrize("http_", [Http(port=70_000), Http(host="host.invalid", port=0)])
def test_an_impossible_address_is_a_clear_error(http_: Http, health: Health) -> None:
    """A port out of range and an unknown host are configuration errors."""
    with pytest.raises(Unusable, match="cannot listen on"):
        serve(http_, Metrics(CollectorRegistry()), health)


def test_close_frees_the_port(health: Health) -> None:
    """After close nobody answers, and the port can be listened on again."""
    server = serve(Http(port=0), Metrics(CollectorRegistry()), health)
    server.close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", server.port), timeout=5)
    again = serve(Http(port=server.port), Metrics(CollectorRegistry()), health)
    again.close()
