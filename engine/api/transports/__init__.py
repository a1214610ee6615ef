"""The one seam to the wire: a request out, an answer or NoAnswer back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import NamedTuple, Protocol, cast

from engine.api.tls import Tls
from engine.config.model import Api

Headers = Sequence[tuple[str, str]]


class Answer(NamedTuple):
    """What came back, read to its end.

    Attributes:
        status: HTTP status, redirects included: no transport follows them.
        headers: lower-case names, values decoded as Latin-1; repeated headers joined by ", ".
        body: decompressed.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes


class Transport(Protocol):
    """What sends one request. Uses no proxy of the environment and follows no redirect."""

    async def send(
        self, method: str, url: str, headers: Headers, body: bytes | None, *, deadline: float, limit: int
    ) -> Answer:
        """Send one request and read its answer.

        Args:
            method: upper case.
            url: absolute, encoded.
            headers: in order, without CR, LF and NUL.
            body: None for none.
            deadline: seconds for all of it, connecting and reading the whole answer included.
            limit: bytes that the decompressed answer may have.

        Raises:
            NoAnswer: no whole answer came.
            Undeliverable: stage `request`: the answer is over the limit, or the request cannot be sent as it is.
        """
        ...

    async def close(self) -> None:
        """Close all connections."""
        ...


# Modules by name, each with an `open_transport(api, tls)`: the one that is not configured is never imported.
TRANSPORTS: Mapping[str, str] = {
    "httptools": "engine.api.transports.httptools",
    "pyreqwest": "engine.api.transports.pyreqwest",
    "httpx": "engine.api.transports.httpx",
}


def open_transport(api: Api, tls: Tls) -> Transport:
    """The transport that `api.transport` names, with the API's certificates and proxy.

    Raises:
        Unusable: a certificate or the proxy cannot be used.
    """
    module = import_module(TRANSPORTS[api.transport])
    opener = cast("Callable[[Api, Tls], Transport]", module.open_transport)
    return opener(api, tls)
