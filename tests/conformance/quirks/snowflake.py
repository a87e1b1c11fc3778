"""Snowflake's answers to the suite, given by fakesnow: an independent emulator over DuckDB, behind a door of ours."""

from __future__ import annotations

import datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa

from tests.conformance.quirks.base import Quirks
from tests.servers.catalog import ServerCatalog
from tests.servers.native_types import UNICODE, NativeType, TypesTable

_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
_BIG = "9" * 28 + "." + "9" * 10
_INTEGER = pa.decimal128(38, 0)


def _numbers(*values: Any) -> tuple[tuple[str, Any], ...]:
    return tuple((str(value), value) for value in values)


def _literal(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"


def _moments(kind: pa.DataType, *moments: tuple[str, int]) -> tuple[tuple[str, Any], ...]:
    """Literals and what they are in UTC: `moments` are texts and their distance from it in seconds."""
    out = []
    for text, offset in moments:
        parsed = datetime.datetime.fromisoformat(text[:26]).replace(tzinfo=datetime.UTC)
        micros = (parsed - _EPOCH) // datetime.timedelta(microseconds=1) - offset * 1_000_000
        out.append((f"'{text}'", pa.scalar(micros * 1000, kind).as_py()))
    return tuple(out)


_TYPES = TypesTable(
    table="TYPES",
    key="ID",
    columns=(
        NativeType("C_BINARY", "BINARY", pa.binary(), (("X'00FF10'", b"\x00\xff\x10"), ("X''", b""))),
        NativeType("C_BOOLEAN", "BOOLEAN", pa.bool_(), (("true", True), ("false", False))),
        NativeType(
            "C_DATE",
            "DATE",
            pa.date32(),
            (("DATE '2026-02-28'", datetime.date(2026, 2, 28)), ("DATE '0001-01-01'", datetime.date(1, 1, 1))),
        ),
        NativeType(
            "C_DECIMAL",
            "NUMBER(38,10)",
            pa.decimal128(38, 10),
            tuple((text, Decimal(text)) for text in (_BIG, "-" + _BIG, "0.0000000001", "0.1000000000")),
        ),
        NativeType(
            "C_FLOAT", "FLOAT", pa.float64(), (("1.7976931348623157e308", 1.7976931348623157e308), ("0.1", 0.1))
        ),
        NativeType(
            "C_NUMBER",
            "NUMBER(38,0)",
            _INTEGER,
            tuple((str(value), Decimal(value)) for value in (-(2**63), 2**63 - 1, 0)),
        ),
        NativeType("C_SMALL", "NUMBER(10,0)", pa.int64(), _numbers(-9_999_999_999, 9_999_999_999)),
        NativeType(
            "C_TIME",
            "TIME",
            pa.time64("ns"),
            (
                ("TIME '23:59:59.999999'", datetime.time(23, 59, 59, 999999)),
                ("TIME '00:00:00'", datetime.time(0, 0)),
            ),
        ),
        NativeType(
            "C_TIMESTAMP_NTZ",
            "TIMESTAMP_NTZ",
            pa.timestamp("ns"),
            _moments(pa.timestamp("ns"), ("2026-02-28 12:34:56.789012", 0), ("1969-12-31 23:59:59.999999", 0)),
        ),
        NativeType(
            "C_TIMESTAMP_TZ",
            "TIMESTAMP_TZ",
            pa.timestamp("ns", "UTC"),
            _moments(
                pa.timestamp("ns", "UTC"), ("2026-02-28 12:34:56.789012+02:00", 7200), ("1969-12-31 23:59:59.999999", 0)
            ),
        ),
        NativeType("C_VARCHAR", "VARCHAR", pa.string(), ((_literal(UNICODE), UNICODE), ("''", ""))),
        NativeType("C_VARIANT", "VARIANT", pa.string(), ()),
    ),
)


class SnowflakeQuirks(Quirks):
    """fakesnow behind the door that checks logins."""

    type = "snowflake"
    system = "fakesnow (independent emulator over DuckDB)"
    server_name = "snowflake"
    mortal_name = "snowflake_mortal"
    types_table = _TYPES
    primary_key = ["ID"]
    #: The emulator gives DuckDB's words, whose position is not Snowflake's.
    syntax_error = ("SELECT * FORM visible", None)

    def __init__(self, servers: ServerCatalog) -> None:
        super().__init__(servers)
        self._watched: set[str] = set()

    def prepare(self) -> None:
        for statement in _TYPES.statements():
            self.server.execute(statement)

    def base_draft(self, server: Any) -> dict[str, Any]:
        return {
            "configuration": {
                "account": server.account,
                "host": server.host,
                "port": server.port,
                "tls_ca": server.ca_file.read_text(),
                "database": "LAKE",
                "schema": "ANALYTICS",
            },
            "authentication": {"type": "password", "user": server.user, "password": server.password},
        }

    def secrets(self) -> list[str]:
        return [self.server.password]

    def empty_query(self) -> tuple[str, pa.Schema]:
        return (
            "SELECT C_DECIMAL, C_TIMESTAMP_NTZ, C_SMALL FROM TYPES WHERE ID = -1",
            pa.schema(
                [
                    ("C_DECIMAL", pa.decimal128(38, 10)),
                    ("C_TIMESTAMP_NTZ", pa.timestamp("ns")),
                    ("C_SMALL", pa.int64()),
                ]
            ),
        )

    def parameter_query(self) -> tuple[str, list[Any], list[Any]]:
        return ("SELECT ? AS I, ? AS S, ? AS B, ? AS N", [42, UNICODE, True, None], [42, UNICODE, True, None])

    def rows_query(self, rows: int) -> str:
        # The emulator holds every result in memory, several times.
        most = min(rows, 1_000_000)
        return f'SELECT range AS "n", rpad(range::VARCHAR, 100, \'x\') AS "pad" FROM range({most})'

    def endless_query(self, marker: str) -> str:
        # One statement of a session is interrupted by the door; the emulator itself can not cancel.
        self._watched.add(marker)
        return f"SELECT sum(sqrt(a.range * b.range)) FROM range(200000) a, range(200000) b /* {marker} */"

    def running(self, marker: str, server: Any = None) -> int | None:
        # A result that is only read has run: the emulator makes all of it first.
        return (server or self.server).running(marker) if marker in self._watched else None

    def endless_rows(self, marker: str) -> str:
        return self.rows_query(600_000) + f" /* {marker} */"

    def ingest_table(self) -> pa.Table:
        return pa.table(
            {
                "id": pa.array([1, 2, 3], pa.decimal128(19, 0)),
                "name": pa.array([f"{UNICODE} it's \\ 50%\n", None, ""], pa.string()),
                "price": pa.array([Decimal("12.34"), Decimal("-0.01"), None], pa.decimal128(15, 2)),
                "day": pa.array([datetime.date(2026, 2, 28), None, datetime.date(1, 1, 1)], pa.date32()),
                "at": pa.array([None, 0, 1_700_000_000_123_456_000], pa.timestamp("ns", "UTC")),
                "local": pa.array([-1000, None, 1_700_000_000_123_456_000], pa.timestamp("ns")),
                "data": pa.array([b"\x00\xff", b"", None], pa.binary()),
                "flag": pa.array([True, None, False], pa.bool_()),
                "ratio": pa.array([0.1, float("inf"), None], pa.float64()),
            }
        )

    def ingest_path(self) -> str:
        return '"LAKE"."ANALYTICS"."ingested"'

    def ingested_query(self) -> str:
        return f'SELECT * FROM {self.ingest_path()} ORDER BY "id"'

    def table_path(self) -> str:
        return "LAKE.ANALYTICS.TYPES"

    def browse_path(self) -> str:
        return "LAKE.ANALYTICS"
