"""What an answer means for the event: a Response, a retry, or the end."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from time import time
from typing import Any

from engine.api.answers import NotJson, complaint, is_html, parse
from engine.api.messages import Request, Response
from engine.api.retry import retry_after
from engine.api.transports import Answer
from engine.config.model import RetryPolicy
from engine.errors import EngineError, Refused, Stage, Throttled, Undeliverable


class Judge:
    """Turns answers into Responses or errors of the tree.

    Args:
        policy: of a request, looked at only where its answer is no success.
        secrets: texts that an API may repeat and nobody may read.
        wall: seconds since the epoch, for a `Retry-After` that is a date.
    """

    __slots__ = ("_policy", "_secrets", "_wall")

    def __init__(
        self,
        policy: Callable[[Request], RetryPolicy],
        secrets: Callable[[], Iterable[str]],
        wall: Callable[[], float] = time,
    ) -> None:
        self._policy = policy
        self._secrets = secrets
        self._wall = wall

    def response(self, request: Request, answer: Answer) -> Response:
        """The Response of an accepted answer.

        Raises:
            Refused, Throttled, Undeliverable: the answer is no success, or no usable one.
        """
        if answer.status not in request.accept:
            raise self._rejected(request, answer)
        return Response(answer.status, answer.headers, self._body(request, answer))

    def _body(self, request: Request, answer: Answer) -> Any:
        if answer.status // 100 == 2 and is_html(answer) and _wants_json(request):
            # A proxy's or login page: the API itself may have acted, its answer is lost.
            said = complaint(answer, self._secrets())
            raise self._unreadable(request, answer, f"an HTML page where JSON is due: {said}")
        try:
            return parse(answer)
        except NotJson as error:
            raise self._unreadable(request, answer, "a body that is not valid JSON") from error

    def _unreadable(self, request: Request, answer: Answer, what: str) -> Refused:
        text = f"{place(request)} answered {answer.status} with {what}"
        return Refused(text, status=answer.status, ambiguous=True, reason="body")

    def _rejected(self, request: Request, answer: Answer) -> EngineError:
        status = answer.status
        said = complaint(answer, self._secrets())
        text = f"{place(request)} answered {status}" + (f": {said}" if said else "")
        if status == 401:
            return Refused(text, status=status, outage=True)
        if status in self._policy(request).statuses:
            wait = retry_after(answer.headers, self._wall())
            if status == 429:
                return Throttled(text, status=status, retry_after=wait, free=True)
            return Refused(text, status=status, retry_after=wait, outage=status >= 500)
        if status >= 400:
            return Undeliverable(Stage.REQUEST, text, request_id=request.id, status=status, attempts=1)
        return Undeliverable(
            Stage.EXPECT, _unexpected(request, answer), request_id=request.id, status=status, attempts=1
        )


def place(request: Request) -> str:
    """The request in texts: method and path; a query may hold more data than a log should."""
    return f"{request.method} {request.path}"


def _unexpected(request: Request, answer: Answer) -> str:
    text = f"{place(request)} answered {answer.status}, which is not expected"
    target = answer.headers.get("location", "")[:200]
    if not target:
        return text
    text = f"{text}; it leads to {target!r}"
    if target.partition("?")[0].endswith(request.path + "/"):
        text += ": the rule's path lacks its last slash"
    return text


def _wants_json(request: Request) -> bool:
    for name, value in request.headers:
        if name.lower() == "accept":
            return "json" in value
    return True
