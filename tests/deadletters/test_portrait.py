"""One dead letter as people read it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from engine.config.model import Api, Config, HeaderAuth
from engine.config.secret import Secret
from engine.deadletters.conversation import Conversation, Recorded
from engine.deadletters.letter import original
from engine.deadletters.portrait import conversation_text, dump, event_text, facts, next_text, rule_text
from engine.deadletters.selection import Standing
from engine.deadletters.standing import Line
from engine.observe.mask import Mask
from tests.deadletters.making import letter, record
from tests.rules.making import event, loaded, rule

RULE = rule(
    """
    requests:
      - {id: one, method: POST, path: /ones/, body: {a: "{{ event.payload.a }}"}}
      - {id: two, method: PATCH, path: "/twos/{{ one.body.id }}/", body: {b: 1}}
      - {id: three, method: GET, path: "/threes/{{ two.body.id }}/"}
    """
)
CONFIG = Config(api=Api(url="https://api.example/api", auth=HeaderAuth("Authorization", Secret("hush"), "Token ")))
MASK = Mask((), [Secret("hush-hush")])
ANSWERS = Conversation(RULE.digest, (Recorded("one", 201, {"id": 7, "api_token": "abc", "note": "it is hush-hush"}),))


def _facts(standing: Standing = Standing.OPEN, reason: str | None = None, **more: Any) -> str:
    found = {"rule": RULE, "request": "two", "status": 409, **more}
    line = Line(letter(**found), standing, 1, True)
    return "\n".join(facts(line, original(record(**found), line.letter), "observation.dlq", reason))


def test_the_facts_come_first() -> None:
    """Where it stands, what became of it, what failed."""
    assert """\
source    observation[0]@7, 1970-01-01T00:28:20.000Z, key 'key'
letter    observation.dlq[0]@0, 2026-11-24T03:00:00.500Z
state     open, 1 replay
event     changed, version 1, id 0192f1c4-7b1e-7c3a-9d2e-000000000001
failed    request, request two, status 409, 1 attempt (Undeliverable)
error     it failed""" == _facts()


def test_what_was_given_up_says_why() -> None:
    """As whoever did it said; nothing of it reaches the terminal as an order."""
    assert "state     given up (a \ufffd[2J test), 1 replay" in _facts(Standing.GIVEN_UP, "a \x1b[2J test")
    assert "no key" in _facts(key=None)
    assert "\x1b" not in _facts(error="\x1b[2J", key=b"\x1b[2J\xff")


def test_secrets_are_masked_in_events_and_answers() -> None:
    """By the name of a field at any depth; control characters are not shown."""
    shown = event_text(
        event({"password": "abc", "deep": [{"token": "abc"}], "text": "\x1b[2J\x9b", "raw": b"12345"}), MASK
    )
    assert "abc" not in shown
    assert 2 == shown.count('"***"')
    assert ("\x1b" in shown, "\x9b" in shown, '"(5 bytes)"' in shown) == (False, False, True)
    answers = "\n".join(conversation_text(ANSWERS, MASK))
    assert answers.startswith("1. one: 201\n{")
    assert ("abc" in answers, "hush-hush" in answers, '"***"' in answers) == (False, False, True)


def test_bytes_are_dumped() -> None:
    """Offset, hexadecimal, ASCII; what is long is cut, and said."""
    assert ["00000000  00 1b 41" + " " * 40 + " ..A"] == list(dump(b"\x00\x1bA"))
    rows = list(dump(bytes(1_000)))
    assert (33, "00000010", "... 488 more bytes") == (len(rows), rows[1][:8], rows[-1])
    assert ["(no bytes)"] == list(dump(None))


def _next(answers: Conversation | None, payload: Any = None, of: Any = RULE) -> list[str]:
    found = letter(rule=RULE, request="two")
    return list(next_text(of, event({"a": 1} if payload is None else payload), found, answers, CONFIG))


def test_the_next_request_is_shown_as_it_would_be_sent() -> None:
    """The answers are in it; what comes after it as far as it is known; no credentials."""
    shown = "\n".join(_next(ANSWERS))
    assert shown.startswith(
        "resumed after 1 answer\n\n2. two\nPATCH https://api.example/api/twos/7/\nAuthorization: Token ***\n"
    )
    assert "\n3. three: depends on the answer of two\nGET https://api.example/api/threes/{{ two.body.id }}/" in shown
    assert "1. one" not in shown
    assert "hush" not in shown


def test_from_the_start_it_names_what_is_repeated() -> None:
    """Then the first request."""
    shown = _next(replace(ANSWERS, digest="another"))
    assert ["from the start: the rule has changed; sent again: one", "", "1. one"] == shown[:3]


GET = "request: {method: GET, path: /a/}"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("when: '{{ event.payload.a == 2 }}'\n" + GET, "nothing: the rule's `when` is false"),
        (
            GET.replace("/a/", "'/a/{{ event.payload.b }}/'"),
            "nothing: a replay would be a dead letter again, at stage re",
        ),
        ("when: '{{ event.payload.b }}'\n" + GET, "nothing: a replay would be a dead letter again"),
        ("request: {method: POST, path: /a/, for_each: '{{ [] }}'}", "nothing is left to be sent"),
    ],
)
def test_where_nothing_would_be_sent_it_says_why(text: str, shown: str) -> None:
    """The rule's own reason."""
    assert _next(None, of=rule(text))[-1].startswith(shown)


def test_the_rule_is_shown_as_its_file_says_it(tmp_path: Path) -> None:
    """Its own document only; nothing where the file is gone."""
    first, second = (f"event_type: {name}\nrequest: {{method: GET, path: /{name}/}}\n" for name in "ab")
    path = tmp_path / "two.yaml"
    path.write_text(f"{first}---\n{second}")
    rules, _ = loaded(path.read_text(), str(path))
    assert [first.rstrip(), second.rstrip()] == [rule_text(one) for one in rules]
    path.unlink()
    assert "" == rule_text(rules[0])
