"""Findings: suggestions and places in words."""

from __future__ import annotations

import pytest

from engine.findings import many, spell, suggest


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("boddy", "body"),
        ("Body", "body"),
        ("for-each", "for_each"),
        ("evnt_type", "event_type"),
        ("body", None),
        ("zzz", None),
        ("", None),
        ("b" * 100_000, None),
    ],
)
def test_the_nearest_known_name_is_suggested(word: str, expected: str | None) -> None:
    """A slip finds its name, a name itself and a far word find none."""
    assert expected == suggest(word, ["path", "body", "for_each", "event_type"])


def test_the_first_of_two_equal_names_is_suggested() -> None:
    """Names that differ only in case or dashes: the one that is known first."""
    assert "a_b" == suggest("A-B", ["a_b", "a-b"])


@pytest.mark.parametrize(
    ("pointer", "text"),
    [
        ((), ""),
        (("requests", 0, "body", "status"), "requests[0].body.status"),
        ((0, "a"), "[0].a"),
        (("apis", "my chat", "url"), "apis['my chat'].url"),
        (("headers", "X-Key"), "headers.X-Key"),
    ],
)
def test_a_place_is_spelled_as_people_write_it(pointer: tuple[str | int, ...], text: str) -> None:
    """Keys by dots, indexes and odd keys in brackets."""
    assert text == spell(pointer)


def test_a_number_has_its_word() -> None:
    """One of it, or several."""
    assert ["0 rules", "1 rule", "2 rules"] == [many(number, "rule") for number in range(3)]
