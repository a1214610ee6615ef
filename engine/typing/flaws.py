"""What is wrong in an expression, as data; `engine.checks` makes findings of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from jinja2 import nodes

from engine.findings import Level
from engine.rules.syntax import children


class FlawKind(StrEnum):
    """Kinds of flaws; the values are the ids of the checks."""

    UNKNOWN_FIELD = "unknown-field"
    NULLABLE = "nullable-value"
    OPERAND = "wrong-operand"
    SYMBOL = "unknown-symbol"
    UNREACHABLE = "unreachable-branch"
    NEVER = "never-true"
    NOT_BOOLEAN = "not-boolean"
    NOT_A_LIST = "not-a-list"


SHARED = frozenset({FlawKind.SYMBOL, FlawKind.UNREACHABLE, FlawKind.NEVER})
"""Flaws only where all versions have them: a rule for two versions may well ask which one it has."""


@dataclass(frozen=True, slots=True)
class Flaw:
    """One thing that is wrong for one version of the event.

    Attributes:
        kind: what it is.
        node: whose token to point at.
        said, remedy: as of a finding.
        level: how bad it is.
        lenient: it stands where a missing value is allowed for, so it counts only if all versions have it.
    """

    kind: FlawKind
    node: nodes.Node
    said: str
    remedy: str = ""
    level: Level = Level.ERROR
    lenient: bool = False


class Flaws:
    """Collects the flaws of one template for one version; each node has one flaw of a kind."""

    __slots__ = ("_found", "_muted", "seen")

    def __init__(self) -> None:
        self._found: dict[tuple[int, FlawKind], Flaw] = {}
        self._muted = 0
        self.seen: set[int] = set()

    def add(
        self,
        kind: FlawKind,
        node: nodes.Node,
        said: str,
        remedy: str = "",
        *,
        level: Level = Level.ERROR,
        lenient: bool = False,
    ) -> None:
        """Note a flaw, unless nothing is to be noted at the moment."""
        if not self._muted:
            self._found.setdefault((id(node), kind), Flaw(kind, node, said, remedy, level, lenient))

    def look(self, node: nodes.Node) -> None:
        """Note that a node was reached."""
        if not self._muted:
            self.seen.add(id(node))

    @property
    def is_muted(self) -> bool:
        """True while nothing is noted."""
        return self._muted > 0

    @property
    def muted(self) -> Flaws:
        """Note nothing meanwhile (`with`): something is looked at a second time."""
        return self

    def __enter__(self) -> None:
        self._muted += 1

    def __exit__(self, *_: object) -> None:
        self._muted -= 1

    def within(self, node: nodes.Node) -> bool:
        """True where something in an expression has a flaw of its own; that it is always the same is none."""
        found = {key for key, kind in self._found if kind not in (FlawKind.UNREACHABLE, FlawKind.NEVER)}
        return bool(found) and any(id(one) in found for one in _all(node))

    def __len__(self) -> int:
        return len(self._found)

    def __iter__(self) -> Iterator[Flaw]:
        return iter(self._found.values())


def _all(node: nodes.Node) -> Iterator[nodes.Node]:
    waiting = [node]
    while waiting:
        found = waiting.pop()
        yield found
        waiting += children(found)
