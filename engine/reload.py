"""Reads the rules again when they change, and on SIGHUP; rules with a fault leave the old ones in force."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import structlog
from watchfiles import Change, DefaultFilter, awatch

from engine.config.model import Config
from engine.errors import Unusable
from engine.observe.metrics import Metrics
from engine.pipeline import Pipeline
from engine.rules.book import load_book

log = structlog.get_logger()


class Reloader:
    """Keeps a pipeline's book up to date.

    Args:
        config: `rules` and `limits`.
        pipeline: gets the new book.
        metrics: counts reloads.
        release: called when new rules are in force, and on SIGHUP: an engine that holds goes on.
    """

    def __init__(self, config: Config, pipeline: Pipeline, metrics: Metrics, release: Callable[[], None]) -> None:
        self._config = config
        self._pipeline = pipeline
        self._metrics = metrics
        self._release = release
        self._one = asyncio.Lock()

    async def watch(self, look_again: asyncio.Event) -> None:
        """Reload at each change of a rule file (where `rules.reload` says so) and each time `look_again` is set."""
        if self._config.rules.reload:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._on_change())
                group.create_task(self._on_signal(look_again))
        else:
            await self._on_signal(look_again)

    async def reload(self) -> bool:
        """Read the rules; False where they have a fault, and the old ones stay."""
        config = self._config
        async with self._one:
            try:
                book = await asyncio.to_thread(load_book, config.rules.path, config.limits, config.apis)
            except Unusable as error:
                self._metrics.rule_reload("failed")
                log.error("rules.not_reloaded", reason=str(error), what_to_do="run engine validate-rules")
                return False
            except Exception as error:  # a bug of ours must not end the watching: the next change may be readable
                self._metrics.rule_reload("failed")
                log.error("rules.not_reloaded", reason=type(error).__name__, exc_info=error)
                return False
            self._pipeline.book = book
        self._metrics.rules(len(book))
        self._metrics.rule_reload("ok")
        log.info("rules.reloaded", rules=len(book))
        self._release()
        return True

    async def _on_change(self) -> None:
        path = self._config.rules.path
        folder = path if path.is_dir() else path.parent  # an editor replaces a file, so its folder is watched
        try:
            async for _ in awatch(folder, watch_filter=RuleFiles(), recursive=True):
                await self.reload()
        except (OSError, RuntimeError) as error:  # watches of the system used up, the folder gone
            log.error("rules.not_watched", path=str(folder), reason=str(error), what_to_do="send SIGHUP to reload")

    async def _on_signal(self, look_again: asyncio.Event) -> None:
        while True:
            await look_again.wait()
            look_again.clear()
            await self.reload()
            self._release()


class RuleFiles(DefaultFilter):
    """Rule files, and the links by which a mounted volume swaps a whole folder."""

    def __call__(self, change: Change, path: str) -> bool:
        """True where a change may be one of the rules."""
        name = Path(path).name
        return name.startswith("..") or (super().__call__(change, path) and name.endswith((".yaml", ".yml")))
