"""MinIO: an S3 server that checks signatures and has STS on the same port."""

from __future__ import annotations

import collections
import http.server
import json
import threading
from typing import Any

import boto3
import requests
from botocore.config import Config

from tests.servers import golang
from tests.servers.certificates import TestCertificates
from tests.servers.logins import CANARY
from tests.servers.process import LOOPBACK, ServerProcess, free_port

VERSION = "v0.0.0-20260212201848-7aac2a2c5b7c"
REGION = "us-west-2"
ROLE_ARN = "arn:aws:iam::123456789012:role/DataAccess"


def fetch() -> None:
    """Builds the program once (about 3 minutes)."""
    golang.build("minio", "github.com/minio/minio", VERSION)


class AuditSink:
    """Receives the server's audit webhook and counts API calls: what really arrived, and with which key."""

    def __init__(self) -> None:
        self.calls: collections.Counter[str] = collections.Counter()
        self.keys: collections.Counter[str] = collections.Counter()
        self.calls_by_key: collections.Counter[tuple[str, str]] = collections.Counter()
        sink = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                if body:
                    event = json.loads(body)
                    call, key = event.get("api", {}).get("name", ""), event.get("accessKey", "")
                    sink.calls[call] += 1
                    sink.keys[key] += 1
                    sink.calls_by_key[(call, key)] += 1
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Says nothing."""

        self._server = http.server.ThreadingHTTPServer((LOOPBACK, 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://{LOOPBACK}:{self._server.server_address[1]}/"
        threading.Thread(target=self._server.serve_forever, name="minio-audit", daemon=True).start()

    def close(self) -> None:
        """Stops listening."""
        self._server.shutdown()
        self._server.server_close()


class MinioServer(ServerProcess):
    """One instance with a root key, a bucket and any role assumable through STS."""

    name = "minio"
    system = "MinIO"

    def __init__(self, certificates: TestCertificates, *, https: bool = False) -> None:
        super().__init__()
        self.https = https
        self._certificates = certificates
        self._console = _other_port(self.port)
        self.access_key = "nstarxtestkey"
        self.secret_key = CANARY + "minio-77aa12cd90"
        self.region = REGION
        self.bucket = "my-data-lake"
        self.role_arn = ROLE_ARN
        self.ca_file = certificates.ca_file
        self.audit = AuditSink()

    def close(self) -> None:
        """Stops the server and its audit sink."""
        super().close()
        self.audit.close()

    @property
    def endpoint(self) -> str:
        """The server's address as a URL."""
        return f"{'https' if self.https else 'http'}://{self.host}:{self.port}"

    def prepare(self) -> None:
        """Builds the program when it is absent; makes the certificate folder."""
        fetch()
        (self.folder / "data").mkdir()
        if self.https:
            certificate, key = self._certificates.server("on").write(self.folder / "certs", "server")
            certificate.rename(self.folder / "certs" / "public.crt")
            key.rename(self.folder / "certs" / "private.key")

    def command(self) -> list[str]:
        """Returns the server's command line."""
        line = [str(golang.program("minio")), "server", str(self.folder / "data"),
                "--address", f"{self.host}:{self.port}",
                "--console-address", f"{self.host}:{self._console}", "--quiet"]  # fmt: skip
        return [*line, "--certs-dir", str(self.folder / "certs")] if self.https else line

    def environment(self) -> dict[str, str]:
        """Returns the root key and settings that keep the server from calling out."""
        return {
            "MINIO_ROOT_USER": self.access_key,
            "MINIO_ROOT_PASSWORD": self.secret_key,
            "MINIO_REGION": self.region,
            "MINIO_BROWSER": "off",
            "MINIO_UPDATE": "off",
            "MINIO_AUDIT_WEBHOOK_ENABLE_TEST": "on",
            "MINIO_AUDIT_WEBHOOK_ENDPOINT_TEST": self.audit.url,
            "MINIO_CALLHOME_ENABLE": "off",
            "HOME": str(self.folder),
        }

    def is_ready(self) -> bool:
        """Lists buckets with a signed request."""
        verify = str(self.ca_file) if self.https else True
        health = requests.get(f"{self.endpoint}/minio/health/ready", timeout=2, verify=verify)
        return health.status_code == 200 and "Buckets" in self.client().list_buckets()

    def client(self, service: str = "s3", **keys: str) -> Any:
        """Returns a boto3 client with the root key or with `keys`."""
        options: dict[str, str] = {
            "aws_access_key_id": self.access_key, "aws_secret_access_key": self.secret_key, **keys,
        }  # fmt: skip
        return boto3.client(
            service, endpoint_url=self.endpoint, region_name=self.region,
            verify=str(self.ca_file) if self.https else None,
            config=Config(
                signature_version="s3v4" if service == "s3" else None, retries={"max_attempts": 1},
                connect_timeout=3, read_timeout=20, s3={"addressing_style": "path"},
            ),
            **options,
        )  # fmt: skip

    def after_first_start(self) -> None:
        """Creates the bucket."""
        self.client().create_bucket(Bucket=self.bucket)

    def aws_environment(self) -> dict[str, str]:
        """Returns the variables that point any AWS client at this server."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def version(self) -> str:
        """Returns the module version's date."""
        return VERSION.split("-")[1][:8]

    def describe(self) -> dict[str, str]:
        """Returns the environment file's lines."""
        prefix = self.environment_prefix()
        return {
            **super().describe(),
            f"{prefix}_ENDPOINT": self.endpoint,
            f"{prefix}_ACCESS_KEY": self.access_key,
            f"{prefix}_SECRET_KEY": self.secret_key,
            f"{prefix}_REGION": self.region,
            f"{prefix}_BUCKET": self.bucket,
            f"{prefix}_ROLE_ARN": self.role_arn,
            f"{prefix}_CA_FILE": str(self.ca_file),
            f"{prefix}_PID": str(self.pid),
        }


def _other_port(taken: int) -> int:
    port = free_port()
    while port == taken:
        port = free_port()
    return port
