"""The language of templates: types, undefined names, filters, positions."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest

from engine.config.model import Limits
from engine.rules.templates import RenderFailed, Template, TemplateInvalid, Templates, token_span, whole_expression
from engine.rules.values import OMIT
from tests.rules.making import value

EVENT = {
    "items": [1, 2, 3],
    "keys": {"a": 1, "values": "v"},
    "none": None,
    "name": " Ada ",
    "flag": False,
    "price": Decimal("1.10"),
    "at": dt.datetime(2026, 3, 1, tzinfo=dt.UTC),
    "raw": b"\x00\x01",
    "rows": [{"id": "b", "n": 2, "ok": True}, {"id": "a", "n": 1, "ok": False}, {"id": "c", "n": 2}],
}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("{{ event.items }}", [1, 2, 3]),
        ("  {{ event.items }}\n", [1, 2, 3]),
        ("{# why #}{{ event.price }}", Decimal("1.10")),
        ("{{ event.none }}", None),
        ("{{ '1e5' }}", "1e5"),
        ("{{ '[1, 2]' }}", "[1, 2]"),
        ("{{ event.flag }}", False),
        ("{{ event.raw }}", b"\x00\x01"),
        ("{{ event.at }}", EVENT["at"]),
        ("{{ omit }}", OMIT),
        ("{{ event.keys.values }}", "v"),
        ("{{ event.keys['a'] + 1 }}", 2),
        ("{{ event.rows.0.id }}", "b"),
        ("{{ event.rows[-1].id }}", "c"),
        ("{{ event.items[1:] }}", [2, 3]),
        ("{{ 1 if event.flag else none }}", None),
        ("{{ event.name | trim | upper }}", "ADA"),
        ("{{ event.rows | map(attribute='id') | sort }}", ["a", "b", "c"]),
        ("{{ event.rows | selectattr('n', 'equalto', 2) | map(attribute='id') | list }}", ["b", "c"]),
        ("{{ event.rows | selectattr('ok', 'defined') | list | length }}", 2),
        ("{{ event.rows | sort(attribute='n,id') | map(attribute='id') | join('') }}", "abc"),
        ("{{ event.rows | groupby('n') | map(attribute='list') | map('length') | list }}", [1, 2]),
        ("{{ event.rows | map(attribute='n') | unique | list }}", [2, 1]),
        ("{{ event.rows | sum(attribute='n') }}", 5),
        ("{{ event.items | map('string') | list }}", ["1", "2", "3"]),
        ("{{ range(3) | list }}", [0, 1, 2]),
        ("{{ dict(a=1) }}", {"a": 1}),
        ("{{ 7 // 2 + 7 % 4 * 2 ** 3 }}", 27),
        ("{{ event.items is iterable and event.none is none }}", True),
        ("{{ 3 in event.items and 'x' not in event.keys }}", True),
        ("{{ event.keys | dictsort | first }}", ("a", 1)),
        ("{{ event.keys | items | list }}", [("a", 1), ("values", "v")]),
        ("{{ [[1], [2]] | batch(2) | list }}", [[[1], [2]]]),
        ("{{ 'abc' | reverse }}", "cba"),
    ],
)
def test_one_whole_expression_keeps_its_type(source: str, expected: Any) -> None:
    """A value that is one whole expression is what the expression gives."""
    assert expected == value(source, event=EVENT)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("a {{ event.items }}", "a [1,2,3]"),
        ("{{ event.flag }}{{ true }}", "falsetrue"),
        ("{{ event.at }}.", "2026-03-01T00:00:00+00:00."),
        ("{{ event.price }} EUR", "1.10 EUR"),
        ("{% if event.flag %}a{% else %}b{% endif %}", "b"),
        (
            "{% for row in event.rows %}{{ loop.index }}{{ row.id }}{% if not loop.last %},{% endif %}{% endfor %}",
            "1b,2a,3c",
        ),
        ("{% set x = 2 %}{{ x * 2 }}", "4"),
        ("{% set x %}{{ event.flag }}!{% endset %}{{ x }}", "false!"),
        ("{% set ns = namespace(n=0) %}{% for i in event.items %}{% set ns.n = ns.n + i %}{% endfor %}{{ ns.n }}", "6"),
        ("{% for g in event.rows | groupby('n') %}{{ g.grouper }}:{{ g.list | length }};{% endfor %}", "1:1;2:2;"),
        ("{% for k, v in event.keys | items %}{{ k }}={{ v }} {% endfor %}", "a=1 values=v "),
        ("{{ 'a' ~ 1 ~ true }}{# c #}!", "a1true!"),
        ("no template", "no template"),
        ("keep\n", "keep\n"),
    ],
)
def test_anything_else_is_text(source: str, expected: str) -> None:
    """Mixed text is text by the rules of text."""
    assert expected == value(source, event=EVENT)


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("{{ evnt.x }}", "evnt is undefined"),
        ("{{ event.nmae }}", "event.nmae is undefined"),
        ("{{ event.nmae.first }}", "event.nmae is undefined"),
        ("{{ event.none.x }}", "event.none.x is undefined: what stands before it is null"),
        ("{{ event.name.x }}", "event.name.x is undefined: what stands before it is text"),
        ("{{ event.keys['b'] }}", "event.keys['b'] is undefined"),
        ("{{ event.keys[event.name] }}", "event.keys[...] is undefined"),
        ("{{ event.items[9] }}", "event.items[9] is undefined"),
        ("{{ event.nmae is none }}", "event.nmae is undefined"),
        ("{{ event.nmae in [] }}", "event.nmae is undefined"),
        ("{{ [event.nmae] }}", "event.nmae is undefined"),
        ("{{ not event.nmae }}", "event.nmae is undefined"),
        ("{{ event.nmae or 1 }}", "event.nmae is undefined"),
        ("{{ event.nmae | upper }}", "event.nmae is undefined"),
        ("{{ event.nmae | json }}", "event.nmae is undefined"),
        ("{% set x = event.nmae %}a", "event.nmae is undefined"),
        ("{% if false %}{% set x = 1 %}{% endif %}{{ x }}", "x is undefined"),
        ("{% for x in event.nmae %}{% endfor %}", "event.nmae is undefined"),
        ("{{ 1 if event.flag }}", "no `else`"),
        ("{{ [] | first }}", "| first is undefined"),
        ("{{ event.rows | map(attribute='ok') | join }}", "the field 'ok' is undefined"),
        ("{{ event.rows | selectattr('ok') | list }}", "the field 'ok' is undefined"),
        ("{{ event.rows | map(attribute='ok') | json }}", "the field 'ok' is undefined"),
        ("{{ event.rows | map('none') | list }}", "cannot be computed"),
        ("{{ loop.index }}", "loop is undefined"),
    ],
)
def test_undefined_is_an_error(source: str, why: str) -> None:
    """A name that is not there fails wherever it is used, and the error names it as the rule writes it."""
    with pytest.raises(RenderFailed) as caught:
        value(source, event=EVENT)
    assert str(caught.value).startswith("body: ")
    assert why in str(caught.value)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("{{ event.nmae | default('x') }}", "x"),
        ("{{ event.keys['b'] | default('x') }}", "x"),
        ("{{ nobody | default(1) }}", 1),
        ("{{ event.none.x | default('x') }}", "x"),
        ("{{ event.none | default('x') }}", None),
        ("{{ event.none | default('x', true) }}", "x"),
        ("{{ event.nmae | d(omit) }}", OMIT),
        ("{{ event.nmae is defined }}", False),
        ("{{ event.none is defined }}", True),
        ("{{ nobody is undefined }}", True),
        ("{{ (1 if event.flag) | default(2) }}", 2),
        ("{{ (event.x if event.flag else event.y) | default(2) }}", 2),
        ("{{ [] | first | default(3) }}", 3),
        ("{{ event.rows | map(attribute='ok', default=false) | list }}", [True, False, False]),
    ],
)
def test_what_may_be_undefined(source: str, expected: Any) -> None:
    """`default`, `is defined` and `is undefined` are there for names that may be missing; null is not missing."""
    assert expected == value(source, event=EVENT)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("{{ 'aGk=' | b64decode }}", b"hi"),
        ("{{ 'hi' | b64encode }}", "aGk="),
        ("{{ event.raw | b64encode }}", "AAE="),
        ("{{ event.rows[0] | json }}", '{"id":"b","n":2,"ok":true}'),
        ("{{ '<' | tojson }}", '"<"'),
        ("{{ event.name | required('no name') }}", " Ada "),
        ("{{ 0 | required('no number') }}", 0),
        ("{{ event.at | isoformat }}", "2026-03-01T00:00:00+00:00"),
        ("{{ '2026-03-01T00:00:00Z' | isoformat }}", "2026-03-01T00:00:00Z"),
        ("{{ '12' | int + ('1.5' | float) }}", 13.5),
        ("{{ 'x' | int(7) }}", 7),
        ("{{ none | float(0.5) }}", 0.5),
        ("{{ '%s has %05.1f%%' | format('x', 2.25) }}", "x has 002.2%"),
        ("{{ '%(a)s' % {'a': true} }}", "true"),
        ("{{ 'a-b' | replace('-', '_') }}", "a_b"),
        ("{{ 'a\nb' | indent(2) }}", "a\n  b"),
        ("{{ 'ab' | center(6) }}", "  ab  "),
        ("{{ 'a long text' | truncate(8, true, '.') }}", "a long text"),
        ("{{ 'a b/c' | urlencode }}", "a%20b/c"),
        ("{{ {'a': 'ü &'} | urlencode }}", "a=%C3%BC+%26"),
        ("{{ '<b>' | escape }}", "&lt;b&gt;"),
        ("{{ 'one two' | wordcount }}", 2),
        ("{{ 'one two' | wordwrap(3) }}", "one\ntwo"),
        ("{{ [3, 1] | max + ([3, 1] | min) }}", 4),
        ("{{ 2.567 | round(1) }}", 2.6),
    ],
)
def test_filters(source: str, expected: Any) -> None:
    """Jinja's filters and ours give what their names say."""
    found = value(source, event=EVENT)
    assert expected == found
    assert type(expected) is type(found)


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("{{ event.none | upper }}", "event.none | upper is null, which has no text"),
        ("{{ event.none ~ 'x' }}", "is null"),
        ("{{ [none] | join }}", "is null"),
        ("{{ 'x' | b64decode }}", "is not base64"),
        ("{{ event.none | required('no name given') }}", "body: no name given"),
        ("{{ event.nmae | required('no name given') }}", "body: no name given"),
        ("{{ '' | required('no name given') }}", "body: no name given"),
        ("{{ 'tomorrow' | isoformat }}", "not ISO 8601"),
        ("{{ 5 | isoformat }}", "not a date or time"),
        ("{{ event.name | int }}", "not a number"),
        ("{{ 1 / 0 }}", "divides by zero"),
        ("{{ 1 + 'a' }}", "types"),
        ("{{ event.items < 1 }}", "types"),
        ("a{{ event.none }}", "event.none is null"),
        ("a{{ event.raw }}", "event.raw is bytes"),
        ("a{{ omit }}", "omit is `omit`"),
        ("{{ 'x' | truncate(1) }}", "cannot be computed"),
    ],
)
def test_filters_refuse(source: str, why: str) -> None:
    """What makes no sense is an error; null never becomes the text None."""
    with pytest.raises(RenderFailed) as caught:
        value(source, event=EVENT)
    assert why in str(caught.value)


