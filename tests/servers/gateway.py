"""The built program itself as a server: started on a free port, with its own data folder."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import requests

from tests.servers.logins import CANARY
from tests.servers.process import ServerFailed, ServerProcess

REPOSITORY = Path(__file__).resolve().parents[2]

_LISTENING = re.compile(r"^listening on (https?://\S+)", re.MULTILINE)


def program() -> Path:
    """Returns the program under test: NSTARX_BINARY, else build/release/nstarx."""
    path = Path(os.environ.get("NSTARX_BINARY") or REPOSITORY / "build" / "release" / "nstarx")
    if not path.exists():
        raise ServerFailed(f"{path} does not exist: run `./run --build`, or set NSTARX_BINARY")
    return path


class GatewayServer(ServerProcess):
    """`nstarx serve` on loopback. `restart()` keeps data and port; `kill9()` is a crash."""

    name = "gateway"
    start_timeout_s = 60.0
    stop_timeout_s = 60.0  # It lets running requests finish for 10 s, then stops them.

    def __init__(self, environment: Mapping[str, str] | None = None, *arguments: str) -> None:
        super().__init__()
        self.data = self.folder / "data"
        self._environment = dict(environment or {})
        self._arguments = arguments
        self._listen_port = 0
        self.url = ""
        self.api_key = ""

    def command(self) -> list[str]:
        """Returns the server's command line."""
        return [str(program()), "serve", "--data", str(self.data), "--listen",
                f"{self.host}:{self._listen_port}", *self._arguments]  # fmt: skip

    def environment(self) -> dict[str, str]:
        """Returns the variables of the test, and a home of its own."""
        return {"HOME": str(self.folder), "XDG_DATA_HOME": str(self.folder / "xdg"), **self._environment}

    def start(self) -> None:
        """Starts and reads the address and the key."""
        self._log_start = self.log_file.stat().st_size if self.log_file.exists() else 0
        super().start()
        credentials = json.loads((self.data / "credentials.json").read_text())
        self.api_key = credentials["api_key"]

    def is_ready(self) -> bool:
        """Waits for the line `listening on URL`, then for /readyz."""
        with self.log_file.open("rb") as log:
            log.seek(self._log_start)
            found = _LISTENING.search(log.read().decode(errors="replace"))
        if found is None:
            return False
        self.url = found.group(1).rstrip("/")
        self._listen_port = self.port = int(self.url.rsplit(":", 1)[1])  # A restart keeps the port.
        return requests.get(f"{self.url}/readyz", timeout=2).status_code == 200

    def stop(self) -> int:
        """Stops by SIGTERM; a clean stop has exit code 0."""
        running = self.is_running()
        if self._process is not None and not running:
            code = self._process.returncode
            self._process = None
            raise ServerFailed(f"nstarx had died with exit code {code}\n{self.log_tail()}")
        code = super().stop()
        if running and code != 0:
            raise ServerFailed(f"nstarx stopped with exit code {code}\n{self.log_tail()}")
        return code

    def kill9(self) -> None:
        """Kills the program without warning."""
        self.kill()

    def send_signal(self, number: signal.Signals) -> None:
        """Sends a signal to the program."""
        os.kill(self.pid, number)

    def memory_bytes(self, field: str = "VmRSS") -> int:
        """Returns the resident size now (VmRSS) or its peak since `reset_memory_peak` (VmHWM)."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        found = re.search(rf"^{field}:\s+(\d+) kB", status, re.MULTILINE)
        if found is None:
            raise ServerFailed(f"no {field} in /proc/{self.pid}/status")
        return int(found.group(1)) * 1024

    def reset_memory_peak(self) -> None:
        """Sets the peak to the present resident size."""
        Path(f"/proc/{self.pid}/clear_refs").write_text("5")

    def client(self, api_key: str | None = None) -> GatewayClient:
        """Returns a REST client with the admin's or another key."""
        return GatewayClient(self.url, self.api_key if api_key is None else api_key)

    def cli(self, *arguments: str, api_key: str | None = None, input: str | None = None,
            environment: Mapping[str, str] | None = None, timeout_s: float = 60.0,
            ) -> subprocess.CompletedProcess[str]:  # fmt: skip
        """Runs `nstarx ARGUMENTS` as a client of this server; fails when a secret is printed."""
        done = subprocess.run(
            [str(program()), *arguments],
            capture_output=True, text=True, timeout=timeout_s, input=input, check=False,
            stdin=subprocess.DEVNULL if input is None else None,
            env=self.client_environment(api_key) | dict(environment or {}),
        )  # fmt: skip
        assert CANARY not in done.stdout + done.stderr, f"a secret in the output of {arguments[:2]}"
        return done

    def client_environment(self, api_key: str | None = None) -> dict[str, str]:
        """Returns the environment of a client program: address, key, and nothing of the user's."""
        return {
            **os.environ,
            "HOME": str(self.folder),
            "XDG_DATA_HOME": str(self.folder / "xdg"),
            "NSTARX_URL": self.url,
            "NSTARX_API_KEY": self.api_key if api_key is None else api_key,
            "NO_COLOR": "1",
        }

    def written_bytes(self) -> bytes:
        """Returns everything that the program wrote: log and data folder, for the canary search."""
        files = [self.log_file, *(path for path in self.data.rglob("*") if path.is_file())]
        return b"\n".join(path.read_bytes() for path in files)


