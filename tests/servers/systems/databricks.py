"""minilake: an independent emulator of Databricks' APIs over DuckDB, behind a small proxy of the tests.

The emulator takes every token. The proxy checks the bearer token and serves /oidc/v1/token; all that it changes is
the warehouse's id.
"""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
import venv
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.servers.databricks_proxy import WAREHOUSE
from tests.servers.logins import CANARY
from tests.servers.process import ServerProcess, free_port

VERSION = "1.9.0"
_CACHE = Path.home() / ".cache/nstarx/servers"
_PROXY = Path(__file__).parents[1] / "databricks_proxy.py"


def fetch() -> Path:
    """Installs the emulator once into an environment of its own and returns its Python."""
    folder = _CACHE / f"minilake-{VERSION}"
    python, done = folder / "bin/python", folder / "complete"
    if not done.exists():
        venv.create(folder, with_pip=True, clear=True)
        pip = [str(python), "-m", "pip", "install", "--quiet", "--retries", "5", f"minilake=={VERSION}"]
        subprocess.run(pip, check=True, timeout=900)
        done.touch()
    return python


class DatabricksEmulator(ServerProcess):
    """The proxy of the tests with the emulator as its child; one warehouse and the catalog `lake`."""

    name = "databricks"
    system = "minilake (independent emulator over DuckDB)"
    start_timeout_s = 45.0

    def __init__(self) -> None:
        super().__init__()
        self.token = CANARY + "databricks-7d31"
        self.client_id, self.client_secret = "nstarx-client", CANARY + "databricks-client-91ab"
        self.warehouse_id = WAREHOUSE
        self._inner_port = free_port()

    @property
    def endpoint(self) -> str:
        """The proxy's URL."""
        return f"http://{self.host}:{self.port}"

    def prepare(self) -> None:
        """Makes sure that the emulator is installed."""
        fetch()

    def command(self) -> list[str]:
        """Returns the command line of the proxy, which starts the emulator."""
        return [sys.executable, str(_PROXY), str(self.port), str(self._inner_port), str(fetch())]

    def environment(self) -> dict[str, str]:
        """Returns the logins that the proxy knows, and where the emulator keeps its data."""
        return {
            "PROXY_TOKEN": self.token,
            "PROXY_CLIENT": f"{self.client_id}:{self.client_secret}",
            "MINILAKE_DATA_DIR": str(self.folder / "data"),
            "MINILAKE_NOTEBOOK": "0",
            "MINILAKE_PERSIST": "1",
            # Nothing is there: the emulator then does not try to download DuckDB's delta extension.
            "MINILAKE_DUCKDB_EXTENSION_DIR": str(self.folder / "no-extensions"),
        }

    def is_ready(self) -> bool:
        """Lists the warehouses, of which the proxy makes one."""
        return bool(self.call("GET", "/api/2.0/sql/warehouses", timeout_s=2)["warehouses"])

    def after_first_start(self) -> None:
        """Makes catalog and schema."""
        self.call("POST", "/api/2.1/unity-catalog/catalogs", {"name": "lake"})
        self.call("POST", "/api/2.1/unity-catalog/schemas", {"name": "analytics", "catalog_name": "lake"})

    def call(self, method: str, path: str, body: Any = None, timeout_s: float = 60) -> dict[str, Any]:
        """Sends one request with the token."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        request = urllib.request.Request(self.endpoint + path, data, headers, method=method)
        with urllib.request.urlopen(request, timeout=timeout_s) as answer:
            return json.load(answer)

    def execute(self, statement: str) -> dict[str, Any]:
        """Runs one statement in lake.analytics."""
        body = {"warehouse_id": self.warehouse_id, "catalog": "lake", "schema": "analytics", "statement": statement}
        return self.call("POST", "/api/2.0/sql/statements", body)

    def version(self) -> str:
        """Returns the emulator's version."""
        return VERSION

    def describe(self) -> dict[str, str]:
        """Returns the environment file's lines."""
        prefix = self.environment_prefix()
        return {**super().describe(), f"{prefix}_ENDPOINT": self.endpoint, f"{prefix}_WAREHOUSE": self.warehouse_id}


def makers(catalog: Any) -> dict[str, Callable[[], ServerProcess]]:
    """Returns the emulator and one that tests may kill."""
    return {"databricks": DatabricksEmulator, "databricks_mortal": DatabricksEmulator}
