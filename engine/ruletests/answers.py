"""Answers of cases held against the API's document: an answer that the API never gives proves nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from engine.config.model import Api, Config
from engine.documents import Pointer
from engine.findings import Finding, Level, spell
from engine.openapi.api import KnownApi
from engine.openapi.constants import misfit
from engine.openapi.schema import Alternatives, Schemas
from engine.ruletests.matching import MISSING, plain
from engine.ruletests.model import Exchange, Result, Sent
from engine.ruletests.script import answer_body

_DEEPEST = 8


class AnswerCheck:
    """Finds answers that an API's document does not allow; successes only, documents seldom list the others.

    Raises:
        Unusable: when a document is needed and cannot be used.
    """

    def __init__(self, config: Config) -> None:
        self._apis: dict[str, Api] = {"": config.api, **config.apis}
        self._known: dict[str, KnownApi | None] = {}

    def check(self, result: Result) -> list[Finding]:
        """Warnings about the answers of one case, the first of each answer."""
        found: list[Finding] = []
        for exchange, sent in zip(result.case.conversation, result.sent, strict=False):
            answer = exchange.answer
            if answer is not None and answer.get("status", 200) // 100 == 2:
                found += self._answer(result, exchange, sent, answer)
        return found

    def _answer(self, result: Result, exchange: Exchange, sent: Sent, answer: Mapping[str, Any]) -> Iterator[Finding]:
        api = self._api(sent.api)
        operation = None if api is None else api.operation(sent.method, sent.path)
        if api is None or operation is None:
            return
        place = (*exchange.pointer, "answer")
        status = answer.get("status", 200)
        if operation.statuses and not operation.statuses & {str(status), f"{status // 100}XX", "DEFAULT"}:
            listed = ", ".join(sorted(one for one in operation.statuses if one.startswith("2")))
            said = f"the API's document does not have {status} for {sent.method} {operation.known.text}"
            at = (*place, "status") if "status" in answer else place
            yield _warn(result, at, said, f"it has {listed}" if listed else "")
            return
        body = answer_body(answer)
        if body is MISSING or isinstance(body, str):
            return
        for at, said in _misfits(body, operation.answer((status,), ()), api.schemas, ()):
            shown = _written_at(answer, at)
            yield _warn(result, (*place, *shown), f"{spell(shown)}: the API's document says otherwise: {said}")
            return

    def _api(self, name: str) -> KnownApi | None:
        if name not in self._known:
            api = self._apis[name]
            self._known[name] = None if api.openapi is None else KnownApi.load(api.openapi, api.url)
        return self._known[name]


def _written_at(answer: Mapping[str, Any], at: Pointer) -> Pointer:
    """Where a value of the body stands in the answer as it is written."""
    if "items" in answer:
        return ("items", *at[1:]) if at[:1] == ("results",) else ("items",)
    return ("body", *at)


def _misfits(value: Any, wanted: Alternatives, schemas: Schemas, at: Pointer) -> Iterator[tuple[Pointer, str]]:
    """Values that certainly are not of the document's types. What it does not say, and further names, are fine."""
    value = plain(value)
    if len(at) > _DEEPEST or any(one.is_anything for one in wanted) or _is_captured(value):
        return
    wrong = misfit(value, wanted)
    if wrong is not None:
        yield at, wrong.said
    elif isinstance(value, list):
        elements = [schema for one in wanted if "array" in one.types for schema in schemas.elements(one)]
        for index, item in enumerate(value if elements else ()):
            yield from _misfits(item, tuple(elements), schemas, (*at, index))
    elif isinstance(value, Mapping):
        for name, one in value.items():
            each = [schemas.property(schema, name) for schema in wanted if name in schema.properties]
            types = tuple(schema for found in each for schema in found or ())
            # Documents often type a related object as its id.
            if types and not (isinstance(one, Mapping | list) and any("string" in kind.types for kind in types)):
                yield from _misfits(one, types, schemas, (*at, name))


def _is_captured(value: Any) -> bool:
    return isinstance(value, str) and value.startswith("$captured:")


def _warn(result: Result, at: Pointer, text: str, help_: str = "") -> Finding:
    document = result.suite.document
    return Finding(document.path, document.span(at), Level.WARNING, "unlikely-answer", text, help_)
