"""The bare pipeline that the engine is measured against: the same libraries, none of the promises.

No logs, no metrics, no retries, no dead letters, no rules, no checks; offsets are committed whether the event was done
or not. Events of one key run one after the other, up to `--concurrency` at once.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import os
import struct
import threading
from collections import deque
from typing import Any
from urllib.parse import quote

import fastavro
import httpx
import orjson
import uvloop
from confluent_kafka import Consumer
from pyreqwest.client import Client, ClientBuilder


class Peer:
    """Consumes for ever."""

    def __init__(self, options: argparse.Namespace, client: Client) -> None:
        self._options = options
        self._client = client
        self._lanes: dict[bytes, deque[bytes]] = {}
        self._schemas: dict[int, Any] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._free = asyncio.Semaphore(options.concurrency)
        self._headers = {"Authorization": f"Token {options.token}"}
        self._json = self._headers | {"Content-Type": "application/json"}

    def consume(self, loop: asyncio.AbstractEventLoop) -> None:
        """Hand batches to the loop; runs on a thread of its own."""
        settings = {"bootstrap.servers": self._options.brokers, "group.id": self._options.group}
        consumer = Consumer(settings | {"auto.offset.reset": "earliest"})
        consumer.subscribe([self._options.topic])
        while True:
            messages = consumer.consume(500, 0.1)
            if messages:
                pairs = [(one.key() or b"", one.value() or b"") for one in messages if one.error() is None]
                loop.call_soon_threadsafe(self._sort, pairs)

    def _sort(self, pairs: list[tuple[bytes, bytes]]) -> None:
        for key, value in pairs:
            lane = self._lanes.get(key)
            if lane is None:
                self._lanes[key] = lane = deque()
                task = asyncio.ensure_future(self._run(key, lane))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
            lane.append(value)

    async def _run(self, key: bytes, lane: deque[bytes]) -> None:
        while lane:
            async with self._free:
                await self._handle(lane.popleft())
        del self._lanes[key]

    async def _handle(self, value: bytes) -> None:
        record = self._decode(value)
        payload = record["payload"]
        control = payload["control"] if self._options.requests == 1 else await self._find(payload["ref_id"])
        body = {"status": payload["status"], "observation": f"seq {payload['seq']}"}
        url = f"{self._options.api}/applied-controls/{quote(control, safe='')}/"
        headers = self._json | {"Idempotency-Key": f"{record['event_id']}/update"}
        request = self._client.patch(url).headers(headers).body_bytes(orjson.dumps(body)).build()
        response = await request.send()
        if response.status != 200:
            raise RuntimeError(response.status)
        await response.bytes()

    async def _find(self, reference: str) -> str:
        url = f"{self._options.api}/applied-controls/?ref_id={quote(reference, safe='')}"
        response = await self._client.get(url).headers(self._headers).build().send()
        return str(orjson.loads(bytes(await response.bytes()))["results"][0]["id"])

    def _decode(self, value: bytes) -> Any:
        (schema_id,) = struct.unpack_from(">I", value, 1)
        if schema_id not in self._schemas:
            answer = httpx.get(f"{self._options.registry}/schemas/ids/{schema_id}", trust_env=False)
            self._schemas[schema_id] = fastavro.parse_schema(orjson.loads(answer.json()["schema"]))
        return fastavro.schemaless_reader(io.BytesIO(value[5:]), self._schemas[schema_id], None)


async def _main(options: argparse.Namespace) -> None:
    builder = ClientBuilder().no_proxy().max_connections(options.concurrency)
    peer = Peer(options, builder.pool_max_idle_per_host(options.concurrency).http1_only().build())
    threading.Thread(target=peer.consume, args=(asyncio.get_running_loop(),), daemon=True).start()
    await asyncio.Event().wait()


def main() -> None:
    """Parse the command line and consume."""
    parser = argparse.ArgumentParser()
    for name in ("brokers", "topic", "group", "registry", "api", "token"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--requests", type=int, choices=(1, 2), default=2)
    parser.add_argument("--concurrency", type=int, default=64)
    try:
        uvloop.run(_main(parser.parse_args()))
    finally:
        os._exit(0)  # see engine/api/transports/pyreqwest.py


if __name__ == "__main__":
    main()
