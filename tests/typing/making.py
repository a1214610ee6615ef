"""Events and rules of the type `incident_reported`, whose two schemas are those of the cases."""

from __future__ import annotations

import datetime as dt
import json
import random
import uuid
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

from engine.config.model import Limits
from engine.documents import read_documents
from engine.rules.load import load_rule
from engine.rules.model import Rule
from engine.rules.templates import Templates
from engine.typing.schemas import EventTypes

SCHEMAS = Path(__file__).parents[1] / "cases" / "schemas"
EVENTS = EventTypes.load(SCHEMAS)
SANDBOX = Templates(Limits())


def rule(text: str) -> Rule:
    """A rule for `incident_reported`; `text` is all of it but its type."""
    documents, wrong = read_documents(Path("rule.yaml"), f"event_type: incident_reported\n{text}")
    made, findings = load_rule(documents[0], "rule", SANDBOX, {})
    assert made is not None
    assert [] == [*wrong, *findings]
    return made


def body(source: str, versions: str = "[1]") -> Rule:
    """A rule that sends one template."""
    return rule(f"versions: {versions}\nrequest: {{method: POST, path: /a/, body: {{x: {json.dumps(source)}}}}}")


def events(version: int, number: int, seed: int = 7) -> Iterator[dict[str, Any]]:
    """Random events that the schema of a version allows."""
    chance = random.Random(seed)
    return (_event(chance, version) for _ in range(number))


def _event(chance: random.Random, version: int) -> dict[str, Any]:
    def word() -> str:
        return chance.choice(["", "abc", "X y", "é"])

    def optional(make: Callable[[], Any]) -> Any:
        return None if chance.random() < 0.4 else make()

    def many(make: Callable[[], Any], least: int = 0) -> list[Any]:
        return [make() for _ in range(chance.randint(least, 3))]

    def person() -> dict[str, Any]:
        return {"name": word(), "email": optional(word)}

    def asset() -> dict[str, Any]:
        number = uuid.UUID(int=chance.getrandbits(128))
        kind, score = optional(lambda: chance.choice(["primary", "support"])), optional(lambda: 1.5)
        return {"id": number, "name": word(), "kind": kind, "score": score}

    symbols = ["new", "ongoing", "resolved", "closed", *(["dismissed"] if version == 2 else [])]
    payload = {
        "ref_id": word(),
        "name": word(),
        "status": chance.choice(symbols),
        "priority": optional(lambda: chance.choice(["low", "high"])),
        "severity": chance.choice([0, 1, 5]),
        "description": optional(word),
        "folder": word() if version == 2 else optional(word),
        "tags": many(word, 1),
        "notes": optional(lambda: many(lambda: optional(word))),
        "labels": {"a": word()},
        "owner": optional(person),
        "assets": many(asset, 1),
        "reporter": person(),
        "detected_at": dt.datetime(2026, 1, 31, tzinfo=dt.UTC),
        "reported_on": optional(lambda: dt.date(2026, 1, 31)),
        "cost": Decimal("1.50"),
        "attachment": b"ab",
        "urgent": chance.random() < 0.5,
        "confirmed": optional(lambda: chance.random() < 0.5),
        "place": chance.choice(["x", 3]),
        **({"ratio": 1.5} if version == 1 else {"impact": word()}),
    }
    return {"event_id": str(uuid.uuid4()), "event_type": "incident_reported", "version": version, "payload": payload}
