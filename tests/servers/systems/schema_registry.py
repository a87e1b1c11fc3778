"""A schema registry: franz-go's srfake, an independent emulator of Confluent's REST interface (schemas are kept in
memory; compatibility is not checked)."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import requests

from tests.servers import golang
from tests.servers.catalog import ServerCatalog
from tests.servers.certificates import TestCertificates
from tests.servers.logins import CANARY
from tests.servers.process import ServerProcess

MODULE = "github.com/twmb/franz-go/pkg/sr"
VERSION = "v1.8.0"
_NAME = "nstarx-schema-registry"
_KIND = "application/vnd.schemaregistry.v1+json"


def fetch() -> None:
    """Builds the program once (a few seconds)."""
    golang.build_source(_NAME, Path(__file__).with_suffix(".go"), MODULE, VERSION)


class SchemaRegistryServer(ServerProcess):
    """One registry; with `login` "basic" or "token" it asks for that over TLS."""

    name = "schema-registry"

    def __init__(self, certificates: TestCertificates, login: str = "") -> None:
        super().__init__()
        self._certificates = certificates
        self.ca_file = certificates.ca_file
        self.login = login
        self.user, self.password = "registry-key", CANARY + "registry-1c77"
        self.token = CANARY + "registry-token-9a01"

    @property
    def url(self) -> str:
        """The registry's address."""
        return f"{'https' if self.login else 'http'}://{self.host}:{self.port}"

    def _authorization(self) -> str:
        if self.login == "basic":
            return "Basic " + base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
        return f"Bearer {self.token}" if self.login else ""

    def prepare(self) -> None:
        """Builds the program when it is absent; makes the certificate."""
        fetch()
        if self.login:
            self._certificates.server("on").write(self.folder, "server")

    def command(self) -> list[str]:
        """Returns the server's command line."""
        line = [str(golang.program(_NAME)), "-address", f"{self.host}:{self.port}"]
        if self.login:
            line += ["-certificate", str(self.folder / "server.crt"), "-key", str(self.folder / "server.key")]
        return line

    def environment(self) -> Mapping[str, str]:
        """Returns what the registry asks of its callers."""
        return {"REGISTRY_AUTHORIZATION": self._authorization()}

    def _ask(self, method: str, path: str, **options: Any) -> Any:
        headers = {"Content-Type": _KIND}
        if self.login:
            headers["Authorization"] = self._authorization()
        answer = requests.request(
            method, self.url + path, headers=headers, verify=str(self.ca_file), timeout=10, **options
        )
        answer.raise_for_status()
        return answer.json()

    def is_ready(self) -> bool:
        """Asks for the subjects."""
        return isinstance(self._ask("GET", "/subjects"), list)

    def register(self, subject: str, schema: str, **more: Any) -> int:
        """Registers a schema and returns its id."""
        return int(self._ask("POST", f"/subjects/{subject}/versions", json={"schema": schema, **more})["id"])

    def version(self) -> str:
        """Returns the version of srfake."""
        return VERSION


def makers(catalog: ServerCatalog) -> dict[str, Callable[[], ServerProcess]]:
    """Returns the registries: open, with a password, with a token."""
    return {
        "schema_registry": lambda: SchemaRegistryServer(catalog.certificates),
        "schema_registry_basic": lambda: SchemaRegistryServer(catalog.certificates, "basic"),
        "schema_registry_token": lambda: SchemaRegistryServer(catalog.certificates, "token"),
    }
