"""What goes wrong on purpose."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any

from tests.api_server.messages import Reply, Request, html_reply, json_reply


@dataclass
class Fault:
    """One way to fail.

    Attributes:
        status: of the answer; ignored with `drop` or `hang`.
        share: of the matching requests, 0-1.
        times: matching requests until it ends, None for ever.
        reference: only requests about the object with this `ref_id`, be it in the query or behind the id.
        method, path: only this method, only paths that contain this text.
        retry_after: value of that header.
        html: the body is a page instead of JSON.
        drop: the connection is cut without an answer.
        hang: no answer comes and the connection stays open.
        applied: the request is acted on before it fails.
        delay: seconds before the answer.
    """

    status: int = 500
    share: float = 1.0
    times: int | None = None
    reference: str | None = None
    method: str | None = None
    path: str | None = None
    retry_after: str | None = None
    html: bool = False
    drop: bool = False
    hang: bool = False
    applied: bool = False
    delay: float = 0.0

    def strikes(self, request: Request, reference: str | None, random_: random.Random) -> bool:
        """Whether it hits this request; counts it if so."""
        hit = (
            (self.times is None or self.times > 0)
            and (self.method is None or self.method == request.method)
            and (self.path is None or self.path in request.path)
            and (self.reference is None or self.reference == reference)
            and (self.share >= 1.0 or random_.random() < self.share)
        )
        if hit and self.times is not None:
            self.times -= 1
        return hit

    def reply(self) -> Reply:
        """The failure."""
        if self.html:
            reply = html_reply(self.status, "Service away")
        else:
            reply = json_reply(self.status, {"detail": "This failure was asked for."})
        if self.retry_after is not None:
            reply.headers = (("Retry-After", self.retry_after),)
        reply.drop, reply.hang, reply.delay = self.drop, self.hang, self.delay
        return reply


@dataclass
class Faults:
    """All faults, and the latency that every answer has.

    Attributes:
        latency: seconds.
        jitter: up to so many seconds more.
    """

    latency: float = 0.0
    jitter: float = 0.0
    rules: list[Fault] = field(default_factory=list)
    random: random.Random = field(default_factory=lambda: random.Random(7))

    def set(self, values: dict[str, Any]) -> None:
        """Replace all by `{"latency": .., "jitter": .., "rules": [{..}]}`.

        Raises:
            TypeError: a name is unknown.
        """
        rules = [Fault(**one) for one in values.pop("rules", ())]
        new = Faults(**values)
        self.latency, self.jitter, self.rules = new.latency, new.jitter, rules

    def striking(self, request: Request, reference: str | None) -> Fault | None:
        """The first fault that hits the request."""
        for one in self.rules:
            if one.strikes(request, reference, self.random):
                return one
        return None

    def wait(self) -> float:
        """Seconds that this answer takes."""
        return self.latency + self.jitter * self.random.random() if self.jitter else self.latency
