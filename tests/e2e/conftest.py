"""The world of an end-to-end test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.api_server.client import ApiServer
from tests.rig.world import World
from tests.services.kafka import Kafka


@pytest.fixture
def world(tmp_path: Path, kafka: Kafka, api_server: ApiServer) -> Iterator[World]:
    """A topic of 4 partitions, a group, the rule `note`, the API server as it begins."""
    made = World(tmp_path, kafka, api_server)
    yield made
    made.close()
