"""A small HTTP server that speaks the wire contract, to test the SDK's transport alone.

It stands in for no data system: what the built program answers is tested in tests/e2e.
"""

from __future__ import annotations

import contextlib
import io
import json
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit

import pyarrow as pa
import pytest

import nstarx

KEY = "nsx_test_0123456789"
ARROW = "application/vnd.apache.arrow.stream"


@dataclass
class Request:
    """What arrived, decoded."""

    method: str
    target: str
    fields: dict[str, str]
    body: bytes
    connection_number: int

    @property
    def path(self) -> str:
        return unquote(urlsplit(self.target).path)

    @property
    def parameters(self) -> dict[str, list[str]]:
        return parse_qs(urlsplit(self.target).query)

    def json(self) -> Any:
        return json.loads(self.body)


Handler = Callable[[Request, "Peer"], None]


class Peer:
    """The server's end of one connection."""

    def __init__(self, sock: socket.socket, number: int) -> None:
        self.socket = sock
        self.number = number
        self.file = sock.makefile("rb")
        self.open = True

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def hang_up(self) -> None:
        self.open = False
        # The reading thread holds the file's lock until the socket is shut.
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        self.file.close()
        self.socket.close()

    def answer(self, status: int, body: bytes = b"", fields: dict[str, str] | None = None) -> None:
        head = f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\n"
        for name, value in (fields or {}).items():
            head += f"{name}: {value}\r\n"
        self.send(head.encode() + b"\r\n" + body)

    def answer_json(self, value: Any, status: int = 200) -> None:
        self.answer(status, json.dumps(value).encode(), {"Content-Type": "application/json"})

    def answer_problem(self, problem: dict[str, Any]) -> None:
        fields = {"Content-Type": "application/problem+json", "X-Request-Id": "req_head"}
        self.answer(problem["status"], json.dumps(problem).encode(), fields)

    def begin_stream(self) -> None:
        self.send(
            f"HTTP/1.1 200 OK\r\nContent-Type: {ARROW}\r\nTransfer-Encoding: chunked\r\n"
            "Trailer: nstarx-error\r\nX-Request-Id: req_stream\r\n\r\n".encode()
        )

    def stream(self, data: bytes, chunk: int = 1 << 20) -> None:
        for start in range(0, len(data), chunk):
            piece = data[start : start + chunk]
            self.send(b"%x\r\n" % len(piece) + piece + b"\r\n")

    def end_stream(self, problem: dict[str, Any] | None = None, **trailer: str) -> None:
        lines = [f"{name.replace('_', '-')}: {value}\r\n" for name, value in trailer.items()]
        if problem is not None:
            lines.append(f"nstarx-error: {quote(json.dumps(problem), safe='')}\r\n")
        self.send(b"0\r\n" + "".join(lines).encode() + b"\r\n")

    def answer_rows(self, data: bytes, chunk: int = 1 << 20) -> None:
        self.begin_stream()
        self.stream(data, chunk)
        self.end_stream()


@dataclass
class WireServer:
    """Accepts connections; each request goes to `handler`."""

    handler: Handler
    requests: list[Request] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        self.connections = 0
        self.reads_bodies = True
        self.wrap: Callable[[socket.socket], socket.socket] = lambda sock: sock
        self._peers: list[Peer] = []
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for peer in self._peers:
            with contextlib.suppress(OSError):
                peer.hang_up()
        self._thread.join(5)

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(sock, self.connections), daemon=True).start()

    def _serve(self, sock: socket.socket, number: int) -> None:
        try:
            peer = Peer(self.wrap(sock), number)
        except OSError:
            sock.close()
            return
        self._peers.append(peer)
        with contextlib.suppress(OSError, ValueError):
            while peer.open:
                request = read_head(peer)
                if request is None:
                    break
                if self.reads_bodies:
                    request.body = read_body(peer, request.fields)
                self.requests.append(request)
                self.handler(request, peer)
        if peer.open:
            peer.hang_up()


def read_head(peer: Peer) -> Request | None:
    first = peer.file.readline()
    if not first:
        return None
    method, target, _ = first.decode().split(" ", 2)
    fields: dict[str, str] = {}
    while (line := peer.file.readline()) not in (b"\r\n", b""):
        name, _, value = line.decode().partition(":")
        fields[name.lower()] = value.strip()
    return Request(method, target, fields, b"", peer.number)


def read_body(peer: Peer, fields: dict[str, str]) -> bytes:
    if fields.get("transfer-encoding") == "chunked":
        parts: list[bytes] = []
        while size := int(peer.file.readline(), 16):
            parts.append(peer.file.read(size))
            peer.file.readline()
        peer.file.readline()
        return b"".join(parts)
    return peer.file.read(int(fields.get("content-length", "0")))


def ipc_bytes(table: pa.Table, rows_per_batch: int = 65536, end: bool = True) -> bytes:
    """Return an Arrow stream; without ``end`` the end-of-stream mark is missing."""
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table, max_chunksize=rows_per_batch)
    data = sink.getvalue()
    return data if end else data[:-8]


@pytest.fixture
def serve() -> Iterator[Callable[[Handler], WireServer]]:
    """Start a server for a handler."""
    servers: list[WireServer] = []

    def start(handler: Handler) -> WireServer:
        servers.append(WireServer(handler))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


CONNECTION = {"id": "con_1", "name": "sales", "type": "postgresql", "version": 3}


@pytest.fixture
def connect(
    serve: Callable[[Handler], WireServer],
) -> Callable[[Handler], tuple[nstarx.Connection, WireServer]]:
    """Return a connection whose requests go to a handler."""

    def start(handler: Handler) -> tuple[nstarx.Connection, WireServer]:
        def routed(request: Request, peer: Peer) -> None:
            if request.method == "GET" and request.path == "/connections/sales":
                peer.answer_json(CONNECTION)
            else:
                handler(request, peer)

        server = serve(routed)
        manager = nstarx.ConnectionManager(api_key=KEY, url=server.url, timeout=10)
        return manager.get_connection("sales"), server

    return start
