"""A login request whose answer holds the token."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlencode, urlsplit

import orjson

from engine.api.auth import Desk
from engine.api.auth.tokens import Grant, Tokens, read_grant
from engine.api.identity import USER_AGENT
from engine.config.model import LoginAuth
from engine.config.secret import Secret
from engine.errors import Transient, Undeliverable, Unusable

_TYPES = {"json": "application/json", "form": "application/x-www-form-urlencoded"}


class _Login:
    def __init__(self, auth: LoginAuth, desk: Desk) -> None:
        self._auth = auth
        self._desk = desk
        self._url = _url(auth.path, desk)
        self._secrets = list(_secrets([auth.body, auth.headers]))

    async def fetch(self) -> Grant:
        for secret in self._secrets:
            secret.reread()
        auth, desk = self._auth, self._desk
        headers = [("User-Agent", USER_AGENT), ("Accept", "application/json"), ("Content-Type", _TYPES[auth.encoding])]
        headers += [(name, _reveal(value)) for name, value in auth.headers.items()]
        place = f"the login at {urlsplit(self._url).path}"
        try:
            answer = await desk.transport.send(
                auth.method, self._url, headers, _encode(auth), deadline=desk.api.timeout, limit=desk.limit
            )
        except (Transient, Undeliverable) as failure:
            raise Transient(f"{place} failed: {failure}", outage=True, reason="auth") from failure
        return Grant(self._token(read_grant(answer, place, self.secrets()), place))

    def _token(self, found: Any, place: str) -> str:
        for step in self._auth.token.split("."):
            if isinstance(found, list) and step.isdigit() and int(step) < len(found):
                found = found[int(step)]
            else:
                found = found.get(step) if isinstance(found, Mapping) else None
        if not isinstance(found, str) or not found:
            raise Transient(f"{place} answered without a text at '{self._auth.token}'", outage=True, reason="auth")
        return found

    def secrets(self) -> list[str]:
        return [secret.reveal() for secret in self._secrets]


def login_auth(auth: LoginAuth, desk: Desk) -> Tokens:
    """Log in when first needed, and again after a 401.

    Raises:
        Unusable: the login's URL is of another origin.
    """
    login = _Login(auth, desk)
    return Tokens(login.fetch, (auth.header, auth.prefix), desk.interval, desk.clock, login.secrets)


def _url(path: str, desk: Desk) -> str:
    if path.startswith("/") and not path.startswith("//"):
        return desk.origin.root + desk.origin.base + path
    url = desk.origin.redirect(desk.origin.root + "/", path)
    if "://" not in path or url is None:
        raise Unusable(f"auth.path: {path!r} is neither a path that begins with / nor a URL of {desk.origin.root}")
    return url


def _encode(auth: LoginAuth) -> bytes:
    body = _reveal(auth.body)
    return orjson.dumps(body) if auth.encoding == "json" else urlencode(body, doseq=True).encode()


def _reveal(value: Any) -> Any:
    if isinstance(value, Secret):
        return value.reveal().strip("\r\n")
    if isinstance(value, Mapping):
        return {name: _reveal(inner) for name, inner in value.items()}
    return [_reveal(inner) for inner in value] if isinstance(value, list | tuple) else value


def _secrets(value: Any) -> Iterator[Secret]:
    if isinstance(value, Secret):
        yield value
    elif isinstance(value, Mapping):
        yield from _secrets(list(value.values()))
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _secrets(inner)
