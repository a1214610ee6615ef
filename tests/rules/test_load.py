"""From YAML to rules: what is refused, at which place, and what stands."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.config.model import Limits
from engine.documents import read_documents
from engine.findings import Finding
from engine.rules.load import load_rules
from tests.rules.making import loaded, rule

REQUEST = "request: {method: GET, path: /a}\n"


def found(text: str) -> list[tuple[str, str, str]]:
    """(id, marked text, message) of each finding of a rule."""
    source = "event_type: changed\n" + text
    _, findings = loaded(source)
    return [(finding.id, marked(source, finding), finding.message) for finding in findings]


def marked(source: str, finding: Finding) -> str:
    """The text that a finding points at, on its first line."""
    line = source.splitlines()[finding.span.line - 1]
    end = finding.span.end_column - 1 if finding.span.end_line == finding.span.line else len(line)
    return line[finding.span.column - 1 : end]


@pytest.mark.parametrize(
    ("text", "check", "token", "message"),
    [
        ("", "missing-key", "event_type", "a rule needs 'request' or 'requests'"),
        (
            REQUEST + "requests: [{method: GET, path: /a}]",
            "exclusive-keys",
            "requests",
            "'requests' cannot stand beside",
        ),
        (REQUEST + "boddy: 1", "unknown-key", "boddy", "'boddy' is not a key of a rule"),
        (
            "request: {method: GET, path: /a, qury: {}}",
            "unknown-key",
            "qury",
            "request: 'qury' is not a key of a request",
        ),
        ("request: {method: GET}", "missing-key", "request", "a request needs 'path'"),
        ("request: {method: get, path: /a}", "wrong-value", "get", "request.method: 'get' is not one of"),
        ("request: {method: GET, path: a}", "wrong-value", "a", "request.path: 'a' is not a path"),
        ("request: {method: GET, path: //evil.example/a}", "wrong-value", "//evil.example/a", "is not a path"),
        ('request: {method: GET, path: "/{{ event.a }}"}', "wrong-value", '"/{{ event.a }}"', "is not a path"),
        (
            "request: {method: GET, path: 'http://evil.example/'}",
            "wrong-value",
            "'http://evil.example/'",
            "is not a path",
        ),
        ("request: {method: GET, path: /a?b=1}", "wrong-path", "/a?b=1", "use `query`"),
        ("request: {method: GET, path: '/a#b'}", "wrong-path", "'/a#b'", "use `query`"),
        ('request: {method: GET, path: "/a b/{{ event.a }}"}', "wrong-path", '"/a b/{{ event.a }}"', "percent-encoded"),
        ("request: {method: GET, path: /a/../b}", "wrong-path", "/a/../b", "`..` segment"),
        ("request: {method: GET, path: /a/%2e%2E/b}", "wrong-path", "/a/%2e%2E/b", "`..` segment"),
        ("request: {method: GET, path: /a/b%2Fc}", "wrong-path", "/a/b%2Fc", "encoded `/`"),
        ("request: {method: GET, path: /a//b}", "wrong-path", "/a//b", "empty segment"),
        (
            "request: {method: GET, path: /a, cache: 60s}",
            "unknown-key",
            "cache",
            "request: 'cache' is not supported yet",
        ),
        (
            "request: {method: POST, path: /a, encoding: multipart, body: [1]}",
            "wrong-value",
            "[1]",
            "must be a mapping with `encoding: multipart`",
        ),
        (
            "request: {method: POST, path: /a, encoding: multipart, body: {f: [{filename: a, contents: b}]}}",
            "unknown-key",
            "contents",
            "'contents' is not a key of a file",
        ),
        ("request: {method: GET, path: /a, timeout: 30}", "wrong-type", "30", "must be a duration"),
        ("request: {method: GET, path: /a, timeout: 30 s}", "wrong-value", "30 s", "not a duration"),
        ("versions: []\n" + REQUEST, "wrong-value", "[]", "must not be empty"),
        ("versions: [1, 1]\n" + REQUEST, "wrong-value", "1", "a second time"),
        ("versions: [0]\n" + REQUEST, "wrong-value", "0", "a version"),
        ("versions: 1\n" + REQUEST, "wrong-type", "1", "must be a list"),
        ("vars: {Ref: 1}\n" + REQUEST, "wrong-key", "Ref", "is not a name"),
        ("vars: {event: 1}\n" + REQUEST, "reserved-name", "event", "'event' is a name of the engine's own"),
        ("vars: {range: 1}\n" + REQUEST, "reserved-name", "range", "the engine's own"),
        ("request: {id: loop, method: GET, path: /a}", "reserved-name", "loop", "request.id: 'loop'"),
        ("request: {id: item, method: GET, path: /a}", "reserved-name", "item", "request.id: 'item'"),
        ("request: {method: GET, path: /a, for_each: [1], as: message}", "reserved-name", "message", "request.as: "),
        ("request: {method: GET, path: /a, as: x}", "missing-key", "as", "needs 'for_each'"),
        ("request: {method: GET, path: /a, paginate: 'yes'}", "wrong-type", "'yes'", "true or false"),
        ("request: {method: POST, path: /a, paginate: true}", "wrong-value", "true", "for a GET only"),
        ("request: {method: GET, path: /a, body: {a: 1}}", "wrong-value", "body", "a GET request has no body"),
        ("request: {method: POST, path: /a, encoding: form, body: [1]}", "wrong-value", "[1]", "a mapping with"),
        (
            "request: {method: POST, path: /a, encoding: raw, body: {a: 1}}",
            "wrong-value",
            "{a: 1}",
            "with `encoding: raw`",
        ),
        (
            "request: {method: GET, path: /a, headers: {authorization: x}}",
            "wrong-header",
            "authorization",
            "cannot be set",
        ),
        ("request: {method: GET, path: /a, headers: {Cookie: x}}", "wrong-header", "Cookie", "cannot be set"),
        (
            "request: {method: GET, path: /a, headers: {Idempotency-Key: x}}",
            "wrong-header",
            "Idempotency-Key",
            "cannot be",
        ),
        ("request: {method: GET, path: /a, headers: {'a b': x}}", "wrong-header", "'a b'", "is not a header name"),
        (
            "request: {method: GET, path: /a, headers: {X-A: 1, x-a: 2}}",
            "duplicate-key",
            "x-a",
            "a second time, as 'X-A'",
        ),
        ("request: {method: GET, path: /a, expect: {status: [600]}}", "wrong-value", "600", "is not a status"),
        (
            "request: {method: GET, path: /a, expect: {status: [6xx]}}",
            "wrong-value",
            "6xx",
            "is not a class such as 2xx",
        ),
        ("request: {method: GET, path: /a, expect: {message: x}}", "missing-key", "message", "needs 'that'"),
        ("when: yes\n" + REQUEST, "wrong-value", "yes", "when: must be one whole {{ expression }}"),
        ('when: "{{ a }} "\n' + REQUEST, "", "", ""),
        ('when: "x{{ event.a }}"\n' + REQUEST, "wrong-value", '"x{{ event.a }}"', "must be one whole"),
        (
            'request: {method: GET, path: /a, query: "a={{ event.a }}"}',
            "wrong-value",
            '"a={{ event.a }}"',
            "a mapping, or",
        ),
        ("request: {method: GET, path: /a, for_each: abc}", "wrong-value", "abc", "must be a list, or"),
        (
            'request: {method: GET, path: /a, query: {"{{ event.a }}": 1}}',
            "template-refused",
            '"{{ event.a }}"',
            "a key cannot",
        ),
        (
            'request: {method: GET, path: /a, query: {a: "{{ event.a | uper }}"}}',
            "unknown-filter",
            "uper",
            "request.query.a: ",
        ),
        (
            'request: {method: GET, path: "/a/{{ event.a.lower() }}"}',
            "template-refused",
            "lower",
            "request.path: 'lower'",
        ),
        (
            "request:\n  method: POST\n  path: /a\n  body:\n    - a: >-\n        x\n        {{ y ! }}",
            "template-syntax",
            "!",
            "body[0].a",
        ),
        ("on_old: dead\n" + REQUEST, "missing-key", "on_old", "needs 'max_age'"),
        ("retry: {max_retries: -1}\n" + REQUEST, "wrong-value", "-1", "at least 0"),
        ("retry: {retries: 1}\n" + REQUEST, "unknown-key", "retries", "is not a key of a retry"),
        (
            "request: {method: GET, path: /a, retry: {restart: true}}",
            "unknown-key",
            "restart",
            "is not a key of a retry",
        ),
    ],
)
def test_one_finding_at_its_place(text: str, check: str, token: str, message: str) -> None:
    """Every fault is one finding that points at what a person would fix."""
    findings = found(text)
    assert ([check] if check else []) == [one[0] for one in findings]
    if check:
        assert token == findings[0][1]
        assert message in findings[0][2]


def test_all_faults_of_a_document_are_told() -> None:
    """Loading does not stop at the first fault."""
    text = """requests:
  - {id: a, method: GET, path: /a, query: {x: "{{ y( }}"}}
  - {id: a, method: GET, path: /b, headers: {Host: x}}
  - {method: POST, path: "/c/{{ z.z() }}"}
