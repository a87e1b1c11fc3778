"""fakesnow: an independent emulator of Snowflake over DuckDB, behind a door of the tests (see snowflake_door.py).

The emulator takes every login; the door checks passwords, signatures and tokens, and speaks TLS.
"""

from __future__ import annotations

import json
import ssl
import subprocess
import sys
import urllib.request
import uuid
import venv
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.servers import logins
from tests.servers.catalog import ServerCatalog
from tests.servers.certificates import TestCertificates
from tests.servers.golang import cache_folder
from tests.servers.process import ServerProcess, free_port

VERSION = "0.12.1"
ACCOUNT = "NSTARX-TESTS"
_PACKAGES = (f"fakesnow[server]=={VERSION}", "snowflake-connector-python[pandas]==4.8.1")
_ROOT = Path(__file__).parents[3]


def fetch() -> Path:
    """Installs the emulator once into an environment of its own (500 MB) and returns its Python."""
    folder = cache_folder() / f"fakesnow-{VERSION}"
    python, done = folder / "bin/python", folder / "complete"
    if not done.exists():
        venv.create(folder, with_pip=True, clear=True)
        pip = [str(python), "-m", "pip", "install", "--quiet", "--retries", "5", *_PACKAGES]
        subprocess.run(pip, check=True, timeout=900)
        done.touch()
    return python


class SnowflakeEmulator(ServerProcess):
    """The door with the emulator as its child; the database LAKE with the schema ANALYTICS, all in memory."""

    name = "snowflake"
    start_timeout_s = 90.0

    def __init__(self, certificates: TestCertificates) -> None:
        super().__init__()
        self._certificates = certificates
        self.ca_file = certificates.ca_file
        self.account = ACCOUNT
        self.oauth_token = logins.CANARY + "snowflake-oauth-51c0"
        self.access_token = logins.CANARY + "snowflake-pat-9e7f"
        self.key_passphrase = logins.CANARY + "snowflake-passphrase-03aa"
        self.user, self.password = logins.APP.user, logins.APP.password
        self._key = rsa.generate_private_key(65537, 2048)
        self.inner_port = free_port()
        self._files: tuple[Path, ...] = ()

    @property
    def endpoint(self) -> str:
        """The door's URL."""
        return f"https://{self.host}:{self.port}"

    def private_key(self, passphrase: str = "") -> str:
        """Returns the user's key as PEM, encrypted if there is a passphrase."""
        how = serialization.BestAvailableEncryption(passphrase.encode()) if passphrase else serialization.NoEncryption()
        pem = self._key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, how)
        return pem.decode()

    def prepare(self) -> None:
        """Makes sure that the emulator is installed, and writes the certificate."""
        fetch()
        self._files = self._certificates.server("on").write(self.folder, "server")

    def command(self) -> list[str]:
        """Returns the command line of the door, which starts the emulator."""
        door = [sys.executable, "-m", "tests.servers.snowflake_door"]
        return [*door, str(self.port), str(self.inner_port), str(fetch())]

    def environment(self) -> dict[str, str]:
        """Returns who is let in."""
        public = self._key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        known = {
            "account": ACCOUNT, "user": self.user, "password": self.password, "public_key": public.decode(),
            "OAUTH": self.oauth_token, "PROGRAMMATIC_ACCESS_TOKEN": self.access_token,
            "roles": ["PUBLIC", "ANALYST"], "certificate": str(self._files[0]), "key": str(self._files[1]),
        }  # fmt: skip
        return {"DOOR": json.dumps(known), "PYTHONPATH": str(_ROOT)}

    def is_ready(self) -> bool:
        """Logs in and reads; makes the database, which is in memory, where it is new."""
        token = self._log_in()
        self.execute("CREATE DATABASE IF NOT EXISTS LAKE", token)
        self.execute("CREATE SCHEMA IF NOT EXISTS LAKE.ANALYTICS", token)
        return True

    def _call(self, path: str, body: Any = None, token: str = "") -> dict[str, Any]:
        trusted = ssl.create_default_context(cafile=str(self.ca_file))
        headers = {"Content-Type": "application/json"}
        if token:
            headers["Authorization"] = f'Snowflake Token="{token}"'
        request = urllib.request.Request(self.endpoint + path, json.dumps(body).encode(), headers)
        with urllib.request.urlopen(request, timeout=60, context=trusted) as answer:
            return json.load(answer)

    def _log_in(self, query: str = "") -> str:
        data = {"ACCOUNT_NAME": ACCOUNT, "LOGIN_NAME": self.user, "PASSWORD": self.password, "SESSION_PARAMETERS": {}}
        reply = self._call(f"/session/v1/login-request?{query}", {"data": data})
        if not reply["success"]:
            raise RuntimeError(reply["message"])
        return reply["data"]["token"]

    def execute(self, statement: str, token: str = "") -> None:
        """Runs one statement in LAKE.ANALYTICS, without the connector."""
        token = token or self._log_in("databaseName=LAKE&schemaName=ANALYTICS")
        path = f"/queries/v1/query-request?requestId={uuid.uuid4()}"
        reply = self._call(path, {"sqlText": statement}, token)
        while reply.get("code") == "333334":
            reply = self._call(reply["data"]["getResultUrl"], token=token)
        if not reply["success"]:
            raise RuntimeError(f"{reply['code']} {reply['message']}: {statement[:300]}")

    def seen(self) -> dict[str, int]:
        """Returns how often the door was asked for what only it plays."""
        return self._call("/door/seen")

    def running(self, marker: str) -> int:
        """Returns how many statements with the marker the emulator runs."""
        return self._call(f"/door/running?marker={marker}")["count"]

    def end_sessions(self) -> None:
        """Lets all session tokens run out."""
        self._call("/door/end-sessions")

    def version(self) -> str:
        """Returns the emulator's version."""
        return VERSION

    def describe(self) -> dict[str, str]:
        """Returns the environment file's lines."""
        prefix = self.environment_prefix()
        return {
            **super().describe(), f"{prefix}_ACCOUNT": ACCOUNT, f"{prefix}_USER": self.user,
            f"{prefix}_PASSWORD": self.password, f"{prefix}_CA_FILE": str(self.ca_file),
        }  # fmt: skip


def makers(catalog: ServerCatalog) -> dict[str, Callable[[], ServerProcess]]:
    """Returns the emulator and one that tests may kill."""
    return {
        "snowflake": lambda: SnowflakeEmulator(catalog.certificates),
        "snowflake_mortal": lambda: SnowflakeEmulator(catalog.certificates),
    }
