"""Durations, sizes and rates."""

from __future__ import annotations

import pytest

from engine.units import duration, rate, size


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("500ms", 0.5), ("100ms", 0.1), ("10s", 10.0), ("1.5m", 90.0), ("1h", 3600.0), ("30d", 2_592_000.0), ("0s", 0.0)],
)
def test_a_duration_is_seconds(text: str, seconds: float) -> None:
    """Each unit has its exact length."""
    assert seconds == duration(text)


@pytest.mark.parametrize(
    "text", ["", "10", "10 s", "s", "-1s", "1e3s", "10S", "1sec", "1.s", "٣s", "10s\n", "9" * 400 + "s"]
)
def test_what_is_no_duration_is_refused_with_an_example(text: str) -> None:
    """A unit, no space, no sign; the message shows how to write it."""
    with pytest.raises(ValueError, match="is not a duration; write a number and a unit, such as 500ms, 10s"):
        duration(text)


@pytest.mark.parametrize(
    ("text", "number"),
    [("1B", 1), ("2kB", 2000), ("1KiB", 1024), ("10MiB", 10_485_760), ("1.5GiB", 1_610_612_736), ("1MB", 1_000_000)],
)
def test_a_size_is_bytes(text: str, number: int) -> None:
    """Binary and decimal units differ."""
    assert number == size(text)


@pytest.mark.parametrize("text", ["", "10", "10 MiB", "10mib", "10M", "MiB", "-1B"])
def test_what_is_no_size_is_refused_with_an_example(text: str) -> None:
    """A bare number is refused: bytes, or MiB?"""
    with pytest.raises(ValueError, match="is not a size; write a number and a unit, such as 512KiB"):
        size(text)


@pytest.mark.parametrize(("text", "per_second"), [("50/s", 50.0), ("300/m", 5.0), ("1800/h", 0.5), ("0.5/s", 0.5)])
def test_a_rate_is_requests_a_second(text: str, per_second: float) -> None:
    """Whatever the unit, the number is per second."""
    assert per_second == rate(text)


@pytest.mark.parametrize("text", ["", "50", "50/d", "0/s", "0.0/m", "50 /s", "50s"])
def test_what_is_no_rate_is_refused_with_an_example(text: str) -> None:
    """A rate of nothing would stop all requests, so it is refused too."""
    with pytest.raises(ValueError, match="is not a rate; write a number above 0 and a unit, such as 50/s"):
        rate(text)
