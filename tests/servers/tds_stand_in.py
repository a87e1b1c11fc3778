"""A stand-in for SQL Server's side of a TDS line: logins and a handful of statements, answered from a table.

There is no SQL Server to be had here. This is ours, so it proves that the vendor's own driver is configured as it
should be, and what becomes of its errors and values; it proves nothing about SQL Server.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading

from tests.servers.process import LOOPBACK

PRELOGIN, LOGIN, BATCH, RPC, ATTENTION, ANSWER = 0x12, 0x10, 0x01, 0x03, 0x06, 0x04
_DONE_FINAL, _DONE_COUNT, _DONE_ERROR, _DONE_ATTENTION = 0x00, 0x10, 0x02, 0x20
_COLLATION = bytes.fromhex("0904d00034")


def _short_text(text: str) -> bytes:
    return bytes([len(text)]) + text.encode("utf-16-le")


def _done(status: int = _DONE_FINAL, rows: int = 0) -> bytes:
    return struct.pack("<BHHQ", 0xFD, status, 0xC1, rows)


def _error(number: int, severity: int, text: str) -> bytes:
    body = struct.pack("<iBBH", number, 1, severity, len(text)) + text.encode("utf-16-le")
    body += _short_text("stand-in") + _short_text("") + struct.pack("<i", 1)
    return struct.pack("<BH", 0xAA, len(body)) + body + _done(_DONE_ERROR)


def _column(name: str, kind: bytes) -> bytes:
    return struct.pack("<iH", 0, 0x09) + kind + _short_text(name)


_INT = b"\x26\x04"
_DECIMAL = b"\x6a\x09\x0c\x02"  # 9 bytes, 12 digits, 2 behind the point
_NVARCHAR = b"\xe7" + struct.pack("<H", 200) + _COLLATION


def _one_int(name: str, value: int) -> bytes:
    return b"\x81\x01\x00" + _column(name, _INT) + b"\xd1\x04" + struct.pack("<i", value) + _done(_DONE_COUNT, 1)


def _three_columns() -> bytes:
    text = "é😀".encode("utf-16-le")
    out = b"\x81\x03\x00" + _column("id", _INT) + _column("price", _DECIMAL) + _column("name", _NVARCHAR)
    out += b"\xd1\x04" + struct.pack("<i", -7) + b"\x09\x00" + (1234567890).to_bytes(8, "little")
    out += struct.pack("<H", len(text)) + text
    out += b"\xd1\x00\x00\xff\xff"  # NULLs
    return out + _done(_DONE_COUNT, 2)


def _types() -> bytes:
    columns = {
        "tiny": (b"\x26\x01", b"\x01\xff"),
        "large": (b"\x26\x08", b"\x08" + struct.pack("<q", -(2**63))),
        "yes": (b"\x68\x01", b"\x01\x01"),
        "ratio": (b"\x6d\x08", b"\x08" + struct.pack("<d", 5e-324)),
        "money": (b"\x6e\x08", b"\x08" + struct.pack("<iI", -(2**31), 0)),
        "raw": (b"\xa5\x0a\x00", b"\x02\x00\x00\xff"),
        "day": (b"\x28", b"\x03\x00\x00\x00"),
        "guid": (b"\x24\x10", b"\x10" + bytes.fromhex("FF19966F868B11D0B42D00C04FC964FF")),
        # datetime2(0): seconds of the day, days since 0001-01-01.
        "moment": (b"\x2a\x00", b"\x06" + (86_399).to_bytes(3, "little") + (3_652_058).to_bytes(3, "little")),
        # datetimeoffset(7): 100 ns of the day and days in UTC, minutes of the offset.
        "at": (
            b"\x2b\x07",
            b"\x0a" + (1_234_567).to_bytes(5, "little") + (739_616).to_bytes(3, "little") + struct.pack("<h", 120),
        ),
    }
    out = b"\x81" + struct.pack("<H", len(columns))
    for name, (kind, _) in columns.items():
        out += _column(name, kind)
    return out + b"\xd1" + b"".join(value for _, value in columns.values()) + _done(_DONE_COUNT, 1)


_ANSWERS = {
    "SELECT * FROM types": _types(),
    "SELECT 1": _one_int("", 1),
    "SELECT 1 AS one": _one_int("one", 1),
    "SELECT id, price, name FROM visible": _three_columns(),
    "SELECT * FROM no_such": _error(208, 16, "Invalid object name 'no_such'."),
    "SELEC 1": _error(102, 15, "Incorrect syntax near '1'."),
    "SELECT secret FROM visible": _error(229, 14, "The SELECT permission was denied on the object 'visible'."),
}
#: A statement that runs until it is told to stop.
ENDLESS = "WAITFOR DELAY '01:00:00'"


class TdsStandIn:
    """One listening port; a thread for each line."""

    label = ""

    def __init__(self, user: str = "app", password: str = "canary-tds-password", database: str = "sales") -> None:
        self.user, self.password, self.database = user, password, database
        self._listener = socket.socket()
        self._listener.bind((LOOPBACK, 0))
        self._listener.listen(16)
        self.host = LOOPBACK
        self.port: int = self._listener.getsockname()[1]
        #: How many statements were stopped by an attention.
        self.stopped = 0
        #: What the drivers said of themselves: application's name by login.
        self.applications: list[str] = []

    def start(self) -> None:
        """Begins to take lines."""
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Takes no more lines."""
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                line, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(line,), daemon=True).start()

    def _serve(self, line: socket.socket) -> None:
        with line, contextlib.suppress(OSError, EOFError):
            waiting = False
            while True:
                kind, body = _receive(line)
                if kind == PRELOGIN:
                    _send(line, _prelogin())
                elif kind == LOGIN:
                    _send(line, self._login(body))
                elif kind == ATTENTION:
                    if waiting:
                        self.stopped += 1
                        _send(line, _done(_DONE_ERROR))  # the statement's own end comes first
                    waiting = False
                    _send(line, _done(_DONE_ATTENTION))
                elif kind == BATCH:
                    (headers,) = struct.unpack_from("<I", body)
                    text = body[headers:].decode("utf-16-le").strip()
                    waiting = text == ENDLESS
                    if not waiting:
                        _send(line, _ANSWERS.get(text, _done()))
                else:
                    _send(line, _error(2812, 16, "Could not find stored procedure."))

    def _login(self, body: bytes) -> bytes:
        def text(place: int) -> bytes:
            begin, letters = struct.unpack_from("<HH", body, place)
            return body[begin : begin + 2 * letters]

        user = text(40).decode("utf-16-le")
        hidden = bytes(byte ^ 0xA5 for byte in text(44))
        password = bytes((byte >> 4) | (byte << 4) & 0xF0 for byte in hidden).decode("utf-16-le")
        database = text(68).decode("utf-16-le")
        self.applications.append(text(48).decode("utf-16-le"))
        if (user, password) != (self.user, self.password):
            return _error(18456, 14, f"Login failed for user '{user}'.")
        if database not in ("", self.database):
            return _error(4060, 11, f'Cannot open database "{database}" requested by the login. The login failed.')
        collation = b"\x07\x05" + _COLLATION + b"\x00"
        name = _short_text("Microsoft SQL Server")
        ack = b"\x01\x74\x00\x00\x04" + name + b"\x10\x00\x10\x00"
        out = struct.pack("<BH", 0xE3, len(collation)) + collation
        out += struct.pack("<BH", 0xAD, len(ack)) + ack
        return out + _done()


def _prelogin() -> bytes:
    version, encryption = b"\x10\x00\x10\x00\x00\x00", b"\x02"  # no encryption at all
    head = 2 * 5 + 1
    out = struct.pack(">BHH", 0, head, len(version)) + struct.pack(">BHH", 1, head + len(version), 1) + b"\xff"
    return out + version + encryption


def _receive(line: socket.socket) -> tuple[int, bytes]:
    body = b""
    while True:
        kind, status, length = struct.unpack(">BBH4x", _exactly(line, 8))
        body += _exactly(line, length - 8)
        if status & 1:
            return kind, body


def _exactly(line: socket.socket, size: int) -> bytes:
    out = b""
    while len(out) < size:
        piece = line.recv(size - len(out))
        if not piece:
            raise EOFError
        out += piece
    return out


def _send(line: socket.socket, body: bytes) -> None:
    line.sendall(struct.pack(">BBHHBB", ANSWER, 1, len(body) + 8, 0, 1, 0) + body)
