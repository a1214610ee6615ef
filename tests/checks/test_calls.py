"""What filters and tests take."""

from __future__ import annotations

import inspect

import jinja2.filters
import pytest

from engine.checks.calls import FILTERS, TESTS, calls, wrong_arguments
from engine.config.model import Limits
from engine.rules.filters import INTERNAL
from engine.rules.templates import RenderFailed, Template, Templates

SANDBOX = Templates(Limits())

OURS = frozenset({"count", "length", "json", "tojson", "list", "urlencode", "slice", "wordwrap"})
"""Filters whose arguments differ from those of Jinja's filter of the name, or that Jinja gives as plain functions."""


NAMING = ("select", "reject", "selectattr", "rejectattr")
"""Filters that pass any further arguments on."""


def test_the_tables_are_complete() -> None:
    """Every filter and test of the sandbox is in its table, and nothing else is."""
    assert SANDBOX.sandbox.filters.keys() - INTERNAL == FILTERS.keys()
    assert SANDBOX.sandbox.tests.keys() - INTERNAL == TESTS.keys()


@pytest.mark.parametrize("name", sorted(FILTERS.keys() & jinja2.filters.FILTERS.keys() - OURS))
def test_arguments_are_those_of_jinja(name: str) -> None:
    """A filter that Jinja has too takes what it takes there."""
    spec = FILTERS[name]
    if spec is None:
        return
    function = jinja2.filters.FILTERS[name]
    skip = 2 if getattr(function, "jinja_pass_arg", None) is not None else 1
    parameters = list(inspect.signature(function).parameters.values())[skip:]
    theirs = [one.name + ("" if one.default is inspect.Parameter.empty else "?") for one in parameters]
    assert theirs == spec.split()


@pytest.mark.parametrize(
    "name", sorted(name for name, spec in FILTERS.items() if spec is not None and name != "string")
)
def test_too_many_arguments_fail_when_they_are_rendered(name: str) -> None:
    """What the table refuses is refused by the sandbox: no filter takes one more argument."""
    spec = FILTERS[name]
    assert spec is not None
    arguments = ", ".join(["1"] * (len(spec.split()) + 1))
    template = Template(SANDBOX, f"{{{{ 'x' | {name}({arguments}) }}}}", ("when",))
    with pytest.raises(RenderFailed):
        template.value(SANDBOX.scope(SANDBOX.names()))
    assert [f"'{name}' has too many arguments"] == [wrong_arguments(call).split(";")[0] for call in calls(template)]


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("{{ x | replace('a') }}", "'replace' needs 'new'"),
        ("{{ x | replace('a', new='b') }}", ""),
        ("{{ x | replace(new='b', old='a') }}", ""),
        ("{{ x | replace('a', fresh='b') }}", "'replace' has no argument 'fresh'; it takes 'old', 'new', 'count'"),
        ("{{ x | upper(1) }}", "'upper' has too many arguments; it takes none"),
        ("{{ x | upper(*y) }}", ""),
        ("{{ x | default }}", ""),
        ("{{ x is divisibleby }}", "'divisibleby' needs 'other'"),
        ("{{ x is divisibleby 3 }}", ""),
        ("{{ x is none }}", ""),
        ("{{ x | map('upper', 1, 2, 3) | list }}", ""),
    ],
)
def test_wrong_arguments(source: str, said: str) -> None:
    """Too few, too many, and unknown names of arguments."""
    found = [wrong_arguments(call) for call in calls(Template(SANDBOX, source, ("when",)))]
    assert said == "".join(found)


@pytest.mark.parametrize(
    ("source", "named"),
    [
        ("{{ x | map('uper') }}", ("filter", "uper")),
        ("{{ x | map(attribute='a') }}", None),
        ("{{ x | select('odd') }}", ("test", "odd")),
        ("{{ x | select }}", None),
        ("{{ x | selectattr('a', '==', 1) }}", ("test", "==")),
        ("{{ x | selectattr('a') }}", None),
        ("{{ x | rejectattr('a', y) }}", None),
    ],
)
def test_names_given_as_text(source: str, named: tuple[str, str] | None) -> None:
    """`map` is told a filter, `select` and its like are told a test; the characters are those between the quotes."""
    found = [call.names for call in calls(Template(SANDBOX, source, ("when",))) if call.names is not None]
    assert ([] if named is None else [named]) == [(one.kind, one.name) for one in found]
    assert all(one.name == source[slice(*one.place)] for one in found)
