"""A running CISO Assistant: asked, filled, and written to by the shipped rules."""

from __future__ import annotations

import asyncio
import base64
import json
import time
import urllib.parse
import urllib.request
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.api.clients import build_clients
from engine.config.load import load_config
from engine.events.event import Event, EventId, EventType, Message
from engine.events.plainjson import to_record
from engine.events.schemas import LocalSchemas
from engine.outcome import Outcome
from engine.pipeline import Journey, Pipeline
from engine.rules.book import load_book
from tests.rules_library.conversation import ROOT

Item = dict[str, Any]


class Quiet:
    """A leave and an observer: may send at once, nobody counts."""

    async def permit(self) -> None:
        """Always."""

    async def sleep(self, seconds: float) -> None:
        """Do wait."""
        await asyncio.sleep(seconds)

    def sent(self, *_: object) -> None:
        """Nobody counts."""

    def retried(self, *_: object) -> None:
        """Nobody counts."""


@dataclass(frozen=True, slots=True)
class Instance:
    """The API at `url` (with its path, e.g. `/api`), and a folder of this run in it."""

    url: str
    token: str
    work: Path
    folder: str

    def ask(self, method: str, path: str, body: Mapping[str, Any] | None = None, **query: str) -> Any:
        """One request; the answer's JSON.

        Raises:
            urllib.error.HTTPError: the API refuses it.
        """
        target = f"{self.url}{path}" + (f"?{urllib.parse.urlencode(query)}" if query else "")
        data = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Token {self.token}", "Content-Type": "application/json"}
        with urllib.request.urlopen(urllib.request.Request(target, data, headers, method=method)) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def add(self, collection: str, **values: Any) -> Item:
        """A new object in the folder of this run."""
        made: Item = self.ask("POST", f"/{collection}/", {"folder": self.folder_id()} | values)
        return made

    def all(self, collection: str, **query: str) -> list[Item]:
        """All objects that match."""
        return list(self.ask("GET", f"/{collection}/", None, **query)["results"])

    def own(self, collection: str) -> list[Item]:
        """All objects in the folder of this run."""
        return self.all(collection, folder=self.folder_id())

    def folder_id(self) -> str:
        """The folder's id."""
        (found,) = self.all("folders", name=self.folder)
        return str(found["id"])

    def happen(self, event_type: str, **payload: Any) -> Outcome:
        """An event comes: its shipped rule runs against the API."""
        return asyncio.run(self._process(_event(event_type, payload)))

    async def _process(self, event: Event) -> Outcome:
        settings = {"url": self.url, "auth": {"type": "token", "token": self.token}}
        settings["openapi"] = str(ROOT / "schemas/ciso-assistant.openapi.json")
        file = self.work / "config.yaml"
        file.write_text(json.dumps({"api": settings}))
        config = load_config(file, {})
        clients = build_clients(config)
        book = load_book(ROOT / "rules", config.limits, apis=())
        pipeline = Pipeline(book, clients, config.limits, skip_unknown=False, wall=time.time)
        quiet = Quiet()
        try:
            return await pipeline.process(Journey(event, event.type, quiet, quiet))
        finally:
            await asyncio.gather(*(client.close() for client in clients.values()))


def encoded(text: str) -> str:
    """A file's content as it stands in an event."""
    return base64.b64encode(text.encode()).decode()


def _event(event_type: str, payload: Mapping[str, Any]) -> Event:
    schema = LocalSchemas(ROOT / "schemas/events").find(event_type, 1)
    assert schema is not None
    identity = str(uuid.uuid4())
    plain = {"event_id": identity, "event_type": event_type, "version": 1, "payload": dict(payload)}
    message = Message("observation", 0, 0, None, b"")
    return Event(EventId(identity), EventType(event_type), 1, to_record(plain, schema), message)
