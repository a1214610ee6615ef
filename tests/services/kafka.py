"""One Kafka broker (KRaft) on 127.0.0.1, with the faults that tests need."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient, NewTopic

from tests.services.certificates import Certificates
from tests.services.fetch import CACHE, HERE, KAFKA, kafka_libs
from tests.services.java import OPTIONS, class_archive, java
from tests.services.process import NotStarted, Process, free_port

_CLUSTER = "MkU3OEVBNTcwNTJENDM2Qk"
_HEAP = ("-Xmx512m", "-Xms256m")
_TRIES = 3  # a port that was free may be taken a moment later

USER, PASSWORD = "app", "app-secret"

_PROPERTIES = """
process.roles=broker,controller
node.id=1
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
auto.create.topics.enable=false
num.partitions=1
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
share.coordinator.state.topic.num.partitions=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
log.index.size.max.bytes=1048576
log.cleaner.dedupe.buffer.size=16777216
broker.session.timeout.ms=2000
broker.heartbeat.interval.ms=500
num.network.threads=2
num.io.threads=2
background.threads=2
num.recovery.threads.per.data.dir=1
"""


class Kafka:
    """A broker that keeps its port and its data over stop, kill and start.

    Attributes:
        address: bootstrap address without encryption or authentication.
        addresses: bootstrap address by listener: `plaintext`; with certificates also `sasl_plaintext`, `sasl_ssl`,
            `ssl`, where USER may log in by PLAIN and SCRAM.
        certificates: of the encrypted listeners; None without them.
    """

    def __init__(
        self, folder: Path, *, certificates: Certificates | None = None, options: Sequence[str] | None = None
    ) -> None:
        self._folder = folder
        self.certificates = certificates
        self._names = itertools.count(1)
        self._options = options
        self._ports: dict[str, int] = {}
        self._child: Process | None = None

    @property
    def addresses(self) -> Mapping[str, str]:
        """Bootstrap addresses by listener, in lower case."""
        return {name.lower(): f"127.0.0.1:{port}" for name, port in self._ports.items() if name != "CONTROLLER"}

    @property
    def address(self) -> str:
        """Bootstrap address of the plain listener."""
        return self.addresses["plaintext"]

    @property
    def pid(self) -> int:
        """Of the broker's process."""
        return self._process.pid

    @property
    def _process(self) -> Process:
        if self._child is None:
            raise RuntimeError("Kafka was never started")
        return self._child

    def start(self) -> None:
        """Start it, on the same port and data as before; returns when it serves.

        Raises:
            NotFetched: it is not to be had on this machine.
            NotStarted: it did not start.
        """
        if self._child is not None:
            self._serve()
            return
        if self._options is None:
            self._options = class_archive(f"kafka-{KAFKA}", _archive)
        for attempt in range(_TRIES):
            try:
                self._first_start(self._folder / str(attempt))
            except NotStarted:
                if attempt == _TRIES - 1:
                    raise
            else:
                return

    def stop(self) -> None:
        """End it in order."""
        self._process.stop()

    def kill(self) -> None:
        """SIGKILL."""
        self._process.kill()

    def suspend(self) -> None:
        """Stop its process: connections stay open and nobody answers."""
        self._process.suspend()

    def resume(self) -> None:
        """Let a suspended broker go on."""
        self._process.resume()

    @property
    def running(self) -> bool:
        """Whether its process lives."""
        return self._child is not None and self._child.running

    def client(self, settings: Mapping[str, object] | None = None) -> dict[str, object]:
        """Settings of a librdkafka client of the plain listener, further `settings` added."""
        return {"bootstrap.servers": self.address} | dict(settings or {})

    def create_topic(self, name: str = "observation", *, partitions: int = 8, **config: str | int) -> str:
        """Make a topic and give its name: `name` with a number behind it, so that no two tests share one.

        `config` are topic settings, "_" standing for ".".
        """
        topic = f"{name}-{next(self._names)}"
        settings = {key.replace("_", "."): str(value) for key, value in config.items()}
        admin = AdminClient(self.client())  # kept in a variable: librdkafka destroys a temporary one too early
        admin.create_topics([NewTopic(topic, partitions, 1, config=settings)])[topic].result(30)
        return topic

    def warm_up(self) -> None:
        """Meet the delays of a new broker (first group: 3 s, first idempotent producer: 1 s) once, before any test."""
        topic = self.create_topic("warm-up", partitions=1)
        producer = Producer(self.client({"enable.idempotence": True, "log_level": 0}))
        producer.produce(topic, b"x")
        producer.flush(30)
        consumer = Consumer(self.client({"group.id": topic, "auto.offset.reset": "earliest"}))
        consumer.subscribe([topic])
        while (message := consumer.poll(30)) is not None and message.error():
            pass
        consumer.close()

    def _first_start(self, data: Path) -> None:
        data.mkdir(parents=True)
        self._ports = {name: free_port() for name in self._listeners()}
        properties = data / "server.properties"
        properties.write_text(_PROPERTIES + "\n".join(self._own_properties(data)))
        users = [f"{mechanism}=[name={USER},password={PASSWORD}]" for mechanism in ("SCRAM-SHA-256", "SCRAM-SHA-512")]
        scram = [word for user in users for word in ("--add-scram", user)] if self.certificates else []
        format_log = data / "format.log"
        tool = ("kafka.tools.StorageTool", "format", "-c", str(properties), "-t", _CLUSTER, *scram)
        Process(self._command(*tool), format_log).run()
        self._child = Process(self._command("kafka.Kafka", str(properties)), data / "kafka.log")
        try:
            self._serve()
        except NotStarted:
            self._child = None
            raise

    def _serve(self) -> None:
        log = self._process.log
        self._process.start(lambda: b"Kafka Server started" in log.read_bytes())

    def _command(self, *arguments: str) -> Sequence[str]:
        logging = f"-Dlog4j2.configurationFile={HERE / 'log4j2.properties'}"
        return [java(), *OPTIONS, *_HEAP, *(self._options or ()), logging, "-cp", f"{kafka_libs()}/*", *arguments]

    def _listeners(self) -> Sequence[str]:
        secured = ("SASL_PLAINTEXT", "SASL_SSL", "SSL") if self.certificates else ()
        return ("PLAINTEXT", *secured, "CONTROLLER")

    def _own_properties(self, data: Path) -> list[str]:
        listeners = [f"{name}://127.0.0.1:{port}" for name, port in self._ports.items()]
        own = [
            f"controller.quorum.voters=1@127.0.0.1:{self._ports['CONTROLLER']}",
            f"listeners={','.join(listeners)}",
            f"advertised.listeners={','.join(one for one in listeners if not one.startswith('CONTROLLER'))}",
            "listener.security.protocol.map=CONTROLLER:PLAINTEXT,"
            + ",".join(f"{name}:{name}" for name in self._ports if name != "CONTROLLER"),
            f"log.dirs={data / 'logs'}",
        ]
        return own + (_security(data, self.certificates) if self.certificates else [])


