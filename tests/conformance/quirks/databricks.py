"""Databricks' answers to the suite, given by minilake: an independent emulator over DuckDB, behind a proxy of ours."""

from __future__ import annotations

import datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa

from tests.conformance.quirks.base import Quirks
from tests.servers.native_types import UNICODE, NativeType, TypesTable

_UTC = datetime.UTC
_BIG = "9" * 28 + "." + "9" * 10


def _numbers(*values: Any) -> tuple[tuple[str, Any], ...]:
    return tuple((str(value), value) for value in values)


_TYPES = TypesTable(
    table="types",
    columns=(
        NativeType("c_bigint", "BIGINT", pa.int64(), (("-9223372036854775808", -(2**63)), (str(2**63 - 1), 2**63 - 1))),
        NativeType("c_boolean", "BOOLEAN", pa.bool_(), (("true", True), ("false", False))),
        NativeType(
            "c_date",
            "DATE",
            pa.date32(),
            (("DATE '2026-02-28'", datetime.date(2026, 2, 28)), ("DATE '0001-01-01'", datetime.date(1, 1, 1))),
        ),
        NativeType(
            "c_decimal",
            "DECIMAL(38,10)",
            pa.decimal128(38, 10),
            tuple((text, Decimal(text)) for text in (_BIG, "-" + _BIG, "0.0000000001", "0.1000000000")),
        ),
        NativeType(
            "c_double", "DOUBLE", pa.float64(), (("1.7976931348623157e308", 1.7976931348623157e308), ("0.1", 0.1))
        ),
        NativeType("c_int", "INTEGER", pa.int32(), _numbers(-(2**31), 2**31 - 1)),
        NativeType("c_smallint", "SMALLINT", pa.int16(), _numbers(-32768, 32767)),
        NativeType("c_string", "VARCHAR", pa.string(), (("'" + UNICODE.replace("'", "''") + "'", UNICODE), ("''", ""))),
        NativeType(
            "c_timestamp",
            "TIMESTAMP",
            pa.timestamp("us", "UTC"),
            (
                ("TIMESTAMP '2026-02-28 12:34:56.789012'", datetime.datetime(2026, 2, 28, 12, 34, 56, 789012, _UTC)),
                ("TIMESTAMP '1969-12-31 23:59:59.999999'", datetime.datetime(1969, 12, 31, 23, 59, 59, 999999, _UTC)),
            ),
        ),
        NativeType("c_tinyint", "TINYINT", pa.int8(), _numbers(-128, 127)),
    ),
)


class DatabricksQuirks(Quirks):
    """minilake behind the proxy that checks tokens."""

    type = "databricks"
    system = "minilake (independent emulator over DuckDB)"
    server_name = "databricks"
    mortal_name = "databricks_mortal"
    types_table = _TYPES
    not_applicable = {
        "parameters and Unicode": "not proven: the emulator refuses named parameters, which are all that the API has",
    }
    wrong_password_codes = ("login.token_refused",)
    primary_key = None
    #: The emulator gives DuckDB's words, which have no position.
    syntax_error = ("SELECT * FORM visible", None)

    def prepare(self) -> None:
        for statement in _TYPES.statements():
            self.server.execute(statement)

    def base_draft(self, server: Any) -> dict[str, Any]:
        return {
            "configuration": {
                "http_path": f"/sql/1.0/warehouses/{server.warehouse_id}",
                "endpoint": server.endpoint,
                "catalog": "lake",
                "schema": "analytics",
            },
            "authentication": {"type": "access_token", "token": server.token},
        }

    def aimed_at(self, name: str, host: str, port: int) -> dict[str, Any]:
        return self.draft(name, configuration={"endpoint": f"http://{host}:{port}"})

    def wrong_password(self, name: str) -> dict[str, Any]:
        return self.draft(name, authentication={"token": "canary-wrong-password"})

    def secrets(self) -> list[str]:
        return [self.server.token]

    def empty_query(self) -> tuple[str, pa.Schema]:
        return (
            "SELECT c_decimal, c_timestamp, c_int FROM types WHERE id = -1",
            pa.schema(
                [
                    ("c_decimal", pa.decimal128(38, 10)),
                    ("c_timestamp", pa.timestamp("us", "UTC")),
                    ("c_int", pa.int32()),
                ]
            ),
        )

    def rows_query(self, rows: int) -> str:
        # The emulator holds every result in memory, as Python's objects.
        most = min(rows, 1_000_000)
        return f"SELECT CAST(range AS BIGINT) AS n, rpad(CAST(range AS VARCHAR), 100, 'x') AS pad FROM range({most})"

    def endless_query(self, marker: str) -> str:
        # Some seconds: the emulator can neither cancel nor do anything else meanwhile.
        return f"SELECT sum(sqrt(a.range * b.range)) FROM range(30000) a, range(30000) b /* {marker} */"

    def endless_rows(self, marker: str) -> str:
        return self.rows_query(600_000) + f" /* {marker} */"

    def ingest_table(self) -> pa.Table:
        return pa.table(
            {
                "id": pa.array([-(2**63), 2, 3], pa.int64()),
                "name": pa.array([f"{UNICODE} it's \\ 50%\n", None, ""], pa.string()),
                "price": pa.array([Decimal("12.34"), Decimal("-0.01"), None], pa.decimal128(15, 2)),
                "day": pa.array([datetime.date(2026, 2, 28), None, datetime.date(1, 1, 1)], pa.date32()),
                "at": pa.array([None, 0, 1_700_000_000_123_456], pa.timestamp("us", "UTC")),
                # The emulator holds other bytes as they are written (hex() shows them), but reads them as text.
                "data": pa.array([b"\x00\x7f'", b"", None], pa.binary()),
                "flag": pa.array([True, None, False], pa.bool_()),
                "ratio": pa.array([0.1, float("inf"), None], pa.float64()),
            }
        )

    def ingest_path(self) -> str:
        return "lake.analytics.ingested"

    def table_path(self) -> str:
        return "lake.analytics.types"

    def browse_path(self) -> str:
        return "lake.analytics"
