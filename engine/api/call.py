"""What the client needs to know of the event it sends for, and whom it tells."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Protocol

from engine.api.messages import Request
from engine.api.slots import Seat


class Call(Protocol):
    """One event's view of the client: leave to send, waiting, and what happened."""

    @property
    def key(self) -> Hashable:
        """The ordering key, for telling one failing key from an outage."""
        ...

    @property
    def seat(self) -> Seat:
        """The event's place among the requests in flight; whoever takes the event to its end leaves it."""
        ...

    async def permit(self) -> None:
        """Return when sending is allowed. Awaited right before every single attempt.

        Raises:
            Revoked: the partition is no longer ours.
        """
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait: before a retry, for the API's rate or after a 429, or (an hour at a time) while the API is away.

        Raises:
            Revoked: the partition was taken away, or the engine stops, meanwhile.
        """
        ...

    def sent(self, request: Request, status: int | None, seconds: float) -> None:
        """An attempt ended: with a status, or None without an answer, `seconds` after it was put on the wire."""
        ...

    def retried(self, request: Request, reason: str, attempt: int, delay: float, text: str) -> None:
        """A retry will follow in `delay` seconds; `reason`: see errors.Transient."""
        ...
