"""Apache Cassandra: one node with passwords, roles and a port that takes clients with and without TLS."""

from __future__ import annotations

import contextlib
import logging
import signal
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from cassandra.auth import PlainTextAuthProvider
from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile, Session
from cassandra.policies import WhiteListRoundRobinPolicy
from cassandra.query import tuple_factory
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs12

from tests.servers import logins, maven
from tests.servers.catalog import ServerCatalog
from tests.servers.certificates import TestCertificates, self_signed
from tests.servers.process import ServerProcess, free_port

VERSION = "5.0.4"
KEYSPACE = logins.DATABASE
_STORE_PASSWORD = logins.CANARY + "store-a7c1"
_SUPERUSER = "cassandra"
_EXPORTS = {
    "java.base": "jdk.internal.misc jdk.internal.ref jdk.internal.perf jdk.internal.util sun.nio.ch java.lang.ref",
    "java.management.rmi": "com.sun.jmx.remote.internal.rmi",
    "java.rmi": "sun.rmi.registry sun.rmi.server sun.rmi.transport.tcp",
    "java.sql": "java.sql",
}
_OPENS = {
    "java.base": "java.lang java.lang.module java.lang.reflect java.io java.net java.nio java.util"
    " java.util.concurrent java.util.concurrent.atomic jdk.internal.loader jdk.internal.ref jdk.internal.reflect"
    " jdk.internal.math jdk.internal.misc jdk.internal.module jdk.internal.util.jar sun.nio.ch",
    "jdk.management": "com.sun.management.internal",
    "java.rmi": "sun.rmi.transport.tcp",
}
_LOGBACK = """<configuration><appender name="OUT" class="ch.qos.logback.core.ConsoleAppender"><encoder>
<pattern>%-5level %date{ISO8601} %F:%L - %msg%n</pattern></encoder></appender>
<root level="WARN"><appender-ref ref="OUT"/></root></configuration>
"""


def fetch() -> Path:
    """Downloads the jars once (66 MB) and returns their folder."""
    return maven.jars("cassandra", maven.dependency(f"org.apache.cassandra:cassandra-all:{VERSION}"))


