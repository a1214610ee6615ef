"""Work that is shared out to processes."""

from __future__ import annotations

import os
from collections.abc import Sequence

import pytest

from engine.shares import processes, shared


def doubled(numbers: Sequence[int]) -> list[int]:
    """Twice each number."""
    return [2 * number for number in numbers]


@pytest.mark.parametrize("number", [1, 2, 3, 7, 20])
def test_order(number: int) -> None:
    """The results come in the order of the things, however many processes share them."""
    results = shared(doubled, range(7), number)
    assert [0, 2, 4, 6, 8, 10, 12] == [one for result in results for one in result]
    assert min(number, 7) >= len(results)


def test_nothing() -> None:
    """Nothing is one share, of nothing."""
    assert [[]] == shared(doubled, [], 4)


def test_other_processes() -> None:
    """The first share is done here, each other one in a process of its own."""
    mine, *others = shared(lambda _: os.getpid(), range(6), 3)
    assert os.getpid() == mine
    assert 3 == len({mine, *others})


def test_process_that_ends() -> None:
    """The share of a process that comes to its end early is done here."""
    here = os.getpid()

    def fragile(numbers: Sequence[int]) -> list[int]:
        if os.getpid() != here:
            os._exit(3)
        return list(numbers)

    assert [[0, 1], [2, 3]] == shared(fragile, range(4), 2)


def test_error() -> None:
    """What goes wrong in another process is raised here."""

    def failing(numbers: Sequence[int]) -> list[int]:
        return [1 // (3 - number) for number in numbers]

    with pytest.raises(ZeroDivisionError):
        shared(failing, range(4), 2)


def test_few_things() -> None:
    """What is too little to share is done in one process."""
    assert 1 == processes(79, 40) == processes(0, 40)
