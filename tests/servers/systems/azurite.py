"""Azurite: Microsoft's emulator of Azure Blob Storage; it checks Shared Key signatures and SAS."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

from azure.storage.blob import BlobServiceClient

from tests.servers import npm
from tests.servers.catalog import ServerCatalog
from tests.servers.certificates import TestCertificates
from tests.servers.process import ServerProcess

VERSION = "3.35.0"


def fetch() -> None:
    """Installs the program once (about half a minute)."""
    npm.package("azurite", VERSION)


def makers(catalog: ServerCatalog) -> dict[str, Callable[[], ServerProcess]]:
    """Returns the emulator over http and https, and one that tests may kill."""
    return {
        "azurite": lambda: AzuriteServer(catalog.certificates),
        "azurite_https": lambda: AzuriteServer(catalog.certificates, https=True),
        "azurite_mortal": lambda: AzuriteServer(catalog.certificates),
    }


class AzuriteServer(ServerProcess):
    """One instance with one account of its own and a container."""

    name = "azurite"
    start_timeout_s = 60.0

    def __init__(self, certificates: TestCertificates, *, https: bool = False) -> None:
        super().__init__()
        self.https = https
        self._certificates = certificates
        self.account = "nstarxtest"
        self.account_key = base64.b64encode(b"NSTARXCANARY-azurite-account-key-5f1e9a77c2").decode()
        self.container = "my-data-lake"
        self.ca_file = certificates.ca_file

    @property
    def endpoint(self) -> str:
        """The account's address as a URL."""
        return f"{'https' if self.https else 'http'}://{self.host}:{self.port}/{self.account}"

    def prepare(self) -> None:
        """Installs the program when it is absent; makes the certificate."""
        fetch()
        (self.folder / "data").mkdir()
        if self.https:
            self._certificates.server("on").write(self.folder / "certs", "server")

    def command(self) -> list[str]:
        """Returns the server's command line."""
        program = npm.package("azurite", VERSION) / "node_modules" / "azurite" / "dist" / "src" / "blob" / "main.js"
        line = [npm.node(), "--max-old-space-size=256", str(program), "--silent", "--disableTelemetry",
                "--skipApiVersionCheck", "--blobHost", self.host, "--blobPort", str(self.port),
                "--location", str(self.folder / "data")]  # fmt: skip
        if self.https:
            certs = self.folder / "certs"
            line += ["--cert", str(certs / "server.crt"), "--key", str(certs / "server.key"), "--oauth", "basic"]
        return line

    def environment(self) -> dict[str, str]:
        """Returns the account and its key."""
        return {"AZURITE_ACCOUNTS": f"{self.account}:{self.account_key}", "HOME": str(self.folder)}

    def client(self, credential: Any = None) -> BlobServiceClient:
        """Returns Microsoft's own client, with the account key or another credential."""
        return BlobServiceClient(
            self.endpoint, credential=credential or self.account_key, retry_total=0,
            connection_timeout=3, read_timeout=20, connection_verify=str(self.ca_file) if self.https else True,
        )  # fmt: skip

    def is_ready(self) -> bool:
        """Lists the containers with a signed request."""
        return list(self.client().list_containers()) is not None

    def after_first_start(self) -> None:
        """Creates the container."""
        self.client().create_container(self.container)

    def version(self) -> str:
        """Returns the package's version."""
        return VERSION

    def describe(self) -> dict[str, str]:
        """Returns the environment file's lines."""
        prefix = self.environment_prefix()
        return {
            **super().describe(),
            f"{prefix}_ENDPOINT": self.endpoint,
            f"{prefix}_ACCOUNT": self.account,
            f"{prefix}_ACCOUNT_KEY": self.account_key,
            f"{prefix}_CONTAINER": self.container,
            f"{prefix}_CA_FILE": str(self.ca_file),
        }
