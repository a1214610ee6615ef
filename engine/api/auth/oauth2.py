"""OAuth2 client credentials (RFC 6749, 4.4)."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote_plus, urlencode, urlsplit

from engine.api.auth import Desk
from engine.api.auth.fixed import basic_header
from engine.api.auth.tokens import Grant, Tokens, read_grant
from engine.api.identity import USER_AGENT
from engine.api.origin import Origin
from engine.config.model import OAuth2Auth
from engine.errors import Transient, Undeliverable


class _ClientCredentials:
    def __init__(self, auth: OAuth2Auth, desk: Desk) -> None:
        self._auth = auth
        self._desk = desk
        Origin(auth.token_url, "auth.token_url")  # proves that it is a URL; it may be of another origin

    async def fetch(self) -> Grant:
        desk = self._desk
        self._auth.client_secret.reread()
        headers, body = self._request()
        place = f"the token endpoint {urlsplit(self._auth.token_url).path}"
        try:
            answer = await desk.transport.send(
                "POST", self._auth.token_url, headers, body, deadline=desk.api.timeout, limit=desk.limit
            )
        except (Transient, Undeliverable) as failure:
            raise Transient(f"{place} failed: {failure}", outage=True, reason="auth") from failure
        found = read_grant(answer, place, self.secrets())
        token = found.get("access_token") if isinstance(found, Mapping) else None
        if not isinstance(found, Mapping) or not isinstance(token, str) or not token:
            raise Transient(f"{place} answered without an access_token", outage=True, reason="auth")
        return Grant(token, _seconds(found.get("expires_in")))

    def _request(self) -> tuple[list[tuple[str, str]], bytes]:
        auth = self._auth
        form = {"grant_type": "client_credentials"} | ({} if auth.scope is None else {"scope": auth.scope})
        headers = [
            ("User-Agent", USER_AGENT),
            ("Accept", "application/json"),
            ("Content-Type", "application/x-www-form-urlencoded"),
        ]
        secret = auth.client_secret.reveal().strip("\r\n")
        if auth.client_auth == "basic":
            # RFC 6749, 2.3.1: both parts are form-encoded first.
            headers.append(basic_header(quote_plus(auth.client_id), quote_plus(secret)))
        else:
            form |= {"client_id": auth.client_id, "client_secret": secret}
        return headers, urlencode(form).encode()

    def secrets(self) -> list[str]:
        return [self._auth.client_secret.reveal()]


def oauth2_auth(auth: OAuth2Auth, desk: Desk) -> Tokens:
    """Fetch a token when first needed, shortly before it expires, and after a 401.

    Raises:
        Unusable: the token URL is none.
    """
    credentials = _ClientCredentials(auth, desk)
    return Tokens(credentials.fetch, ("Authorization", "Bearer "), desk.interval, desk.clock, credentials.secrets)


def _seconds(value: object) -> float | None:
    try:
        seconds = float(value) if isinstance(value, int | float | str) else None
    except ValueError:
        return None
    return seconds if seconds is not None and seconds > 0 else None
