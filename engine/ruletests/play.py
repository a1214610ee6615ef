"""Plays cases: the engine's own pipeline and client, with a script for the wire and a clock that stands still."""

from __future__ import annotations

from collections.abc import Coroutine, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from engine.api.client import Client
from engine.api.contract import Contract
from engine.api.messages import Request
from engine.config.model import Api, Config, NoAuth
from engine.errors import Revoked, Undeliverable
from engine.events.event import Event
from engine.findings import Level
from engine.outcome import Dead, Done, Outcome, Skipped
from engine.pipeline import Journey, Pipeline, dead
from engine.rules.book import Book, overlaps, read_rules
from engine.rules.load import load_rules
from engine.ruletests.coverage import Coverage
from engine.ruletests.events import Events
from engine.ruletests.model import Case, Failure, Result, Suite
from engine.ruletests.script import Script, Wire

_NO_JITTER = 0.5


class RuleFile:
    """The rules of a file, watched.

    Attributes:
        book: the rules.
        coverage: of each rule, in file order.
        findings: what is wrong; then there are no rules.
    """

    def __init__(self, path: Path, config: Config) -> None:
        documents, findings = read_rules([path])
        rules, wrong = load_rules(documents, config.limits, config.apis)
        findings += wrong + overlaps(rules, documents)
        self.findings = [one for one in findings if one.level is Level.ERROR]
        sound = [] if self.findings else list(zip(rules, documents, strict=True))
        self.coverage = tuple(Coverage(rule, document) for rule, document in sound)
        self.book = Book(one.rule for one in self.coverage)

    def coverage_of(self, event: Event) -> Coverage | None:
        """Of the rule for an event."""
        rule = self.book.find(event.type, event.version)
        return next((one for one in self.coverage if one.rule is rule), None)


class Player:
    """Plays the cases of all suites.

    Args:
        config: limits, retries, APIs. Credentials, rates and outages are left out: a case is one event alone.

    Raises:
        Unusable: an event schema cannot be used; later: an OpenAPI document.
    """

    def __init__(self, config: Config) -> None:
        self._config = config
        self._events = Events(config)
        self._rules: dict[Path, RuleFile] = {}
        self._apis = {api.name: _bare(api) for api in (config.api, *config.apis.values())}
        self._contracts: dict[str, Contract | None] = {}

    def rules(self, path: Path) -> RuleFile:
        """The rules of a file; read once.

        Raises:
            Unusable: the file cannot be read.
        """
        key = path.resolve()
        if key not in self._rules:
            self._rules[key] = RuleFile(path, self._config)
        return self._rules[key]

    @property
    def read(self) -> Mapping[Path, RuleFile]:
        """All rule files so far, by their resolved paths."""
        return self._rules

    def play(self, suite: Suite, case: Case) -> Result:
        """Take one event through the rules of its file.

        Raises:
            WrongEvent: the event does not fit its schema.
            Unusable: an OpenAPI document cannot be used.
        """
        rules = self.rules(suite.rule_file)
        event = self._events.make(case, suite.document, rules.book)
        script = Script(suite, case, str(event.id))
        coverage = rules.coverage_of(event)
        journey = Journey(event, event.message.key, script, _Watch(script, coverage))
        try:
            outcome = self._process(rules.book, journey, script, case)
        except Revoked:
            return Result(suite, case, tuple(script.failures), tuple(script.sent), "")
        ended = in_words(outcome)
        script.left(ended)
        failures = [*script.failures, *_end(suite, case, outcome, event, rules.book, journey.attempts)]
        return Result(suite, case, tuple(failures), tuple(script.sent), ended)

    def _process(self, book: Book, journey: Journey, script: Script, case: Case) -> Outcome:
        clients = {name: self._client(name, script) for name in self._apis}
        skip_unknown = self._config.events.unknown_type == "skip"
        now = case.now.timestamp()
        pipeline = Pipeline(
            book, clients, self._config.limits, skip_unknown=skip_unknown, wall=lambda: now + script.clock
        )
        rule = book.find(journey.event.type, journey.event.version)
        try:
            if rule is not None:
                rule.order_key(journey.event)
        except Undeliverable as error:
            journey.rule = rule
            return dead(journey, error)
        return _ended(pipeline.process(journey))

    def _client(self, name: str, script: Script) -> Client:
        api = self._apis[name]
        parts = urlsplit(api.url)
        wire = Wire(script, name, f"{parts.scheme}://{parts.netloc}", parts.path.rstrip("/"))
        return Client(
            api,
            self._config.retry,
            None,
            self._config.limits,
            transport=wire,
            clock=lambda: script.clock,
            random=lambda: _NO_JITTER,
            contract=self._contract(api),
            files=_Addresses(),
        )

    def _contract(self, api: Api) -> Contract | None:
        if api.name not in self._contracts:
            self._contracts[api.name] = None if api.openapi is None else Contract.load(api.openapi)
        return self._contracts[api.name]


