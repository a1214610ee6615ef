"""How a replay goes, in numbers. Pure."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple

# a status is what tells one cause from another; ids and other numbers are not
_VARIES = re.compile(r"(?i)(\banswered [1-5]\d\d\b)|\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b|\d+")
_KINDS = 2_000  # different causes that are told apart
_CAUSE = 160  # characters


class Cause(NamedTuple):
    """What dead letters have in common; `error`: with `#` for numbers and ids."""

    stage: str
    rule: str
    error: str


class Kind(NamedTuple):
    """What letters of a dry run have in common.

    Attributes:
        rule: that would be followed, "-" for none.
        first: the request that would be sent first, "-" for none.
        begins: where that is; or why nothing is sent.
    """

    rule: str
    first: str
    begins: str


class Causes(Counter[Cause]):
    """How often each cause was met; those beyond two thousand are one."""

    def meet(self, stage: str, rule: str | None, error: str) -> None:
        """Count one."""
        cause = Cause(stage, rule or "-", pattern(error))
        self[cause if cause in self or len(self) < _KINDS else Cause("...", "...", "other errors")] += 1


def pattern(error: str) -> str:
    """An error without what differs between events: ids, and numbers other than the status of an answer, become `#`."""
    return _VARIES.sub(lambda found: found[1] or "#", error)[:_CAUSE]


@dataclass(slots=True)
class Tally:
    """How a replay goes.

    Attributes:
        total: source offsets that were chosen.
        done: their requests were accepted.
        skipped: the rule says that nothing is to be done.
        failed: dead letters again.
        behind: left, because an earlier letter of their parked key is.
        gone: cannot be replayed: the letter expired meanwhile, or has no value and the topic neither.
        resumed: begun at the request that failed.
        repeating: begun at the first request, although writes before the one that failed had succeeded.
        released: keys that are not parked any more.
        causes: why letters failed again.
    """

    total: int = 0
    done: int = 0
    skipped: int = 0
    failed: int = 0
    behind: int = 0
    gone: int = 0
    resumed: int = 0
    repeating: int = 0
    released: int = 0
    causes: Causes = field(default_factory=Causes)

    @property
    def ended(self) -> int:
        """Source offsets that need nothing more of this replay."""
        return self.done + self.skipped + self.failed + self.behind + self.gone
