"""Redis' answers to the suite."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from tests.conformance.quirks.base import Quirks
from tests.servers.native_types import UNICODE, NativeType, TypesTable

_ROWS = 1_000_000
_FIELDS = "FIELDS n:int,pad"
_FILL = """
for n = tonumber(ARGV[1]), tonumber(ARGV[2]) - 1 do
  local text = string.format('%d', n)
  redis.call('HSET', ARGV[3] .. text, 'n', text, 'pad', text .. string.rep('x', 100 - #text))
end
"""


@dataclass(frozen=True)
class _Hashes(TypesTable):
    """An empty hash is none, so the column `present` has a value in row 0 too."""

    def expected(self, column: NativeType) -> list[Any]:
        """Returns the values by row."""
        if column.column == "present":
            return [1] * self.row_count()
        return super().expected(column)


_TYPES = _Hashes(
    table="types",
    key="key",
    columns=(
        NativeType("present", "hash field", pa.int64(), (("1", 1),)),
        NativeType(
            "c_integer",
            "hash field",
            pa.int64(),
            (("-9223372036854775808", -(2**63)), ("9223372036854775807", 2**63 - 1), ("0", 0)),
        ),
        NativeType(
            "c_float",
            "hash field",
            pa.float64(),
            (("1.7976931348623157e+308", 1.7976931348623157e308), ("5e-324", 5e-324), ("-0.1", -0.1), ("3", 3.0)),
        ),
        NativeType("c_text", "hash field", pa.string(), ((UNICODE, UNICODE), ("", ""), ("é" * 70000, "é" * 70000))),
        # Numbers whose text would not come back the same stay text.
        NativeType("c_padded", "hash field", pa.string(), (("007", "007"), ("42", "42"))),
        NativeType("c_decimal", "hash field", pa.string(), (("12345678901234567890.0123456789",) * 2, ("0.10",) * 2)),
        NativeType("c_beyond", "hash field", pa.string(), (("9223372036854775808",) * 2, ("-1",) * 2)),
        NativeType("c_bytes", "hash field", pa.binary(), ((b"\x00\x01\xfe\xff",) * 2, (b"", b""))),
    ),
)


class RedisQuirks(Quirks):
    """Debian's redis-server with TLS and ACL users."""

    type = "redis"
    system = "Redis"
    server_name = "redis"
    mortal_name = "redis_mortal"
    types_table = _TYPES
    primary_key = ["key"]
    probe_query = "PING"
    undefined_table_query = "TABLE no_such_table_anywhere:*"
    syntax_error = ('SET naïve "open', 11)

    def __init__(self, servers: Any) -> None:
        super().__init__(servers)
        self._blocking: set[str] = {""}

    def prepare(self) -> None:
        """Makes hashes: types:* in database 0, a million in 1, few in 2."""
        for server in (self.server, self.mortal):
            with server.client() as client:
                client.flushall()
                for number in range(_TYPES.row_count()):
                    client.hset(f"types:{number}", mapping=self._hash(number))
        with self.server.client(2) as client:
            client.eval(_FILL, 0, 0, 10, "row:")
        with self.server.client(1) as client:
            for begin in range(0, _ROWS, 100_000):
                client.eval(_FILL, 0, begin, begin + 100_000, "row:")

    @staticmethod
    def _hash(number: int) -> dict[str, Any]:
        fields: dict[str, Any] = {"present": "1"}
        for column in _TYPES.columns[1:]:
            if 0 < number <= len(column.values):
                fields[column.column] = column.values[number - 1][0]
        return fields

    def base_draft(self, server: Any) -> dict[str, Any]:
        """Returns configuration, authentication and ssl for a server."""
        return {
            "configuration": {"host": "127.0.0.1", "port": server.port, "database": 0},
            "authentication": {"type": "basic", "username": server.user, "password": server.password},
            "ssl": {"enabled": True, "mode": "verify-full", "certificate": server.ca_file.read_text()},
        }

    def secrets(self) -> list[str]:
        """Returns the password."""
        return [self.server.password]

    def types_query(self) -> str:
        """Reads the hashes in order of their keys."""
        return "TABLE types:* SORTED"

    def empty_query(self) -> tuple[str, pa.Schema]:
        """Returns a scan of no key, with typed fields."""
        return (
            "TABLE nothing:* FIELDS a:int,b:double,c:text,d:binary",
            pa.schema([("a", pa.int64()), ("b", pa.float64()), ("c", pa.string()), ("d", pa.binary())]),
        )

    def parameter_query(self) -> tuple[str, list[Any], list[Any]]:
        """Returns a script that gives its arguments back, as one value."""
        given = [42, UNICODE, 0.1, True, "? $1"]
        texts = ["42", UNICODE, "0.1", "1", "? $1"]
        return (
            "EVAL 'return {ARGV}' 0 $1 $2 $3 $4 $5",
            given,
            [json.dumps(texts, ensure_ascii=False, separators=(",", ":"))],
        )

    def rows_query(self, rows: int) -> str:
        """Returns a scan of so many hashes."""
        if rows == 1:
            return f"TABLE row:0 DB 2 {_FIELDS}"
        return f"TABLE row:[0-{rows - 1}] DB 2 {_FIELDS}" if rows <= 10 else f"TABLE row:* DB 1 {_FIELDS}"

    def endless_query(self, marker: str) -> str:
        """Returns a command that blocks."""
        self._blocking.add(marker)
        return f"BLPOP {marker} 0"

    def endless_rows(self, marker: str) -> str:
        """Returns the scan of a million hashes; nothing runs in the server while nobody reads."""
        return self.rows_query(_ROWS)

    def running(self, marker: str, server: Any = None) -> int | None:
        """Counts the clients that wait for a list's item."""
        if marker not in self._blocking:
            return None
        with (server or self.server).client() as client:
            return sum("b" in entry["flags"] for entry in client.client_list())

    def table_path(self) -> str:
        """Returns the prefix in its database."""
        return "0/types:*"

    def browse_path(self) -> str:
        """Returns the database."""
        return "0"

    def ingest_table(self) -> pa.Table:
        """Returns rows that come back as they are."""
        return pa.table(
            {
                "id": pa.array([1, 2, 3], pa.int64()),
                "name": pa.array([UNICODE, None, ""], pa.string()),
                "ratio": pa.array([0.1, -2.5, None], pa.float64()),
                "data": pa.array([b"\x00\xff", b"", None], pa.binary()),
            }
        )

    def ingest_path(self) -> str:
        """Keys begin with the id, and are distinct."""
        return "0/ingested:{id}:*"

    def ingested_query(self) -> str:
        """Reads them in order of their keys, which begin with the id."""
        return "TABLE ingested:* FIELDS id:int,name:text,ratio:double,data:binary SORTED"
