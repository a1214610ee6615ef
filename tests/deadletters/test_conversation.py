"""Where a replay begins."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from engine.api.messages import Request
from engine.deadletters.conversation import Beginning, Conversation, Recorded, begin, read_conversation
from engine.deadletters.letter import resume_of
from engine.errors import Stage
from engine.rules.model import Rule
from tests.deadletters.making import letter, record
from tests.rules.making import LIMITS, event, rule

STEPS = """
requests:
  - {id: one, method: POST, path: /ones/, body: {a: "{{ event.payload.a }}"}}
  - {id: two, method: POST, path: /twos/, body: {one: "{{ one.body.id }}"}}
  - {id: find, method: GET, path: /things/}
  - {id: three, method: PATCH, path: "/threes/{{ two.body.id }}/", body: {thing: "{{ find.body.id }}"}}
"""
ONE = {"id": "one", "status": 201, "body": {"id": 1}}
TWO = {"id": "two", "status": 201, "body": {"id": 2}}
FIND = {"id": "find", "status": 200, "body": {"id": 3}}


def _begin(
    of: Rule,
    request: str | None,
    *answers: dict[str, Any],
    stage: Stage = Stage.REQUEST,
    failed: Rule | None = None,
    **more: Any,
) -> Beginning:
    at = record(rule=failed or of, request=request, stage=stage, answers=answers)
    found = letter(rule=failed or of, request=request, stage=stage)
    payload = more.pop("payload", {"a": 1})
    return begin(of, event(payload), LIMITS, found, read_conversation(resume_of(at)), **more)


def _next(beginning: Beginning) -> tuple[str, str]:
    assert isinstance(beginning.request, Request)
    return beginning.request.method, beginning.request.path


def test_it_is_resumed_at_the_request_that_failed() -> None:
    """The answers before it are fed in; none of its writes is sent again."""
    beginning = _begin(rule(STEPS), "three", ONE, TWO, FIND)
    assert (("PATCH", "/threes/2/"), 3, (), "") == (
        _next(beginning), len(beginning.answers), beginning.repeated, beginning.why,
    )  # fmt: skip
    assert b'{"thing":3}' == (beginning.request and beginning.request.body)


def test_nothing_was_answered_before_the_first_request() -> None:
    """The start is where it failed; there is nothing to be said."""
    beginning = _begin(rule(STEPS), "one")
    assert (("POST", "/ones/"), (), "", ()) == (
        _next(beginning), beginning.answers, beginning.why, beginning.repeated,
    )  # fmt: skip


def test_another_rule_begins_at_its_start() -> None:
    """And the writes that are made twice are named."""
    changed = rule(STEPS.replace("/ones/", "/others/"))
    beginning = _begin(changed, "three", ONE, TWO, FIND, failed=rule(STEPS))
    assert (("POST", "/others/"), (), "the rule has changed", ("one", "two")) == (
        _next(beginning), beginning.answers, beginning.why, beginning.repeated,
    )  # fmt: skip


def test_a_comment_is_no_other_rule() -> None:
    """The digest is over what the rule says."""
    assert 3 == len(_begin(rule("# better\n" + STEPS), "three", ONE, TWO, FIND, failed=rule(STEPS)).answers)


def test_the_start_can_be_asked_for() -> None:
    """--from-start."""
    beginning = _begin(rule(STEPS), "three", ONE, TWO, FIND, from_start=True)
    assert (("POST", "/ones/"), "asked for", ("one", "two")) == (_next(beginning), beginning.why, beginning.repeated)


def test_answers_that_were_not_kept_are_missed() -> None:
    """They were too large, or had a secret in them: the writes before are sent again, and that is said."""
    beginning = _begin(rule(STEPS), "three")
    assert (("POST", "/ones/"), "the answers so far were not kept", ("one", "two")) == (
        _next(beginning), beginning.why, beginning.repeated,
    )  # fmt: skip


def test_a_rule_whose_retries_restart_is_restarted() -> None:
    """So it says itself."""
    beginning = _begin(rule("retry: {restart: true}\n" + STEPS), "three", ONE, TWO, FIND)
    assert ("the rule's retries restart", ()) == (beginning.why, beginning.answers)


def test_a_rule_that_reads_headers_of_answers_cannot_be_resumed() -> None:
    """No letter keeps them."""
    reads = rule(STEPS.replace("find.body.id", "one.headers.location"))
    beginning = _begin(reads, "three", ONE, TWO, FIND)
    assert ("the rule reads headers of answers, which are not kept", ("one", "two")) == (
        beginning.why,
        beginning.repeated,
    )


def test_an_answer_that_was_not_what_was_expected_is_asked_for_again() -> None:
    """What failed is the request, not what came after it."""
    expecting = rule(STEPS.replace("path: /things/", "path: /things/, expect: {that: '{{ find.body.id == 4 }}'}"))
    beginning = _begin(expecting, "find", ONE, TWO, FIND, stage=Stage.EXPECT)
    assert (("GET", "/things/"), 2, None) == (_next(beginning), len(beginning.answers), beginning.failure)


def test_a_status_that_was_not_expected_is_among_no_answers() -> None:
    """Nothing before it is dropped."""
    beginning = _begin(rule(STEPS), "three", ONE, TWO, FIND, stage=Stage.EXPECT)
    assert (("PATCH", "/threes/2/"), 3) == (_next(beginning), len(beginning.answers))


def test_a_template_that_failed_is_given_fresh_lookups() -> None:
    """It failed for what the lookup said; the writes before it stay."""
    nothing = {**FIND, "body": {}}
    beginning = _begin(rule(STEPS), "three", ONE, TWO, nothing, stage=Stage.RENDER)
    assert (("GET", "/things/"), 2) == (_next(beginning), len(beginning.answers))


PAGED = """
requests:
  - {id: one, method: POST, path: /ones/}
  - {id: find, method: GET, path: /things/, paginate: true}
