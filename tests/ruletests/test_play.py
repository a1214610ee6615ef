"""Cases are played by the engine's own code: requests, retries, pages, outcomes."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.config.model import Api, RetryPolicy
from tests.ruletests.making import RULE, failures, play

GOOD = """\
    cases:
      - name: Changes the name
        event: {ref: A 1, name: New}
        order_key: A 1
        conversation:
          - request: {id: find, method: GET, path: /things/, query: {ref: A 1}}
            answer: {items: [{id: 7, name: Old}]}
          - request: {id: update, method: PATCH, path: /things/7/, headers: {x-ref: A 1}, body: {name: New}}
            answer: {status: 200}
        attempts: 2
"""
OTHER = "request 1: another request is sent"


def test_a_case_that_is_so(tmp_path: Path) -> None:
    """Nothing failed, and nothing was found."""
    report = play(tmp_path, GOOD)
    assert ([], [], 1) == (failures(report), report.findings, len(report.results))


@pytest.mark.parametrize(
    ("was", "instead", "failure"),
    [
        ("path: /things/,", "path: /thing/,", (6, f"{OTHER}: GET /things/?ref=A 1", "/thing/", "/things/")),
        ("query: {ref: A 1}", "query: {ref: B}", (6, "request 1: query.ref differs", '"B"', '"A 1"')),
        ("query: {ref: A 1}", "query: {}", (6, "request 1: query.ref differs", "(nothing)", '"A 1"')),
        ("x-ref: A 1", "x-ref: B", (8, "request 2: headers.x-ref differs", '"B"', '"A 1"')),
        ("body: {name: New}", "body: {}, exact: true", (8, "request 2: body.name differs", "(nothing)", '"New"')),
        ("id: update", "id: find", (8, "request 2: another request is sent", "find", "update")),
        ("method: PATCH", "method: PUT", (8, "request 2: another request is sent: PATCH /things/7/", "PUT", "PATCH")),
        ("order_key: A 1", "order_key: B", (4, "order_key differs", "B", "A 1")),
        ("attempts: 2", "attempts: 3", (10, "attempts differs", "3", "2")),
        ("attempts: 2", "outcome: skipped", (10, "the outcome differs", "skipped", "done")),
        ("attempts: 2", "outcome: dead", (10, "the outcome differs", "dead", "done")),
    ],
)  # fmt: skip
def test_what_differs_is_named(tmp_path: Path, was: str, instead: str, failure: tuple[int, str, str, str]) -> None:
    """One failure, at its line, with both values."""
    assert [failure] == failures(play(tmp_path, GOOD.replace(was, instead)))


def test_fewer_requests(tmp_path: Path) -> None:
    """A request that is not sent is named, with how the event ended instead."""
    report = play(tmp_path, GOOD.replace("name: Old", "name: New"))
    found = [(one.message, one.outcome) for one in report.failed[0].failures]
    assert ("this request is not sent: update PATCH /things/7/", "done") == found[0]


def test_more_requests(tmp_path: Path) -> None:
    """A request that nobody expects is named; the case ends there."""
    report = play(tmp_path, "cases: [{name: a, event: {ref: A, name: b}}]")
    assert [(1, "request 1: a further request is sent: GET /things/?ref=A", None, None)] == failures(report)


def test_a_dead_letter(tmp_path: Path) -> None:
    """Its stage, request, status and a part of its error are compared."""
    case = """\
    cases:
      - name: Nothing there
        event: {ref: A, name: b}
        conversation:
          - request: {method: GET, path: /things/, query: {ref: A}}
            answer: {items: []}
        outcome: dead
        stage: expect
        request: find
        status: 200
        error: 0 thi
    """
    assert [] == failures(play(tmp_path, case))
    wrong = case.replace("0 thi", "1 thi").replace("status: 200", "status: 404")
    assert [(10, "status differs", "404", "200"), (11, "error differs", "1 thi", "0 things")] == failures(
        play(tmp_path, wrong)
    )


def test_a_skipped_event(tmp_path: Path) -> None:
    """The reason is compared."""
    case = "cases: [{name: a, event: {ref: null}, outcome: skipped, reason: REASON}]"
    assert [] == failures(play(tmp_path, case.replace("REASON", "when")))
    assert [(1, "reason differs", "old", "when")] == failures(play(tmp_path, case.replace("REASON", "old")))


def test_retries_pages_and_captured_values(tmp_path: Path) -> None:
    """A retried request and each page stand in the conversation; a captured value comes back in an answer."""
    report = play(
        tmp_path,
        """\
        cases:
          - name: a
            event: {ref: A, name: New}
            conversation:
              - {request: {method: GET, path: /things/, query: {ref: A}}, error: connection}
              - request: {method: GET, path: /things/, query: {ref: $capture:ref}}
                answer: {items: [], next: /base/things/?page=2}
              - request: {id: find, method: GET, path: /things/, query: {page: 2}}
                answer: {items: [{id: $captured:ref, name: Old}]}
              - request: {method: PATCH, path: /things/A/, headers: {Idempotency-Key: $capture:key}}
                answer: {status: 503, headers: {Retry-After: "5"}}
              - request: {method: PATCH, path: /things/A/, headers: {Idempotency-Key: $captured:key}}
                answer: {}
            attempts: 5
        """,
    )
    assert [] == failures(report)


def test_the_budget_is_the_configured_one(tmp_path: Path) -> None:
    """Without retries the first failure is the end."""
    case = """\
    cases:
      - name: a
        event: {ref: A, name: New}
        conversation: [{request: {method: GET, path: /things/, query: {ref: A}}, error: timeout}]
        outcome: dead
        stage: request
        error: no answer in time
    """
    assert [] == failures(play(tmp_path, case, retry=RetryPolicy(max_retries=0)))


def test_a_restart(tmp_path: Path) -> None:
    """With `restart` a retry begins at the first request again."""
    case = """\
    cases:
      - name: a
        event: {ref: A, name: New}
        conversation:
          - &find {request: {method: GET, path: /things/, query: {ref: A}}, answer: {items: [{id: 7, name: Old}]}}
          - {request: {method: PATCH, path: /things/7/}, error: timeout}
          - *find
          - {request: {method: PATCH, path: /things/7/}, answer: {}}
    """
    assert [] == failures(play(tmp_path, case, RULE + "retry: {restart: true}\n"))


def test_time_stands_where_the_case_says(tmp_path: Path) -> None:
    """`max_age` is judged by it; waiting lets it pass."""
    rule = "event_type: a\nmax_age: 1h\nrequest: {method: GET, path: '/x/{{ (message.timestamp | isoformat)[:4] }}/'}\n"
    case = """\
    now: 2030-01-01T00:00:00Z
    cases:
      - name: new
        event: {}
        conversation: [{request: {method: GET, path: /x/2030/}, answer: {}}]
      - name: old
        event: {}
        message: {timestamp: 2029-12-31T22:59:59Z}
        outcome: skipped
        reason: old
      - name: later
        now: 2031-01-01T00:00:00Z
        event: {}
        conversation: [{request: {method: GET, path: /x/2031/}, answer: {}}]
    """
    assert [] == failures(play(tmp_path, case, rule))


def test_for_each_form_and_text(tmp_path: Path) -> None:
    """Each turn is a request; a form is a mapping, anything else text."""
    rule = """\