def _security(data: Path, certificates: Certificates) -> list[str]:
    keystore = data / "keystore.pem"
    keystore.write_bytes(certificates.server_key.read_bytes() + certificates.server.read_bytes())
    package = "org.apache.kafka.common.security"
    plain = f'{package}.plain.PlainLoginModule required user_{USER}="{PASSWORD}";'
    scram = f"{package}.scram.ScramLoginModule required;"
    logins = [
        f"listener.name.{listener}.{mechanism}.sasl.jaas.config={module}"
        for listener in ("sasl_plaintext", "sasl_ssl")
        for mechanism, module in (("plain", plain), ("scram-sha-256", scram), ("scram-sha-512", scram))
    ]
    return [
        *logins,
        "sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512",
        "ssl.keystore.type=PEM",
        f"ssl.keystore.location={keystore}",
        "ssl.truststore.type=PEM",
        f"ssl.truststore.location={certificates.ca}",
        "ssl.client.auth=requested",  # no certificate is fine, one of another authority is not
    ]


def _archive(option: str) -> None:
    """Run a broker once, so that it leaves its class archive behind."""
    with tempfile.TemporaryDirectory(dir=CACHE) as scratch:
        broker = Kafka(Path(scratch), options=[option])
        broker.start()
        broker.warm_up()  # the archive holds what was used
        broker.stop()
