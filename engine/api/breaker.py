"""Is the API as a whole away? A state machine without clock, tasks or sockets.

closed --failures of `open_after` different keys, no success between them--> open
open --any answer that is not transient--> closed
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Hashable
from typing import Generic, TypeVar

from engine.config.model import Outage

Ticket = TypeVar("Ticket")


class Breaker(Generic[Ticket]):
    """State of one API, and the events that wait for it while it is away.

    Attributes:
        is_open: True while the API is held to be away.
        dirty: True where a success would change something: the one thing to look at on the way of each request.
    """

    __slots__ = ("_failing", "_held", "_outage", "dirty", "is_open")

    def __init__(self, outage: Outage | None) -> None:
        self._outage = outage
        self._failing: set[Hashable] = set()
        self._held: OrderedDict[Hashable, deque[Ticket]] = OrderedDict()
        self.is_open = False
        self.dirty = False

    def failed(self, key: Hashable) -> bool:
        """A failure that says the API may be away; True where it opens the breaker.

        One key counts once: a poison key never opens it alone (unless `open_after` is 1).
        """
        if self._outage is None or self.is_open:
            return False
        self._failing.add(key)
        self.dirty = True
        self.is_open = len(self._failing) >= self._outage.open_after
        return self.is_open

    def succeeded(self) -> bool:
        """An answer that is not transient, also a 4xx; True where it closes the breaker."""
        closes = self.is_open
        self._failing.clear()
        self.is_open = False
        self.dirty = False
        return closes

    def hold(self, key: Hashable, ticket: Ticket, *, first: bool = False) -> None:
        """An event waits; `first`: it is the oldest of its key, coming back from a probe."""
        waiting = self._held.setdefault(key, deque())
        if first:
            waiting.appendleft(ticket)
        else:
            waiting.append(ticket)

    def leave(self, key: Hashable, ticket: Ticket) -> None:
        """An event waits no more, whatever the reason; does nothing where it does not wait."""
        waiting = self._held.get(key)
        if waiting is None or ticket not in waiting:
            return
        waiting.remove(ticket)
        if not waiting:
            del self._held[key]

    def next_probe(self) -> Ticket | None:
        """The oldest event of the key whose turn it is, taken from those that wait; None where none waits."""
        if not self._held:
            return None
        key, waiting = self._held.popitem(last=False)
        ticket = waiting.popleft()
        if waiting:
            self._held[key] = waiting  # the turn goes to the other keys first
        return ticket

    def release(self) -> list[Ticket]:
        """All that wait, oldest key first; nobody waits afterwards."""
        tickets = [ticket for waiting in self._held.values() for ticket in waiting]
        self._held.clear()
        return tickets
