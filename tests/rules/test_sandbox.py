"""Ways out of a template, and ways to make it cost too much: none works."""

from __future__ import annotations

import time
from typing import Any

import pytest

from engine.config.model import Limits
from engine.rules.bounds import Bounds
from engine.rules.filters import build_filters, build_tests
from engine.rules.templates import RenderFailed, Template, TemplateInvalid, Templates
from tests.rules.making import value


class Thing:
    """An object with what no template may reach."""

    secret = "s3cr3t"

    def __getitem__(self, key: Any) -> str:
        return self.secret

    def method(self) -> str:
        """Never called."""
        raise AssertionError


NAMES: dict[str, Any] = {
    "thing": Thing(),
    "function": len,
    "kind": Thing,
    "module": time,
    "text": "abc",
    "map": {"a": 1},
}

ESCAPES = [
    "{{ ''.__class__ }}",
    "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "{{ ''['__class__'] }}",
    "{{ '' | attr('__class__') }}",
    "{{ '' | attr('\\x5f\\x5fclass\\x5f\\x5f') }}",
    "{{ [''] | map(attribute='__class__') | list | json }}",
    "{{ [''] | map('attr', '__class__') | list | json }}",
    "{{ [text] | map(attribute='__class__.__mro__') | first }}",
    "{{ [''] | selectattr('__class__') | list }}",
    "{{ ['', 'a'] | sort(attribute='__class__') | json }}",
    "{{ [''] | groupby('__class__') | json }}",
    "{{ [''] | sum(attribute='__class__') }}",
    "{{ [''] | join('', attribute='__class__') }}",
    "{{ ['', 'a'] | min(attribute='__class__') }}",
    "{{ [''] | unique(attribute='__class__') | list | json }}",
    "{{ thing.secret }}",
    "{{ thing['secret'] }}",
    "{{ thing | attr('secret') }}",
    "{{ thing.method }}",
    "{{ thing.method() }}",
    "{{ thing }}x",
    "{{ function('a') }}",
    "{{ function }}x",
    "{{ kind() }}",
    "{{ module.sleep }}",
    "{{ module.sleep(1) }}",
    "{{ text.format }}",
    "{{ text.format(1) }}",
    "{{ '{0.__class__}'.format(text) }}",
    "{{ '{0.__class__}'.format_map(map) }}",
    "{{ '%(a.__class__)s' | format(a=text) }}",
    "{{ text.upper }}",
    "{{ map.items() }}",
    "{{ map.update({'b': 2}) }}",
    "{{ map.clear }}",
    "{{ [].append }}",
    "{{ [].append(1) }}",
    "{{ range.__init__ }}",
    "{{ dict.mro() }}",
    "{{ dict(a=1).keys() }}",
    "{{ namespace().__class__ }}",
    "{{ namespace(a=1)['__class__'] }}",
    "{{ namespace(a=1)._Namespace__attrs }}x",
    "{{ namespace(a=1) | attr('__init__') }}",
    "{% for x in [1] %}{{ loop.__class__ }}{% endfor %}",
    "{% for x in [1] %}{{ loop._iterable }}{% endfor %}",
    "{% for x in [1] %}{{ loop | attr('__init__') }}{% endfor %}",
    "{% for x in [1] %}{{ loop.changed(x) }}{% endfor %}",
    "{% for x in [1] %}{{ loop }}{% endfor %}",
    "{% for g in [{'a': 1}] | groupby('a') %}{{ g.__class__ }}{% endfor %}",
    "{% for g in [{'a': 1}] | groupby('a') %}{{ g._replace }}{% endfor %}",
    "{{ self }}",
    "{{ self.__init__ }}",
    "{{ caller }}",
    "{{ cycler }}",
    "{{ joiner() }}",
    "{{ lipsum.__globals__ }}",
    "{{ lipsum() }}",
    "{{ config }}",
    "{{ environment }}",
    "{{ context }}",
    "{{ resolve }}",
    "{{ missing }}",
    "{{ undefined }}",
    "{{ __import__ }}",
    "{{ (text | default).__class__ }}",
    "{{ nobody | default(text.__class__) }}",
    "{{ omit.__class__ }}",
    "{{ [1] | random }}",
    "{{ text | pprint }}",
    "{{ text | safe }}",
    "{{ text | xmlattr }}",
    "{{ [1] | map('for rounds') | list | json }}",
    "{{ ['a'] | map('path segment') | map(attribute='__class__') | list | json }}",
    "{{ text is callable }}",
    "{{ 'x' is filter }}",
    "{% include 'rules/a.yaml' %}",
    "{% import 'os' as os %}",
    "{% set ns = namespace() %}{% set ns.__class__ = 1 %}{{ ns.__class__ }}",
]


@pytest.mark.parametrize("source", ESCAPES)
def test_no_escape(source: str) -> None:
    """Nothing but data, and the listed filters, tests and functions, can be reached."""
    with pytest.raises((TemplateInvalid, RenderFailed)) as caught:
        value(source, **NAMES)
    assert "s3cr3t" not in str(caught.value)