"""
    assert ["template-syntax", "duplicate-id", "wrong-header", "template-refused"] == [one[0] for one in found(text)]


def test_duplicate_names_are_found_at_the_second() -> None:
    """The second of two equal names is the fault, and the message names the line of the first."""
    text = """vars: {a: 1}
requests:
  - {id: a, method: GET, path: /a}
  - {id: b, method: GET, path: /b}
  - {id: b, method: GET, path: /c}
  - {id: c, for_each: [1], as: b, method: GET, path: /d}
  - {id: request_1, method: GET, path: /d}
"""
    expected = [
        ("duplicate-id", "a", "requests[0].id: 'a' is already the name of a var (line 2)"),
        ("duplicate-id", "b", "requests[2].id: 'b' is already the name of a request (line 5)"),
        ("duplicate-name", "b", "requests[3].as: 'b' is already the name of a request (line 5)"),
    ]
    assert expected == found(text)


def test_default_ids() -> None:
    """Requests without an id are called `request`, or `request_N` from 1."""
    assert ["request"] == [one.id for one in rule(REQUEST).requests]
    made = rule("requests: [{method: GET, path: /a}, {id: x, method: GET, path: /b}, {method: GET, path: /c}]")
    assert ["request_1", "x", "request_3"] == [one.id for one in made.requests]


def test_items_of_different_requests_may_share_a_name() -> None:
    """An item lives for its request only."""
    each = "for_each: [1], as: x, method: GET, path: /a"
    assert 2 == len(rule(f"requests: [{{id: a, {each}}}, {{id: b, {each}}}]").requests)


def test_documents_of_one_file() -> None:
    """The first rule has the file's name, later ones a number; a faulty one does not stop the others."""
    text = f"""event_type: a
{REQUEST}---
event_type: b
{REQUEST}nope: 1
---
# third
event_type: c
versions: [2, 3]
max_age: 1h
on_old: dead
{REQUEST}"""
    rules, findings = loaded(text, "rules/many.yaml")
    assert [("many", "a", 1, None), ("many#3", "c", 9, (2, 3))] == [
        (one.name, one.event_type, one.line, one.versions) for one in rules
    ]
    assert [("unknown-key", 6)] == [(finding.id, finding.span.line) for finding in findings]
    assert (3600.0, "dead", "skip", None) == (rules[1].max_age, rules[1].on_old, rules[0].on_old, rules[0].max_age)