def test_errors_hold_nothing_of_the_event() -> None:
    """An error names the place and the rule's own words, never what the event holds."""
    secret = "s3cr3t-of-the-event"
    for source in (
        "{{ event.x | int }}",
        "{{ event.x.y }}",
        "{{ event.map[event.x] }}",
        "{{ event.x + 1 }}",
        "{{ event.x | float }}",
        "{{ event.x | isoformat }}",
        "{{ event.x | b64decode }}",
        "{{ event.map | map(attribute=event.x) | list | json }}",
        "{{ '%d' | format(event.x) }}",
        "{{ [1] | map(event.x) | list }}",
    ):
        with pytest.raises(RenderFailed) as caught:
            value(source, event={"x": secret, "map": {"k": {}}})
        assert secret not in str(caught.value), source


def test_conditions_are_booleans() -> None:
    """The text "false" is not false, and null is not false either."""
    templates = Templates(Limits())
    scope = templates.scope(templates.names())
    assert Template(templates, "{{ 1 == 1 }}", ("when",)).truth(scope)
    for source in ("{{ 'false' }}", "{{ none }}", "{{ 1 }}", "{{ [] }}"):
        with pytest.raises(RenderFailed, match=r"when: .*must be true or false"):
            Template(templates, source, ("when",)).truth(scope)


