"""bqemulator: an independent emulator of BigQuery over DuckDB, behind a door of the tests (see bigquery_door.py).

The emulator takes everybody; the door verifies assertions and tokens, and speaks TLS.
"""

from __future__ import annotations

import json
import ssl
import subprocess
import sys
import urllib.error
import urllib.request
import venv
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.servers import google_tokens, logins
from tests.servers.catalog import ServerCatalog
from tests.servers.certificates import TestCertificates
from tests.servers.golang import cache_folder
from tests.servers.process import ServerProcess, free_port

VERSION = "1.4.0"
#: The emulator wants DuckDB's spatial extension, which is on the package index for this version of DuckDB.
_PACKAGES = (
    f"bqemulator=={VERSION}", "duckdb==1.5.5", "duckdb-extensions==1.5.5", "duckdb-extension-spatial==1.5.5",
    "numpy==2.4.6", "orjson==3.13.0",
)  # fmt: skip
_SPATIAL = "from duckdb_extensions import import_extension; import_extension('spatial')"
_ROOT = Path(__file__).parents[3]


def fetch() -> Path:
    """Installs the emulator once into an environment of its own (580 MB) and returns its Python."""
    folder = cache_folder() / f"bqemulator-{VERSION}"
    python, done = folder / "bin/python", folder / "complete"
    if not done.exists():
        venv.create(folder, with_pip=True, clear=True)
        pip = [str(python), "-m", "pip", "install", "--quiet", "--retries", "5", *_PACKAGES]
        subprocess.run(pip, check=True, timeout=900)
        done.touch()
    if not list(Path.home().glob(".duckdb/extensions/v1.5.5/*/spatial.duckdb_extension")):
        subprocess.run([str(python), "-c", _SPATIAL], check=True, timeout=120)
    return python


class BigqueryEmulator(ServerProcess):
    """The door with the emulator as its child; the project test with the dataset lake, all in memory."""

    name = "bigquery"
    start_timeout_s = 90.0

    def __init__(self, certificates: TestCertificates) -> None:
        super().__init__()
        self._certificates = certificates
        self.ca_file = certificates.ca_file
        self.project, self.dataset = "test", "lake"
        self.email = "reader@test.iam.gserviceaccount.test"
        self.access_token = logins.CANARY + "bigquery-token-51c0"
        self.client_id = "client.apps.test"
        self.client_secret = logins.CANARY + "bigquery-client-9e7f"
        self.refresh_token = logins.CANARY + "bigquery-refresh-03aa"
        self._key = rsa.generate_private_key(65537, 2048)
        self._inner_port, self._grpc_port = free_port(), free_port()
        self._files: tuple[Path, ...] = ()

    @property
    def endpoint(self) -> str:
        """The door's URL."""
        return f"https://{self.host}:{self.port}"

    @property
    def token_uri(self) -> str:
        """Where assertions and refresh tokens are exchanged."""
        return self.endpoint + "/token"

    def key_file(self, key: rsa.RSAPrivateKey | None = None) -> str:
        """Returns the service account's key file, with its own key or another one."""
        return google_tokens.key_file(key or self._key, self.email, self.token_uri)

    def prepare(self) -> None:
        """Makes sure that the emulator is installed, and writes the certificate."""
        fetch()
        self._files = self._certificates.server("on").write(self.folder, "server")

    def command(self) -> list[str]:
        """Returns the command line of the door, which starts the emulator."""
        door = [sys.executable, "-m", "tests.servers.bigquery_door"]
        return [*door, str(self.port), str(self._inner_port), str(self._grpc_port), str(fetch())]

    def environment(self) -> dict[str, str]:
        """Returns who is let in."""
        public = self._key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        known = {
            "public_key": public.decode(), "email": self.email, "token_uri": self.token_uri, "canary": logins.CANARY,
            "client_id": self.client_id, "client_secret": self.client_secret, "refresh_token": self.refresh_token,
            "access_token": self.access_token, "certificate": str(self._files[0]), "key": str(self._files[1]),
        }  # fmt: skip
        return {"DOOR": json.dumps(known), "PYTHONPATH": str(_ROOT)}

    def is_ready(self) -> bool:
        """Reads; makes the dataset, which is in memory, where it is new."""
        listed = self.call("GET", "/datasets").get("datasets", [])
        if not listed:
            reference = {"projectId": self.project, "datasetId": self.dataset}
            self.call("POST", "/datasets", {"datasetReference": reference})
        return True

    def call(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        """Sends a request about the project, without the connector; fails on a refusal."""
        return self._send(method, f"/bigquery/v2/projects/{self.project}{path}", body)

    def _send(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        trusted = ssl.create_default_context(cafile=str(self.ca_file))
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self.access_token}"}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.endpoint + path, data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60, context=trusted) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            raise RuntimeError(f"{error.code} {error.read().decode()[:500]}: {method} {path}") from error

    def execute(self, statement: str) -> None:
        """Runs one statement, without the connector."""
        answer = self.call("POST", "/queries", {
            "query": statement, "useLegacySql": False,
            "defaultDataset": {"projectId": self.project, "datasetId": self.dataset},
        })  # fmt: skip
        while not answer["jobComplete"]:
            answer = self.call("GET", f"/queries/{answer['jobReference']['jobId']}")

    def create_table(self, name: str, fields: list[dict[str, Any]], rows: list[dict[str, Any]], **more: Any) -> None:
        """Makes a table anew by the API and streams rows into it."""
        self.execute(f"DROP TABLE IF EXISTS {self.dataset}.{name}")
        reference = {"projectId": self.project, "datasetId": self.dataset, "tableId": name}
        self.call("POST", f"/datasets/{self.dataset}/tables",
                  {"tableReference": reference, "schema": {"fields": fields}, **more})  # fmt: skip
        if rows:
            streamed = [{"insertId": str(number), "json": row} for number, row in enumerate(rows)]
            told = self.call("POST", f"/datasets/{self.dataset}/tables/{name}/insertAll", {"rows": streamed})
            if told.get("insertErrors"):
                raise RuntimeError(str(told["insertErrors"])[:1000])

    def seen(self) -> dict[str, Any]:
        """Returns how often the door was asked for what only it plays, and the last query."""
        return self._send("GET", "/door/seen")

    def running(self, marker: str) -> int:
        """Returns how many statements with the marker run."""
        return self._send("GET", f"/door/running?marker={marker}")["count"]

    def end_tokens(self) -> None:
        """Lets all access tokens run out."""
        self._send("POST", "/door/end-tokens", {})

    def version(self) -> str:
        """Returns the emulator's version."""
        return VERSION

    def describe(self) -> dict[str, str]:
        """Returns the environment file's lines."""
        prefix = self.environment_prefix()
        return {
            **super().describe(), f"{prefix}_ENDPOINT": self.endpoint, f"{prefix}_PROJECT": self.project,
            f"{prefix}_KEY_FILE": self.key_file(), f"{prefix}_CA_FILE": str(self.ca_file),
        }  # fmt: skip


def makers(catalog: ServerCatalog) -> dict[str, Callable[[], ServerProcess]]:
    """Returns the emulator and one that tests may kill."""
    return {
        "bigquery": lambda: BigqueryEmulator(catalog.certificates),
        "bigquery_mortal": lambda: BigqueryEmulator(catalog.certificates),
    }