def test_the_digest_is_of_what_the_rule_says() -> None:
    """Comments and layout do not change the digest; a value does."""
    one = rule("request: {method: GET, path: /a}").digest
    assert one == rule("# why\nrequest:\n  method: GET\n  path: /a\n").digest
    assert one != rule("request: {method: GET, path: /b}").digest


def test_names_of_apis_are_looked_up() -> None:
    """An `api` that is not configured is an error, with the nearest name."""
    documents, _ = read_documents(Path("a.yaml"), "event_type: a\nrequest: {method: GET, path: /a, api: jria}\n")
    _, findings = load_rules(documents, Limits(), ("jira",))
    assert [("unknown-api", "did you mean 'jira'?")] == [(one.id, one.help) for one in findings]
    assert [] == load_rules(documents, Limits(), ("jria",))[1]
    assert [] == load_rules(documents)[1]


def test_what_reads_the_message_is_known() -> None:
    """A rule that does not read `message` does not pay for it."""
    assert not rule(REQUEST).uses_message
    assert rule('order_by: "{{ message.key }}"\n' + REQUEST).uses_message


def test_templates_know_their_place() -> None:
    """Every template of a rule has the pointer of its text, in the order in which they are rendered."""
    made = rule("""
    order_by: "{{ event.a }}"
    when: "{{ event.b }}"
    vars: {c: ["{{ event.c }}"]}
    requests:
      - method: POST
        path: /x/{{ c }}
        query: {q: "{{ c }}"}
        headers: {X-A: "{{ c }}"}
        body: {b: {d: "{{ c }}"}}
        for_each: "{{ c }}"
        when: "{{ item }}"
        expect: {that: "{{ true }}", message: "{{ c }}"}
    """)
    expected = [
        ("order_by",),
        ("when",),
        ("vars", "c", 0),
        ("requests", 0, "for_each"),
        ("requests", 0, "when"),
        ("requests", 0, "path"),
        ("requests", 0, "query", "q"),
        ("requests", 0, "headers", "X-A"),
        ("requests", 0, "body", "b", "d"),
        ("requests", 0, "expect", "that"),
        ("requests", 0, "expect", "message"),
    ]
    assert expected == [template.pointer for template in made.templates()]
    made.prepare()
