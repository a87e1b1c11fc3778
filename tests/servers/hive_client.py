"""A Hive Metastore client that is not NStarX: pymetastore's generated code, with SASL PLAIN and TLS added here."""

from __future__ import annotations

import logging
import ssl
import struct
from typing import Any, Self

from pymetastore.hive_metastore import ThriftHiveMetastore
from thrift.protocol import TBinaryProtocol
from thrift.transport import TSocket, TSSLSocket, TTransport

#: It prints a line for every port that does not answer yet.
logging.getLogger("thrift").setLevel(logging.CRITICAL)

_START, _OK, _COMPLETE = 1, 2, 5


class _SaslFrames(TTransport.TTransportBase):
    """Frames of Thrift's SASL transport after a PLAIN login."""

    def __init__(self, inner: Any, user: str, password: str) -> None:
        self._inner = inner
        self._login = b"\0" + user.encode() + b"\0" + password.encode()
        self._out = bytearray()
        self._in = b""

    def isOpen(self) -> bool:
        return self._inner.isOpen()

    def open(self) -> None:
        self._inner.open()
        for status, payload in ((_START, b"PLAIN"), (_OK, self._login)):
            self._inner.write(struct.pack(">BI", status, len(payload)) + payload)
        self._inner.flush()
        status, length = struct.unpack(">BI", self._inner.readAll(5))
        text = self._inner.readAll(length)
        if status != _COMPLETE:
            raise TTransport.TTransportException(message=f"login refused: {text!r}")

    def close(self) -> None:
        self._inner.close()

    def read(self, size: int) -> bytes:
        if not self._in:
            (length,) = struct.unpack(">I", self._inner.readAll(4))
            self._in = self._inner.readAll(length)
        taken, self._in = self._in[:size], self._in[size:]
        return taken

    def write(self, data: bytes) -> None:
        self._out += data

    def flush(self) -> None:
        self._inner.write(struct.pack(">I", len(self._out)) + bytes(self._out))
        self._inner.flush()
        self._out.clear()


class HiveClient:
    """`with HiveClient(…) as client: client.calls.get_all_databases()`."""

    def __init__(self, host: str, port: int, ca_file: str | None, login: tuple[str, str] | None) -> None:
        if ca_file is None:
            socket: Any = TSocket.TSocket(host, port)
        else:
            socket = TSSLSocket.TSSLSocket(host, port, cert_reqs=ssl.CERT_REQUIRED, ca_certs=ca_file)
        socket.setTimeout(20_000)
        self._transport: Any = TTransport.TBufferedTransport(socket)
        if login is not None:
            self._transport = _SaslFrames(self._transport, *login)
        self.calls = ThriftHiveMetastore.Client(TBinaryProtocol.TBinaryProtocol(self._transport))

    def __enter__(self) -> Self:
        self._transport.open()
        return self

    def __exit__(self, *_: object) -> None:
        self._transport.close()

    def databases(self) -> list[str]:
        """Returns the names of all databases."""
        return list(self.calls.get_all_databases())
