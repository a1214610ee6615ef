"""Answers of the API itself: only GETs are sent, once each; and what its credentials need."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from types import TracebackType

from engine.api.client import Client
from engine.api.clients import build_clients
from engine.api.lone import LoneCall
from engine.config.model import Config
from engine.errors import EngineError
from engine.explaining.walk import Ask, Given

ONLY = "GET"


class LiveAnswers:
    """Asks the configured APIs. An asynchronous context; lives on one event loop.

    Raises:
        Unusable: a URL, certificate, credential or OpenAPI document cannot be used.
    """

    def __init__(self, config: Config) -> None:
        self._clients: Mapping[str, Client] = build_clients(config)
        self._call = LoneCall("explain")

    async def __aenter__(self) -> LiveAnswers:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for client in self._clients.values():
            with suppress(EngineError, OSError):
                await client.close()

    async def answer(self, ask: Ask) -> Given | None:
        """The API's answer to a GET; None for every other method, which is never sent.

        Raises:
            Undeliverable, Transient: the answer is no success.
        """
        if ask.request.method != ONLY:
            return None
        return Given(await self._clients[ask.request.api].attempt(ask.request, self._call), "live")
