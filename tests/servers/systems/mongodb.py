"""mongo-java-server: an independent emulator of MongoDB. No real server is to be had from a package registry.

It keeps all in memory, has no logins, no explain, no transactions, and speaks the wire protocol of MongoDB 4.0.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pymongo

from tests.servers import maven
from tests.servers.certificates import TestCertificates
from tests.servers.process import ServerProcess

VERSION = "1.46.0"
_MAIN = Path(__file__).with_name("MongoEmulator.java")


def fetch() -> Path:
    """Fetches the jars once and returns their folder."""
    return maven.jars("mongo-java-server", maven.dependency(f"de.bwaldvogel:mongo-java-server:{VERSION}"))


class MongoEmulator(ServerProcess):
    """One instance, with TLS when there are certificates."""

    name = "mongodb"
    system = "mongo-java-server (emulator)"
    start_timeout_s = 90.0

    def __init__(self, certificates: TestCertificates | None = None, *, heap: str = "2g") -> None:
        super().__init__()
        self._certificates = certificates
        self._heap = heap
        self.database = "analytics"
        self.ca_file = certificates.ca_file if certificates else None

    def command(self) -> list[str]:
        """Returns the command line of the Java program."""
        line = [
            maven.java(), "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", f"-Xmx{self._heap}", "-cp", f"{fetch()}/*",
            str(_MAIN), str(self.port),
        ]  # fmt: skip
        if self._certificates:
            certificate, key = self._certificates.server("on").write(self.folder / "certs", "server")
            line += [str(certificate), str(key)]
        return line

    def is_ready(self) -> bool:
        """Pings."""
        client = self.client(timeout_ms=500)
        try:
            return client.admin.command("ping")["ok"] == 1
        finally:
            client.close()

    def client(self, timeout_ms: int = 10_000) -> pymongo.MongoClient[dict[str, Any]]:
        """Returns a direct client."""
        tls: dict[str, Any] = {"tls": True, "tlsCAFile": str(self.ca_file)} if self.ca_file else {}
        return pymongo.MongoClient(
            self.host, self.port, directConnection=True, serverSelectionTimeoutMS=timeout_ms,
            uuidRepresentation="standard", tz_aware=True, **tls,
        )  # fmt: skip

    def version(self) -> str:
        """Returns the emulator's version."""
        return VERSION

    def describe(self) -> dict[str, str]:
        """Returns the environment file's lines."""
        prefix = self.environment_prefix()
        authority = {f"{prefix}_CA_FILE": str(self.ca_file)} if self.ca_file else {}
        return {**super().describe(), f"{prefix}_DATABASE": self.database, **authority, f"{prefix}_PID": str(self.pid)}


def makers(catalog: Any) -> dict[str, Callable[[], ServerProcess]]:
    """Returns the emulator with and without TLS, and one that tests may kill."""
    return {
        "mongodb": lambda: MongoEmulator(catalog.certificates),
        "mongodb_plain": lambda: MongoEmulator(),
        "mongodb_mortal": lambda: MongoEmulator(catalog.certificates, heap="128m"),
    }