event_type: a
requests:
  - {id: f, for_each: "{{ event.list }}", method: POST, path: /f/, encoding: form, body: {a: "{{ item }}", b: [x, y]}}
  - {id: t, method: POST, path: /t/, encoding: raw, body: "{{ event.text }}"}
"""
    case = """\
    cases:
      - name: a
        event: {list: [1, 2], text: "a b"}
        conversation:
          - {request: {method: POST, path: /f/, body: {a: "1", b: [x, y]}, exact: true}, answer: {}}
          - {request: {method: POST, path: /f/, body: {a: "2"}}, answer: {}}
          - {request: {method: POST, path: /t/, body: "a b"}, answer: {}}
    """
    assert [] == failures(play(tmp_path, case, rule))


def test_multipart(tmp_path: Path) -> None:
    """Fields are texts, a file is a mapping, a repeated name a list."""
    rule = """\
event_type: a
request:
  method: POST
  path: /up/
  encoding: multipart
  body: {name: "{{ event.n }}", f: {filename: a.txt, content: "{{ event.c }}", media_type: text/plain}, tag: [a, b]}
"""
    case = """\
    cases:
      - name: a
        event: {n: é, c: hello}
        conversation:
          - request:
              method: POST
              path: /up/
              body: {name: é, tag: [a, b], f: {filename: a.txt, media_type: text/plain, content: hello}}
              exact: true
            answer: {}
    """
    assert [] == failures(play(tmp_path, case, rule))


def test_files_of_a_store(tmp_path: Path) -> None:
    """Nothing is fetched: the content is the address, in a part or as the whole body."""
    rule = """\
