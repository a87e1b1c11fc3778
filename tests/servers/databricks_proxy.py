"""A reverse proxy of the tests before minilake: checks bearer tokens and hands them out to one OAuth client.

The emulator gives a warehouse a new id whenever it starts: the proxy makes one and calls it by a fixed id.

Runs as a program: PORT INNER_PORT PYTHON. PROXY_TOKEN and PROXY_CLIENT (id:secret) name who is let in.
"""

from __future__ import annotations

import functools
import hmac
import http.client
import json
import os
import signal
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

_LOOPBACK = "127.0.0.1"
WAREHOUSE = "0123456789abcdef"
_MAKING = threading.Lock()


@functools.cache
def _made(port: int) -> str:
    inner = http.client.HTTPConnection(_LOOPBACK, port)
    try:
        inner.request("POST", "/api/2.0/sql/warehouses", '{"name": "nstarx"}', {"Content-Type": "application/json"})
        return str(json.load(inner.getresponse())["id"])
    finally:
        inner.close()


def _warehouse(port: int) -> str:
    """Returns the emulator's id of the only warehouse."""
    with _MAKING:
        return _made(port)


class Proxy(BaseHTTPRequestHandler):
    """One connection of a client."""

    protocol_version = "HTTP/1.1"
    inner_port = 0
    token = os.environ.get("PROXY_TOKEN", "")
    client = os.environ.get("PROXY_CLIENT", "")

    def log_message(self, format: str, *args: object) -> None:
        """Logs nothing: requests hold secrets."""

    def _answer(self, status: int, body: bytes, kind: str = "application/json") -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _handle(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.path == "/oidc/v1/token":
            form = parse_qs(body.decode())
            given = ":".join(form.get(name, [""])[0] for name in ("client_id", "client_secret"))
            if not hmac.compare_digest(given, self.client):
                self._answer(401, b'{"error": "invalid_client"}')
                return
            token = {"access_token": self.token, "token_type": "Bearer", "expires_in": 3600}
            self._answer(200, json.dumps(token).encode())
            return
        given = self.headers.get("Authorization")
        link = self.path.endswith("/data")
        # A link carries its own permission: whoever sends the login's token there is refused.
        if (given is not None) if link else not hmac.compare_digest(given or "", f"Bearer {self.token}"):
            self._answer(400 if link else 401, b'{"error_code": "UNAUTHENTICATED", "message": "Invalid access token"}')
            return
        own, fixed = _warehouse(self.inner_port), WAREHOUSE.encode()
        inner = http.client.HTTPConnection(_LOOPBACK, self.inner_port)
        try:
            headers = {"Host": self.headers["Host"]}
            if kind := self.headers.get("Content-Type"):
                headers["Content-Type"] = kind
            inner.request(self.command, self.path.replace(WAREHOUSE, own), body.replace(fixed, own.encode()), headers)
            reply = inner.getresponse()
            self._answer(reply.status, reply.read(), reply.headers.get("Content-Type", ""))
        finally:
            inner.close()

    do_GET = do_POST = do_PATCH = do_DELETE = _handle


def main() -> None:
    """Starts the emulator, then serves until SIGTERM, which ends both."""
    port, inner_port, python = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    Proxy.inner_port = inner_port
    command = ["setpriv", "--pdeathsig", "KILL", "--", python, "-c", "from minilake.cli import main; main()"]
    emulator = subprocess.Popen([*command, "--host", _LOOPBACK, "--port", str(inner_port)])

    def end(_signal: int, _frame: object) -> None:
        emulator.kill()
        emulator.wait()
        os._exit(0)

    signal.signal(signal.SIGTERM, end)
    ThreadingHTTPServer((_LOOPBACK, port), Proxy).serve_forever()


if __name__ == "__main__":
    main()
