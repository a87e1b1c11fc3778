"""HTTP/1.1 on a kept-alive socket, made for one thing: Arrow streams with little CPU.

The body of an answer is received straight into the buffers that Arrow keeps: the IPC reader asks
for a message's body with one ``read(n)``, the kernel copies it into freshly allocated Arrow memory,
and nothing is copied again. ``bench/transport.py`` has the variants and their figures.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import ssl
import struct
import sys
from collections.abc import Mapping
from typing import Any, Final, Protocol
from urllib.parse import unquote

import pyarrow as pa

from nstarx.errors import Error, InterfaceError, OperationalError, from_answer

_HEAD_BYTES_MAX: Final = 64 * 1024
_BODY_BYTES_MAX: Final = 256 * 1024 * 1024
_RECEIVE_BUFFER_BYTES: Final = 4 * 1024 * 1024
# Below this size a read goes through the connection's small buffer, which also takes what follows.
_DIRECT_BYTES_MIN: Final = 16 * 1024
_SEND_BYTES_MIN: Final = 1024 * 1024
_WAIT_FOR_ALL: Final = getattr(socket, "MSG_WAITALL", 0)


class ByteSink(Protocol):
    """What an uploader writes to."""

    def write(self, data: Any, /) -> int:
        """Take all bytes of ``data``."""


def lost(detail: str, code: str = "client.connection_lost") -> OperationalError:
    """Build the error of a connection to the server that broke."""
    return OperationalError(
        detail,
        code=code,
        action="retry",
        hints=["Check that the nstarx server runs and that nothing between cuts connections."],
    )


class Wire:
    """One connection to the server and its small receive buffer. Not thread-safe."""

    def __init__(
        self,
        address: tuple[str, int],
        tls: ssl.SSLContext | None,
        connect_timeout_s: float,
        read_timeout_s: float,
    ) -> None:
        host, port = address
        try:
            raw = socket.create_connection(address, timeout=connect_timeout_s)
        except OSError as error:
            raise OperationalError(
                f"cannot connect to the nstarx server at {host}:{port}: "
                f"{error.strerror or type(error).__name__}",
                code="client.server_unreachable",
                stage="tcp",
                action="retry",
                hints=["Start it with `nstarx serve`, or set NSTARX_URL to where it listens."],
            ) from error
        self.address = address
        self.buffer = bytearray(_HEAD_BYTES_MAX)
        self.view = memoryview(self.buffer)
        self.start = 0
        self.end = 0
        self.used = False
        self.read_timeout_s = read_timeout_s
        try:
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with contextlib.suppress(OSError):
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER_BYTES)
            self.socket: socket.socket = raw
            self.receive_flags = 0
            if tls is not None:
                self.socket = tls.wrap_socket(raw, server_hostname=host)
                self.socket.settimeout(read_timeout_s)
            elif sys.platform == "win32":
                raw.settimeout(read_timeout_s)
            else:
                # The kernel's own timeout keeps the socket blocking: one call a read, no poll.
                whole = int(read_timeout_s)
                timeout = struct.pack("@ll", whole, int((read_timeout_s - whole) * 1e6))
                raw.settimeout(None)
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, timeout)
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, timeout)
                self.receive_flags = _WAIT_FOR_ALL
        except ssl.SSLError as error:
            raw.close()
            raise _tls_failed(host, error) from error
        except OSError as error:
            raw.close()
            raise lost(f"the connection to {host}:{port} broke while it was set up") from error

    def close(self) -> None:
        """Close the socket; the server then cancels what it does for us."""
        with contextlib.suppress(OSError):
            self.socket.close()

    def stale(self) -> bool:
        """Tell whether the server closed, or wrote to, this idle connection."""
        if self.start != self.end:
            return True
        return _readable(self.socket)

    def send(self, data: bytes | bytearray | memoryview) -> None:
        """Send all bytes."""
        try:
            self.socket.sendall(data)
        except (BlockingIOError, TimeoutError) as error:
            raise self._timed_out("sending") from error

    def receive_into(self, view: memoryview, count: int) -> int:
        """Receive at most ``count`` bytes, waiting for all of them where the kernel can."""
        try:
            return self.socket.recv_into(view, count, self.receive_flags)
        except (BlockingIOError, TimeoutError) as error:
            raise self._timed_out("waiting for the answer") from error
        except OSError as error:
            raise lost("the connection to the nstarx server broke in mid-answer") from error

    def fill(self, may_end: bool = False) -> int:
        """Append what has arrived to the small buffer; 0 at the end, where there may be one."""
        if self.start == self.end:
            self.start = self.end = 0
        elif self.end == len(self.buffer):
            kept = self.end - self.start
            if kept == len(self.buffer):
                raise InterfaceError("the answer is no HTTP that this client understands")
            self.buffer[:kept] = self.buffer[self.start : self.end]
            self.start, self.end = 0, kept
        try:
            count = self.socket.recv_into(self.view[self.end :])
        except (BlockingIOError, TimeoutError) as error:
            raise self._timed_out("waiting for the answer") from error
        except OSError as error:
            raise lost("the connection to the nstarx server broke") from error
        if count == 0 and not may_end:
            raise lost("the nstarx server closed the connection before its answer was complete")
        self.end += count
        return count

    def line(self) -> bytes:
        """Return the next line without its end."""
        while True:
            at = self.buffer.find(b"\n", self.start, self.end)
            if at >= 0:
                line = bytes(self.view[self.start : at])
                self.start = at + 1
                return line[:-1] if line.endswith(b"\r") else line
            self.fill()

    def head(self) -> tuple[int, dict[str, str]]:
        """Read the status line and the header fields (names in lower case)."""
        while True:
            at = self.buffer.find(b"\r\n\r\n", self.start, self.end)
            if at >= 0:
                break
            self.fill()
        text = str(self.view[self.start : at], "latin-1")
        self.start = at + 4
        first, *lines = text.split("\r\n")
        parts = first.split(" ", 2)
        if len(parts) < 2 or not parts[0].startswith("HTTP/1.") or not parts[1].isdigit():
            raise InterfaceError(
                "the server does not speak HTTP/1.1",
                code="client.not_http",
                hints=["Check NSTARX_URL: scheme (http or https), host and port."],
            )
        return int(parts[1]), _fields(lines)

    def _timed_out(self, doing: str) -> OperationalError:
        return OperationalError(
            f"no progress for {self.read_timeout_s:g} s while {doing}",
            code="client.timeout",
            action="retry",
            hints=["Raise `timeout` of the ConnectionManager for long silent statements."],
        )


class Answer:
    """The answer to one request; owns its wire until the body is read or dropped."""

    def __init__(self, wire: Wire, pool: WirePool, method: str) -> None:
        self._wire: Wire | None = wire
        self._pool = pool
        status, fields = wire.head()
        while status < 200 and status != 101:
            status, fields = wire.head()
        self.status = status
        self.fields = fields
        self.trailer: dict[str, str] = {}
        self.complete = False
        # Whether a read asked for more than there was: an Arrow stream that has its end-of-stream
        # mark is never read past it.
        self.ran_out = False
        self._reusable = fields.get("connection", "").lower() != "close"
        self._chunked = "chunked" in fields.get("transfer-encoding", "").lower()
        self._until_close = False
        self._first_chunk = True
        self._left = 0
        if method == "HEAD" or status in (204, 304):
            self._chunked = False
            self._finish()
        elif not self._chunked:
            length = fields.get("content-length")
            if length is None:
                self._until_close, self._reusable = True, False
                self._left = sys.maxsize
            elif not length.isdigit():
                raise InterfaceError("the answer's Content-Length is no number")
            else:
                self._left = int(length)
                if self._left == 0:
                    self._finish()

    @property
    def request_id(self) -> str:
        """The server's id of the request."""
        return self.fields.get("x-request-id") or self.fields.get("request-id", "")

    @property
    def closed(self) -> bool:
        """Whether nothing more can be read; part of the file protocol that Arrow reads."""
        return False

    def read(self, count: int = -1) -> Any:
        """Return exactly ``count`` bytes, fewer only at the body's end, as a buffer.

        Large reads return Arrow memory that was filled by the kernel directly.
        """
        if count < 0:
            return self.read_all()
        out: Any = bytearray(count) if count < 4096 else pa.allocate_buffer(count)
        view = memoryview(out).cast("B")
        got = self._read_into(view)
        if got == count:
            return out
        self.ran_out = True
        return bytes(view[:got])

    def take_buffered(self) -> bytes | None:
        """Return the whole body if it has arrived with the head, which saves a small answer time.

        None, and nothing taken, when it has not, or when there is a trailer to be read.
        """
        wire = self._wire
        if wire is None or not self._chunked or not self._first_chunk:
            return None
        parts: list[memoryview] = []
        position = wire.start
        while (line_end := wire.buffer.find(b"\r\n", position, wire.end)) >= 0:
            digits = wire.buffer[position:line_end]
            if not digits.isalnum() or len(digits) > 8:
                return None
            try:
                size = int(digits, 16)
            except ValueError:
                return None
            position = line_end + 2 + size
            if wire.buffer[position : position + 2] != b"\r\n" or position + 2 > wire.end:
                return None
            if size == 0:
                wire.start = position + 2
                body = b"".join(parts)
                self._finish()
                return body
            parts.append(wire.view[line_end + 2 : position])
            position += 2
        return None

    def read_all(self, bytes_max: int = _BODY_BYTES_MAX) -> bytes:
        """Return the rest of the body."""
        parts: list[bytes] = []
        total = 0
        while not self.complete:
            scratch = bytearray(65536)
            got = self._read_into(memoryview(scratch))
            total += got
            if total > bytes_max:
                self.close()
                raise InterfaceError(f"the answer is larger than {bytes_max} bytes")
            parts.append(bytes(scratch[:got]))
        return b"".join(parts)

    def drain_end(self) -> None:
        """Read the end of the body, so that its trailer is known and the wire reusable.

        A body that goes on where it should end is dropped together with its connection.
        """
        if not self.complete and self._read_into(memoryview(bytearray(1))):
            self.close()

    def close(self) -> None:
        """Drop the rest: an unfinished body closes the connection."""
        if self._wire is not None:
            self._wire.close()
            self._wire = None
        self.complete = True

    def raise_for_status(self) -> None:
        """Raise the error that the answer is, if it is one."""
        if self.status < 300:
            return
        body = self.read_all(1024 * 1024)
        raise from_answer(self.status, body, self.request_id)

    def _read_into(self, view: memoryview) -> int:
        wire = self._wire
        got = 0
        need = len(view)
        try:
            while got < need and wire is not None and not self.complete:
                if self._left == 0:
                    self._next_chunk(wire)
                    continue
                want = min(need - got, self._left)
                have = wire.end - wire.start
                if have:
                    count = min(have, want)
                    view[got : got + count] = wire.view[wire.start : wire.start + count]
                    wire.start += count
                elif want < _DIRECT_BYTES_MIN or self._until_close:
                    if not self._fill_or_end(wire):
                        break
                    continue
                else:
                    count = wire.receive_into(view[got : got + want], want)
                    if count == 0:
                        raise lost("the nstarx server hung up in mid-answer")
                got += count
                self._left -= count
                if self._left == 0 and not self._chunked:
                    self._finish()
        except BaseException:
            self.close()
            raise
        return got

    def _fill_or_end(self, wire: Wire) -> bool:
        if not self._until_close:
            wire.fill()
            return True
        if wire.fill(may_end=True):
            return True
        self._finish()
        return False

    def _next_chunk(self, wire: Wire) -> None:
        if not self._first_chunk and wire.line():
            raise InterfaceError("a chunk of the answer is longer than it said")
        self._first_chunk = False
        size = wire.line().split(b";", 1)[0].strip()
        try:
            self._left = int(size, 16)
        except ValueError:
            raise InterfaceError("a chunk of the answer has no size") from None
        if self._left < 0:
            raise InterfaceError("a chunk of the answer has a negative size")
        if self._left:
            return
        lines: list[str] = []
        total = 0
        while line := wire.line():
            total += len(line)
            if total > _HEAD_BYTES_MAX:
                raise InterfaceError("the answer's trailer is too long")
            lines.append(str(line, "latin-1"))
        self.trailer = _fields(lines)
        self._finish()

    def _finish(self) -> None:
        self.complete = True
        wire, self._wire = self._wire, None
        if wire is None:
            return
        if self._reusable:
            self._pool.give_back(wire)
        else:
            wire.close()

    def trailer_problem(self) -> bytes:
        """Return the JSON of the problem in the trailer; empty when all went well."""
        return unquote(self.trailer.get("nstarx-error", "")).encode()


