"""A stand-in of ours for DataHub: no metadata service is to be had from a registry. See datahub_stand_in.py."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import requests

from tests.servers.catalog import ServerCatalog
from tests.servers.golang import cache_folder
from tests.servers.logins import CANARY
from tests.servers.process import ServerFailed, ServerProcess

#: DataHub's own Python package, whose classes check what is written; apart from the tests' environment.
PACKAGES = ("acryl-datahub[datahub-rest]==1.7.0.17", "graphql-core==3.2.6")
VERSION = "stand-in"


def home() -> Path:
    """Returns the folder of the package's own environment in the cache."""
    return cache_folder() / "datahub-client-1.7.0.17"


def python() -> str:
    """Returns the launcher of that environment."""
    return str(home() / "bin" / "python")


def fetch() -> None:
    """Makes the environment once."""
    folder = home()
    if folder.exists():
        return
    scratch = folder.with_name(f"{folder.name}.{os.getpid()}")
    try:
        subprocess.run([sys.executable, "-m", "venv", str(scratch)], check=True, timeout=120)
        command = [str(scratch / "bin" / "python"), "-m", "pip", "install", "-q", *PACKAGES]
        for attempt in range(3):  # Registries stumble now and then.
            done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
            if done.returncode == 0:
                break
            time.sleep(5 * attempt)
        else:
            raise ServerFailed(f"pip could not fetch {PACKAGES}:\n{(done.stdout + done.stderr)[-4000:]}")
        try:
            scratch.replace(folder)  # Atomic: a parallel fetch ends with the same folder.
        except OSError:
            if not folder.exists():
                raise
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


class DatahubServer(ServerProcess):
    """One stand-in, in memory, with a token that may change everything and one that reads."""

    name = "datahub"
    start_timeout_s = 90.0

    def __init__(self) -> None:
        super().__init__()
        self.token = CANARY + "datahub-5eed1e55"
        self.reader_token = CANARY + "datahub-r3ad0n1y"
        self._users = self.folder / "users.json"

    @property
    def endpoint(self) -> str:
        """The server's address as a URL."""
        return f"http://{self.host}:{self.port}"

    def prepare(self) -> None:
        """Writes who has which token."""
        fetch()
        self._users.write_text(json.dumps({self.token: "steward", self.reader_token: "reader"}))

    def command(self) -> list[str]:
        """Returns the server's command line."""
        return [python(), str(Path(__file__).parents[1] / "datahub_stand_in.py"), str(self.port), str(self._users)]

    def environment(self) -> dict[str, str]:
        """Keeps the package from sending statistics, and from the tests' own packages."""
        return {"DATAHUB_TELEMETRY_ENABLED": "false", "HOME": str(self.folder), "PYTHONPATH": ""}

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """Sends a request and returns the answer's JSON."""
        headers = {"Authorization": f"Bearer {self.token}"}
        answer = requests.request(method, self.endpoint + path, json=body, headers=headers, timeout=20)
        if not answer.ok:
            raise RuntimeError(f"{method} {path}: HTTP {answer.status_code} {answer.text[:500]}")
        return answer.json()

    def put(self, entity_type: str, urn: str, aspects: dict[str, Any]) -> None:
        """Writes aspects of an entity, as DataHub's own clients do."""
        for name, value in aspects.items():
            proposal = {
                "entityType": entity_type, "entityUrn": urn, "changeType": "UPSERT", "aspectName": name,
                "aspect": {"contentType": "application/json", "value": json.dumps(value)},
            }  # fmt: skip
            self.ask("POST", "/aspects?action=ingestProposal", {"proposal": proposal})

    def is_ready(self) -> bool:
        """Asks for the configuration."""
        return self.ask("GET", "/config")["noCode"] == "true"

    def version(self) -> str:
        """Says that it is none of DataHub's versions."""
        return VERSION


def makers(catalog: ServerCatalog) -> dict[str, Callable[[], ServerProcess]]:
    """Returns the servers by name."""
    return {"datahub": DatahubServer, "datahub_mortal": DatahubServer}
