"""What stands in a dead letter."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from engine.errors import NoAnswer, Stage, Undeliverable
from engine.events.event import Event, EventId, EventType, Message
from engine.outcome import Dead
from engine.stream.letter import Letter, compose
from tests.rules.making import event, rule

AT = datetime(2026, 1, 2, 3, 4, 5, 678_900, timezone(timedelta(hours=2)))
MESSAGE = Message("observation", 3, 41, b"\xff key", b"\x00\xff value", (("trace", b"1"), ("trace", None)), 1_700_000)
RULE = rule("request: {method: GET, path: /a/}")


def _plain(text: str) -> str:
    return text


def _letter(dead: Dead, message: Message = MESSAGE, of: Event | None = None, redact: Any = _plain) -> Letter:
    return compose(message, of, dead, AT, redact)


def _own(letter: Letter) -> dict[str, str]:
    return {name: (value or b"").decode() for name, value in letter.headers if name.startswith("dlq.")}


def test_the_original_is_kept_byte_for_byte() -> None:
    """Key, value and headers, duplicates and nulls among them, in order, before the engine's own."""
    letter = _letter(Dead(None, Undeliverable(Stage.DECODE, "no")))
    assert (3, b"\xff key", b"\x00\xff value") == (letter.partition, letter.key, letter.value)
    assert (("trace", b"1"), ("trace", None)) == letter.headers[:2]


def test_every_fact_has_its_header() -> None:
    """All of the contract's names, with texts that people can read."""
    error = Undeliverable(Stage.REQUEST, "PATCH /a/:\n 503", request_id="update", status=503, attempts=4)
    error.__cause__ = NoAnswer("no")
    dead = Dead(RULE, error, 5, ({"id": "find", "status": 200, "body": {"count": 1}},))
    own = _own(_letter(dead, of=event()))
    resume = json.loads(own.pop("dlq.resume"))
    assert {
        "dlq.stage": "request",
        "dlq.error": "PATCH /a/: 503",
        "dlq.error.class": "NoAnswer",
        "dlq.status": "503",
        "dlq.attempts": "4",
        "dlq.rule": "a",
        "dlq.request": "update",
        "dlq.event.id": "0192f1c4-7b1e-7c3a-9d2e-000000000001",
        "dlq.event.type": "changed",
        "dlq.event.version": "1",
        "dlq.source.topic": "observation",
        "dlq.source.partition": "3",
        "dlq.source.offset": "41",
        "dlq.source.timestamp": "1700000",
        "dlq.failed_at": "2026-01-02T01:04:05.678Z",
        "dlq.replays": "0",
    } == own
    assert {"rule": RULE.digest, "answers": [{"id": "find", "status": 200, "body": {"count": 1}}]} == resume


def test_what_is_not_known_has_no_header() -> None:
    """A record that could not be read has neither event nor rule nor status."""
    own = _own(_letter(Dead(None, Undeliverable(Stage.DECODE, "no")), Message("observation", 0, 1, None, b"x")))
    assert {
        "dlq.stage", "dlq.error", "dlq.error.class", "dlq.attempts", "dlq.source.topic", "dlq.source.partition",
        "dlq.source.offset", "dlq.failed_at", "dlq.replays",
    } == set(own)  # fmt: skip


def test_headers_that_look_like_ours_are_not_copied() -> None:
    """Nobody can forge a resume or a count of replays, whatever the case of the name."""
    forged = (("dlq.resume", b"{}"), ("DLQ.Replays", b"9"), ("dlqueue", b"stays"))
    message = Message("observation", 0, 1, None, b"x", forged)
    letter = _letter(Dead(None, Undeliverable(Stage.DECODE, "no")), message)
    assert [("dlqueue", b"stays")] == [header for header in letter.headers if not header[0].startswith("dlq.")]
    assert "0" == _own(letter)["dlq.replays"]


