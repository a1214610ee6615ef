"""The other end of the wire: holds each request against the conversation of a case, and gives the answer it says."""

from __future__ import annotations

import email.policy
import json
from collections.abc import Mapping
from dataclasses import replace
from email.parser import BytesParser
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from engine.api.answers import NotJson, parse_json
from engine.api.messages import Request
from engine.api.transports import Answer, Headers
from engine.documents import Pointer
from engine.errors import NoAnswer, Revoked
from engine.findings import spell
from engine.ruletests.matching import MISSING, Captured, Difference, NotCaptured, differences, filled
from engine.ruletests.model import Case, Exchange, Failure, Sent, Suite

_NO_ANSWER = {"timeout": ("no answer in time", "timeout"), "connection": ("the connection failed", "no_answer")}


class Script:
    """The conversation of one case, on its way. Also the clock, which passes only while the engine waits.

    Attributes:
        failures: what was not as expected.
        sent: what was sent, in order.
        given_up: the case cannot go on.
        clock: seconds since the case began.
    """

    def __init__(self, suite: Suite, case: Case, event_id: str) -> None:
        self._document = suite.document
        self._case = case
        self._captured: Captured = {"event_id": event_id}
        self.failures: list[Failure] = []
        self.sent: list[Sent] = []
        self.given_up = False
        self.clock = 0.0

    # Leave to send (`pipeline.Leave`) and what is told of it (`pipeline.Observer`)

    async def permit(self) -> None:
        """See `pipeline.Leave`."""
        if self.given_up:
            raise Revoked("the case has failed")

    async def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.clock += seconds

    def retried(self, *_: object) -> None:
        """Retries are seen as requests."""

    def identified(self, request: Request) -> None:
        """Learn which of the rule's requests the last one was."""
        if not self.sent or self.sent[-1].id:
            return  # it never came here
        sent = self.sent[-1] = replace(self.sent[-1], id=request.id)
        exchange = self._exchange(len(self.sent) - 1)
        wanted = {} if exchange is None or exchange.request is None else exchange.request
        if wanted.get("id", sent.id) != sent.id:
            self._fail((*self._request(exchange), "id"), "another request is sent", wanted["id"], sent.id)
            self.given_up = True

    # The wire

    def answer(self, sent: Sent) -> Answer:
        """What comes back for a request.

        Raises:
            NoAnswer: the case says so.
            Revoked: the case has failed, and nothing that follows would mean anything.
        """
        self.sent.append(sent)
        exchange = self._exchange(len(self.sent) - 1)
        if exchange is None:
            key = "conversation" if self._case.conversation else "name"
            self._fail((*self._case.pointer, key), f"a further request is sent: {spelled(sent)}")
            raise self._give_up()
        try:
            if exchange.request is not None:
                self._compare(exchange, sent)
            return self._given(exchange)
        except NotCaptured as error:
            self._fail(exchange.pointer, str(error))
            raise self._give_up() from error

    def left(self, ended: str) -> None:
        """At the end: note the first exchange that did not happen."""
        exchange = self._exchange(len(self.sent))
        if exchange is not None and not self.given_up:
            request = exchange.request or {}
            what = " ".join(str(request[one]) for one in ("id", "method", "path") if one in request)
            text = f"this request is not sent: {what or 'any'}"
            failure = Failure(self._document.span(self._request(exchange)), text, outcome=ended)
            self.failures.append(failure)

    def _compare(self, exchange: Exchange, sent: Sent) -> None:
        """Note differences; of another request only that it is another one."""
        wanted = exchange.request or {}
        for name, actual in (("api", sent.api), ("method", sent.method), ("path", sent.path)):
            if wanted.get(name, "") != actual:
                text = f"another request is sent: {spelled(sent)}"
                self._fail(self._request(exchange, name), text, wanted.get(name, ""), actual)
                raise self._give_up()
        query = {name: _as_query(value) for name, value in wanted.get("query", {}).items()}
        self._differ(exchange, "query", differences(query, sent.query, self._captured, exact=True))
        headers = {name.lower(): value for name, value in wanted.get("headers", {}).items()}
        self._differ(exchange, "headers", differences(headers, sent.headers, self._captured))
        if "body" in wanted:
            exact = wanted.get("exact", False)
            body: Any = MISSING if sent.body is None else sent.body
            self._differ(exchange, "body", differences(wanted["body"], body, self._captured, exact=exact))

    def _differ(self, exchange: Exchange, part: str, found: Any) -> None:
        for one in found:
            where = (part, *one.pointer)
            self._difference(self._request(exchange, *where), spell(where), one)

    def _difference(self, at: Pointer, where: str, one: Difference) -> None:
        self._fail(at, f"{where} differs", one.expected, one.actual)

    def _request(self, exchange: Exchange | None, *steps: str | int) -> Pointer:
        pointer = self._case.pointer if exchange is None else exchange.pointer
        return pointer if exchange is None or exchange.request is None else (*pointer, "request", *steps)

    def _given(self, exchange: Exchange) -> Answer:
        if exchange.answer is None:
            text, reason = _NO_ANSWER[exchange.error]
            raise NoAnswer(text, reason=reason)
        answer: Mapping[str, Any] = filled(exchange.answer, self._captured)
        headers = {"date": format_datetime(self._case.now)}
        body = answer_body(answer)
        if isinstance(body, str):
            headers["content-type"] = "text/plain; charset=utf-8"
        elif body is not MISSING:
            headers["content-type"] = "application/json"
        headers |= {name.lower(): str(value) for name, value in answer.get("headers", {}).items()}
        encoded = b"" if body is MISSING else body.encode() if isinstance(body, str) else json.dumps(body).encode()
        return Answer(answer.get("status", 200), headers, encoded)

    def _exchange(self, index: int) -> Exchange | None:
        exchanges = self._case.conversation
        return exchanges[index] if index < len(exchanges) else None

    def _give_up(self) -> Revoked:
        self.given_up = True
        return Revoked("the case has failed")

    def _fail(self, at: Pointer, text: str, expected: str | None = None, actual: str | None = None) -> None:
        number = f"request {len(self.sent)}: " if self.sent else ""
        self.failures.append(Failure(self._document.span(at), number + text, expected, actual))


