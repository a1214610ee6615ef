"""The load of a measurement is the same each time, and its order can be checked."""

from __future__ import annotations

from itertools import groupby
from operator import itemgetter
from typing import Any

import pytest

from bench.load import HERE, Load, records
from engine.config.model import Limits
from engine.rules.book import load_book

CONTROLS = {f"AC-{number}": f"id-{number}" for number in range(1, 6)}


def _payloads() -> list[dict[str, Any]]:
    return [one["payload"] for one in records(Load(events=50, keys=5), CONTROLS)]


def test_positions_count_up_within_a_key() -> None:
    """Each key's events are numbered from 1 in the order in which they are produced."""
    by_key = groupby(sorted(_payloads(), key=itemgetter("ref_id")), key=itemgetter("ref_id"))
    assert [list(range(1, 11))] * 5 == [[one["seq"] for one in group] for _, group in by_key]


def test_the_load_is_the_same_each_time() -> None:
    """Two runs measure the same work."""
    assert _payloads() == _payloads()


@pytest.mark.parametrize("requests", ["one", "two"])
def test_the_rules_of_the_measurement_are_valid(requests: str) -> None:
    """A change of the rule language does not break the bench unnoticed."""
    book = load_book(HERE / "rules" / requests, Limits(), {""})
    assert {"set_status"} == set(book.event_types)
