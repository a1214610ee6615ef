"""Where a request's bytes go: to its URL's origin, or to the proxy in front of it."""

from __future__ import annotations

import re
from base64 import b64encode
from dataclasses import dataclass
from urllib.parse import SplitResult, unquote, urlsplit

from engine.api.transports.inflate import ACCEPTED
from engine.errors import Stage, Undeliverable, Unusable

_PORTS = {"http": 80, "https": 443}
_TARGET = re.compile(r"[\x21\x22\x24-\x7e]+")  # without blanks, controls and "#"


@dataclass(frozen=True, slots=True)
class Proxy:
    """An HTTP proxy.

    Attributes:
        host: name or address, an IPv6 address without brackets.
        port: of it.
        line: the header line with its credentials, "" for none.
    """

    host: str
    port: int
    line: str


@dataclass(frozen=True, slots=True, eq=False)
class Route:
    """One origin.

    Attributes:
        root: what its URLs begin with, "/" included.
        cut: characters of a URL that its request's target lacks.
        host: name or address, an IPv6 address without brackets.
        port: of it.
        secure: whether it speaks TLS.
        proxy: what stands in front of it, None for nothing.
        opening: what follows the target: version and first headers.
    """

    root: str
    cut: int
    host: str
    port: int
    secure: bool
    proxy: Proxy | None
    opening: str

    @property
    def authority(self) -> str:
        """Host and port, as `CONNECT` wants them."""
        return f"{_bracketed(self.host)}:{self.port}"


class Routes:
    """All origins that were asked for; the last one is found at once."""

    __slots__ = ("_known", "_last", "_proxy")

    def __init__(self, proxy: Proxy | None) -> None:
        self._proxy = proxy
        self._known: dict[str, Route] = {}
        self._last = Route("\n", 0, "", 0, False, None, "")  # begins no URL

    def find(self, url: str) -> tuple[Route, str]:
        """The route of a URL and the request's target there, as it is.

        Raises:
            Undeliverable: stage `request`: it is no http or https URL, or not encoded.
        """
        route = self._last
        if not url.startswith(route.root):
            route, url = self._other(url)
        target = url[route.cut :]
        if _TARGET.fullmatch(target) is None:
            raise _unsendable("its URL is not encoded")
        return route, target

    def _other(self, url: str) -> tuple[Route, str]:
        if _TARGET.fullmatch(url) is None:
            raise _unsendable("its URL is not encoded")
        parts = _split(url)
        start = url.index("//") + 2 + len(parts.netloc)
        if url[start : start + 1] != "/":
            url = f"{url[:start]}/{url[start:]}"
        root = url[: start + 1]
        route = self._known.get(root)
        if route is None:
            route = self._known[root] = _route(root, parts, self._proxy)
        self._last = route
        return route, url


def read_proxy(url: str) -> Proxy:
    """The proxy that `api.proxy` names.

    Raises:
        Unusable: it is no URL, or of a kind that only another transport speaks.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port or _PORTS["http"]
    except ValueError as error:
        raise Unusable(f"the proxy cannot be used: {error}") from error
    if parts.scheme != "http":
        text = f"the proxy's scheme {parts.scheme!r} needs `transport: pyreqwest`; httptools speaks to http:// proxies"
        raise Unusable(text)
    if not host:
        raise Unusable("the proxy cannot be used: its URL has no host")
    if parts.username is None:
        return Proxy(host, port, "")
    pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return Proxy(host, port, f"Proxy-Authorization: Basic {b64encode(pair.encode()).decode()}\r\n")


def _route(root: str, parts: SplitResult, proxy: Proxy | None) -> Route:
    secure = parts.scheme == "https"
    host, port = parts.hostname or "", parts.port or _PORTS[parts.scheme]
    shown = _bracketed(host) if port == _PORTS[parts.scheme] else f"{_bracketed(host)}:{port}"
    whole = proxy is not None and not secure  # such a proxy is told the whole URL, and who we are, by each request
    lines = f" HTTP/1.1\r\nHost: {shown}\r\nAccept-Encoding: {ACCEPTED}\r\n"
    return Route(
        root=root,
        cut=0 if whole else len(root) - 1,
        host=host,
        port=port,
        secure=secure,
        proxy=proxy,
        opening=lines + (proxy.line if proxy is not None and whole else ""),
    )


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in _PORTS and bool(parts.hostname) and parts.port != 0
        (parts.hostname or "").encode("idna")
    except ValueError as error:
        raise _unsendable("its URL is none") from error
    if not usable or parts.username is not None:
        raise _unsendable("its URL is not http or https with a host and without credentials")
    return parts


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _unsendable(why: str) -> Undeliverable:
    return Undeliverable(Stage.REQUEST, f"the request cannot be sent: {why}")