event_type: a
requests:
  - {method: POST, path: /up/, encoding: multipart, body: {f: {from: "s3://bucket/{{ event.k }}"}}}
  - {method: PUT, path: /raw/, encoding: raw, body: {from: "s3://bucket/{{ event.k }}", media_type: text/plain}}
"""
    case = """\
    cases:
      - name: a
        event: {k: 2026/b.txt}
        conversation:
          - request:
              method: POST
              path: /up/
              body: {f: {filename: b.txt, media_type: text/plain, content: "s3://bucket/2026/b.txt"}}
              exact: true
            answer: {}
          - {request: {method: PUT, path: /raw/, body: "s3://bucket/2026/b.txt"}, answer: {}}
    """
    assert [] == failures(play(tmp_path, case, rule))


def test_other_apis(tmp_path: Path) -> None:
    """A request of another API says its name."""
    rule = "event_type: a\nrequest: {method: GET, path: /x/, api: chat}\n"
    case = "cases: [{name: a, event: {}, conversation: [{request: {API method: GET, path: /x/}, answer: {}}]}]"
    apis = {"chat": Api(name="chat", url="http://chat.example")}
    assert [] == failures(play(tmp_path, case.replace("API", "api: chat,"), rule, apis=apis))
    assert [] != failures(play(tmp_path, case.replace("API", ""), rule, apis=apis))


def test_several_rules_and_versions(tmp_path: Path) -> None:
    """The event's type and version choose the rule; left out, they are the first rule's."""
    request = "request: {method: GET, path: /NAME/}\n"
    rule = (
        f"event_type: a\nversions: [2]\n{request.replace('NAME', 'a2')}---\n"
        f"event_type: b\nversions: [1]\n{request.replace('NAME', 'b1')}"
    )
    case = """\
    cases:
      - {name: a, event: {}, conversation: [{request: {method: GET, path: /a2/}, answer: {}}]}
      - {name: b, event: {event_type: b}, conversation: [{request: {method: GET, path: /b1/}, answer: {}}]}
      - {name: c, event: {version: 3}, outcome: dead, stage: route, error: no rule covers version 3}
    """
    assert [] == failures(play(tmp_path, case, rule))


def test_a_case_without_requests_proves_nothing(tmp_path: Path) -> None:
    """An exchange whose request is still to be written fails, unless it is just being written."""
    case = "cases: [{name: a, event: {ref: A, name: b}, conversation: [{answer: {items: [{id: 1, name: b}]}}]}]"
    text = "the request is not written yet; `engine test-rules --update` writes it"
    assert [text] == [one[1] for one in failures(play(tmp_path, case))]
    assert [] == failures(play(tmp_path, case, update=True))
