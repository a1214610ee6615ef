"""Conversation with a Confluent-compatible schema registry: tells "not there" from "away"."""

from __future__ import annotations

import json
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import quote

import httpx

from engine.config.model import SchemaRegistry
from engine.errors import Unavailable, Unusable

ANSWER_MOST = 8 * 1024 * 1024
"""Bytes of one answer."""

_NOT_FOUND = (40401, 40402, 40403)
"""Error codes of a registry that looked: no such subject, version, schema."""

_ABOUT_THE_ID = (400, 404, 410, 422)
_MEDIA = "application/vnd.schemaregistry.v1+json"


class SchemaRefused(Unusable):
    """The registry does not take the schema: 409 incompatible, 422 invalid."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the registry thinks of a schema: `text` says why not."""

    compatible: bool
    text: str = ""


class RegistryClient:
    """One HTTP client, safe to use from any thread. A request takes at most `config.timeout` seconds in all."""

    def __init__(
        self, config: SchemaRegistry, *, transport: httpx.BaseTransport | None, clock: Callable[[], float]
    ) -> None:
        self._config = config
        self._url = config.url.rstrip("/")
        self._shown = _without_password(self._url)
        self._timeout = config.timeout
        self._clock = clock
        self._http = httpx.Client(
            headers={"Accept": f"{_MEDIA}, application/json;q=0.9"},
            timeout=config.timeout,
            transport=transport,
            trust_env=False,  # a proxy of the environment would be told the password
            verify=_verify(config),
        )

    def find(self, path: str) -> Mapping[str, Any] | None:
        """GET an object; None where the registry surely does not have it.

        Raises:
            Unavailable: anything that may pass.
        """
        status, answer = self._ask("GET", path)
        if status == 200 and isinstance(answer, dict):
            return answer
        if status in _ABOUT_THE_ID and (_code(answer) in _NOT_FOUND or self._is_registry()):
            return None
        raise self._away(path, status)

    def version(self, subject: str, version: int) -> Mapping[str, Any] | None:
        """The answer for one version of a subject.

        Raises:
            Unavailable: anything that may pass.
        """
        return self.find(f"/subjects/{quote(subject, safe='')}/versions/{version}")

    def register(self, subject: str, text: str) -> int:
        """Register a schema, given as JSON text.

        Raises:
            Unavailable, SchemaRefused.
        """
        path = f"/subjects/{quote(subject, safe='')}/versions"
        status, answer = self._ask("POST", path, {"schema": text})
        if status == 200 and isinstance(answer, dict) and type(answer.get("id")) is int:
            return cast("int", answer["id"])
        if status in (409, 422):
            raise SchemaRefused(f"the registry refuses the schema for {subject}: {_message(status, answer)}")
        raise self._away(path, status)

    def judge(self, subject: str, text: str) -> Verdict:
        """Whether a schema could be registered after the latest version.

        Raises:
            Unavailable: anything that may pass.
        """
        path = f"/compatibility/subjects/{quote(subject, safe='')}/versions/latest?verbose=true"
        status, answer = self._ask("POST", path, {"schema": text})
        if status == 200 and isinstance(answer, dict):
            return Verdict(answer.get("is_compatible") is True, "; ".join(map(str, answer.get("messages") or ())))
        if status == 404 and (_code(answer) in _NOT_FOUND or self._is_registry()):
            return Verdict(True)
        if status == 422:
            return Verdict(False, _message(status, answer))
        raise self._away(path, status)

    def ping(self) -> None:
        """Return when a registry answers.

        Raises:
            Unavailable: it does not.
        """
        status, answer = self._ask("GET", "/subjects")
        if status != 200 or not isinstance(answer, list):
            raise self._away("/subjects", status)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def _is_registry(self) -> bool:
        """Whether the URL leads to a registry at all: a wrong path answers 404 to every schema id."""
        self.ping()
        return True

    def _ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> tuple[int, Any]:
        """(status, parsed JSON or None)."""
        content = None if body is None else json.dumps(body).encode()
        headers = {} if body is None else {"Content-Type": _MEDIA}
        try:
            with self._http.stream(
                method, self._url + path, content=content, headers=headers, auth=self._auth()
            ) as response:
                return self._answer(response)
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            raise Unavailable(f"schema registry {self._shown}: {error or type(error).__name__}") from error

    def _auth(self) -> httpx.BasicAuth | None:
        if self._config.username is None:
            return None
        return httpx.BasicAuth(self._config.username, self._config.password.reveal() if self._config.password else "")

    def _answer(self, response: httpx.Response) -> tuple[int, Any]:
        if response.status_code == 401 and self._config.password is not None:
            self._config.password.reread()  # it may have been rotated; the next attempt uses it
        return response.status_code, _parsed(self._body(response))

    def _body(self, response: httpx.Response) -> bytes:
        """Read an answer, bounded in bytes and in time: the client's timeout alone bounds each read only."""
        deadline = self._clock() + self._timeout
        body = bytearray()
        for chunk in response.iter_bytes():
            body += chunk
            if len(body) > ANSWER_MOST:
                raise Unavailable(f"schema registry {self._shown}: an answer has more than {ANSWER_MOST} bytes")
            if self._clock() > deadline:
                raise Unavailable(f"schema registry {self._shown}: an answer took more than {self._timeout:g} s")
        return bytes(body)

    def _away(self, path: str, status: int) -> Unavailable:
        hint = "; check username and password" if status in (401, 403) else ""
        return Unavailable(f"schema registry {self._shown}: {path} answered {status}{hint}")


def _without_password(url: str) -> str:
    try:
        return str(httpx.URL(url).copy_with(userinfo=b""))
    except httpx.InvalidURL as error:
        raise Unusable(f"schema_registry.url is not a URL: {error}") from error


def _verify(config: SchemaRegistry) -> ssl.SSLContext | bool:
    if config.ca is None:
        return True
    try:
        return ssl.create_default_context(cafile=config.ca)
    except OSError as error:  # an SSLError is one
        raise Unusable(f"schema_registry.ca: cannot use {config.ca}: {error}") from error


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _code(answer: Any) -> Any:
    return answer.get("error_code") if isinstance(answer, dict) else None


def _message(status: int, answer: Any) -> str:
    text = answer.get("message") if isinstance(answer, dict) else None
    return " ".join(str(text or f"status {status}").split())[:500]
