"""A replay from its begin to its end: shown, stopped by signals, followed up where a parked key grew meanwhile."""

from __future__ import annotations

import asyncio
import math
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from engine.config.model import Config
from engine.deadletters.box import Box, fill_box
from engine.deadletters.gathering import Gathering
from engine.deadletters.opening import Decoding, Opened, opened, source_reader
from engine.deadletters.preparation import Preparation
from engine.deadletters.replay import Replay
from engine.deadletters.screen import Screen
from engine.deadletters.selection import LEFT, Selection
from engine.deadletters.tally import Tally
from engine.errors import Unusable
from engine.rules.book import Book
from engine.stream.lease import Lease, Stamp
from engine.stream.storm import Storm
from engine.stream.topics import LetterTopic
from engine.units import rate

_LOOK = 0.2  # seconds between two looks at how it goes
_AGAIN = 0.5  # seconds before a parked key is looked at again
_TRIES = 8
_MOST = 20  # rounds: the engine may go on parking events of a key for as long as they come


@dataclass(frozen=True, slots=True)
class How:
    """How to replay.

    Attributes:
        rate: letters a second, None for no limit.
        from_start: begin at the first request in any case.
        max_replays: those that were replayed as often are refused; None: none is.
        hopeful: go on although nothing but failures come.
    """

    rate: float | None = None
    from_start: bool = False
    max_replays: int | None = 5
    hopeful: bool = False


@dataclass(slots=True)
class End:
    """How it ended.

    Attributes:
        tally: in numbers.
        interrupted: somebody stopped it.
        hopeless: it stopped because nothing but failures came.
        failed: a bug ended it.
        growing: parked keys that were released, but not far enough: the engine has parked more of them meanwhile.
    """

    tally: Tally
    interrupted: bool = False
    hopeless: bool = False
    failed: bool = False
    growing: int = 0


def letters_a_second(text: str | None) -> float | None:
    """A rate as it is written for an API.

    Raises:
        Unusable: it is none.
    """
    try:
        return None if text is None else rate(text)
    except ValueError as error:
        raise Unusable(f"--rate: {error}") from error


def free_lease() -> Lease:
    """Leave to send that nobody takes away: a replay is a member of no group."""

    async def confirm() -> None:
        return None

    return Lease(Stamp(math.inf), math.inf, confirm, time.monotonic)


class Rounds:
    """One replay; `run` may be called once, on the loop that everything lives on.

    Args:
        config: all of it.
        book: the rules.
        topic: what is known of the dead-letter topic.
        how: see there.
        screen: where it is shown.
    """

    def __init__(self, config: Config, book: Book, topic: LetterTopic, how: How, screen: Screen) -> None:
        self._config = config
        self._book = book
        self._topic = topic
        self._how = how
        self._screen = screen
        self._lease = free_lease()
        self._end = End(Tally())
        self._decoding = Decoding(config)

    async def run(self, box: Box, gathering: Gathering) -> End:
        """Replay what was gathered; what is parked behind it meanwhile, too.

        Raises:
            Unusable: a certificate, document or option cannot be used.
        """
        try:
            async with opened(self._config, self._book, box.reader, self._topic) as parts:
                _on_signals(self._stop)
                await self._rounds(parts, box, gathering)
        finally:
            self._decoding.close()
        return self._end

    async def _rounds(self, parts: Opened, box: Box, gathering: Gathering) -> None:
        for _ in range(_MOST):
            released = self._end.tally.released
            await self._once(parts, box, gathering)
            if self._lease.ended or self._end.tally.released == released:
                return
            box, gathering = await self._behind(box, gathering)
            if not len(gathering):
                break
        self._end.growing = len(gathering.lanes)

    async def _behind(self, box: Box, before: Gathering) -> tuple[Box, Gathering]:
        """Events of the keys just released that the engine parked meanwhile; their letters may be under way still."""
        for _ in range(_TRIES):
            again, gathering = await asyncio.to_thread(self._since, box, before)
            if len(gathering) or not gathering.lanes or self._lease.ended:
                break
            await asyncio.sleep(_AGAIN)
        return again, gathering

    def _since(self, box: Box, before: Gathering) -> tuple[Box, Gathering]:
        again = fill_box(self._config, box.reader, Selection(states=LEFT), self._screen)
        gathering = Gathering(self._config.kafka.topic, again.state, self._how.max_replays, before.lanes)
        gathering.lanes = {lane: letters for lane, letters in gathering.lanes.items() if lane in before.lanes}
        if gathering.lanes:
            gathering.take(again.lines(None, box.ends))
        return again, gathering

    async def _once(self, parts: Opened, box: Box, gathering: Gathering) -> None:
        preparation = Preparation(
            lambda record: self._decoding.event_soon(record, self._lease),
            source_reader(self._config),
            self._book,
            gathering,
            box.newest,
            box.state,
        )
        replay = Replay(
            parts.ways,
            parts.pipeline,
            self._config.limits,
            preparation,
            gathering,
            turns=sum(max(1, api.concurrency) for api in (self._config.api, *self._config.apis.values())),
            lease=self._lease,
            storm=None if self._how.hopeful else Storm(self._config.dlq, lambda _: None),
            rate=self._how.rate,
            from_start=self._how.from_start,
            tally=self._end.tally,
            patience=self._config.shutdown_timeout,
        )
        await self._shown(replay)
        self._end.hopeless |= replay.hopeless
        self._end.failed |= replay.failure is not None

    async def _shown(self, replay: Replay) -> None:
        task = asyncio.create_task(replay.run())
        with self._screen.replaying() as shown:
            while not task.done():
                await asyncio.wait({task}, timeout=_LOOK)
                shown.show(replay.tally)
        await task

    def _stop(self) -> None:
        if self._end.interrupted:
            raise KeyboardInterrupt
        self._end.interrupted = True
        self._screen.say("what is under way is finished; once more ends it at once")
        self._lease.close()


def _on_signals(stop: Callable[[], None]) -> None:
    loop = asyncio.get_running_loop()
    task = asyncio.current_task()

    def handle() -> None:
        try:
            stop()
        except KeyboardInterrupt:
            if task is not None:
                task.cancel()

    for number in (signal.SIGINT, signal.SIGTERM):
        with suppress(ValueError, RuntimeError, NotImplementedError):  # only the main thread hears signals
            loop.add_signal_handler(number, handle)
