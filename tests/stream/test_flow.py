"""Counts of a partition, and when it pauses."""

from __future__ import annotations

import pytest

from engine.config.model import Limits
from engine.stream.flow import Flow

LIMITS = Limits(in_flight=10, buffer=1000)


def _flow(events: int, size: int = 1) -> Flow:
    flow = Flow()
    flow.sent, flow.sent_bytes = events + 3, events * size + 3
    flow.ended, flow.ended_bytes = 3, 3
    return flow


@pytest.mark.parametrize(
    ("events", "paused", "reason"),
    [
        (0, False, None),
        (9, False, None),
        (10, False, "in_flight"),
        (11, False, "in_flight"),
        (9, True, "in_flight"),
        (5, True, "in_flight"),
        (4, True, None),
    ],
)
def test_it_pauses_at_the_bound_and_goes_on_below_half(events: int, paused: bool, reason: str | None) -> None:
    """A partition that flutters at the bound would pay for every turn."""
    flow = _flow(events)
    assert reason == flow.reason(LIMITS, flow.bytes, paused=paused)


@pytest.mark.parametrize(
    ("size", "everything", "paused", "reason"),
    [(1, 999, False, None), (1, 1000, False, "buffer"), (1, 500, True, "buffer"), (1, 499, True, None)],
)
def test_the_bytes_of_all_partitions_count(size: int, everything: int, paused: bool, reason: str | None) -> None:
    """The buffer is shared."""
    assert reason == _flow(2, size).reason(LIMITS, everything, paused=paused)


def test_a_partition_without_events_is_not_paused_for_the_bytes_of_others() -> None:
    """Else one large partition could starve all of them."""
    assert _flow(0).reason(LIMITS, 5000, paused=False) is None


def test_a_bound_of_one_event_goes_on_when_it_is_done() -> None:
    """Half of one is still one."""
    assert "in_flight" == _flow(1).reason(Limits(in_flight=1), 1, paused=True)
    assert _flow(0).reason(Limits(in_flight=1), 0, paused=True) is None


def test_reasons_of_the_loop_come_and_go_apart() -> None:
    """A partition held for two reasons goes on when both are gone."""
    flow = Flow()
    flow.hold("storm", True)
    flow.hold("schema", True)
    flow.hold("schema", True)
    assert "schema" == flow.reason(LIMITS, 0, paused=True)
    flow.hold("schema", False)
    assert "storm" == flow.reason(LIMITS, 0, paused=True)
    flow.hold("storm", False)
    flow.hold("storm", False)
    assert flow.reason(LIMITS, 0, paused=True) is None