class WirePool:
    """Kept-alive connections to one server, most recently used first. Thread-safe."""

    def __init__(
        self,
        address: tuple[str, int],
        tls: ssl.SSLContext | None,
        fixed_fields: str,
        connect_timeout_s: float,
        read_timeout_s: float,
        idle_max: int = 32,
    ) -> None:
        self._address = address
        self._tls = tls
        self._fixed = fixed_fields
        self._connect_timeout_s = connect_timeout_s
        self._read_timeout_s = read_timeout_s
        self._idle_max = idle_max
        self._idle: list[Wire] = []
        self._pid = os.getpid()
        self._closed = False

    def request(
        self,
        method: str,
        target: str,
        fields: Mapping[str, str] | None = None,
        body: bytes | memoryview | None = None,
        *,
        repeatable: bool = False,
    ) -> Answer:
        """Send one request and read the head of its answer.

        ``repeatable`` allows one repetition when a kept-alive connection turns out to be dead.
        """
        head = self._head(method, target, fields, None if body is None else len(body))
        wire = self._take()
        try:
            return self._exchange(wire, method, head, body)
        except (OSError, OperationalError) as error:
            wire.close()
            timed_out = isinstance(error, Error) and error.code == "client.timeout"
            if not (repeatable and wire.used) or timed_out or wire.end:
                if isinstance(error, Error):
                    raise
                raise lost("the connection to the nstarx server broke") from error
        except BaseException:
            wire.close()
            raise
        wire = self._dial()
        try:
            return self._exchange(wire, method, head, body)
        except OSError as error:
            wire.close()
            raise lost("the connection to the nstarx server broke") from error
        except BaseException:
            wire.close()
            raise

    def upload(self, method: str, target: str, fields: Mapping[str, str]) -> Upload:
        """Begin a request whose body is written piece by piece."""
        head = self._head(method, target, {**fields, "Transfer-Encoding": "chunked"}, None)
        wire = self._take()
        try:
            wire.send(head)
        except OSError as error:
            wire.close()
            raise lost("the connection to the nstarx server broke") from error
        return Upload(wire, self, method)

    def give_back(self, wire: Wire) -> None:
        """Keep a connection for the next request."""
        wire.used = True
        if self._closed or len(self._idle) >= self._idle_max or self._pid != os.getpid():
            wire.close()
        else:
            self._idle.append(wire)

    def close(self) -> None:
        """Close what is idle; answers in use close theirs at their end."""
        self._closed = True
        while self._idle:
            self._idle.pop().close()

    def _exchange(
        self, wire: Wire, method: str, head: bytes, body: bytes | memoryview | None
    ) -> Answer:
        if body is None or len(body) == 0:
            wire.send(head)
        elif len(body) < _DIRECT_BYTES_MIN:
            wire.send(head + body)
        else:
            wire.send(head)
            wire.send(body)
        return Answer(wire, self, method)

    def _head(
        self, method: str, target: str, fields: Mapping[str, str] | None, length: int | None
    ) -> bytes:
        lines = f"{method} {target} HTTP/1.1\r\n{self._fixed}"
        if fields:
            for name, value in fields.items():
                if "\r" in value or "\n" in value:
                    raise InterfaceError(f"the value for {name} holds a line break")
                lines += f"{name}: {value}\r\n"
        if length is not None:
            lines += f"Content-Length: {length}\r\n"
        return (lines + "\r\n").encode("latin-1")

    def _take(self) -> Wire:
        if self._closed:
            raise InterfaceError("this ConnectionManager is closed")
        if self._pid != os.getpid():
            # A forked child shares the parent's sockets: it must neither use nor shut them.
            self._idle, self._pid = [], os.getpid()
        while True:
            try:
                wire = self._idle.pop()
            except IndexError:
                return self._dial()
            if not wire.stale():
                wire.start = wire.end = 0
                return wire
            wire.close()

    def _dial(self) -> Wire:
        return Wire(self._address, self._tls, self._connect_timeout_s, self._read_timeout_s)