def test_secrets_are_taken_out_of_the_error() -> None:
    """The text is redacted before it is cut."""
    error = Undeliverable(Stage.REQUEST, "x" * 995 + " hunter2hunter2")
    own = _own(_letter(Dead(None, error), redact=lambda text: text.replace("hunter2hunter2", "***")))
    assert "x" * 995 + " ***" == own["dlq.error"]


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("hunter2", "a secret"),
        ("x" * 20_000, "too much"),
        (2**70, "an integer over 64 bits"),
        ("\ud800", "no Unicode"),
    ],
)
def test_answers_that_cannot_be_kept_leave_no_resume(body: Any, why: str) -> None:
    """A replay begins at the first request then."""
    dead = Dead(RULE, Undeliverable(Stage.EXPECT, "no"), 1, ({"id": "find", "status": 200, "body": body},))
    own = _own(_letter(dead, redact=lambda text: text.replace("hunter2", "***")))
    assert "dlq.resume" not in own, why


def test_a_secret_that_json_writes_otherwise_is_found_too() -> None:
    """With a quotation mark in it, and as the name of a field."""
    for body in (['a"b'], {"x": {'a"b': 1}}):
        dead = Dead(RULE, Undeliverable(Stage.EXPECT, "no"), 1, ({"id": "find", "status": 200, "body": body},))
        assert "dlq.resume" not in _own(_letter(dead, redact=lambda text: text.replace('a"b', "***")))


def test_it_shrinks_in_steps() -> None:
    """First the resume goes, then long texts, then the value, which is said."""
    error = Undeliverable(Stage.EXPECT, "é" * 1000)
    dead = Dead(RULE, error, 1, ({"id": "find", "status": 200, "body": 1},))
    whole = _letter(dead, of=event())
    first = whole.smaller()
    assert first is not None
    assert {"dlq.resume"} == set(_own(whole)) - set(_own(first))
    second = first.smaller()
    assert second is not None
    assert ("é" * 100, MESSAGE.value) == (_own(second)["dlq.error"], second.value)
    third = second.smaller()
    assert third is not None
    assert (None, MESSAGE.key, "value") == (third.value, third.key, _own(third)["dlq.truncated"])
    assert third.smaller() is None


def test_an_event_cannot_push_its_own_value_out() -> None:
    """Its id and type stand in headers, too; where they are as long as the value they are cut before it goes."""
    huge = replace(event(), id=EventId("i" * 900_000), type=EventType("t" * 900_000))
    letter = _letter(Dead(RULE, Undeliverable(Stage.EXPECT, "no", request_id="r" * 900_000)), of=huge).smaller()
    second = None if letter is None else letter.smaller()
    assert second is not None
    assert ([200] * 3, MESSAGE.value) == (
        [len(_own(second)[name]) for name in ("dlq.event.id", "dlq.event.type", "dlq.request")],
        second.value,
    )


def test_the_ordering_key_is_told_where_it_is_known() -> None:
    """So that a replay knows which letters belong together."""
    dead, now = Dead(RULE, Undeliverable(Stage.EXPECT, "no")), datetime.now(UTC)
    assert "QUMtMQ==" == _own(compose(MESSAGE, event(), dead, now, str, "QUMtMQ=="))["dlq.order_key"]
    assert "dlq.order_key" not in _own(compose(MESSAGE, event(), dead, now, str))


def test_a_text_is_never_cut_within_a_character() -> None:
    """Headers stay UTF-8."""
    letter = _letter(Dead(None, Undeliverable(Stage.EXPECT, "a" + "é" * 500)))
    for _ in range(2):
        smaller = letter.smaller()
        assert smaller is not None
        letter = smaller
    assert "a" + "é" * 99 == _own(letter)["dlq.error"]


def test_the_time_is_utc() -> None:
    """Wherever the engine runs."""
    letter = compose(
        MESSAGE, None, Dead(None, Undeliverable(Stage.DECODE, "no")), datetime(2026, 1, 1, tzinfo=UTC), _plain
    )
    assert "2026-01-01T00:00:00.000Z" == _own(letter)["dlq.failed_at"]