class GatewayClient:
    """REST by `requests`: one kept-alive session, base address and key filled in."""

    def __init__(self, url: str, api_key: str) -> None:
        self.url = url
        self.api_key = api_key
        self.session = requests.Session()
        if api_key:
            self.session.headers["Authorization"] = f"Bearer {api_key}"

    def request(self, method: str, path: str, **options: Any) -> requests.Response:
        """Sends one request; `path` begins with a slash. Fails when an answer holds a secret."""
        options.setdefault("timeout", 60)
        answer = self.session.request(method, self.url + path, **options)
        if not options.get("stream"):
            assert CANARY.encode() not in answer.content, f"a secret in the answer of {method} {path}"
        return answer

    def get(self, path: str, **options: Any) -> requests.Response:
        """Sends GET."""
        return self.request("GET", path, **options)

    def post(self, path: str, body: object = None, **options: Any) -> requests.Response:
        """Sends POST with a JSON body when there is one."""
        if body is not None:
            options["json"] = body
        return self.request("POST", path, **options)

    def patch(self, path: str, body: object, **options: Any) -> requests.Response:
        """Sends PATCH."""
        return self.request("PATCH", path, json=body, **options)

    def delete(self, path: str, **options: Any) -> requests.Response:
        """Sends DELETE."""
        return self.request("DELETE", path, **options)

    def create(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Creates a connection and returns it; fails with the problem's text."""
        answer = self.post("/connections", dict(body))
        assert answer.status_code == 201, f"{answer.status_code} {answer.text}"
        return answer.json()

    def query(self, ref: str, sql: str, *, accept: str = "application/json", headers: Mapping[str, str] | None = None,
              stream: bool = False, **body: Any) -> requests.Response:  # fmt: skip
        """Runs a statement and returns the answer, whatever it is."""
        return self.post(
            f"/connections/{ref}/query", {"query": sql, **body}, stream=stream,
            headers={"Accept": accept, **(headers or {})},
        )  # fmt: skip

    def arrow(self, ref: str, sql: str, **body: Any) -> Any:
        """Runs a statement and returns its pyarrow.Table; fails with the problem's text."""
        import pyarrow as pa

        answer = self.query(ref, sql, accept="application/vnd.apache.arrow.stream", **body)
        assert answer.status_code == 200, f"{answer.status_code} {answer.text[:2000]}"
        return pa.ipc.open_stream(answer.content).read_all()

    def metric(self, name: str, **labels: str) -> float:
        """Returns the sum of the samples of GET /metrics with this name and these labels."""
        answer = self.get("/metrics")
        assert answer.status_code == 200, answer.text
        total = 0.0
        for line in answer.text.splitlines():
            found = re.fullmatch(r"([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)", line)
            if found is None or found.group(1) != name:
                continue
            given = dict(re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', found.group(2) or ""))
            if all(given.get(key) == value for key, value in labels.items()):
                total += float(found.group(3))
        return total
