"""A partition remembers the newest events that were done."""

from __future__ import annotations

import pytest

from engine.stream.seen import HANDED_OVER, Seen


def _do(seen: Seen, *ids: str, value: bytes = b"v") -> None:
    for offset, one in enumerate(ids):
        seen.look(offset, one, value)
        seen.end(offset, done=True)


def test_an_event_that_was_done_is_known_with_its_bytes() -> None:
    """True with the same bytes, False with others, None where the id is new."""
    seen = Seen(10)
    _do(seen, "a")
    assert [True, False, None] == [seen.look(9, "a", b"v"), seen.look(9, "a", b"w"), seen.look(9, "b", b"v")]


def test_an_event_that_was_not_done_is_not_known() -> None:
    """Dead, skipped, or still under way."""
    seen = Seen(10)
    seen.look(0, "a", b"v")
    assert None is seen.look(1, "a", b"v")
    seen.end(0, done=False)
    seen.end(7, done=True)
    assert (None, False) == (seen.look(1, "a", b"v"), seen.changed)


def test_the_window_keeps_the_newest() -> None:
    """What is done again counts as new."""
    seen = Seen(3)
    _do(seen, "a", "b", "c", "a", "d")
    assert [True, None, True, True] == [seen.look(9, one, b"v") for one in "abcd"]


def test_the_last_bytes_of_an_id_count() -> None:
    """An id that was used again is known with what was done last."""
    seen = Seen(3)
    _do(seen, "a")
    _do(seen, "a", value=b"w")
    assert [False, True] == [seen.look(9, "a", b"v"), seen.look(9, "a", b"w")]


def test_the_next_owner_knows_what_this_one_did() -> None:
    """Also with a smaller window: then the newest."""
    seen = Seen(10)
    _do(seen, "a", "b", "c")
    assert seen.changed
    for window, expected in [(10, [True, True, True]), (2, [None, True, True])]:
        later = Seen(window, seen.text())
        assert (expected, False) == ([later.look(9, one, b"v") for one in "abc"], later.changed)


def test_no_more_than_the_newest_are_handed_over() -> None:
    """The text stays far below what a record may have."""
    seen = Seen(HANDED_OVER * 2)
    _do(seen, *map(str, range(HANDED_OVER + 10)))
    assert len(seen.text()) < 450_000
    later = Seen(HANDED_OVER * 2, seen.text())
    assert [None, True] == [later.look(0, "9", b"v"), later.look(0, "10", b"v")]


@pytest.mark.parametrize("text", ["", "not base64!", "YWJj", "é"])
def test_a_text_of_another_form_is_ignored(text: str) -> None:
    """As if nothing was remembered."""
    assert None is Seen(10, text).look(0, "a", b"v")
