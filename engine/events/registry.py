"""The registry's schemas, kept: asked once each, in a worker thread; looked up on the loop without waiting."""

from __future__ import annotations

import json
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any

import httpx

from engine.config.model import SchemaRegistry
from engine.errors import SchemaPending, Stage, Undeliverable
from engine.events import avro
from engine.events.framing import SchemaId
from engine.events.registry_client import RegistryClient, Verdict

UNKNOWN_FOR = 60.0
"""Seconds that an id the registry does not know stays unknown; it may be registered later."""

UNKNOWN_MOST = 1_000
"""Unknown ids remembered; random bytes can name 2^31 of them."""

REFERENCES_MOST = 256
"""Schemas that one schema may refer to, all levels counted."""


def subject_of(topic: str, schema: avro.Schema) -> str:
    """Where the engine registers a schema: TOPIC-RECORD, so that several types of events can share a topic."""
    return f"{topic}-{schema.name}"


class Registry:
    """Writers' schemas by id. Safe to use from any thread."""

    def __init__(
        self,
        config: SchemaRegistry,
        *,
        transport: httpx.BaseTransport | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Prepare; nothing is asked yet.

        Args:
            config: where and how to ask.
            transport: instead of the network, for tests.
            clock: seconds, for forgetting unknown ids.

        Raises:
            Unusable: the CA file cannot be used.
        """
        self._client = RegistryClient(config, transport=transport, clock=clock)
        self._clock = clock
        self._known: dict[SchemaId, avro.Schema | str] = {}
        self._unknown: OrderedDict[SchemaId, float] = OrderedDict()

    def writer(self, schema_id: SchemaId) -> avro.Schema:
        """The schema from the cache. Never waits.

        Raises:
            SchemaPending: not asked for yet; call `fetch` in a worker thread, then try again.
            Undeliverable: stage decode; the registry does not know the id, or the schema cannot be used.
        """
        found = self._known.get(schema_id)
        if type(found) is avro.Schema:
            return found
        if found is not None:
            raise Undeliverable(Stage.DECODE, f"schema {schema_id} cannot be used: {found}")
        if self._is_unknown(schema_id):
            hint = "" if isinstance(schema_id, int) else ", or it does not look up GUIDs"
            raise Undeliverable(Stage.DECODE, f"schema {schema_id} is not in the registry{hint}")
        raise SchemaPending(schema_id)

    def fetch(self, schema_id: SchemaId) -> None:
        """Ask the registry for a schema and remember the answer, also that it has none. Blocks.

        Raises:
            Unavailable: the registry is away or refuses us; try again later.
        """
        if schema_id in self._known:
            return
        path = f"/schemas/ids/{schema_id}" if isinstance(schema_id, int) else f"/schemas/guids/{schema_id}"
        answer = self._client.find(path)
        if answer is None:
            self._forget_oldest()
            self._unknown[schema_id] = self._clock() + UNKNOWN_FOR
        else:
            self._known[schema_id] = self._schema(answer)

    def register(self, subject: str, schema: Any) -> int:
        """Register a schema (as parsed JSON) under a subject; its id, the same one when it was there already.

        Raises:
            Unavailable: the registry is away or refuses us.
            SchemaRefused: incompatible with the subject's versions (409), or invalid to the registry (422).
        """
        return self._client.register(subject, json.dumps(schema))

    def judge(self, subject: str, schema: Any) -> Verdict:
        """Ask whether a schema is compatible with the latest version of a subject; a new subject is.

        Raises:
            Unavailable: the registry is away or refuses us.
        """
        return self._client.judge(subject, json.dumps(schema))

    def ping(self) -> None:
        """Return when the registry answers as one.

        Raises:
            Unavailable: it does not.
        """
        self._client.ping()

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _is_unknown(self, schema_id: SchemaId) -> bool:
        until = self._unknown.get(schema_id)
        return until is not None and self._clock() < until

    def _forget_oldest(self) -> None:
        while len(self._unknown) >= UNKNOWN_MOST:
            self._unknown.popitem(last=False)

    def _schema(self, answer: Mapping[str, Any]) -> avro.Schema | str:
        """The parsed schema, or why it cannot be used."""
        kind = answer.get("schemaType") or "AVRO"
        if kind != "AVRO":
            return f"it is {kind}, not Avro"
        try:
            return avro.parse(_json(answer), self._references(answer))
        except (ValueError, KeyError, TypeError) as error:
            return str(error) or type(error).__name__

    def _references(self, answer: Mapping[str, Any]) -> list[Any]:
        """Schemas that an answer's `references` name, each after those it needs itself."""
        found: dict[tuple[str, int], Any] = {}
        self._collect(answer, found, set())
        return list(found.values())

    def _collect(
        self, answer: Mapping[str, Any], found: dict[tuple[str, int], Any], seen: set[tuple[str, int]]
    ) -> None:
        for reference in answer.get("references") or ():
            key = (str(reference["subject"]), int(reference["version"]))
            if key in seen:
                continue
            seen.add(key)
            if len(seen) > REFERENCES_MOST:
                raise ValueError(f"it refers to more than {REFERENCES_MOST} schemas")
            named = self._client.version(*key)
            if named is None:
                raise ValueError(f"it refers to {key[0]} version {key[1]}, which the registry does not have")
            self._collect(named, found, seen)
            found[key] = _json(named)


def _json(answer: Mapping[str, Any]) -> Any:
    """The schema inside an answer; it is JSON written as text."""
    try:
        return json.loads(answer["schema"])
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ValueError("it is not JSON") from error
