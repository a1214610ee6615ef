"""A file of rule tests, read: cases with an event, a conversation and an outcome."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.documents import Document, Pointer
from engine.findings import Span


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request that is expected, and what comes back.

    Attributes:
        pointer: its place in the document.
        request: what must be sent, None where it is still to be written (`--update`).
        answer: what the API answers, None where nothing comes.
        error: `timeout` or `connection` where no answer comes, else "".
    """

    pointer: Pointer
    request: Mapping[str, Any] | None
    answer: Mapping[str, Any] | None
    error: str


@dataclass(frozen=True, slots=True)
class Case:
    """One event and all that must come of it.

    Attributes:
        pointer: its place in the document.
        name: what is true.
        now: the time at which it begins.
        event: as written: plain JSON.
        message: what is said of its record.
        conversation: the exchanges, in order.
        outcome: `done`, `skipped` or `dead`.
        ends: further facts of the end that are written, by key: `reason`, `stage`, `error`, ...
    """

    pointer: Pointer
    name: str
    now: dt.datetime
    event: Mapping[str, Any]
    message: Mapping[str, Any]
    conversation: tuple[Exchange, ...]
    outcome: str
    ends: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Suite:
    """The cases of one document.

    Attributes:
        document: where they stand.
        rule_file: whose rules they test.
        cases: in file order.
    """

    document: Document
    rule_file: Path
    cases: tuple[Case, ...]


@dataclass(frozen=True, slots=True)
class Failure:
    """One thing that is not as a case says.

    Attributes:
        span: where the case says so.
        message: what differs.
        expected, actual: both as text; None where the message says all.
        outcome: how the event ended instead, None where that is not the point.
    """

    span: Span
    message: str
    expected: str | None = None
    actual: str | None = None
    outcome: str | None = None


@dataclass(frozen=True, slots=True)
class Sent:
    """A request as it went over the wire.

    Attributes:
        id: of the rule's request; "" until it is known.
        api: name of the API, "" for `api`.
        method: upper case.
        path: under the API's URL, encoded.
        query: decoded; a name that stands once has a text, else a list.
        headers: lower-case names.
        body: as data: of JSON its values, of a form a mapping, else text; None without one.
    """

    id: str
    api: str
    method: str
    path: str
    query: Mapping[str, Any]
    headers: Mapping[str, str]
    body: Any


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a case.

    Attributes:
        suite, case: which.
        failures: none: it passed.
        sent: what was sent, in the order of the conversation.
        ended: the outcome in words, "" where the case was given up.
    """

    suite: Suite
    case: Case
    failures: tuple[Failure, ...]
    sent: tuple[Sent, ...]
    ended: str
