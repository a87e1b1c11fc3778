"""PostgreSQL's answers to the suite."""

from __future__ import annotations

import datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa

from tests.conformance.quirks.base import Quirks
from tests.servers import logins, native_types
from tests.servers.native_types import UNICODE


class PostgresqlQuirks(Quirks):
    """PostgreSQL 15 over TLS with SCRAM."""

    type = "postgresql"
    system = "PostgreSQL"
    server_name = "postgresql"
    mortal_name = "postgresql_mortal"
    types_table = native_types.POSTGRESQL

    def prepare(self) -> None:
        with self.server.connect(logins.APP) as connection:
            for statement in self.types_table.statements():
                connection.execute(statement)

    def base_draft(self, server: Any) -> dict[str, Any]:
        return {
            "configuration": {"host": "localhost", "port": server.port, "database": server.database},
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
            "SELECT 1::bigint AS a, 'x'::text AS b, 1.5::numeric(10,3) AS c WHERE false",
            pa.schema([("a", pa.int64()), ("b", pa.string()), ("c", pa.decimal128(10, 3))]),
        )

    def parameter_query(self) -> tuple[str, list[Any], list[Any]]:
        sql = "SELECT $1::bigint AS a, $2::text AS b, $3::boolean AS c, $4::double precision AS d, $5::text AS e"
        return sql, [42, UNICODE, True, 0.1, None], [42, UNICODE, True, 0.1, None]

    def rows_query(self, rows: int) -> str:
        return f"SELECT n::bigint AS n, rpad(n::text, 100, 'x') AS pad FROM generate_series(0, {rows - 1}) AS s(n)"

    def endless_query(self, marker: str) -> str:
        return f"SELECT pg_sleep(120)::text AS slept, '{marker}' AS marker"

    def endless_rows(self, marker: str) -> str:
        # A view over generate_series is planned as a function scan, which would fill a tuplestore first.
        return (
            "WITH RECURSIVE numbers(n) AS (SELECT 0::bigint UNION ALL SELECT n + 1 FROM numbers)"
            f" SELECT n, repeat('x', 1000) AS pad, '{marker}' AS marker FROM numbers"
        )

    def running(self, marker: str, server: Any = None) -> int | None:
        with (server or self.server).connect() as connection:
            row = connection.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND pid <> pg_backend_pid()"
                " AND strpos(query, %s) > 0",
                (marker,),
            ).fetchone()
        return row[0]

    syntax_error = ("SELECT * FORM visible", 10)

    def table_path(self) -> str:
        return "public.types"

    def browse_path(self) -> str:
        return "public"

    def ingest_table(self) -> pa.Table:
        return pa.table(
            {
                "id": pa.array([1, 2, 3], pa.int64()),
                "name": pa.array([UNICODE, None, ""], pa.string()),
                "price": pa.array([Decimal("12.34"), Decimal("-0.01"), None], pa.decimal128(15, 2)),
                "day": pa.array([datetime.date(2026, 2, 28), None, datetime.date(1, 1, 1)], pa.date32()),
                "at": pa.array([None, 0, 1_700_000_000_123_456], pa.timestamp("us", "UTC")),
                "data": pa.array([b"\x00\xff", b"", None], pa.binary()),
                "flag": pa.array([True, None, False], pa.bool_()),
                "ratio": pa.array([0.1, float("inf"), None], pa.float64()),
            }
        )

    def ingest_path(self) -> str:
        return "public.ingested"