class Upload:
    """A request body in the making: a file-like sink that sends chunks of about 1 MiB."""

    def __init__(self, wire: Wire, pool: WirePool, method: str) -> None:
        self._wire = wire
        self._pool = pool
        self._method = method
        self._pending = bytearray()
        self.closed = False
        self.refused = False

    def write(self, data: Any, /) -> int:
        """Take all bytes of ``data``; large ones are sent without copying."""
        view = memoryview(data).cast("B")
        size = len(view)
        if self.refused:
            raise _Refused
        if size >= _SEND_BYTES_MIN:
            self._flush()
            self._send_chunk(view)
        else:
            self._pending += view
            if len(self._pending) >= _SEND_BYTES_MIN:
                self._flush()
        return size

    def offer(self, data: Any) -> bool:
        """Take all bytes of ``data``, or tell that the server wants no more."""
        try:
            self.write(data)
        except _Refused:
            return False
        return True

    def flush(self) -> None:
        """Do nothing: part of the file protocol that Arrow writes to."""

    def finish(self) -> Answer:
        """End the body and return the answer."""
        try:
            if not self.refused:
                self._flush()
                self._wire.send(b"0\r\n\r\n")
        except (_Refused, OSError):
            self.refused = True
        try:
            answer = Answer(self._wire, self._pool, self._method)
        except BaseException:
            self._wire.close()
            raise
        if self.refused:
            # The body was not sent whole, so the connection cannot carry another request.
            answer._reusable = False
        return answer

    def abort(self) -> None:
        """Hang up, so that the server sees that the body is not whole."""
        self._wire.close()

    def _flush(self) -> None:
        if self._pending:
            pending, self._pending = self._pending, bytearray()
            self._send_chunk(memoryview(pending))

    def _send_chunk(self, view: memoryview) -> None:
        try:
            if _readable(self._wire.socket):
                raise _Refused  # the server answers before it has read everything: an error
            self._wire.send(b"%x\r\n" % len(view))
            self._wire.send(view)
            self._wire.send(b"\r\n")
        except (_Refused, BrokenPipeError, ConnectionResetError):
            self.refused = True
            raise _Refused from None
        except OSError as error:
            raise lost("the connection to the nstarx server broke in mid-upload") from error


class _Refused(Exception):
    """The server has answered already; what it says follows from `Upload.finish`."""


def _readable(sock: socket.socket) -> bool:
    if isinstance(sock, ssl.SSLSocket) and sock.pending():
        return True
    if hasattr(select, "poll"):
        poll = select.poll()
        poll.register(sock, select.POLLIN)
        return bool(poll.poll(0))
    return bool(select.select([sock], [], [], 0)[0])


def _fields(lines: list[str]) -> dict[str, str]:
    fields: dict[str, str] = {}
    for line in lines:
        name, _, value = line.partition(":")
        fields[name.strip().lower()] = value.strip()
    return fields


def _tls_failed(host: str, error: ssl.SSLError) -> OperationalError:
    detail = getattr(error, "verify_message", "") or error.reason or "handshake failed"
    return OperationalError(
        f"TLS with the nstarx server at {host} failed: {detail}",
        code="client.tls_failed",
        stage="tls",
        action="fix_input",
        hints=["Pass `ca_file=` when the server's certificate is signed by your own authority."],
    )
