"""Which file proves who we are, by the kind of `auth` in the configuration."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from engine.api.auth import Authenticator, Desk
from engine.api.auth.fixed import basic_auth, header_auth, no_auth
from engine.api.auth.login import login_auth
from engine.api.auth.oauth2 import oauth2_auth
from engine.config.model import BasicAuth, HeaderAuth, LoginAuth, NoAuth, OAuth2Auth

AUTHS: Mapping[type, Callable[[Any, Desk], Authenticator]] = {
    NoAuth: no_auth,
    HeaderAuth: header_auth,
    BasicAuth: basic_auth,
    LoginAuth: login_auth,
    OAuth2Auth: oauth2_auth,
}


def authenticator(desk: Desk) -> Authenticator:
    """The Authenticator for an API's `auth`.

    Raises:
        Unusable: the configuration cannot work.
    """
    return AUTHS[type(desk.api.auth)](desk.api.auth, desk)
