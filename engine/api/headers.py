"""The headers of a request: ours, the credentials, the rule's."""

from __future__ import annotations

import re

from engine.api.auth import Credentials
from engine.api.identity import USER_AGENT
from engine.api.messages import Request
from engine.errors import Stage, Undeliverable

_OURS = (("User-Agent", USER_AGENT), ("Accept", "application/json"))
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
# What ends a header's line, and what neither transport sends as it is.
_BAD_VALUE = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_RESERVED = frozenset(
    {
        "authorization",
        "connection",
        "content-length",
        "cookie",
        "host",
        "idempotency-key",
        "transfer-encoding",
    }
)


class Outgoing:
    """Puts headers together; what is the same for most requests is put together once."""

    __slots__ = ("_common", "_credentials")

    def __init__(self) -> None:
        self._credentials: Credentials | None = None
        self._common: tuple[tuple[str, str], ...] = _OURS

    def check(self, request: Request) -> None:
        """Refuse headers of a rule that could end their line or stand for another request.

        Raises:
            Undeliverable: stage `request`.
        """
        for name, value in request.headers:
            if name.lower() in _RESERVED or not _NAME.fullmatch(name) or _BAD_VALUE.search(value):
                raise Undeliverable(
                    Stage.REQUEST,
                    f"the header {name[:80]!r} cannot be set, or its value holds a line break or control character",
                    request_id=request.id,
                )

    def headers(self, request: Request, credentials: Credentials | None) -> tuple[tuple[str, str], ...]:
        """All headers of a request; the rule's win over ours, nothing wins over the credentials."""
        if credentials is not self._credentials:
            self._credentials = credentials
            self._common = _OURS + (credentials or ())
        made = self._common
        if request.headers:
            own = {name.lower() for name, _ in request.headers}
            made = tuple(pair for pair in made if pair[0].lower() not in own or pair in (credentials or ()))
            made += tuple(pair for pair in request.headers if not _is_credential(pair[0], credentials))
        if request.body is not None and request.media_type is not None:
            made = (*made, ("Content-Type", request.media_type))
        if request.idempotency_key is not None:
            made = (*made, ("Idempotency-Key", request.idempotency_key))
        return made


def _is_credential(name: str, credentials: Credentials | None) -> bool:
    return any(name.lower() == known.lower() for known, _ in credentials or ())
