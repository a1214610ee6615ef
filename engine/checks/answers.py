"""What the requests of a rule answer, by the documents of their APIs."""

from __future__ import annotations

from collections.abc import Mapping

from engine.openapi.api import KnownApi
from engine.rules.model import RequestRule
from engine.typing.rule import Answer, Answers

_UNKNOWN = Answer()


def answers_of(apis: Mapping[str, KnownApi]) -> Answers:
    """A function that says what a request answers; nothing where there is no document, or nothing in it."""

    def ask(request: RequestRule) -> Answer:
        api = apis.get(request.api)
        operation = None if api is None else api.operation(request.method, request.path)
        if api is None or operation is None:
            return _UNKNOWN
        accept = request.expect.accept
        body = api.answer(operation, accept.codes, accept.classes)
        return Answer(body, api.page_items(body))

    return ask
