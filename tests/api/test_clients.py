"""A client for each configured API."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from engine.api.clients import build_clients
from engine.config.model import Api, Config, HeaderAuth
from engine.config.secret import Secret
from engine.errors import Unusable


async def test_one_client_an_api() -> None:
    """The API of `api` has no name, those of `apis` have their keys."""
    config = Config(apis={"tickets": Api(name="tickets", url="https://tickets.test", transport="httpx")})
    clients = build_clients(config)
    assert {"", "tickets"} == set(clients)
    for client in clients.values():
        assert not client.breaker.is_open
        await client.close()


@pytest.mark.parametrize(
    ("api", "text"),
    [
        (Api(url="nonsense"), r"api\.url"),
        (Api(openapi=Path("/nowhere/openapi.json")), "OpenAPI document"),
        (Api(ca=Path("/nowhere/ca.pem")), r"api\.ca"),
        (Api(auth=HeaderAuth("Authorization", Secret("a\0b"))), r"api\.auth"),
    ],
)
def test_what_cannot_work_is_told_at_once(api: Api, text: str) -> None:
    """Nothing waits for the first event to fail; a further API is named."""
    with pytest.raises(Unusable, match=text):
        build_clients(Config(api=api))
    with pytest.raises(Unusable):
        build_clients(Config(apis={"more": replace(api, name="more")}))
