"""What tests share: real services, the embedded broker, and a process that plays CISO Assistant."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Protocol, TypeVar

import pytest

from tests.api_server.client import ApiServer
from tests.services.certificates import Certificates, make_certificates
from tests.services.embedded import Embedded
from tests.services.fetch import CACHE, NotFetched
from tests.services.kafka import Kafka
from tests.services.registry import Registry

pytest.register_assert_rewrite("tests.rig", "tests.stream.contract")  # their assertions explain themselves, too

# Some two hundred processes of the engine are started. Where bytecode must not be written beside the code, each would
# compile all of it anew, which is more than half of its start.
if os.environ.pop("PYTHONDONTWRITEBYTECODE", ""):
    os.environ["PYTHONPYCACHEPREFIX"] = str(CACHE / "bytecode")


class _Service(Protocol):
    """What is started for the whole session."""

    def start(self) -> None:
        """Start it or raise NotFetched."""

    def stop(self) -> None:
        """End it."""

    @property
    def running(self) -> bool:
        """Whether it still lives: a fault test may have killed it."""


AnyService = TypeVar("AnyService", bound=_Service)


def _served(service: AnyService, ready: Callable[[AnyService], object] | None = None) -> Iterator[AnyService]:
    """The service, started; without Java or Maven the test is skipped, or fails where REQUIRE_SERVICES=1."""
    try:
        service.start()
    except NotFetched as missing:
        if os.environ.get("REQUIRE_SERVICES") == "1":
            raise
        pytest.skip(str(missing))
    try:
        if ready:
            ready(service)
        yield service
    finally:
        if service.running:
            service.stop()


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kafka]:
    """A Kafka broker for the session. A test that stops it starts it again."""
    yield from _served(Kafka(tmp_path_factory.mktemp("kafka")), Kafka.warm_up)


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """A schema registry for the session. A test that stops it starts it again and registers its schemas anew."""
    yield from _served(Registry(tmp_path_factory.mktemp("registry")))


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """An authority with a server's and a client's certificate."""
    return make_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="session")
def kafka_secured(tmp_path_factory: pytest.TempPathFactory, certificates: Certificates) -> Iterator[Kafka]:
    """A Kafka broker that also listens with SASL and TLS: `.addresses`, `.certificates`; kafka.USER, kafka.PASSWORD."""
    yield from _served(Kafka(tmp_path_factory.mktemp("kafka"), certificates=certificates))


@pytest.fixture(scope="session")
def registry_secured(tmp_path_factory: pytest.TempPathFactory, certificates: Certificates) -> Iterator[Registry]:
    """A schema registry with TLS and Basic auth: `.secure_url`, registry.USER, registry.PASSWORD."""
    yield from _served(Registry(tmp_path_factory.mktemp("registry"), certificates=certificates))


@pytest.fixture
def embedded() -> Embedded:
    """A broker inside this process, empty."""
    return Embedded()


@pytest.fixture(scope="session")
def api_server_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """The API server's process; tests take `api_server`, which begins anew for each."""
    yield from _served(ApiServer(tmp_path_factory.mktemp("api")))


@pytest.fixture
def api_server(api_server_process: ApiServer) -> ApiServer:
    """CISO Assistant's API in a process of its own, seeded by `tests.api_server.seed`; more by `reset(controls=N)`."""
    if not api_server_process.running:  # a fault test killed it
        api_server_process.start()
    api_server_process.resume()
    api_server_process.reset()
    return api_server_process
