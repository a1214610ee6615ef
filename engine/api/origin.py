"""Where requests go: the URL of a request, a page's `next`, a redirect; nothing ever leaves the API's origin."""

from __future__ import annotations

import re
from urllib.parse import SplitResult, quote, urljoin, urlsplit

from engine.api.messages import Request
from engine.errors import Stage, Undeliverable, Unusable

_PORTS = {"http": 80, "https": 443}
# Segments that a URL library would resolve, separators in disguise, what would end the path, blanks and controls.
_UNSAFE_PATH = re.compile(r"[\x00-\x20\x7f\\?#]|%2f|%5c|/(?:\.|%2e){1,2}(?:/|$)", re.IGNORECASE)
# What most paths and values are made of; looked at first, because it is quick.
_PLAIN_PATH = re.compile(r"[A-Za-z0-9/_-]*")
_PLAIN = re.compile(r"[A-Za-z0-9_.~-]*")
_UNSAFE_QUERY = re.compile(r"[\x00-\x20\x7f#]")
_URL_TEXT = re.compile(r"[\x21-\x7e]+")  # what the transports send as it is


class Origin:
    """Scheme, host and port of an API, and its base path.

    Attributes:
        root: e.g. `https://grc.example.org:8443`.
        base: e.g. `/api`; "" for none.
    """

    __slots__ = ("_host", "_port", "_scheme", "base", "root")

    def __init__(self, url: str, place: str = "api.url") -> None:
        parts = _split(url, place)
        self._scheme = parts.scheme
        self._host = (parts.hostname or "").lower()
        self._port = parts.port or _PORTS[parts.scheme]
        self.base = parts.path.rstrip("/")
        self.root = f"{parts.scheme}://{parts.netloc}"

    def url(self, request: Request) -> str:
        """The absolute URL of a request.

        Raises:
            Undeliverable: the path or the page's `next` would lead elsewhere.
        """
        if request.next_link is not None:
            return self._next(request)
        path = self.base + request.path
        if _PLAIN_PATH.fullmatch(path) is None and _UNSAFE_PATH.search(path) is not None:
            raise Undeliverable(
                Stage.REQUEST,
                f"the path {request.path!r} has a part that could change the target",
                request_id=request.id,
            )
        if not request.query:
            return self.root + path
        try:
            pairs = "&".join([f"{_encoded(name)}={_encoded(value)}" for name, value in request.query])
        except UnicodeEncodeError as error:
            raise Undeliverable(
                Stage.REQUEST, "the query holds half a surrogate pair, which is no text", request_id=request.id
            ) from error
        return f"{self.root}{path}?{pairs}"

    def _next(self, request: Request) -> str:
        """Path and query of `next`, at our own origin.

        The host must be ours; the port too, unless the scheme differs: behind a proxy that ends TLS an API writes
        `http://its-name/...` with a port that we do not call.
        """
        link = request.next_link or ""
        try:
            parts = urlsplit(link)
            port = parts.port or _PORTS.get(parts.scheme or self._scheme)
        except ValueError as error:
            raise _refused(request, link, "is not a URL") from error
        if parts.scheme not in ("", "http", "https"):
            raise _refused(request, link, "is no http URL")
        if parts.netloc and (parts.hostname or "").lower() != self._host:
            raise _refused(request, link, "leads to another host")
        if parts.netloc and parts.scheme in ("", self._scheme) and port != self._port:
            raise _refused(request, link, "leads to another port")
        path = parts.path
        if not path and parts.query and not parts.netloc:
            path = self.base + request.path
        if not path.startswith("/") or _UNSAFE_PATH.search(path) or _UNSAFE_QUERY.search(parts.query):
            raise _refused(request, link, "is not a path under the API's origin")
        # What is not ASCII is encoded; what is encoded stays as it is.
        target = quote(path, safe="/%:@!$&'()*+,;=~") + (
            f"?{quote(parts.query, safe=_QUERY_SAFE)}" if parts.query else ""
        )
        return self.root + target

    def redirect(self, url: str, location: str) -> str | None:
        """Where a redirect of `url` leads, None where that is another origin or no URL."""
        try:
            parts = urlsplit(urljoin(url, location))
            port = parts.port or _PORTS.get(parts.scheme)
        except ValueError:
            return None
        if (parts.scheme, (parts.hostname or "").lower(), port) != (self._scheme, self._host, self._port):
            return None
        target = f"{self.root}{parts.path or '/'}" + (f"?{parts.query}" if parts.query else "")
        return target if _URL_TEXT.fullmatch(target) else None


_QUERY_SAFE = "/%:@!$&'()*+,;=~?[]"


def _encoded(text: str) -> str:
    return text if _PLAIN.fullmatch(text) is not None else quote(text, safe="")


def _refused(request: Request, link: str, why: str) -> Undeliverable:
    return Undeliverable(Stage.REQUEST, f"the page's next link {why}: {link[:200]!r}", request_id=request.id)


def _split(url: str, place: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in _PORTS and bool(parts.hostname) and parts.port != 0
    except ValueError as error:
        raise Unusable(f"{place}: {url!r} is not a URL") from error
    if parts.username is not None:
        raise Unusable(f"{place}: credentials stand under auth, not in the URL")
    if not usable or parts.query or parts.fragment or not _URL_TEXT.fullmatch(url):
        raise Unusable(f"{place}: {url!r} is not an http or https URL with a host and without a query")
    return parts
