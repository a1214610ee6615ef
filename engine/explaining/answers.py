"""Answers from a file: YAML or JSON by request id, checked against the rule, each fault with its place."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from engine.api.judge import Judge
from engine.api.retry import merge
from engine.api.transports import Answer
from engine.config.model import RetryPolicy
from engine.documents import Document, Pointer, read_documents
from engine.errors import Unusable
from engine.explaining.walk import Ask, Given
from engine.findings import Finding, Level, many, suggest
from engine.report import headline
from engine.rules.model import Rule
from engine.ruletests.matching import MISSING
from engine.ruletests.script import answer_body
from engine.shapes import check_shape, load_schema


class AnswersInvalid(Unusable):
    """The file cannot be used.

    Attributes:
        findings: at least one.
    """

    def __init__(self, findings: Sequence[Finding]) -> None:
        super().__init__(headline(findings[0]))
        self.findings = tuple(findings)


class FileAnswers:
    """The answers of a file, judged as those of an API are.

    Args:
        file: YAML or JSON.
        rule: whose requests are answered.
        retry: the configured policy.

    Raises:
        AnswersInvalid: its content has faults.
        Unusable: it cannot be read.
    """

    def __init__(self, file: Path, rule: Rule, retry: RetryPolicy) -> None:
        self._document = _read(file)
        self._answers: Mapping[str, Any] = self._document.data
        self._judge = Judge(lambda request: merge(retry, request.retry), tuple)
        self._used: dict[str, int] = {}
        faults = [fault for name in self._answers for fault in self._faults(name, rule)]
        if faults:
            raise AnswersInvalid(faults)

    async def answer(self, ask: Ask) -> Given | None:
        """The answer of the request, None where the file has none for its id.

        Raises:
            AnswersInvalid: the file has answers for the id, but not enough.
            Undeliverable, Transient: the answer is no success.
        """
        name = ask.rule.id
        if name not in self._answers:
            return None
        answers = self._answers[name]
        pointer: Pointer = (name,)
        if isinstance(answers, list):
            pointer = (name, ask.turn)
        if ask.turn >= (len(answers) if isinstance(answers, list) else 1):
            raise AnswersInvalid([self._short(ask)])
        self._used[name] = ask.turn + 1
        answer = answers[ask.turn] if isinstance(answers, list) else answers
        span = self._document.span(pointer)
        response = self._judge.response(ask.request, _answer(answer))
        return Given(response, f"{self._document.path}:{span.line}")

    def finish(self) -> None:
        """Say so where a request was asked less often than the file has answers for it.

        Raises:
            AnswersInvalid: an answer was not used.
        """
        for name, used in self._used.items():
            answers = self._answers[name]
            if isinstance(answers, list) and len(answers) > used:
                asked = f"{used} {'was' if used == 1 else 'were'} asked for"
                text = f"{name}: has {many(len(answers), 'answer')}, but {asked}"
                raise AnswersInvalid([self._finding((name, used), text)])

    def _short(self, ask: Ask) -> Finding:
        name, page = ask.rule.id, ask.request.next_link is not None
        why = "its last page has a `next`" if page else "`for_each` has more items"
        text = f"{name}: has {many(ask.turn, 'answer')}, but {why}: {ask.request.method} {ask.request.path} has none"
        return self._finding((name,), text, "write a list: one answer a request, in order")

    def _faults(self, name: str, rule: Rule) -> list[Finding]:
        known = {request.id: request for request in rule.requests}
        request = known.get(name)
        if request is None:
            near = suggest(name, known)
            help_ = f"did you mean '{near}'?" if near else f"known: {', '.join(known)}"
            return [self._finding((name,), f"the rule {rule.name} has no request '{name}'", help_, key=True)]
        answers = self._answers[name]
        several = isinstance(answers, list)
        places = [((name, turn), one) for turn, one in enumerate(answers)] if several else [((name,), answers)]
        return [
            self._finding(
                (*place, "items"), f"{name}: `items` needs `paginate: true` in the rule; write `body`", key=True
            )
            for place, one in places
            if "items" in one and not request.paginate
        ]

    def _finding(self, pointer: Pointer, message: str, help_: str = "", *, key: bool = False) -> Finding:
        document = self._document
        span = document.span(pointer, key=key)
        return Finding(document.path, span, Level.ERROR, "wrong-answer", message, help_)


def _read(file: Path) -> Document:
    try:
        text = file.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise Unusable(f"{file}: cannot read the answers: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise Unusable(f"{file}: is not UTF-8 text") from error
    documents, findings = read_documents(file, text)
    if not findings and len(documents) != 1:
        raise Unusable(f"{file}: must be one document: a mapping of request ids to answers")
    findings = findings or check_shape(documents[0], load_schema("answers"))
    if findings:
        raise AnswersInvalid(findings)
    return documents[0]


def _answer(data: Mapping[str, Any]) -> Answer:
    """As it would come from the wire, so that it is read and judged in the same way."""
    headers = {name.lower(): value for name, value in data.get("headers", {}).items()}
    status, body = data.get("status", 200), answer_body(data)
    if body is MISSING:
        return Answer(status, headers, b"")
    if isinstance(body, str):
        return Answer(status, {"content-type": "text/plain; charset=utf-8", **headers}, body.encode())
    return Answer(status, {"content-type": "application/json", **headers}, json.dumps(body).encode())
