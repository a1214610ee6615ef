"""The breaker on an event loop: who waits, and whose turn it is to probe."""

from __future__ import annotations

import asyncio
from asyncio import Future, TimerHandle
from collections.abc import Callable, Hashable

from engine.api.breaker import Breaker
from engine.api.call import Call
from engine.config.model import Outage

# Held events wait for as long as it takes; this only bounds one sleep.
_HOLD = 3600.0

OnOutage = Callable[[str, bool], None]


class Gate:
    """Lets everybody through while the API is there, one probe every `probe_every` seconds while it is away."""

    __slots__ = ("_api", "_breaker", "_due", "_every", "_on_outage", "_probed", "_timer")

    def __init__(self, api: str, outage: Outage | None, on_outage: OnOutage | None) -> None:
        self._api = api
        self._breaker: Breaker[Future[bool]] = Breaker(outage)
        self._every = 0.0 if outage is None else outage.probe_every
        self._on_outage = on_outage
        self._timer: TimerHandle | None = None
        self._due = False  # a probe may go, but nobody was waiting
        self._probed: dict[Hashable, Call] = {}  # the event of each key that probed last

    @property
    def is_open(self) -> bool:
        """True while the API is held to be away."""
        return self._breaker.is_open

    async def enter(self, call: Call) -> bool:
        """Wait until the API is there (False), or until it is this event's turn to probe (True).

        Raises:
            Revoked: the event's partition was taken away, or the engine stops.
        """
        breaker = self._breaker
        if not breaker.is_open:
            return False
        key = call.key
        if self._due:
            self._due = False
            self._schedule()
        else:
            turn: Future[bool] = asyncio.get_running_loop().create_future()
            breaker.hold(key, turn, first=self._probed.get(key) is call)
            try:
                await _either(turn, call)
            except BaseException:
                breaker.leave(key, turn)
                if turn.done() and not turn.cancelled() and turn.result():
                    self.unused()
                raise
            if not turn.result():
                return False
        self._probed[key] = call
        return True

    def unused(self) -> None:
        """A probe was given up before it was sent: the next event takes its turn."""
        if self.is_open:
            self._probe()

    def failed(self, key: Hashable) -> None:
        """See Breaker.failed."""
        if self._breaker.failed(key):
            self._schedule()
            if self._on_outage is not None:
                self._on_outage(self._api, True)

    def succeeded(self) -> None:
        """See Breaker.succeeded. Costs next to nothing while nothing is wrong."""
        breaker = self._breaker
        if breaker.dirty and breaker.succeeded():
            self._opened_again()

    def _opened_again(self) -> None:
        self.close()
        for turn in self._breaker.release():
            if not turn.done():
                turn.set_result(False)
        if self._on_outage is not None:
            self._on_outage(self._api, False)

    def close(self) -> None:
        """Stop probing."""
        self._due = False
        self._probed.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _schedule(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(self._every, self._probe)

    def _probe(self) -> None:
        turn = self._breaker.next_probe()
        while turn is not None and turn.done():
            turn = self._breaker.next_probe()
        self._due = turn is None
        if turn is not None:
            turn.set_result(True)
            self._schedule()


async def _either(turn: Future[bool], call: Call) -> None:
    """Until `turn` has come, or the call's own sleep says that it was revoked."""
    while not turn.done():
        sleep = asyncio.ensure_future(call.sleep(_HOLD))
        try:
            await asyncio.wait((turn, sleep), return_when=asyncio.FIRST_COMPLETED)
            if sleep.done():
                sleep.result()
        finally:
            sleep.cancel()
