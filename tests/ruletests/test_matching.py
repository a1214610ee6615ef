"""Subsets, any values, captured values."""

from __future__ import annotations

from typing import Any

import pytest

from engine.ruletests.matching import MISSING, Difference, NotCaptured, differences, escaped, filled, shown


@pytest.mark.parametrize(
    ("expected", "actual"),
    [
        ({"a": 1}, {"a": 1, "b": 2}),
        ({"a": {"b": 1}}, {"a": {"b": 1.0, "c": 2}}),
        ([{"a": 1}], [{"a": 1, "b": 2}]),
        ("$any", None),
        ({"a": "$absent"}, {"b": 1}),
        ("$$any", "$any"),
        ("$$$absent", "$$absent"),
        ("$other", "$other"),
        (None, None),
    ],
)
def test_the_same(expected: Any, actual: Any) -> None:
    """A mapping may have further names; signs stand for what they say; one more `$` is the text itself."""
    assert [] == list(differences(expected, actual, {}))


@pytest.mark.parametrize(
    ("expected", "actual", "difference"),
    [
        ({"a": 1}, {"a": 2}, Difference(("a",), "1", "2")),
        ({"a": 1}, {}, Difference(("a",), "1", "(nothing)")),
        ({"a": True}, {"a": 1}, Difference(("a",), "true", "1")),
        ([True], [1], Difference((0,), "true", "1")),
        ([1], [1, 2], Difference((), "[1]", "[1, 2]")),
        ({"a": "$absent"}, {"a": None}, Difference(("a",), "(nothing)", "null")),
        ("$any", MISSING, Difference((), "any value", "(nothing)")),
        ("1", 1, Difference((), '"1"', "1")),
    ],
)
def test_not_the_same(expected: Any, actual: Any, difference: Difference) -> None:
    """The difference says where it is, and both values as JSON."""
    assert [difference] == list(differences(expected, actual, {}))


def test_exact_mappings_have_no_further_names() -> None:
    """At any depth."""
    found = list(differences({"a": {"b": 1}}, {"a": {"b": 1, "c": 2}}, {}, exact=True))
    assert [Difference(("a", "c"), "(nothing)", "2")] == found


def test_a_captured_value_is_compared_later() -> None:
    """The value that was kept is the one that is expected."""
    captured: dict[str, Any] = {}
    assert [] == list(differences({"id": "$capture:x"}, {"id": [1]}, captured))
    assert [] == list(differences("$captured:x", [1], captured))
    assert [Difference((), "[1] (captured as x)", "2")] == list(differences("$captured:x", 2, captured))


def test_a_value_that_was_never_captured() -> None:
    """It is an error that names it, in a request and in an answer."""
    with pytest.raises(NotCaptured, match="nothing was captured as 'y'"):
        list(differences("$captured:y", 1, {}))
    with pytest.raises(NotCaptured, match="nothing was captured as 'y'"):
        filled(["$captured:y"], {})


def test_answers_are_filled() -> None:
    """Captured values keep their type; an escaped text loses one `$`."""
    assert {"a": [7, "$any"]} == filled({"a": ["$captured:x", "$$any"]}, {"x": 7})


def test_what_is_escaped_means_itself() -> None:
    """Whatever is sent can be written into a case."""
    value = {"a": ["$any", "$$absent", "$capture:x", "$x", 1]}
    assert [] == list(differences(escaped(value), value, {}, exact=True))


def test_long_values_are_cropped() -> None:
    """A failure stays readable."""
    assert 500 == len(shown("x" * 1000))
