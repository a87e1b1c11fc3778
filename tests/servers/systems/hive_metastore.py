"""Hive Metastore 4.0.1 over an in-memory Derby: with a password over TLS, and without either."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from xml.sax.saxutils import escape

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509 import load_pem_x509_certificate

from tests.servers import maven
from tests.servers.catalog import ServerCatalog
from tests.servers.certificates import TestCertificates
from tests.servers.hive_client import HiveClient
from tests.servers.logins import CANARY
from tests.servers.process import ServerProcess

VERSION = "4.0.1"
_HADOOP = "3.4.1"


def jars() -> Path:
    """Returns the folder with the server's jars."""
    return maven.jars(
        "hive-metastore",
        maven.dependency(
            f"org.apache.hive:hive-standalone-metastore-server:{VERSION}",
            exclude=("jdk.tools:*", "org.apache.hadoop:*", "org.slf4j:slf4j-log4j12", "log4j:log4j"),
        ),
        maven.dependency("commons-cli:commons-cli:1.9.0"),
        maven.dependency(f"org.apache.hadoop:hadoop-client-api:{_HADOOP}"),
        maven.dependency(f"org.apache.hadoop:hadoop-client-runtime:{_HADOOP}"),
        maven.dependency(f"org.apache.hadoop:hadoop-hdfs:{_HADOOP}", exclude=("*:*",)),
    )


def fetch() -> None:
    """Downloads the jars once."""
    jars()


class HiveMetastoreServer(ServerProcess):
    """One metastore. `secure` wants user and password (SASL PLAIN) over TLS."""

    name = "hive_metastore"
    start_timeout_s = 90.0

    def __init__(self, certificates: TestCertificates, *, secure: bool) -> None:
        super().__init__()
        self._certificates = certificates
        self.secure = secure
        self.user = "catalog_reader"
        self.password = CANARY + "hive-51c0ffee"
        self.ca_file = certificates.ca_file

    def prepare(self) -> None:
        """Writes the configuration and the keystore."""
        settings = {
            "metastore.thrift.uris": f"thrift://{self.host}:{self.port}",
            "metastore.thrift.port": str(self.port),
            "metastore.thrift.bind.host": self.host,
            "metastore.warehouse.dir": f"file:{self.folder}/warehouse",
            "javax.jdo.option.ConnectionURL": "jdbc:derby:memory:hms;create=true",
            "javax.jdo.option.ConnectionDriverName": "org.apache.derby.jdbc.EmbeddedDriver",
            "datanucleus.schema.autoCreateAll": "true",
            "metastore.schema.verification": "false",
            "metastore.task.threads.always": "org.apache.hadoop.hive.metastore.events.EventCleanerTask",
            "metastore.expression.proxy": "org.apache.hadoop.hive.metastore.DefaultPartitionExpressionProxy",
        }
        if self.secure:
            pair = self._certificates.server("on")
            key = serialization.load_pem_private_key(pair.key, None)
            authority = load_pem_x509_certificate(self.ca_file.read_bytes())
            store = self.folder / "keystore.p12"
            store.write_bytes(
                pkcs12.serialize_key_and_certificates(
                    b"on", key, load_pem_x509_certificate(pair.certificate), [authority],  # type: ignore[arg-type]
                    serialization.BestAvailableEncryption(b"keystore"),
                )
            )  # fmt: skip
            settings |= {
                "metastore.use.SSL": "true",
                "metastore.keystore.path": str(store),
                "metastore.keystore.password": "keystore",
                "metastore.keystore.type": "PKCS12",
                "metastore.execute.setugi": "false",
                "metastore.authentication": "CONFIG",
                "metastore.authentication.config.username": self.user,
                "metastore.authentication.config.password": self.password,
            }
        rows = "".join(
            f"<property><name>{name}</name><value>{escape(value)}</value></property>"
            for name, value in settings.items()
        )
        (self.folder / "conf").mkdir()
        (self.folder / "conf" / "metastore-site.xml").write_text(f"<configuration>{rows}</configuration>")

    def command(self) -> list[str]:
        """Returns the server's command line."""
        return [
            maven.java(), "-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
            "-cp", f"{self.folder}/conf:{jars()}/*",
            "org.apache.hadoop.hive.metastore.HiveMetaStore", "-p", str(self.port),
        ]  # fmt: skip

    def environment(self) -> dict[str, str]:
        """Keeps the server's files in its folder."""
        return {"METASTORE_HOME": str(self.folder)}

    def client(self) -> HiveClient:
        """Returns a logged-in client that is not NStarX."""
        login = (self.user, self.password) if self.secure else None
        return HiveClient(self.host, self.port, str(self.ca_file) if self.secure else None, login)

    def is_ready(self) -> bool:
        """Lists the databases."""
        with self.client() as client:
            return "default" in client.databases()

    def version(self) -> str:
        """Returns the version of the jars."""
        return VERSION


def makers(catalog: ServerCatalog) -> dict[str, Callable[[], ServerProcess]]:
    """Returns the servers by name."""
    return {
        "hive_metastore": lambda: HiveMetastoreServer(catalog.certificates, secure=True),
        "hive_metastore_mortal": lambda: HiveMetastoreServer(catalog.certificates, secure=False),
    }
