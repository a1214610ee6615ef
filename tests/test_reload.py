"""Rules are read again: at a change, on a signal; faults leave the old ones in force."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from watchfiles import Change

from engine import reload as module
from engine.config.model import Config, Limits, Rules
from engine.observe.metrics import Metrics
from engine.pipeline import Pipeline
from engine.reload import Reloader, RuleFiles
from engine.rules.book import load_book

RULE = "event_type: {type}\nrequest: {{method: GET, path: /a/}}\n"


class Shelf:
    """A folder of rules and what reads it."""

    def __init__(self, folder: Path, path: Path, *, reload: bool = True) -> None:
        self.folder = folder
        self.put("a", "first")
        config = Config(rules=Rules(path, reload))
        book = load_book(path, Limits(), ())
        self.pipeline = Pipeline(book, {}, Limits(), skip_unknown=False, wall=lambda: 0.0)
        self.registry = CollectorRegistry()
        self.released = 0
        self.reloader = Reloader(config, self.pipeline, Metrics(self.registry), self._release)
        self.look_again = asyncio.Event()

    def _release(self) -> None:
        self.released += 1

    def put(self, name: str, event_type: str) -> None:
        (self.folder / f"{name}.yaml").write_text(RULE.format(type=event_type))

    @property
    def types(self) -> set[str]:
        return set(self.pipeline.book.event_types)

    def count(self, result: str) -> float | None:
        return self.registry.get_sample_value("engine_rule_reloads_total", {"result": result})

    async def until(self, true: Callable[[], object], again: Callable[[], object] = lambda: None) -> None:
        """Until it is true; `again` is repeated, because a watch may begin after the first change."""
        async with asyncio.timeout(20):
            while not true():
                again()
                await asyncio.sleep(0.1)

    @asynccontextmanager
    async def watching(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.reloader.watch(self.look_again))
        try:
            yield
            assert not task.done()
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


@pytest.fixture
async def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path, tmp_path)


async def test_new_rules_are_in_force(shelf: Shelf) -> None:
    """Counted, and an engine that holds goes on."""
    shelf.put("b", "second")
    assert await shelf.reloader.reload()
    assert ({"first", "second"}, 1, 1) == (shelf.types, shelf.count("ok"), shelf.released)
    assert 2 == shelf.registry.get_sample_value("engine_rules")


async def test_a_fault_leaves_the_old_rules_in_force(shelf: Shelf) -> None:
    """Counted as failed; nothing is released."""
    (shelf.folder / "b.yaml").write_text("event_type: second\nboddy: 1\n")
    assert not await shelf.reloader.reload()
    assert ({"first"}, 1, 0) == (shelf.types, shelf.count("failed"), shelf.released)


async def test_an_empty_folder_leaves_the_old_rules_in_force(shelf: Shelf) -> None:
    """Somebody is just writing them."""
    (shelf.folder / "a.yaml").unlink()
    assert not await shelf.reloader.reload()
    assert {"first"} == shelf.types


async def test_a_bug_leaves_the_old_rules_in_force(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    """And the watching goes on."""

    def broken(*_: object) -> None:
        raise RecursionError

    monkeypatch.setattr(module, "load_book", broken)
    assert not await shelf.reloader.reload()
    assert ({"first"}, 1) == (shelf.types, shelf.count("failed"))


async def test_a_change_of_a_file_is_noticed(shelf: Shelf) -> None:
    """Without anybody's signal."""
    async with shelf.watching():
        await shelf.until(lambda: shelf.types == {"other"}, lambda: shelf.put("a", "other"))
        await shelf.until(lambda: "third" in shelf.types, lambda: shelf.put("c", "third"))


async def test_one_file_of_rules_that_an_editor_replaces_is_noticed(tmp_path: Path) -> None:
    """Again and again, although it is another file each time."""
    shelf = Shelf(tmp_path, tmp_path / "a.yaml")

    def replaced(event_type: str) -> None:
        shelf.put("b", event_type)
        (tmp_path / "b.yaml").replace(tmp_path / "a.yaml")

    async with shelf.watching():
        for event_type in ("second", "third"):
            await shelf.until(
                lambda wanted=event_type: wanted in shelf.types,  # type: ignore[misc]
                lambda wanted=event_type: replaced(wanted),  # type: ignore[misc]
            )


@pytest.mark.parametrize("reload", [True, False])
async def test_a_signal_reads_them_again(tmp_path: Path, reload: bool) -> None:
    """Also where changes are not watched, and each time."""
    shelf = Shelf(tmp_path, tmp_path, reload=reload)
    async with shelf.watching():
        for event_type in ("second", "third"):
            shelf.put("a", event_type)
            shelf.look_again.set()
            await shelf.until(lambda wanted=event_type: {wanted} == shelf.types)  # type: ignore[misc]


async def test_a_signal_lets_an_engine_go_on_that_holds_for_another_reason(shelf: Shelf) -> None:
    """Whoever sends it has looked; the rules may be unreadable all the same."""
    (shelf.folder / "a.yaml").write_text("nothing")
    async with shelf.watching():
        shelf.look_again.set()
        await shelf.until(lambda: shelf.released == 1)
    assert {"first"} == shelf.types


async def test_without_watches_signals_still_work(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    """The system may have none left."""

    def refused(*_: object, **__: object) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(module, "awatch", refused)
    async with shelf.watching():
        shelf.put("a", "second")
        shelf.look_again.set()
        await shelf.until(lambda: shelf.types == {"second"})


@pytest.mark.parametrize(
    ("path", "counts"),
    [
        ("/rules/a.yaml", True),
        ("/rules/sub/a.yml", True),
        ("/rules/..data", True),
        ("/rules/..2026_01_01", True),
        ("/rules/a.yaml~", False),
        ("/rules/.a.yaml.swp", False),
        ("/rules/README.md", False),
        ("/rules/.git/a.yaml", False),
    ],
)
def test_only_rule_files_and_the_links_of_a_mounted_volume_count(path: str, counts: bool) -> None:
    """An editor's temporary files are no change."""
    assert counts == RuleFiles()(Change.modified, path)
