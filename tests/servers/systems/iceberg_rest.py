"""Iceberg's reference REST servlet, with a bearer token in front of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import requests

from tests.servers import maven
from tests.servers.catalog import ServerCatalog
from tests.servers.logins import CANARY
from tests.servers.process import ServerProcess

VERSION = "1.10.0"


def jars() -> Path:
    """Returns the folder with the server's jars."""
    tests = (
        "<dependency><groupId>org.apache.iceberg</groupId><artifactId>iceberg-core</artifactId>"
        f"<version>{VERSION}</version><classifier>tests</classifier></dependency>"
    )
    return maven.jars(
        "iceberg-rest",
        maven.dependency(f"org.apache.iceberg:iceberg-core:{VERSION}"),
        tests,
        maven.dependency("org.eclipse.jetty:jetty-servlet:11.0.25"),
        maven.dependency("org.eclipse.jetty:jetty-server:11.0.25"),
        maven.dependency("org.xerial:sqlite-jdbc:3.47.1.0"),
        maven.dependency("org.slf4j:slf4j-simple:2.0.16"),
        maven.dependency("org.apache.hadoop:hadoop-client-api:3.4.1"),
        maven.dependency("org.apache.hadoop:hadoop-client-runtime:3.4.1"),
    )


def fetch() -> None:
    """Downloads the jars once."""
    jars()


class IcebergRestServer(ServerProcess):
    """One catalog in memory."""

    name = "iceberg_rest"
    start_timeout_s = 90.0

    def __init__(self) -> None:
        super().__init__()
        self.token = CANARY + "iceberg-7d1f00aa"

    @property
    def endpoint(self) -> str:
        """The server's address as a URL."""
        return f"http://{self.host}:{self.port}"

    def command(self) -> list[str]:
        """Returns the server's command line: the source is compiled as it starts."""
        source = Path(__file__).with_name("IcebergRest.java")
        return [
            maven.java(), "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", f"{jars()}/*",
            str(source), str(self.port), f"file://{self.folder}/warehouse",
        ]  # fmt: skip

    def environment(self) -> dict[str, str]:
        """Returns the token that clients must show."""
        return {"TOKEN": self.token}

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """Sends a request of the Iceberg REST API and returns the answer's JSON."""
        answer = requests.request(
            method, self.endpoint + path, json=body, headers={"Authorization": f"Bearer {self.token}"}, timeout=20
        )
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def is_ready(self) -> bool:
        """Asks for the configuration."""
        return "defaults" in self.ask("GET", "/v1/config")

    def version(self) -> str:
        """Returns the version of the jars."""
        return VERSION


def makers(catalog: ServerCatalog) -> dict[str, Callable[[], ServerProcess]]:
    """Returns the servers by name."""
    return {"iceberg_rest": IcebergRestServer, "iceberg_rest_mortal": IcebergRestServer}