@pytest.mark.parametrize(
    ("source", "check", "token"),
    [
        ("x {{ a.b | uper }}", "unknown-filter", "uper"),
        ("{{ a is strng }}", "unknown-test", "strng"),
        ("{{ a\n  | nope }}", "unknown-filter", "nope"),
        ("{{ foo( }}", "template-syntax", "}"),
        ("{{ a ! b }}", "template-syntax", "!"),
        ("{{ a }", "template-syntax", "}"),
        ("x {%- include 'a' %}", "template-refused", "include"),
        ("{% import 'a' as b %}", "template-refused", "import"),
        ("{% from 'a' import b %}", "template-refused", "from"),
        ("{% extends 'a' %}", "template-refused", "extends"),
        ("{% macro m() %}{% endmacro %}", "template-refused", "macro"),
        ("{% call m() %}{% endcall %}", "template-refused", "call"),
        ("{% filter upper %}{% endfilter %}", "template-refused", "filter"),
        ("{% block b %}{% endblock %}", "template-refused", "block"),
        ("{% with %}{% endwith %}", "template-refused", "with"),
        ("{% autoescape true %}{% endautoescape %}", "template-refused", "autoescape"),
        ("{% raw %}{{ x }}{% endraw %}", "template-refused", "raw"),
        ("{% do x %}", "template-refused", "do"),
        ("{% for a in b recursive %}{% endfor %}", "template-refused", "for"),
        ("{{ a.upper() }}", "template-refused", "upper"),
        ("{{ a['x']() }}", "template-refused", "["),
        ("{{ now() }}", "template-refused", "now"),
        ("{{ lipsum() }}", "template-refused", "lipsum"),
        ("{{ range }}", "template-refused", "range"),
        ("{% set range = 1 %}", "template-refused", "range"),
        ("{{ self }}", "template-refused", "self"),
        ("{% for x in y %}{{ loop.cycle(1, 2) }}{% endfor %}", "template-refused", "cycle"),
    ],
)
def test_faults_point_at_the_token(source: str, check: str, token: str) -> None:
    """What a rule may not use is found without rendering, at its characters."""
    with pytest.raises(TemplateInvalid) as caught:
        Templates(Limits()).parse(source)
    assert (check, token) == (caught.value.id, source[caught.value.start : caught.value.end])


def test_trees_carry_offsets() -> None:
    """A node's line number is the offset of its token plus one, so that checks can point at it."""
    source = "{{ event.payload.status | default(x) }}"
    tree = Templates(Limits()).parse(source)
    found = whole_expression(tree)
    assert found is not None
    spans = [token_span(source, found), token_span(source, found.node)]  # type: ignore[attr-defined]
    assert ["default", "status"] == [source[start:end] for start, end in spans]


def test_names_are_those_of_the_scope() -> None:
    """`names` has what the template takes from outside, not what it sets itself."""
    templates = Templates(Limits())
    source = "{% set a = b %}{% for c in d %}{{ c }}{{ a }}{{ loop.index }}{{ e.f }}{% endfor %}"
    assert {"b", "d", "e"} == Template(templates, source, ()).names
    assert {"a"} == Template(templates, "{{ a.b | default('c') }}", ()).names


def test_the_same_template_is_compiled_once() -> None:
    """Two places with the same text share one function."""
    templates = Templates(Limits())
    assert templates.compile("{{ a }}") is templates.compile("{{ a }}")
    assert templates.compile("{{ a }}") is not templates.compile("{{ a }}", path=True)