class Wire:
    """A script as the transport of one API."""

    def __init__(self, script: Script, api: str, root: str, base: str) -> None:
        self._script = script
        self._api = api
        self._root = root
        self._base = base

    async def send(
        self,
        method: str,
        url: str,
        headers: Headers,
        body: bytes | None,
        *,
        deadline: float,  # noqa: ARG002 - no time passes
        limit: int,  # noqa: ARG002 - answers are written by hand
    ) -> Answer:
        """See `api.transports.Transport`."""
        names = {name.lower(): value for name, value in headers}
        parts = urlsplit(url.removeprefix(self._root))
        query: dict[str, Any] = {}
        for name, value in parse_qsl(parts.query, keep_blank_values=True):
            query[name] = [*_listed(query[name]), value] if name in query else value
        path = parts.path.removeprefix(self._base) if parts.path.startswith(self._base + "/") else parts.path
        data = None if body is None else decoded(body, names.get("content-type", ""))
        return self._script.answer(Sent("", self._api, method, path, query, names, data))

    async def close(self) -> None:
        """Nothing is open."""


def answer_body(answer: Mapping[str, Any]) -> Any:
    """The body of an answer, MISSING for none."""
    if "items" in answer:
        items = answer["items"]
        return {"count": len(items), "next": answer.get("next"), "previous": None, "results": items}
    return answer.get("body", MISSING)


def decoded(body: bytes, media_type: str) -> Any:
    """The body of a request as data: JSON, the mapping of a form, else text."""
    kind = media_type.partition(";")[0].strip().lower()
    if kind == "application/json" or kind.endswith("+json"):
        try:
            return parse_json(body)
        except NotJson:
            return body.decode(errors="replace")
    if kind == "application/x-www-form-urlencoded":
        return _gathered(parse_qsl(body.decode(errors="replace"), keep_blank_values=True))
    if kind == "multipart/form-data":
        return _gathered(_parts(body, media_type))
    return body.decode(errors="replace")


def _parts(body: bytes, media_type: str) -> list[tuple[str, Any]]:
    """The fields of a multipart body; of a file its name, media type and content as text."""
    head = f"Content-Type: {media_type}\r\n\r\n".encode()
    whole = BytesParser(policy=email.policy.HTTP).parsebytes(head + body)
    found = []
    for part in whole.iter_parts():
        content = part.get_payload(decode=True)
        text = content.decode(errors="replace") if isinstance(content, bytes) else str(content)
        name = str(part.get_param("name", "", header="content-disposition"))
        file = part.get_filename()
        media = part.get_content_type()
        found.append((name, text if file is None else {"filename": file, "media_type": media, "content": text}))
    return found


def _gathered(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        found[name] = [*_listed(found[name]), value] if name in found else value
    return found


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _as_query(value: Any) -> Any:
    """A value of a case as it stands in a query."""
    if isinstance(value, list):
        texts = [_as_query(one) for one in value]
        return texts[0] if len(texts) == 1 else texts
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else value if isinstance(value, str) else str(value)


def spelled(sent: Sent) -> str:
    """A request in one line."""
    query = "&".join(f"{name}={one}" for name, value in sent.query.items() for one in _listed(value))
    return f"{sent.method} {sent.path}" + (f"?{query}" if query else "")
