"""The types of a whole rule."""

from __future__ import annotations

from engine.rules.model import RequestRule
from engine.typing import model
from engine.typing.flaws import FlawKind
from engine.typing.memo import TypeMemo
from engine.typing.model import Field, ListOf, Record, Source, Text, describe
from engine.typing.rule import Answer, literal, typed
from tests.typing.making import EVENTS, body, rule

ONE = EVENTS.covered("incident_reported", (1,), ())
BOTH = EVENTS.covered("incident_reported", (1, 2), ())
THING = Record(
    {
        "id": Field(Text(format="uuid", source=Source.RESPONSE)),
        "status": Field(Text(("open", "done"), source=Source.RESPONSE)),
        "note": Field(model.nullable(Text(source=Source.RESPONSE))),
        "folder": Field(Text(source=Source.RESPONSE)),
        "count": Field(model.Number(source=Source.RESPONSE)),
    },
    source=Source.RESPONSE,
)


def answers(request: RequestRule) -> Answer:
    """Whatever is asked, things are the answer."""
    return Answer(Record({"results": Field(ListOf(THING))}, source=Source.RESPONSE), THING)


def flaws(text: str) -> list[tuple[str, str]]:
    """Kind and level of what is found in a rule for the first version."""
    found = typed(rule(text), ONE, answers)
    return [(str(fault.flaw.kind), str(fault.flaw.level)) for fault in found.faults]


def lookup(use: str) -> str:
    """A rule with a lookup and a request that uses it."""
    return f"""
versions: [1]
requests:
  - {{id: find, method: GET, path: /things/, paginate: true}}
  - {use}
"""


def test_types_by_place_and_version() -> None:
    """Each template has a type for each version that comes to it."""
    made = rule(
        "versions: [1, 2]\nwhen: \"{{ event.version == 2 }}\"\nrequest: {method: GET, path: '/x/{{ event.event_id }}/'}"
    )
    found = typed(made, BOTH)
    assert {1: model.FALSE, 2: model.TRUE} == dict(found.of(("when",)))
    assert {2: model.TEXT} == dict(found.of(("request", "path")))
    assert {} == dict(found.of(("request", "body")))


def test_parts() -> None:
    """The type of a value with templates at any depth."""
    made = rule(
        "versions: [1]\nrequest:\n  method: POST\n  path: /a/\n"
        "  body: {a: ['{{ event.payload.severity }}', 'x'], b: {c: '{{ omit }}', d: 5}, e: 'x {{ event.version }}'}"
    )
    found = typed(made, ONE)
    sent = made.requests[0].body
    assert sent is not None
    record = found.part(sent, 1)
    assert isinstance(record, Record)
    assert ["a list", "a record", "text"] == [describe(field.type) for field in record.fields.values()]
    nested = record.get("b")
    assert isinstance(nested, Record)
    assert [model.OMITTED, literal(5)] == [field.type for field in nested.fields.values()]


def test_without_a_schema() -> None:
    """Nothing is found about the fields of an event that nobody described, and all else is."""
    made = rule(
        "request: {method: POST, path: '/x/{{ event.a.b.c }}/', body: {x: \"{{ event.a + 1 }} {{ message.topci }}\"}}"
    )
    found = typed(made, {})
    assert [FlawKind.UNKNOWN_FIELD] == [fault.flaw.kind for fault in found.faults]
    assert [None] == list(found.types)


def test_answers() -> None:
    """Answers are typed by what their document says, which is not relied on for nulls and related objects."""
    assert [] == flaws(lookup('{method: GET, path: "/x/{{ find.items[0].id }}/{{ find.items[0].note | trim }}/"}'))
    assert [] == flaws(lookup('{method: GET, path: "/x/{{ find.items[0].folder.id }}/"}'))
    assert [] == flaws(lookup('{when: "{{ find.items[0].id is none }}", method: GET, path: /a/}'))
    assert [] == flaws(lookup('{method: GET, path: "/x/{{ find.items[0].nothing | default(5) }}/"}'))
    assert [("unknown-field", "error")] == flaws(lookup('{method: GET, path: "/x/{{ find.items[0].idd }}/"}'))
    assert [("unknown-field", "error")] == flaws(lookup('{method: GET, path: "/x/{{ find.body.result }}/"}'))
    assert [("wrong-operand", "error")] == flaws(lookup('{method: GET, path: "/x/{{ find.items[0].count | upper }}/"}'))
    assert [("unknown-symbol", "warning")] == flaws(
        lookup("{when: \"{{ find.items[0].status == 'opne' }}\", method: GET, path: /a/}")
    )
    assert [("unknown-symbol", "warning")] == flaws(
        lookup('{when: "{{ find.items[0].status == event.payload.status }}", method: GET, path: /a/}')
    )


def test_items() -> None:
    """The item has the type of the list's elements; afterwards the name stands for all answers."""
    write = "{id: write, for_each: '{{ find.items }}', method: PUT, path: '/x/{{ item.idd }}/'}"
    assert [("unknown-field", "error")] == flaws(lookup(write))
    after = "{id: write, for_each: '{{ find.items }}', method: PUT, path: /x/}\n  - {method: GET, path: '/x/"
    assert [("unknown-field", "error")] == flaws(lookup(after + "{{ (write | first).body.result }}/'}"))
    assert [] == flaws(lookup(after + "{{ (write | first).body.results[0].id }}/'}"))


def test_what_is_missing_may_prove_something() -> None:
    """Where a template of the rule could not be read, nothing is said of nulls: it may have been the guard."""
    made = body("a {{ event.payload.description }}{{ event.payload.nmae }}")
    assert [FlawKind.NULLABLE, FlawKind.UNKNOWN_FIELD] == [fault.flaw.kind for fault in typed(made, ONE).faults]
    assert [FlawKind.UNKNOWN_FIELD] == [fault.flaw.kind for fault in typed(made, ONE, whole=False).faults]


def test_one_fault_for_all_versions() -> None:
    """The same flaw of several versions is one, and the version that knows the better suggestion has the word."""
    found = typed(body("{{ event.payload.impac }}", "[1, 2]"), BOTH).faults
    assert [((1, 2), True, "did you mean 'impact'?")] == [
        (fault.versions, fault.everywhere, fault.flaw.remedy) for fault in found
    ]


def test_memo() -> None:
    """A template is typed once for all rules, but apart where the types of its names differ."""
    memo = TypeMemo()
    first = typed(body("a {{ event.payload.folder }}"), ONE, memo=memo)
    second = typed(
        body("a {{ event.payload.folder }}", "[2]"), EVENTS.covered("incident_reported", (2,), ()), memo=memo
    )
    again = typed(body("a {{ event.payload.folder }}"), ONE, memo=memo)
    assert [1, 0, 1] == [len(found.faults) for found in (first, second, again)]
    assert first.faults[0].flaw is again.faults[0].flaw


def test_the_memo_knows_what_differs_from_rule_to_rule() -> None:
    """`event.version` and `event.event_type` are not those of the rule that came first."""
    memo = TypeMemo()
    source = "{{ 'x' if event.version == 2 else 'y' }}"
    first, second = (typed(body(source, f"[{version}]"), {version: ONE[1]}, memo=memo) for version in (1, 2))
    assert "never" in first.faults[0].flaw.said
    assert "always" in second.faults[0].flaw.said
