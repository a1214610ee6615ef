"""Credentials that stand in the configuration: none, a header, HTTP Basic."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Iterable

from engine.api.auth import Credentials, Desk
from engine.config.model import BasicAuth, HeaderAuth, NoAuth
from engine.config.secret import Secret
from engine.errors import Unusable


class Fixed:
    """The same headers until a 401 makes us read the secret's file again."""

    __slots__ = ("_current", "_make", "_secret")

    def __init__(self, secret: Secret | None, make: Callable[[str], Credentials], place: str) -> None:
        self._secret = secret
        self._make = make
        self._current = make(_text(secret))
        if any(not sendable(value) for _, value in self._current):
            raise Unusable(f"{place}.auth: the credentials hold a line break or another character that no header can")

    def current(self) -> Credentials:
        """See Authenticator."""
        return self._current

    async def renew(self, refused: Credentials | None) -> Credentials | None:
        """Read the secret's file again; None where it still says the same."""
        if self._secret is None:
            return None
        if refused is None or refused == self._current:
            self._secret.reread()
            made = self._make(_text(self._secret))
            self._current = made if all(sendable(value) for _, value in made) else self._current
        return None if self._current == refused else self._current

    def secrets(self) -> Iterable[str]:
        """See Authenticator."""
        return [_text(self._secret), *(value.rpartition(" ")[2] for _, value in self._current)]


def sendable(value: str) -> bool:
    """True where a header can carry the text."""
    return value.isascii() and (value.isprintable() or not value)


def _text(secret: Secret | None) -> str:
    # A file with a secret usually ends with a line break that is not part of it.
    return "" if secret is None else secret.reveal().strip("\r\n")


def _place(desk: Desk) -> str:
    return f"apis.{desk.api.name}" if desk.api.name else "api"


def no_auth(_: NoAuth, desk: Desk) -> Fixed:
    """No credentials at all."""
    return Fixed(None, lambda _: (), _place(desk))


def header_auth(auth: HeaderAuth, desk: Desk) -> Fixed:
    """One header: `Authorization: Token X`, `Authorization: Bearer X`, or a name of the API's own."""
    return Fixed(auth.value, lambda text: ((auth.name, auth.prefix + text),), _place(desk))


def basic_auth(auth: BasicAuth, desk: Desk) -> Fixed:
    """HTTP Basic (RFC 7617), in UTF-8."""
    return Fixed(auth.password, lambda text: (basic_header(auth.username, text),), _place(desk))


def basic_header(username: str, password: str) -> tuple[str, str]:
    """The header of HTTP Basic."""
    return "Authorization", "Basic " + b64encode(f"{username}:{password}".encode()).decode()
