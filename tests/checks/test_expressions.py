"""What is said of an expression without computing it."""

from __future__ import annotations

import pytest
from jinja2 import nodes

from engine.checks.expressions import certain_fields, counts, fields, first_use, kind, literals, results, span_of, walk
from engine.config.model import Limits
from engine.rules.syntax import whole_expression
from engine.rules.templates import Template, Templates

SANDBOX = Templates(Limits())


def expression(source: str) -> nodes.Expr:
    """The expression of a template that is one."""
    found = whole_expression(SANDBOX.parse(source))
    assert found is not None
    return found


def said(source: str, node: nodes.Node) -> str:
    """The characters of a node's token."""
    return source[slice(*span_of(source, node))]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("{{ a }}", ["a"]),
        ("{{ a or 'x' }}", ["a", "'x'"]),
        ("{{ a and b or c }}", ["a", "b", "c"]),
        ("{{ 'x' if a else \"y\" }}", ["'x'", '"y"']),
        ("{{ 'x' if a }}", ["'x'"]),
        ("{{ a | default('x') }}", ["a", "'x'"]),
        ("{{ (a or 'x') if b else c | d('y', true) }}", ["a", "'x'", "c", "'y'"]),
        ("{{ a | trim }}", ["trim"]),
        (r"{{ a or 'it\'s' }}", ["a", r"'it\'s'"]),
    ],
)
def test_results(source: str, expected: list[str]) -> None:
    """Every expression whose value may be the value of the whole, at its own token."""
    assert expected == [said(source, node) for node in results(expression(source))]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("a", None),
        ("a.b", None),
        ("a | first", None),
        ("true", "a boolean"),
        ("not a", "a boolean"),
        ("a == b", "a boolean"),
        ("a is none", "a boolean"),
        ("a in b", "a boolean"),
        ("'x'", "text"),
        ("a ~ b", "text"),
        ("a | upper", "text"),
        ("1", "a number"),
        ("-a", "a number"),
        ("a - b", "a number"),
        ("a | length", "a number"),
        ("a + b", "a number, text or a list"),
        ("[a]", "a list"),
        ("(a, b)", "a list"),
        ("a | map('upper')", "a list"),
        ("{'a': b}", "a map"),
        ("none", "null"),
    ],
)
def test_kind(source: str, expected: str | None) -> None:
    """What every value of an expression is, where that can be seen."""
    assert expected == kind(expression("{{ " + source + " }}"))


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("find.items | length == 1", True),
        ("find.items | selectattr('id') | list | count < 3", True),
        ("find.body.count == 1", True),
        ("find.items != []", True),
        ("find.status == 200", False),
        ("other.items | length == find.status", False),
        ("find.items", False),
    ],
)
def test_counts(source: str, expected: bool) -> None:
    """Whether somebody looks at the number of hits."""
    assert expected is counts(SANDBOX.parse("{{ " + source + " }}"), "find")


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("{{ a }}{{ x }}", 10),
        ("{% set x = 1 %}{{ x }}", None),
        ("{{ x }}{% set x = 1 %}", 3),
        ("{% set x = x %}", 11),
        ("{% set x %}{{ x }}{% endset %}", 14),
        ("{% for x in a %}{{ x }}{% endfor %}", None),
        ("{% for x in a %}{% endfor %}{{ x }}", 31),
        ("{% for a in x %}{% endfor %}", 12),
        ("{% for a in b if x %}{% endfor %}", 17),
        ("{% for a in b %}{% else %}{{ x }}{% endfor %}", 29),
        ("{% for x in b %}{% else %}{{ x }}{% endfor %}", 29),
        ("{% if a %}{% set x = 1 %}{% endif %}{{ x }}", None),
        ("{% if x %}{% endif %}", 6),
        ("{% if a %}{% elif x %}{% endif %}", 18),
        ("{{ {'x': a.x} }}", None),
    ],
)
def test_first_use(source: str, expected: int | None) -> None:
    """Where a template takes `x` from its scope; a name that it sets itself is not taken."""
    found = first_use(SANDBOX.parse(source), "x")
    assert expected == (None if found is None else span_of(source, found)[0])


def test_fields() -> None:
    """Fields of names, dotted or in brackets; not those of other values."""
    source = "{{ a.b.c ~ d['e'] ~ f[0] ~ g[h] ~ ('x').y }}"
    found = fields(Template(SANDBOX, source, ("body",)))
    assert [("a", "b"), ("d", "e"), ("f", 0)] == [(name, field) for name, field, _ in found]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("{{ a.b }}", ["b"]),
        ("{{ a.b if a.c else a.d }}", ["c"]),
        ("{{ a.b and a.c or a.d }}", ["b"]),
        ("{{ a.b | default(a.c) }}{{ a.d is defined }}", []),
        ("{{ [a.b | upper, {'x': 'y' ~ a.c}] | length == a['d'] }}", ["b", "c", "d"]),
        ("{% if a.b %}{{ a.c }}{% endif %}{% for x in a.d %}{{ a.e }}{% endfor %}", ["b", "d"]),
    ],
)
def test_certain_fields(source: str, expected: list[str]) -> None:
    """Fields that no condition keeps from being looked up."""
    assert expected == [field for _, field, _ in certain_fields(Template(SANDBOX, source, ("body",)))]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("/a/{{ b }}/c", ["/a/", "/c"]),
        ("{{ a }}{{ b }}", ["", "", ""]),
        ("/a{# note #}/b", ["/a/b"]),
        ("/a{% if b %}/c{% endif %}", None),
    ],
)
def test_literals(source: str, expected: list[str] | None) -> None:
    """What stands between the values; nothing can be said where statements choose."""
    assert expected == literals(SANDBOX.parse(source))


def test_walk_visits_what_jinja_finds() -> None:
    """Every node, in reading order."""
    tree = SANDBOX.parse(
        "{% for a, b in c %}{{ a | f(1, x=b) if d else [e, {'k': g[1:2]}] }}{% endfor %}".replace("f(", "d(")
    )
    assert {id(node) for node in tree.find_all(nodes.Node)} == {id(node) for node in walk(tree)} - {id(tree)}
    assert ["a", "b", "c", "d", "a", "b", "e", "g"] == [one.name for one in walk(tree) if isinstance(one, nodes.Name)]
