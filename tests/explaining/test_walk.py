"""What is explained is what is sent: every shipped rule's tests, walked with their answers, make the same requests."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from engine.api.messages import Response
from engine.config.load import load_config
from engine.config.model import Config
from engine.explaining.walk import Given, Walk
from engine.rules.book import load_book
from engine.rules.preview import Known, Open
from engine.ruletests.events import Events
from engine.ruletests.load import read_suites, suite_files
from engine.ruletests.matching import MISSING
from engine.ruletests.model import Case, Suite
from engine.ruletests.script import answer_body

ROOT = Path(__file__).parents[2]


def is_smooth(case: Case) -> bool:
    """It is done, without retries and captured values: then its conversation is one answer a request."""
    statuses = [(exchange.answer or {"status": 500}).get("status", 200) for exchange in case.conversation]
    plain = "$capture" not in json.dumps([exchange.answer for exchange in case.conversation], default=str)
    return case.outcome == "done" and all(status < 300 for status in statuses) and plain


def cases() -> list[tuple[Suite, Case]]:
    """The smooth cases of the shipped rules."""
    suites = [suite for file in suite_files(ROOT / "rules") for suite in read_suites(file)[0]]
    return [(suite, case) for suite in suites for case in suite.cases if is_smooth(case) and case.conversation]


@pytest.fixture(scope="module")
def config() -> Config:
    """The shipped one."""
    return load_config(ROOT / "config.yaml", {}, secrets=False)


def test_there_are_cases() -> None:
    """The test below tests something."""
    assert len(cases()) > 5


@pytest.mark.parametrize(("suite", "case"), [pytest.param(*one, id=one[1].name) for one in cases()])
def test_the_walk_asks_what_the_engine_sends(suite: Suite, case: Case, config: Config) -> None:
    """The same requests in the same order, all of them known, and each with its answer."""
    book = load_book(suite.rule_file, config.limits, config.apis)
    event = Events(config).make(case, suite.document, book)
    rule = book.find(event.type, event.version)
    assert rule is not None
    walk = Walk(rule, event, config.limits, lambda request: None)
    asking, asked = walk.run(), []
    ask = next(asking, None)
    for exchange in case.conversation:
        assert ask is not None
        asked.append((ask.request.method, ask.request.path if ask.request.next_link is None else None))
        body = answer_body(exchange.answer or {})
        status = (exchange.answer or {}).get("status", 200)
        try:
            ask = asking.send(Given(Response(status, {}, None if body is MISSING else body), "the case"))
        except StopIteration:
            ask = None
    assert ask is None
    wanted = [exchange.request or {} for exchange in case.conversation]
    pages = [path is None for _, path in asked]
    assert [(one["method"], None if page else one["path"]) for one, page in zip(wanted, pages, strict=True)] == asked
    assert not any(isinstance(step.sight, Open) for step in walk.steps)
    assert len(asked) == sum(len(step.answers) for step in walk.steps if isinstance(step.sight, Known))
