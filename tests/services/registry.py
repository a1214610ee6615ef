"""One schema registry (Apicurio, Confluent's REST API) on 127.0.0.1."""

from __future__ import annotations

import base64
import json
import os
import ssl
import tempfile
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.services.certificates import Certificates
from tests.services.fetch import APICURIO, CACHE, registry_jar
from tests.services.java import OPTIONS, class_archive, java
from tests.services.process import NotStarted, Process, free_port

_PATH = "/apis/ccompat/v7"
_MEDIA_TYPE = "application/vnd.schemaregistry.v1+json"
_TRIES = 3

USER, PASSWORD = "app", "registry-secret"

_BASIC_AUTH = (
    "-Dquarkus.http.auth.basic=true",
    "-Dquarkus.security.users.embedded.enabled=true",
    "-Dquarkus.security.users.embedded.plain-text=true",
    f"-Dquarkus.security.users.embedded.users.{USER}={PASSWORD}",
    f"-Dquarkus.security.users.embedded.roles.{USER}=sr-admin",
    "-Dquarkus.http.auth.permission.all.paths=/apis/*",
    "-Dquarkus.http.auth.permission.all.policy=authenticated",
)


class Registry:
    """A registry in memory: it keeps its port over stop and start, not its schemas.

    Attributes:
        url: base URL of the Confluent API, with a path.
        secure_url: the same over TLS, where certificates were given; then every request needs USER and PASSWORD.
    """

    def __init__(
        self, folder: Path, *, certificates: Certificates | None = None, options: Sequence[str] | None = None
    ) -> None:
        self._folder = folder
        self._options = options
        self.certificates = certificates
        self._port = 0
        self._secure_port = 0
        self._child: Process | None = None

    @property
    def url(self) -> str:
        """Base URL without encryption."""
        return f"http://127.0.0.1:{self._port}{_PATH}"

    @property
    def secure_url(self) -> str:
        """Base URL over TLS."""
        return f"https://127.0.0.1:{self._secure_port}{_PATH}"

    @property
    def running(self) -> bool:
        """Whether its process lives."""
        return self._child is not None and self._child.running

    @property
    def _process(self) -> Process:
        if self._child is None:
            raise RuntimeError("the registry was never started")
        return self._child

    def start(self) -> None:
        """Start it, empty, on the same port as before; returns when it serves.

        Raises:
            NotFetched: it is not to be had on this machine.
            NotStarted: it did not start.
        """
        if self._options is None:
            self._options = class_archive(f"apicurio-{APICURIO}", _archive)
        if self._child is not None:
            self._serve()
            return
        for attempt in range(_TRIES):
            try:
                self._first_start()
            except NotStarted:
                self._child = None
                if attempt == _TRIES - 1:
                    raise
            else:
                return

    def stop(self) -> None:
        """End it in order."""
        self._process.stop()

    def kill(self) -> None:
        """SIGKILL."""
        self._process.kill()

    def suspend(self) -> None:
        """Stop its process: connections stay open and nobody answers."""
        self._process.suspend()

    def resume(self) -> None:
        """Let a suspended registry go on."""
        self._process.resume()

    def register(self, subject: str, schema: Mapping[str, Any] | str) -> int:
        """Register an Avro schema under a subject; its id."""
        text = schema if isinstance(schema, str) else json.dumps(schema)
        return int(self._call("POST", f"/subjects/{subject}/versions", {"schema": text})["id"])

    def _first_start(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        self._port, self._secure_port = free_port(), free_port()
        command = [java(), "-Xmx256m", *OPTIONS, *(self._options or ()), *self._secured(), "-jar", str(registry_jar())]
        environment = os.environ | {
            "QUARKUS_HTTP_HOST": "127.0.0.1",
            "QUARKUS_HTTP_PORT": str(self._port),
            "QUARKUS_HTTP_ACCESS_LOG_ENABLED": "false",
        }
        log = self._folder / "registry.log"
        self._child = Process(command, log, folder=self._folder, environment=environment)
        self._serve()

    def _serve(self) -> None:
        self._process.start(self._answers)
        # Confluent and Redpanda start with BACKWARD, Apicurio with NONE
        self._call("PUT", "/config", {"compatibility": "BACKWARD"})

    def _answers(self) -> bool:
        try:
            self._call("GET", "/subjects")
        except OSError:
            return False
        return True

    def _secured(self) -> Sequence[str]:
        if self.certificates is None:
            return ()
        return (
            *_BASIC_AUTH,
            f"-Dquarkus.http.ssl.certificate.files={self.certificates.server}",
            f"-Dquarkus.http.ssl.certificate.key-files={self.certificates.server_key}",
            f"-Dquarkus.http.ssl-port={self._secure_port}",
        )

    def _call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        url, context = self.url, None
        headers = {"Content-Type": _MEDIA_TYPE}
        if self.certificates is not None:
            url, context = self.secure_url, ssl.create_default_context(cafile=self.certificates.ca)
            headers["Authorization"] = f"Basic {base64.b64encode(f'{USER}:{PASSWORD}'.encode()).decode()}"
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(url + path, data, headers, method=method)
        opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
        )
        with opener.open(request, timeout=10) as answer:
            return json.load(answer)


def _archive(option: str) -> None:
    """Run a registry once, so that it leaves its class archive behind."""
    with tempfile.TemporaryDirectory(dir=CACHE) as scratch:
        registry = Registry(Path(scratch), options=[option])
        registry.start()
        registry.register("warm-up", {"type": "string"})
        registry.stop()
