"""What the doors before emulators share: statements that run behind them, TLS, and an end of both together.

A door checks logins and plays what its emulator lacks. It is a program of its own, which starts the emulator.
"""

from __future__ import annotations

import http.client
import json
import os
import signal
import ssl
import subprocess
import threading
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import IO, Any

LOOPBACK = "127.0.0.1"


class Running:
    """One statement in the emulator; its answer may be waited for, or given up."""

    def __init__(self, statement: str) -> None:
        self.statement = statement
        self.done = threading.Event()
        self.answer: dict[str, Any] = {}
        self.status = 200
        self.aborted = False


def forward(port: int, method: str, path: str, body: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
    """Asks the emulator."""
    inner = http.client.HTTPConnection(LOOPBACK, port)
    try:
        inner.request(method, path, body, {"Content-Type": "application/json", **headers})
        reply = inner.getresponse()
        return reply.status, reply.read()
    finally:
        inner.close()


class DoorConnection(BaseHTTPRequestHandler):
    """One connection of a client."""

    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:
        """Logs nothing: requests hold secrets."""

    def answer(self, status: int, reply: dict[str, Any] | bytes) -> None:
        """Sends an object as JSON, or bytes as they are."""
        body = reply if isinstance(reply, bytes) else json.dumps(reply).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json" if body is not reply else "application/octet-stream")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def body(self) -> bytes:
        """Reads what the client sends."""
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))


def start_emulator(command: Sequence[str]) -> tuple[subprocess.Popen[bytes], IO[bytes]]:
    """Starts the emulator; it ends with this process, and SIGTERM ends both. Returns its standard input too."""
    emulator = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", "--", *command], stdin=subprocess.PIPE)

    def end(_signal: int, _frame: object) -> None:
        emulator.kill()
        emulator.wait()
        os._exit(0)

    signal.signal(signal.SIGTERM, end)
    assert emulator.stdin is not None
    return emulator, emulator.stdin


def serve(port: int, connection: type[BaseHTTPRequestHandler], certificate: str, key: str) -> None:
    """Serves for ever, with TLS if there is a certificate."""
    server = ThreadingHTTPServer((LOOPBACK, port), connection)
    if certificate:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(certificate, key)
        server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    server.serve_forever()
