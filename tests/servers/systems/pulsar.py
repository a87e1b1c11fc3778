"""Apache Pulsar: broker, bookie and metadata in one process, with token login (or without any login)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Callable
from typing import Any

import pulsar
import requests

from tests.servers import maven
from tests.servers.catalog import ServerCatalog
from tests.servers.certificates import TestCertificates
from tests.servers.logins import CANARY
from tests.servers.process import ServerProcess, free_port

VERSION = "4.0.7"
_OPENED = ("java.net", "java.io", "java.util.zip", "jdk.internal.platform", "sun.net")


def fetch() -> None:
    """Downloads the jars once (231 MB)."""
    jars()


def jars() -> Any:
    """Returns the folder with the server's jars."""
    managed = (
        "<dependency><groupId>org.apache.pulsar</groupId><artifactId>pulsar</artifactId>"
        f"<version>{VERSION}</version><type>pom</type><scope>import</scope></dependency>"
    )
    broker = maven.dependency(
        f"org.apache.pulsar:pulsar-broker:{VERSION}", exclude=("io.etcd:*", "org.apache.pulsar:jetcd-core-shaded")
    )
    return maven.jars("pulsar", broker, managed=managed)


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class PulsarServer(ServerProcess):
    """Ports: `port` and `tls_port` of the binary protocol, `web_port` and `web_tls_port` of the admin API, and
    `nowhere_port`, where nobody listens.

    With `login`, the roles are `admin` (may all), `reader` (may consume in public/default) and `nobody`.
    """

    name = "pulsar"
    start_timeout_s = 90.0

    def __init__(self, certificates: TestCertificates, *, login: bool = True) -> None:
        super().__init__()
        self._certificates = certificates
        self.ca_file = certificates.ca_file
        self.login = login
        self._secret = secrets.token_bytes(32)
        ports: set[int] = {self.port}
        while len(ports) < 5:
            ports.add(free_port())
        ports.discard(self.port)
        self.tls_port, self.web_port, self.web_tls_port, self.nowhere_port = sorted(ports)
        self.token = self.sign("admin")
        self._client: Any = None

    def sign(self, role: str) -> str:
        """Returns a role's token."""
        parts = [{"alg": "HS256", "typ": "JWT"}, {"sub": role, "note": CANARY + "pulsar"}]
        text = ".".join(_encode(json.dumps(part).encode()) for part in parts)
        return f"{text}.{_encode(hmac.new(self._secret, text.encode(), hashlib.sha256).digest())}"

    def prepare(self) -> None:
        """Writes the configuration."""
        fetch()
        certificate, key = self._certificates.server("on").write(self.folder, "server")
        (self.folder / "secret.key").write_bytes(self._secret)
        (self.folder / "admin.jwt").write_text(self.token)
        lines = [
            f"brokerServicePort={self.port}", f"brokerServicePortTls={self.tls_port}",
            f"webServicePort={self.web_port}", f"webServicePortTls={self.web_tls_port}",
            f"bindAddress={self.host}", f"advertisedAddress={self.host}", "listeningInterface=lo",
            "allowLoopback=true", "clusterName=standalone", "webSocketServiceEnabled=false",
            "managedLedgerDefaultEnsembleSize=1", "managedLedgerDefaultWriteQuorum=1",
            "managedLedgerDefaultAckQuorum=1", "loadBalancerEnabled=false",
            "loadBalancerOverrideBrokerNicSpeedGbps=1", f"tlsCertificateFilePath={certificate}",
            f"tlsKeyFilePath={key}", f"tlsTrustCertsFilePath={self.ca_file}", "managedLedgerCacheSizeMB=16",
            "dbStorage_writeCacheMaxSizeMb=8", "dbStorage_readAheadCacheMaxSizeMb=8",
            "dbStorage_rocksDB_blockCacheSize=8388608", "diskUsageThreshold=0.99", "diskUsageWarnThreshold=0.99",
            "numIOThreads=2", "numHttpServerThreads=8", "maxMessageSize=1048576",
            "allowAutoTopicCreation=true", "allowAutoTopicCreationType=non-partitioned",
            "brokerDeleteInactiveTopicsEnabled=false", "transactionCoordinatorEnabled=false",
            "systemTopicEnabled=false", "topicLevelPoliciesEnabled=false", "journalSyncData=false",
            "brokerShutdownTimeoutMs=1000", "metadataStoreBatchingEnabled=false",
        ]  # fmt: skip
        if self.login:
            lines += [
                "authenticationEnabled=true", "authorizationEnabled=true", "superUserRoles=admin",
                "authenticationProviders=org.apache.pulsar.broker.authentication.AuthenticationProviderToken",
                f"tokenSecretKey=file://{self.folder}/secret.key",
                "brokerClientAuthenticationPlugin=org.apache.pulsar.client.impl.auth.AuthenticationToken",
                f"brokerClientAuthenticationParameters=file://{self.folder}/admin.jwt",
            ]  # fmt: skip
        (self.folder / "standalone.conf").write_text("\n".join(lines) + "\n")

    def command(self) -> list[str]:
        """Returns the server's command line."""
        opened = [f"--add-opens=java.base/{package}=ALL-UNNAMED" for package in _OPENED]
        return [
            maven.java(), "-Xms256m", "-Xmx640m", "-XX:MaxDirectMemorySize=512m", "-XX:+UseSerialGC",
            "-XX:TieredStopAtLevel=1", *opened, "--add-opens=java.management/sun.management=ALL-UNNAMED",
            "-Dio.netty.tryReflectionSetAccessible=true", "-cp", f"{jars()}/*",
            "org.apache.pulsar.PulsarStandaloneStarter", "--config", str(self.folder / "standalone.conf"),
            "-nfw", "-nss", "--bookkeeper-dir", str(self.folder / "bookkeeper"),
            "--metadata-dir", str(self.folder / "metadata"), "-a", self.host,
        ]  # fmt: skip

    def admin(self, method: str, path: str, body: Any = None) -> Any:
        """Calls the admin API and returns what it answers."""
        headers = {"Authorization": f"Bearer {self.token}"} if self.login else {}
        url = f"http://{self.host}:{self.web_port}/admin/v2/{path}"
        answer = requests.request(method, url, json=body, headers=headers, timeout=20)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def is_ready(self) -> bool:
        """Asks for the namespace that is created last, and looks a topic of it up."""
        if "public/default" not in self.admin("GET", "namespaces/public"):
            return False
        client = self.client(timeout_s=2)
        try:
            return client.get_topic_partitions("persistent://public/default/ready") != []
        finally:
            client.close()

    def after_first_start(self) -> None:
        """Grants `reader` its rights."""
        if self.login:
            self.admin("POST", "namespaces/public/default/permissions/reader", ["consume"])

    def client(self, timeout_s: int = 20) -> Any:
        """Returns a new client of the vendor's library."""
        return pulsar.Client(
            f"pulsar://{self.host}:{self.port}",
            authentication=pulsar.AuthenticationToken(self.token) if self.login else None,
            operation_timeout_seconds=timeout_s,
            logger=pulsar.FileLogger(pulsar.LoggerLevel.Error, str(self.folder / "client.log")),
        )

    def create_topic(self, name: str, partitions: int = 1) -> None:
        """Makes a topic of public/default: partitioned, unless it has one partition."""
        if partitions == 1:
            self.admin("PUT", f"persistent/public/default/{name}")
        else:
            self.admin("PUT", f"persistent/public/default/{name}/partitions", partitions)

    def parts(self, topic: str) -> int:
        """Returns the number of partitions, 0 when the topic is not partitioned."""
        return self.admin("GET", f"persistent/public/default/{topic}/partitions")["partitions"]

    def write(self, topic: str, messages: list[dict[str, Any]]) -> None:
        """Writes messages (key, value, headers, partition, event_ms) and waits for their receipts."""
        partitions = self.parts(topic)
        client = self.client()
        producers: dict[int, Any] = {}
        problems: list[Any] = []

        def delivered(result: Any, _: Any) -> None:
            if result != pulsar.Result.Ok:
                problems.append(result)

        try:
            for message in messages:
                number = message.get("partition", 0)
                if number not in producers:
                    name = f"{topic}-partition-{number}" if partitions else topic
                    producers[number] = client.create_producer(
                        f"persistent://public/default/{name}", batching_enabled=True, block_if_queue_full=True,
                        max_pending_messages=10_000, batching_max_messages=5000,
                        batching_max_allowed_size_in_bytes=1 << 19,
                    )  # fmt: skip
                key = message.get("key")
                producers[number].send_async(
                    message.get("value") or b"", delivered, partition_key=None if key is None else key.decode(),
                    properties=message.get("headers"), event_timestamp=message.get("event_ms"),
                )  # fmt: skip
            for producer in producers.values():
                producer.flush()
        finally:
            client.close()
        if problems:
            raise RuntimeError(f"messages were not delivered: {problems[0]}")

    def read(self, topic: str, count: int) -> list[Any]:
        """Reads `count` messages from the beginning: (partition, message)."""
        found: list[Any] = []
        partitions = self.parts(topic)
        client = self.client()
        try:
            for number in range(partitions or 1):
                name = f"{topic}-partition-{number}" if partitions else topic
                reader = client.create_reader(f"persistent://public/default/{name}", pulsar.MessageId.earliest)
                while len(found) < count and reader.has_message_available():
                    found.append((number, reader.read_next(20_000)))
        finally:
            client.close()
        return found

    def version(self) -> str:
        """Returns the version of the jars."""
        return VERSION


def makers(catalog: ServerCatalog) -> dict[str, Callable[[], ServerProcess]]:
    """Returns the servers by name."""
    return {
        "pulsar": lambda: PulsarServer(catalog.certificates),
        "pulsar_mortal": lambda: PulsarServer(catalog.certificates, login=False),
    }
