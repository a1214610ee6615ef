"""Credentials: a family of small files; `registry` picks one by the kind of configuration."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from engine.api.origin import Origin
from engine.api.transports import Transport
from engine.config.model import Api

Credentials = tuple[tuple[str, str], ...]  # header pairs


@dataclass(frozen=True, slots=True)
class Desk:
    """What an Authenticator may need to obtain its credentials.

    Attributes:
        api: the API they are for.
        origin: of that API.
        transport: the API's own.
        limit: bytes of a token endpoint's answer.
        interval: seconds that must lie between two renewals.
        clock: seconds of a monotonic clock.
    """

    api: Api
    origin: Origin
    transport: Transport
    limit: int
    interval: float
    clock: Callable[[], float]


class Authenticator(Protocol):
    """Knows the headers that prove who we are."""

    def current(self) -> Credentials | None:
        """The headers to send; None: they must be obtained first, with `renew(None)`."""
        ...

    async def renew(self, refused: Credentials | None) -> Credentials | None:
        """Other credentials than the refused ones (None: none were sent yet); None where there are none for now.

        Raises:
            Transient: they could not be obtained.
        """
        ...

    def secrets(self) -> Iterable[str]:
        """Texts that must not appear anywhere, for masking what an API repeats."""
        ...
