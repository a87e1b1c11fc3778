"""Nessie 0.99.0 in memory; needs Java 21 or later, which Debian 12 does not have."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import requests

from tests.servers import maven
from tests.servers.catalog import ServerCatalog
from tests.servers.process import ServerProcess, find_program, free_port

VERSION = "0.99.0"


def new_java() -> str | None:
    """Returns a Java 21 (or later) launcher, None when there is none."""
    for pattern in ("*-21-*", "*-25-*"):
        for folder in sorted(Path("/usr/lib/jvm").glob(pattern)):
            if (folder / "bin" / "java").exists():
                return find_program("java", str(folder / "bin"))
    return None


def jars() -> Path:
    """Returns the folder with the server's one jar."""
    runner = (
        "<dependency><groupId>org.projectnessie.nessie</groupId><artifactId>nessie-quarkus</artifactId>"
        f"<version>{VERSION}</version><classifier>runner</classifier><exclusions><exclusion><groupId>*</groupId>"
        "<artifactId>*</artifactId></exclusion></exclusions></dependency>"
    )
    return maven.jars("nessie", runner)


def fetch() -> None:
    """Downloads the jar once, where there is a Java for it."""
    if new_java() is not None:
        jars()


class NessieServer(ServerProcess):
    """One catalog in memory."""

    name = "nessie"
    start_timeout_s = 90.0

    @property
    def endpoint(self) -> str:
        """The server's address as a URL."""
        return f"http://{self.host}:{self.port}"

    def command(self) -> list[str]:
        """Returns the server's command line."""
        jar = next(jars().glob("nessie-quarkus-*-runner.jar"))
        settings = {
            "quarkus.http.host": self.host, "quarkus.http.port": self.port,
            "quarkus.management.host": self.host, "quarkus.management.port": free_port(),
            "nessie.version.store.type": "IN_MEMORY", "quarkus.otel.sdk.disabled": "true",
        }  # fmt: skip
        flags = [f"-D{name}={value}" for name, value in settings.items()]
        return [new_java() or "java", "-Xmx384m", "-XX:TieredStopAtLevel=1", *flags, "-jar", str(jar)]

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """Sends a request of the API, version 2, and returns the answer's JSON."""
        answer = requests.request(method, f"{self.endpoint}/api/v2{path}", json=body, timeout=20)
        answer.raise_for_status()
        return answer.json()

    def is_ready(self) -> bool:
        """Asks for the main branch."""
        return self.ask("GET", "/trees/main")["reference"]["name"] == "main"

    def add_tables(self, names: list[list[str]]) -> None:
        """Commits tables, and the namespaces that they are in."""
        reference = self.ask("GET", "/trees/main")["reference"]
        spaces = sorted({tuple(name[:depth]) for name in names for depth in range(1, len(name))})
        operations = [
            {"type": "PUT", "key": {"elements": list(space)},
             "content": {"type": "NAMESPACE", "elements": list(space), "properties": {}}}
            for space in spaces
        ] + [
            {"type": "PUT", "key": {"elements": name},
             "content": {"type": "ICEBERG_TABLE", "metadataLocation": f"s3://lake/{'/'.join(name)}/v1.json",
                         "snapshotId": 1, "schemaId": 0, "specId": 0, "sortOrderId": 0}}
            for name in names
        ]  # fmt: skip
        body = {"commitMeta": {"message": "tables"}, "operations": operations}
        self.ask("POST", f"/trees/main@{reference['hash']}/history/commit", body)

    def version(self) -> str:
        """Returns the version of the jar."""
        return VERSION


def makers(catalog: ServerCatalog) -> dict[str, Callable[[], ServerProcess]]:
    """Returns the servers by name."""
    return {"nessie": NessieServer}
