"""A replay's rate, and its leave to send."""

from __future__ import annotations

import pytest

from engine.deadletters.rounds import free_lease, letters_a_second
from engine.errors import Revoked, Unusable


def test_a_rate_is_written_as_that_of_an_api() -> None:
    """None for none."""
    assert (20.0, 10.0, None) == (letters_a_second("20/s"), letters_a_second("600/m"), letters_a_second(None))


@pytest.mark.parametrize("text", ["20", "0/s", "fast"])
def test_what_is_no_rate_is_a_matter_of_usage(text: str) -> None:
    """The option is named."""
    with pytest.raises(Unusable, match="--rate"):
        letters_a_second(text)


async def test_nobody_takes_a_replays_leave_away() -> None:
    """It asks no consumer; it ends where the replay is to stop."""
    lease = free_lease()
    await lease.permit()
    await lease.sleep(0.0)
    lease.close()
    await lease.permit()  # what is under way goes on
    with pytest.raises(Revoked):
        await lease.sleep(60.0)
