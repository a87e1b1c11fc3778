"""Apache Kafka: one broker in KRaft mode with a listener for each way to log in."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from typing import Any

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from tests.servers import maven
from tests.servers.catalog import ServerCatalog
from tests.servers.certificates import TestCertificates
from tests.servers.logins import CANARY
from tests.servers.process import ServerProcess, free_port

VERSION = "3.9.1"
_CLUSTER = "MkU3OEVBNTcwNTJENDM2Qg"
_MODULES = "org.apache.kafka.common.security"


def fetch() -> None:
    """Downloads the jars once (46 MB)."""
    jars()


def jars() -> Any:
    """Returns the folder with the server's jars."""
    return maven.jars("kafka", maven.dependency(f"org.apache.kafka:kafka_2.13:{VERSION}"))


class KafkaServer(ServerProcess):
    """Ports: `port` without login, `sasl_port` and `sasl_tls_port` with PLAIN or SCRAM, `tls_port`, `mtls_port`,
    and `lost_port`, which sends its clients to an address where nobody is."""

    name = "kafka"
    start_timeout_s = 60.0

    def __init__(self, certificates: TestCertificates) -> None:
        super().__init__()
        self._certificates = certificates
        self.ca_file = certificates.ca_file
        self.user, self.password = "alice", CANARY + "kafka-5d1f0c"
        self.scram_user, self.scram_password = "bob", CANARY + "kafka-scram-77b2"
        ports: set[int] = {self.port}
        while len(ports) < 8:
            ports.add(free_port())
        ports.discard(self.port)
        (self.controller_port, self.sasl_port, self.tls_port, self.sasl_tls_port,
         self.mtls_port, self.lost_port, self.nowhere_port) = sorted(ports)  # fmt: skip

    def prepare(self) -> None:
        """Writes the properties and formats the log folder."""
        fetch()
        certificate, key = self._certificates.server("on").write(self.folder, "server")
        keystore = self.folder / "broker.pem"
        keystore.write_text(key.read_text() + certificate.read_text() + self.ca_file.read_text())
        keystore.chmod(0o644)
        shutil.copy(self.ca_file, self.folder / "ca.pem")
        listeners = {
            "PLAIN": self.port, "SASLP": self.sasl_port, "TLS": self.tls_port, "SASLTLS": self.sasl_tls_port,
            "MTLS": self.mtls_port, "LOST": self.lost_port,
        }  # fmt: skip
        advertised = {**listeners, "LOST": self.nowhere_port}
        plain = f'{_MODULES}.plain.PlainLoginModule required user_{self.user}="{self.password}";'
        lines = [
            "process.roles=broker,controller", "node.id=1", f"log.dirs={self.folder}/data",
            f"controller.quorum.voters=1@{self.host}:{self.controller_port}", "controller.listener.names=CONTROLLER",
            "listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAIN:PLAINTEXT,SASLP:SASL_PLAINTEXT,TLS:SSL,"
            "SASLTLS:SASL_SSL,MTLS:SSL,LOST:PLAINTEXT",
            f"listeners=CONTROLLER://{self.host}:{self.controller_port},"
            + ",".join(f"{name}://{self.host}:{port}" for name, port in listeners.items()),
            "advertised.listeners=" + ",".join(f"{name}://{self.host}:{port}" for name, port in advertised.items()),
            "inter.broker.listener.name=PLAIN", "sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512",
            "offsets.topic.replication.factor=1", "offsets.topic.num.partitions=1",
            "transaction.state.log.replication.factor=1", "transaction.state.log.min.isr=1",
            "transaction.state.log.num.partitions=1", "group.initial.rebalance.delay.ms=0",
            "log.cleaner.dedupe.buffer.size=2097152", "auto.create.topics.enable=true",
            "ssl.keystore.type=PEM", f"ssl.keystore.location={keystore}",
            "ssl.truststore.type=PEM", f"ssl.truststore.location={self.folder}/ca.pem",
            "listener.name.mtls.ssl.client.auth=required",
        ]  # fmt: skip
        for name in ("saslp", "sasltls"):
            lines += [
                f"listener.name.{name}.sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512",
                f"listener.name.{name}.plain.sasl.jaas.config={plain}",
                f"listener.name.{name}.scram-sha-256.sasl.jaas.config={_MODULES}.scram.ScramLoginModule required;",
                f"listener.name.{name}.scram-sha-512.sasl.jaas.config={_MODULES}.scram.ScramLoginModule required;",
            ]
        (self.folder / "server.properties").write_text("\n".join(lines) + "\n")
        scram = [f"{kind}=[name={self.scram_user},password={self.scram_password}]"
                 for kind in ("SCRAM-SHA-256", "SCRAM-SHA-512")]  # fmt: skip
        self.run([
            maven.java(), "-Xmx128m", "-XX:TieredStopAtLevel=1", "-cp", f"{jars()}/*", "kafka.tools.StorageTool",
            "format", "-t", _CLUSTER, "-c", "server.properties", "--add-scram", scram[0], "--add-scram", scram[1],
        ])  # fmt: skip

    def command(self) -> list[str]:
        """Returns the server's command line."""
        return [
            maven.java(), "-Xms128m", "-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
            "-cp", f"{jars()}/*", "kafka.Kafka", str(self.folder / "server.properties"),
        ]  # fmt: skip

    def client(self) -> dict[str, Any]:
        """Returns the settings of a client of the vendor's library."""
        return {"bootstrap.servers": f"{self.host}:{self.port}", "log_level": 0}

    def is_ready(self) -> bool:
        """Asks for the brokers."""
        return bool(AdminClient(self.client()).list_topics(timeout=2).brokers)

    def create_topic(self, name: str, partitions: int = 1, **settings: str) -> None:
        """Makes a topic and waits until it is there."""
        config = {key.replace("_", "."): value for key, value in settings.items()}
        admin = AdminClient(self.client())
        admin.create_topics([NewTopic(name, partitions, 1, config=config)])[name].result(20)

    def write(self, topic: str, messages: list[dict[str, Any]]) -> None:
        """Writes messages: keyword arguments of Producer.produce."""
        producer = Producer({**self.client(), "linger.ms": 5})
        for message in messages:
            while True:
                try:
                    producer.produce(topic, **message)
                    break
                except BufferError:
                    producer.poll(0.1)
        if producer.flush(60):
            raise KafkaException("messages were not delivered")

    def read(self, topic: str, count: int) -> list[Any]:
        """Reads `count` messages from the beginning."""
        consumer = Consumer({**self.client(), "group.id": "reader", "enable.auto.commit": False})
        try:
            partitions = consumer.list_topics(topic, timeout=10).topics[topic].partitions
            consumer.assign([TopicPartition(topic, number, OFFSET_BEGINNING) for number in partitions])
            return consumer.consume(count, timeout=20)
        finally:
            consumer.close()

    def version(self) -> str:
        """Returns the version of the jars."""
        return VERSION


def makers(catalog: ServerCatalog) -> dict[str, Callable[[], ServerProcess]]:
    """Returns the servers by name."""
    return {
        "kafka": lambda: KafkaServer(catalog.certificates),
        "kafka_mortal": lambda: KafkaServer(catalog.certificates),
    }
