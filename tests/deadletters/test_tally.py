"""How a replay goes, in numbers."""

from __future__ import annotations

import pytest

from engine.deadletters.tally import Cause, Causes, Tally, pattern


@pytest.mark.parametrize(
    ("error", "same"),
    [
        ("INC-404 is not the ref_id of exactly 1 incident", "INC-# is not the ref_id of exactly # incident"),
        ("PATCH /things/0192f1c4-7b1e-7c3a-9d2e-000000000102/ answered 503: no", "PATCH /things/#/ answered 503: no"),
        ("x" * 500, "x" * 160),
    ],
)
def test_errors_of_one_cause_look_the_same(error: str, same: str) -> None:
    """Ids and numbers differ, the status of an answer does not."""
    assert same == pattern(error)


def test_causes_are_bounded() -> None:
    """Errors that all differ are one cause in the end."""
    causes = Causes()
    for number in range(5_000):
        causes.meet("request", None, "no " + "".join(chr(97 + int(digit)) for digit in str(number)))
    assert 5_000 == sum(causes.values())
    assert (Cause("...", "...", "other errors"), 3_000) == causes.most_common(1)[0]


def test_what_needs_nothing_more_has_ended() -> None:
    """However it did."""
    assert 15 == Tally(100, done=1, skipped=2, failed=3, behind=4, gone=5, resumed=6).ended
