"""Tokens: fixed ones, and those that the login and the OAuth2 endpoint give out."""

from __future__ import annotations

import base64
import itertools
from urllib.parse import parse_qs

import orjson

from tests.api_server.messages import Reply, Request, json_reply

TOKEN = "test-token"
EMAIL, PASSWORD = "engine@example.org", "login-secret"
CLIENT_ID, CLIENT_SECRET = "engine", "client-secret"

LOGIN = "/api/_allauth/app/v1/auth/login"
OAUTH = "/api/identity/o/api/token"


class Credentials:
    """What is accepted. `Authorization: Token X` for fixed and login tokens, `Bearer X` for OAuth2 ones."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        self.renew()

    def renew(self) -> None:
        """Accept the fixed token only: every token that was given out has expired."""
        self._accepted = {f"Token {TOKEN}"}

    def revoke(self) -> None:
        """Accept nothing, until a login gives out a new token."""
        self._accepted.clear()

    def refusal(self, request: Request) -> Reply | None:
        """The 401 of a request without a valid credential."""
        given = request.headers.get("authorization")
        if given in self._accepted:
            return None
        challenge = ("WWW-Authenticate", "Token")
        if not given or not given.startswith("Token "):
            return json_reply(401, {"detail": "Authentication credentials were not provided."}, challenge)
        return json_reply(401, {"detail": "Invalid token."}, challenge)

    def login(self, request: Request) -> Reply:
        """The login endpoint of django-allauth."""
        given = _json(request)
        if (given.get("email"), given.get("password")) != (EMAIL, PASSWORD):
            error = {"message": "The email address and/or password you specified are not correct.", "param": "password"}
            return json_reply(400, {"status": 400, "errors": [error]})
        token = f"login-{next(self._numbers)}"
        self._accepted.add(f"Token {token}")
        user = {"id": 1, "email": EMAIL}
        return json_reply(
            200, {"status": 200, "data": {"user": user}, "meta": {"is_authenticated": True, "access_token": token}}
        )

    def oauth(self, request: Request) -> Reply:
        """The token endpoint (RFC 6749, 4.4), client credentials as Basic or in the form."""
        form = {name: values[0] for name, values in parse_qs(request.body.decode("latin-1")).items()}
        if form.get("grant_type") != "client_credentials":
            return json_reply(400, {"error": "unsupported_grant_type"})
        if (_basic(request) or (form.get("client_id"), form.get("client_secret"))) != (CLIENT_ID, CLIENT_SECRET):
            return json_reply(401, {"error": "invalid_client"})
        token = f"oauth-{next(self._numbers)}"
        self._accepted.add(f"Bearer {token}")
        return json_reply(200, {"access_token": token, "token_type": "Bearer", "expires_in": 3600, "scope": ""})


def _json(request: Request) -> dict[str, object]:
    try:
        value = orjson.loads(request.body)
    except orjson.JSONDecodeError:
        return {}
    return value if isinstance(value, dict) else {}


def _basic(request: Request) -> tuple[str, str] | None:
    scheme, _, rest = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    user, _, password = base64.b64decode(rest).decode().partition(":")
    return user, password
