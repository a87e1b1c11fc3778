"""MySQL's answers to the suite, given by MariaDB."""

from __future__ import annotations

import datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa

from tests.conformance.quirks.base import Quirks
from tests.servers import logins, native_types
from tests.servers.native_types import UNICODE


class MysqlQuirks(Quirks):
    """MariaDB 10.11 over TLS."""

    type = "mysql"
    system = "MariaDB"
    server_name = "mariadb"
    mortal_name = "mariadb_mortal"
    types_table = native_types.MYSQL

    def prepare(self) -> None:
        with self.server.connect() as connection, connection.cursor() as cursor:
            for statement in self.types_table.statements():
                cursor.execute(statement)

    def base_draft(self, server: Any) -> dict[str, Any]:
        return {
            "configuration": {"host": "127.0.0.1", "port": server.port, "database": server.database},
            "authentication": {
                "type": "basic",
                "username": logins.APP.user,
                "password": logins.APP.password,
            },
            "ssl": {"enabled": True, "mode": "verify-full", "certificate": server.ca_file.read_text()},
        }

    def secrets(self) -> list[str]:
        return [logins.APP.password]

    def empty_query(self) -> tuple[str, pa.Schema]:
        return (
            "SELECT CAST(9000000000 AS SIGNED) AS a, CAST(1.5 AS DECIMAL(10,3)) AS c FROM visible WHERE false",
            pa.schema([("a", pa.int64()), ("c", pa.decimal128(10, 3))]),
        )

    def parameter_query(self) -> tuple[str, list[Any], list[Any]]:
        sql = "SELECT CAST(? AS SIGNED) AS a, ? AS b, CAST(? AS DOUBLE) AS d, CAST(? AS CHAR) AS e"
        return sql, [42, UNICODE, 0.1, None], [42, UNICODE, 0.1, None]

    def rows_query(self, rows: int) -> str:
        return f"SELECT CAST(seq AS SIGNED) AS n, rpad(seq, 100, 'x') AS pad FROM seq_0_to_{rows - 1}"

    def endless_query(self, marker: str) -> str:
        return f"SELECT SLEEP(120) AS slept, '{marker}' AS marker"

    def endless_rows(self, marker: str) -> str:
        return f"SELECT seq AS n, repeat('x', 1000) AS pad, '{marker}' AS marker FROM seq_0_to_2000000000"

    def running(self, marker: str, server: Any = None) -> int | None:
        with (server or self.server).connect() as connection, connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM information_schema.processlist"
                " WHERE command <> 'Sleep' AND id <> connection_id() AND locate(%s, info) > 0",
                (marker,),
            )
            return cursor.fetchone()[0]

    syntax_error = ("SELECT * FORM visible", None)

    def table_path(self) -> str:
        return "analytics.types"

    def browse_path(self) -> str:
        return "analytics"

    def ingest_table(self) -> pa.Table:
        return pa.table(
            {
                "id": pa.array([1, 2, 3], pa.int64()),
                "name": pa.array([UNICODE, None, ""], pa.string()),
                "price": pa.array([Decimal("12.34"), Decimal("-0.01"), None], pa.decimal128(15, 2)),
                "day": pa.array([datetime.date(2026, 2, 28), None, datetime.date(1000, 1, 1)], pa.date32()),
                "data": pa.array([b"\x00\xff", b"", None], pa.binary()),
                "ratio": pa.array([0.1, -2.5, None], pa.float64()),
            }
        )

    def ingest_path(self) -> str:
        return "analytics.ingested"