HOGS = [
    "{{ 'x' * 300000000 }}",
    "{{ 300000000 * 'x' }}",
    "{{ [1] * 300000000 }}",
    "{{ (1,) * 300000000 }}",
    "{{ data * 300000000 }}",
    "{{ '%300000000d' % 1 }}",
    "{{ '%.300000000f' % 1.5 }}",
    "{{ '%*d' % (300000000, 1) }}",
    "{{ '%0300000000d' | format(1) }}",
    "{{ '%99999999999999999999d' | format(1) }}",
    "{{ ('%s' * 3000) % ((long,) * 3000) }}",
    "{{ ('%(a)s' * 1500) % {'a': long} }}",
    "{{ 'x' | center(300000000) }}",
    "{{ 'x' | indent(300000000) }}",
    "{{ 'x\ny' | indent(long) | indent(long) | indent(long) }}",
    "{{ long | replace('x', long) }}",
    "{{ long | replace('', long) }}",
    "{{ ([long] * 3000) | join(long) }}",
    "{{ ([long] * 3000) | json }}",
    "{{ ([long] * 3000) }}x",
    "{{ long ~ long ~ long }}",
    "{{ long + long + long }}",
    "{{ [1] | batch(300000000, 'x') | list }}",
    "{{ [1] | slice(300000000) | list }}",
    "{{ long | wordwrap(1, wrapstring=long) }}",
    "{{ range(300000000) }}",
    "{{ range(10 ** 30) }}",
    "{{ 9 ** (9 ** 9) }}",
    "{{ 2 ** 20000 * 2 ** 20000 }}",
    "{{ (2 ** 16000) * (2 ** 16000) }}",
    "{{ 5 | round(-300000000) }}",
    "{{ 5 | round(300000000, 'ceil') }}",
    "{% for a in range(100000) %}{{ long }}{% endfor %}",
    "{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}",
    "{% for a in range(1000) %}{% for b in range(1000) if false %}{% endfor %}{% endfor %}",
    "{% set ns = namespace(t='x') %}{% for a in range(64) %}{% set ns.t = ns.t ~ ns.t %}{% endfor %}{{ ns.t }}",
    "{% set ns = namespace(t=['x']) %}{% for a in range(64) %}{% set ns.t = [ns.t, ns.t] %}{% endfor %}{{ ns.t }}",
    "{% set ns = namespace(n=3) %}{% for a in range(64) %}{% set ns.n = ns.n * ns.n %}{% endfor %}{{ ns.n }}",
    "{% set x %}{% for a in range(9000) %}{{ long }}{% endfor %}{% endset %}{{ x }}",
]


@pytest.mark.parametrize("source", HOGS)
def test_no_template_costs_too_much(source: str) -> None:
    """What would grow without bound is refused before it does."""
    with pytest.raises(RenderFailed, match=r"limits\.rendered|more than|loops|range|formats|no text"):
        value(source, limit=5_000, long="x" * 4_000, data=b"xx")


def test_text_stops_when_it_is_too_long() -> None:
    """A long text is stopped while it is made, not when it is done."""
    seen = []

    class Counting(list[int]):
        def __iter__(self) -> Any:
            for number in range(100_000):
                seen.append(number)
                yield number

    with pytest.raises(RenderFailed, match=r"limits\.rendered allows \(100 characters\)"):
        value("{% for n in numbers %}xxxxxxxxxx{% endfor %}", limit=100, numbers=Counting())
    assert len(seen) < 20


def test_what_fits_is_let_through() -> None:
    """The bounds do not get in the way of ordinary work."""
    assert "x" * 5_000 == value("{{ 'x' * 5000 }}", limit=5_000)
    assert 2**100 == value("{{ 2 ** 100 }}")
    assert 0.25 == value("{{ 2 ** -2 }}")
    assert "    1" == value("{{ '%5d' % 1 }}")
    assert "200" == value("{% for a in range(200) %}{% if loop.last %}{{ loop.index }}{% endif %}{% endfor %}")


def test_nothing_is_computed_while_compiling() -> None:
    """A costly constant costs nothing until it is rendered, and then it is refused."""
    templates = Templates(Limits(rendered=100))
    Template(templates, "{{ 'x' * 10 ** 12 }}{{ 9 ** (9 ** 9) }}", ()).prepare()


def test_deep_nesting_is_a_fault_of_the_template() -> None:
    """Brackets without end, and numbers without end, are syntax errors."""
    for source in (
        "{{ " + "(" * 5_000 + "1" + ")" * 5_000 + " }}",
        "{{ " + "9" * 5_000 + " }}",
        "{{ " + "-" * 9_000 + "1 }}",
    ):
        with pytest.raises(TemplateInvalid):
            Templates(Limits()).parse(source)


def test_the_lists_are_explicit() -> None:
    """Filters and tests that could reach attributes, or that give another result each time, are not on the lists."""
    filters = {name for name in build_filters(Bounds(10)) if name.isidentifier()}
    assert not filters & {"random", "pprint", "safe", "urlize", "xmlattr", "forceescape", "striptags"}
    assert {"b64decode", "b64encode", "json", "required", "isoformat"} <= filters
    assert not set(build_tests()) & {"callable", "escaped", "filter", "test"}


def test_templates_do_not_change_values() -> None:
    """What one template makes of a value is not seen by the next."""
    rows = [{"n": 2}, {"n": 1}]
    value("{{ rows | sort(attribute='n') | list }}{% set rows = [] %}", rows=rows)
    assert [{"n": 2}, {"n": 1}] == rows