class CassandraServer(ServerProcess):
    """One node of loopback; passwords are asked for, TLS is the client's choice.

    With `client_auth` clients that come over TLS must show a certificate too.
    """

    name = "cassandra"
    start_timeout_s = 120.0
    #: An orderly stop flushes for five seconds; the commit log has all that matters.
    stop_signal = signal.SIGKILL

    def __init__(self, certificates: TestCertificates, *, heap: str = "640m", client_auth: bool = True) -> None:
        super().__init__()
        self._certificates = certificates
        self._heap = heap
        self.client_auth = client_auth
        self.ca_file = certificates.ca_file
        self.database = KEYSPACE
        self.client_files: tuple[Path, ...] = ()
        self.stranger_files: tuple[Path, ...] = ()
        ports: set[int] = set()
        while len(ports) < 2:
            ports.add(free_port())
            ports.discard(self.port)
        self.storage_port, self.ssl_storage_port = sorted(ports)

    def prepare(self) -> None:
        """Writes the configuration and the key store."""
        pair = self._certificates.server("on")
        key: Any = serialization.load_pem_private_key(pair.key, None)
        store = pkcs12.serialize_key_and_certificates(
            b"server", key, x509.load_pem_x509_certificate(pair.certificate),
            x509.load_pem_x509_certificates(self.ca_file.read_bytes()),
            serialization.BestAvailableEncryption(_STORE_PASSWORD.encode()),
        )  # fmt: skip
        keystore, truststore = self.folder / "server.p12", self.folder / "trusted.p12"
        keystore.write_bytes(store)
        authority = pkcs12.PKCS12Certificate(x509.load_pem_x509_certificate(self.ca_file.read_bytes()), b"authority")
        encryption = serialization.BestAvailableEncryption(_STORE_PASSWORD.encode())
        truststore.write_bytes(pkcs12.serialize_java_truststore([authority], encryption))
        self.client_files = self._certificates.client(logins.APP.user).write(self.folder, "client")
        self.stranger_files = self_signed().write(self.folder, "stranger")
        lines = [
            "cluster_name: nstarx", "num_tokens: 4", "endpoint_snitch: SimpleSnitch",
            "partitioner: org.apache.cassandra.dht.Murmur3Partitioner",
            "authenticator: PasswordAuthenticator", "authorizer: CassandraAuthorizer",
            "role_manager: CassandraRoleManager", "permissions_validity: 200ms", "roles_validity: 200ms",
            "credentials_validity: 60s",
            f"listen_address: {self.host}", f"rpc_address: {self.host}", f"native_transport_port: {self.port}",
            f"storage_port: {self.storage_port}", f"ssl_storage_port: {self.ssl_storage_port}",
            "start_native_transport: true", "commitlog_sync: periodic", "commitlog_sync_period: 10s",
            "commitlog_segment_size: 16MiB", "memtable_heap_space: 160MiB", "memtable_offheap_space: 64MiB",
            "file_cache_size: 64MiB", "disk_access_mode: mmap_index_only", "batch_size_warn_threshold: 8MiB",
            "batch_size_fail_threshold: 16MiB", "user_defined_functions_enabled: true",
            "materialized_views_enabled: true", "sasi_indexes_enabled: false", "auto_snapshot: false",
            "concurrent_reads: 8", "concurrent_writes: 8", "read_request_timeout: 20s", "range_request_timeout: 60s",
            "write_request_timeout: 20s", "request_timeout: 60s", "native_transport_timeout: 120s",
            f"data_file_directories: [{self.folder}/data]", f"commitlog_directory: {self.folder}/commitlog",
            f"hints_directory: {self.folder}/hints", f"saved_caches_directory: {self.folder}/caches",
            f"cdc_raw_directory: {self.folder}/cdc",
            "seed_provider:", "  - class_name: org.apache.cassandra.locator.SimpleSeedProvider",
            f'    parameters: [{{seeds: "{self.host}:{self.storage_port}"}}]',
            "client_encryption_options:", "  enabled: true", "  optional: true", f"  keystore: {keystore}",
            f"  keystore_password: {_STORE_PASSWORD}", "  store_type: PKCS12",
            f"  require_client_auth: {str(self.client_auth).lower()}",
            f"  truststore: {truststore}", f"  truststore_password: {_STORE_PASSWORD}",
        ]  # fmt: skip
        (self.folder / "cassandra.yaml").write_text("\n".join(lines) + "\n")
        (self.folder / "logback.xml").write_text(_LOGBACK)

    def command(self) -> list[str]:
        """Returns the server's command line."""
        jars = fetch()
        opened = [f"--add-exports={module}/{name}=ALL-UNNAMED" for module, names in _EXPORTS.items()
                  for name in names.split()]  # fmt: skip
        opened += [f"--add-opens={module}/{name}=ALL-UNNAMED" for module, names in _OPENS.items()
                   for name in names.split()]  # fmt: skip
        return [
            maven.java(), f"-Xms{self._heap}", f"-Xmx{self._heap}", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
            "-Xss512k", *opened, f"-javaagent:{next(jars.glob('jamm-*.jar'))}", "-Djdk.attach.allowAttachSelf=true",
            f"-Dcassandra.config=file://{self.folder}/cassandra.yaml", f"-Dcassandra.storagedir={self.folder}",
            "-Dcassandra.superuser_setup_delay_ms=0", "-Dcassandra.skip_wait_for_gossip_to_settle=0",
            "-Dcassandra.ring_delay_ms=100", "-Dcassandra.auth_bcrypt_gensalt_log2_rounds=4",
            "-Dcassandra-foreground=yes", "-cp", f"{self.folder}:{jars}/*",
            "org.apache.cassandra.service.CassandraDaemon",
        ]  # fmt: skip

    @contextlib.contextmanager
    def connect(self) -> Iterator[Session]:
        """Yields a superuser's session of the vendor's driver, over TLS."""
        logging.getLogger("cassandra").setLevel(logging.CRITICAL)
        tls = ssl.create_default_context(cafile=str(self.ca_file))
        tls.check_hostname = False
        tls.load_cert_chain(*self.client_files)
        profile = ExecutionProfile(
            load_balancing_policy=WhiteListRoundRobinPolicy([self.host]),
            request_timeout=120,
            row_factory=tuple_factory,
        )
        cluster = Cluster(
            [self.host], port=self.port, ssl_context=tls, protocol_version=4, connect_timeout=20,
            auth_provider=PlainTextAuthProvider(_SUPERUSER, _SUPERUSER), schema_metadata_enabled=False,
            token_metadata_enabled=False, execution_profiles={EXEC_PROFILE_DEFAULT: profile},
        )  # fmt: skip
        try:
            yield cluster.connect()
        finally:
            cluster.shutdown()

    def is_ready(self) -> bool:
        """Logs in and reads."""
        with self.connect() as session:
            return session.execute("SELECT release_version FROM system.local").one()[0] == VERSION

    def after_first_start(self) -> None:
        """Makes the keyspace and the roles."""
        with self.connect() as session:
            session.execute(
                f"CREATE KEYSPACE {KEYSPACE} WITH replication = {{'class': 'SimpleStrategy', 'replication_factor': 1}}"
                " AND durable_writes = true"
            )
            for login in (logins.APP, logins.READER, logins.NOBODY):
                session.execute(f"CREATE ROLE {login.user} WITH PASSWORD = '{login.password}' AND LOGIN = true")
            session.execute(f"GRANT ALL PERMISSIONS ON KEYSPACE {KEYSPACE} TO {logins.APP.user}")
            session.execute(f"GRANT SELECT ON KEYSPACE {KEYSPACE} TO {logins.READER.user}")
            for role in (logins.APP.user, logins.READER.user):
                session.execute(f"GRANT EXECUTE ON ALL FUNCTIONS IN KEYSPACE {KEYSPACE} TO {role}")

    def version(self) -> str:
        """Returns the version of the jars."""
        return VERSION

    def describe(self) -> dict[str, str]:
        """Returns the environment file's lines."""
        prefix = self.environment_prefix()
        return {
            **super().describe(),
            f"{prefix}_KEYSPACE": KEYSPACE,
            f"{prefix}_USER": logins.APP.user,
            f"{prefix}_PASSWORD": logins.APP.password,
            f"{prefix}_CA_FILE": str(self.ca_file),
            f"{prefix}_CLIENT_CERTIFICATE_FILE": str(self.client_files[0]),
            f"{prefix}_CLIENT_KEY_FILE": str(self.client_files[1]),
            f"{prefix}_STRANGER_CERTIFICATE_FILE": str(self.stranger_files[0]),
            f"{prefix}_STRANGER_KEY_FILE": str(self.stranger_files[1]),
        }


def makers(catalog: ServerCatalog) -> dict[str, Callable[[], ServerProcess]]:
    """Returns the servers by name."""
    return {
        "cassandra": lambda: CassandraServer(catalog.certificates),
        "cassandra_mortal": lambda: CassandraServer(catalog.certificates, heap="320m", client_auth=False),
    }
