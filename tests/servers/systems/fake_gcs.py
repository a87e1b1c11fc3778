"""fake-gcs-server: an emulator of Google Cloud Storage, and beside it a token endpoint that verifies assertions.

The emulator checks no access token. The token endpoint is ours: it verifies the RS256 signature, the audience and the
times of a service account's assertion, and refuses what is wrong as Google does.
"""

from __future__ import annotations

import http.server
import json
import threading
import urllib.parse
from collections.abc import Callable
from typing import Any

import requests
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.servers import golang, google_tokens
from tests.servers.catalog import ServerCatalog
from tests.servers.certificates import TestCertificates
from tests.servers.process import LOOPBACK, ServerProcess

VERSION = "v1.56.1"


def fetch() -> None:
    """Builds the program once (about a minute)."""
    golang.build("fake-gcs-server", "github.com/fsouza/fake-gcs-server", VERSION)


def makers(catalog: ServerCatalog) -> dict[str, Callable[[], ServerProcess]]:
    """Returns the emulator over http and https, and one that tests may kill."""
    return {
        "fake_gcs": lambda: FakeGcsServer(catalog.certificates),
        "fake_gcs_https": lambda: FakeGcsServer(catalog.certificates, https=True),
        "fake_gcs_mortal": lambda: FakeGcsServer(catalog.certificates, lasting=True),
    }


class TokenEndpoint:
    """Exchanges a service account's assertion for a token, after verifying it for real."""

    def __init__(self) -> None:
        self.email = "reader@lake.iam.gserviceaccount.test"
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.granted = 0
        endpoint = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
                problem = endpoint.problem(dict(urllib.parse.parse_qsl(body)))
                answer = {"error": "invalid_grant", "error_description": problem} if problem else endpoint.grant()
                text = json.dumps(answer).encode()
                self.send_response(400 if problem else 200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *_: object) -> None:
                """Says nothing."""

        self._server = http.server.ThreadingHTTPServer((LOOPBACK, 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://{LOOPBACK}:{self._server.server_address[1]}/token"
        threading.Thread(target=self._server.serve_forever, name="gcs-tokens", daemon=True).start()

    def problem(self, form: dict[str, str]) -> str:
        """Returns what is wrong with a request, or nothing."""
        return google_tokens.problem_of(form, self.key.public_key(), self.email, self.url, "devstorage")

    def grant(self) -> dict[str, Any]:
        """Returns the answer with a token."""
        self.granted += 1
        return {"access_token": f"canary-token-{self.granted}", "expires_in": 3599, "token_type": "Bearer"}

    def key_file(self, key: rsa.RSAPrivateKey | None = None) -> str:
        """Returns a key file like Google's, with the account's key or another one."""
        return google_tokens.key_file(key or self.key, self.email, self.url)

    def close(self) -> None:
        """Stops listening."""
        self._server.shutdown()
        self._server.server_close()


class FakeGcsServer(ServerProcess):
    """One instance with a bucket and a service account."""

    name = "fake_gcs"

    def __init__(self, certificates: TestCertificates, *, https: bool = False, lasting: bool = False) -> None:
        super().__init__()
        self.https = https
        self._lasting = lasting
        self._certificates = certificates
        self.bucket = "my-data-lake"
        self.ca_file = certificates.ca_file
        self.tokens = TokenEndpoint()

    def close(self) -> None:
        """Stops the server and its token endpoint."""
        super().close()
        self.tokens.close()

    @property
    def endpoint(self) -> str:
        """The server's address as a URL."""
        return f"{'https' if self.https else 'http'}://{self.host}:{self.port}"

    def prepare(self) -> None:
        """Builds the program when it is absent; makes the certificate."""
        fetch()
        (self.folder / "data").mkdir()
        if self.https:
            self._certificates.server("on").write(self.folder / "certs", "server")

    def command(self) -> list[str]:
        """Returns the server's command line."""
        line = [str(golang.program("fake-gcs-server")), "-scheme", "https" if self.https else "http",
                "-host", self.host, "-port", str(self.port), "-public-host", f"{self.host}:{self.port}",
                "-external-url", self.endpoint, "-log-level", "warn"]  # fmt: skip
        line += ["-backend", "memory"]
        if self._lasting:
            line[-1:] = ["filesystem", "-filesystem-root", str(self.folder / "data")]
        if self.https:
            certs = self.folder / "certs"
            line += ["-cert-location", str(certs / "server.crt"), "-private-key-location", str(certs / "server.key")]
        return line

    def request(self, method: str, path: str, **options: Any) -> requests.Response:
        """Sends a request of the JSON API; fails on a refusal."""
        verify = str(self.ca_file) if self.https else True
        answer = requests.request(method, f"{self.endpoint}{path}", timeout=30, verify=verify, **options)
        answer.raise_for_status()
        return answer

    def upload(self, key: str, content: bytes) -> None:
        """Writes an object."""
        self.request(
            "POST", f"/upload/storage/v1/b/{self.bucket}/o", params={"uploadType": "media", "name": key}, data=content
        )

    def is_ready(self) -> bool:
        """Lists the buckets."""
        return self.request("GET", "/storage/v1/b").json()["kind"] == "storage#buckets"

    def after_first_start(self) -> None:
        """Creates the bucket."""
        self.request("POST", "/storage/v1/b", json={"name": self.bucket})

    def version(self) -> str:
        """Returns the module's version."""
        return VERSION

    def describe(self) -> dict[str, str]:
        """Returns the environment file's lines."""
        prefix = self.environment_prefix()
        return {
            **super().describe(),
            f"{prefix}_ENDPOINT": self.endpoint,
            f"{prefix}_BUCKET": self.bucket,
            f"{prefix}_KEY_FILE": self.tokens.key_file(),
            f"{prefix}_CA_FILE": str(self.ca_file),
        }
