"""SQLite's answers to the suite."""

from __future__ import annotations

import datetime
import sqlite3
from decimal import Decimal
from typing import Any

import pyarrow as pa

from tests.conformance.quirks.base import Quirks
from tests.servers import native_types
from tests.servers.catalog import ServerCatalog
from tests.servers.native_types import UNICODE

_EMBEDDED = "runs inside the program: there is no server, address or login"


class SqliteQuirks(Quirks):
    """A SQLite file."""

    type = "sqlite"
    system = "SQLite"
    types_table = native_types.SQLITE
    not_applicable = {
        "wrong password": _EMBEDDED,
        "dead host": _EMBEDDED,
        "refused port": _EMBEDDED,
        "filtered port": _EMBEDDED,
        "server restart": _EMBEDDED,
        "server killed": _EMBEDDED,
    }

    def __init__(self, servers: ServerCatalog) -> None:
        super().__init__(servers)
        self.path = servers.folder / "conformance.db"

    def version(self) -> str:
        return sqlite3.sqlite_version

    def prepare(self) -> None:
        with sqlite3.connect(self.path) as connection:
            for statement in self.types_table.statements():
                connection.execute(statement)
            connection.execute("CREATE TABLE IF NOT EXISTS visible (id integer PRIMARY KEY, note text)")
        connection.close()

    def base_draft(self, server: Any) -> dict[str, Any]:
        return {"configuration": {"path": str(self.path)}, "authentication": {"type": "none"}}

    def secrets(self) -> list[str]:
        return []

    def empty_query(self) -> tuple[str, pa.Schema]:
        return (
            "SELECT c_integer, c_text, c_decimal FROM types WHERE 1 = 0",
            pa.schema([("c_integer", pa.int64()), ("c_text", pa.string()), ("c_decimal", pa.decimal128(15, 2))]),
        )

    def parameter_query(self) -> tuple[str, list[Any], list[Any]]:
        return "SELECT ? AS a, ? AS b, ? AS d", [42, UNICODE, 0.1], [42, UNICODE, 0.1]

    def rows_query(self, rows: int) -> str:
        return (
            f"WITH RECURSIVE s(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM s WHERE n < {rows - 1})"
            " SELECT n, substr(n || replace(hex(zeroblob(50)), '0', 'x'), 1, 100) AS pad FROM s"
        )

    def endless_query(self, marker: str) -> str:
        return (
            "WITH RECURSIVE s(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM s)"
            f" SELECT count(*) FROM s WHERE n < 0 /* {marker} */"
        )

    syntax_error = ("SELECT * FORM visible", None)

    def table_path(self) -> str:
        return "main.types"

    def browse_path(self) -> str:
        return "main"

    def ingest_table(self) -> pa.Table:
        return pa.table(
            {
                "id": pa.array([1, 2, 3], pa.int64()),
                "name": pa.array([UNICODE, None, ""], pa.string()),
                "price": pa.array([Decimal("12.34"), Decimal("-0.01"), None], pa.decimal128(15, 2)),
                "day": pa.array([datetime.date(2026, 2, 28), None, datetime.date(1, 1, 1)], pa.date32()),
                "data": pa.array([b"\x00\xff", b"", None], pa.binary()),
                "flag": pa.array([True, None, False], pa.bool_()),
                "ratio": pa.array([0.1, -2.5, None], pa.float64()),
            }
        )

    def ingest_path(self) -> str:
        return "main.ingested"