"""
PAGE = {"id": "find", "status": 200, "body": {"results": [1], "next": "/things/?page=2"}}


@pytest.mark.parametrize("pages", [1, 2])
def test_pages_are_read_from_the_first_again(pages: int) -> None:
    """Half of yesterday's list and half of today's would be neither."""
    answers = [PAGE, {**PAGE, "body": {"results": [2], "next": "/things/?page=3"}}][:pages]
    beginning = _begin(rule(PAGED), "find", {"id": "one", "status": 201, "body": None}, *answers)
    assert (("GET", "/things/"), 1, None) == (
        _next(beginning),
        len(beginning.answers),
        beginning.request and beginning.request.next_link,
    )


def test_of_several_items_those_before_the_failed_one_are_done() -> None:
    """By position: the third of three is sent."""
    each = rule(
        """
        requests:
          - {id: find, method: GET, path: /things/}
          - id: write
            for_each: "{{ find.body }}"
            method: PATCH
            path: /things/{{ item }}/
            expect: {that: "{{ write.body.ok }}"}
        """
    )
    found = {"id": "find", "status": 200, "body": [4, 5, 6]}
    ok = {"id": "write", "status": 200, "body": {"ok": True}}
    assert ("PATCH", "/things/6/") == _next(_begin(each, "write", found, ok, ok))
    wrong = {**ok, "body": {"ok": False}}
    beginning = _begin(each, "write", found, ok, wrong, stage=Stage.EXPECT)
    assert (("PATCH", "/things/5/"), 2) == (_next(beginning), len(beginning.answers))


def test_answers_of_other_requests_are_not_used() -> None:
    """The same digest and answers that cannot be its own: from the start, and said."""
    beginning = _begin(rule(STEPS), "three", TWO, ONE)
    assert ((), "the answers so far do not fit the rule's requests") == (beginning.answers, beginning.why)


def test_a_rule_that_fails_at_once_says_so() -> None:
    """Nothing can be sent."""
    beginning = _begin(rule(STEPS), "one", payload={})
    assert (None, "render") == (beginning.request, beginning.failure and str(beginning.failure.stage))


@pytest.mark.parametrize(
    "text", [b"", b"[]", b"{}", b'{"rule":"a","answers":[{}]}', b'{"rule":"a","answers":3}', b"\xff"]
)
def test_what_is_no_conversation_is_none(text: bytes) -> None:
    """Somebody changed it: from the start."""
    assert read_conversation(text) is None


def test_a_conversation_is_read() -> None:
    """As the engine wrote it."""
    text = orjson.dumps({"rule": "d1", "answers": [ONE]})
    assert Conversation("d1", (Recorded("one", 201, {"id": 1}),)) == read_conversation(text)