class _Addresses:
    """Fetches nothing: the content of a file is its address (`api.files.Files`)."""

    async def fetch(self, url: str, before: int) -> bytes:  # noqa: ARG002
        """The address itself."""
        return url.encode()


def _ended(process: Coroutine[Any, Any, Outcome]) -> Outcome:
    """The outcome of a process that never waits: sleeping only moves the clock. No event loop is needed."""
    try:
        process.send(None)
    except StopIteration as end:
        outcome: Outcome = end.value
        return outcome
    process.close()
    raise AssertionError("a case waits for something real")  # pragma: no cover


class _Watch:
    """Tells the script and the coverage of each request (`pipeline.Observer`)."""

    def __init__(self, script: Script, coverage: Coverage | None) -> None:
        self._script = script
        self._coverage = coverage

    def sent(self, journey: Journey, request: Request, status: int | None, seconds: float) -> None:  # noqa: ARG002
        """See `pipeline.Observer`."""
        self._script.identified(request)
        if self._coverage is not None:
            self._coverage.sent(request.id)

    def retried(self, *_: object) -> None:
        """Retries are seen as requests."""


def _bare(api: Api) -> Api:
    return replace(api, auth=NoAuth(), rate=None)


def in_words(outcome: Outcome) -> str:
    """`done`, `skipped (when)`, `dead at stage expect: ...`."""
    if isinstance(outcome, Dead):
        at = f" of '{outcome.error.request_id}'" if outcome.error.request_id else ""
        return f"dead at stage {outcome.error.stage}{at}: {outcome.error}"
    return f"skipped ({outcome.reason})" if isinstance(outcome, Skipped) else "done"


def _end(suite: Suite, case: Case, outcome: Outcome, event: Event, book: Book, attempts: int) -> list[Failure]:
    """How the end differs from what the case says."""
    document, at = suite.document, case.pointer
    name = "done" if isinstance(outcome, Done) else "skipped" if isinstance(outcome, Skipped) else "dead"
    facts: dict[str, object] = {"attempts": attempts, "reason": getattr(outcome, "reason", None)}
    if isinstance(outcome, Dead):
        error = outcome.error
        facts |= {"stage": str(error.stage), "request": error.request_id, "status": error.status}
    failures = []
    if name != case.outcome:
        place = "outcome" if case.outcome != "done" else "name"
        failures.append(Failure(document.span((*at, place)), "the outcome differs", case.outcome, in_words(outcome)))
        return failures
    for key, wanted in case.ends.items():
        if key == "error":
            differs, actual = wanted not in str(getattr(outcome, "error", "")), str(getattr(outcome, "error", ""))
        elif key == "order_key":
            found = _order_key(book, event)
            differs, actual = found != wanted, "null" if found is None else found
        else:
            differs, actual = facts.get(key) != wanted, str(facts.get(key))
        if differs:
            expected = "null" if wanted is None else str(wanted)
            failures.append(Failure(document.span((*at, key)), f"{key} differs", expected, actual))
    return failures


def _order_key(book: Book, event: Event) -> str | None:
    rule = book.find(event.type, event.version)
    found = event.message.key if rule is None else rule.order_key(event)
    return found.decode(errors="replace") if isinstance(found, bytes) else found
