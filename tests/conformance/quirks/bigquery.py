"""BigQuery's answers to the suite, given by bqemulator: an independent emulator over DuckDB, behind a door of ours."""

from __future__ import annotations

import datetime
import json
from decimal import Decimal
from typing import Any

import pyarrow as pa
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.conformance.quirks.base import Quirks
from tests.servers.catalog import ServerCatalog
from tests.servers.native_types import UNICODE, NativeType, TypesTable

_DT = datetime.datetime
_UTC = datetime.UTC
_DATES = pa.struct([("start", pa.date32()), ("end", pa.date32())])
_INNER = pa.struct([("a", pa.int64()), ("b", pa.list_(pa.string()))])
_BIG = "9" * 29 + "." + "9" * 9


class _Types(TypesTable):
    """An ARRAY without value comes back as one without elements."""

    def expected(self, column: NativeType) -> list[Any]:
        values = super().expected(column)
        return [[] if value is None else value for value in values] if column.sql.startswith("ARRAY") else values


def _same(*values: Any) -> tuple[tuple[str, Any], ...]:
    return tuple((str(value), value) for value in values)


#: Literals are what is streamed into the table as JSON texts; lists and objects are JSON.
_TYPES = _Types(
    table="types",
    key="id",
    columns=(
        NativeType("c_int64", "INT64", pa.int64(), _same(-(2**63), 2**63 - 1, 0)),
        NativeType("c_float64", "FLOAT64", pa.float64(), _same(1.7976931348623157e308, 5e-324, -0.1)),
        NativeType(
            "c_numeric",
            "NUMERIC",
            pa.decimal128(38, 9),
            tuple((text, Decimal(text)) for text in (_BIG, "-" + _BIG, "0.000000001", "0.100000000")),
        ),
        NativeType("c_bool", "BOOL", pa.bool_(), (("true", True), ("false", False))),
        NativeType("c_string", "STRING", pa.string(), ((UNICODE, UNICODE), ("", ""), ("é" * 70000, "é" * 70000))),
        NativeType("c_bytes", "BYTES", pa.binary(), (("AAH+/w==", b"\x00\x01\xfe\xff"), ("", b""))),
        NativeType(
            "c_date",
            "DATE",
            pa.date32(),
            tuple((text, datetime.date.fromisoformat(text)) for text in ("0001-01-01", "9999-12-31", "1969-12-31")),
        ),
        NativeType(
            "c_time",
            "TIME",
            pa.time64("us"),
            (("23:59:59.999999", datetime.time(23, 59, 59, 999999)), ("00:00:00", datetime.time(0))),
        ),
        NativeType(
            "c_datetime",
            "DATETIME",
            pa.timestamp("us"),
            (
                ("0001-01-01T00:00:00", _DT(1, 1, 1)),
                ("9999-12-31T23:59:59.999999", _DT(9999, 12, 31, 23, 59, 59, 999999)),
            ),
        ),
        NativeType(
            "c_timestamp",
            "TIMESTAMP",
            pa.timestamp("us", "UTC"),
            (
                ("2026-03-29 03:00:00.123456+02:00", _DT(2026, 3, 29, 1, 0, 0, 123456, _UTC)),
                ("0001-01-01 00:00:00+00:00", _DT(1, 1, 1, tzinfo=_UTC)),
                ("9999-12-31 23:59:59.999999+00:00", _DT(9999, 12, 31, 23, 59, 59, 999999, _UTC)),
            ),
        ),
        NativeType("c_interval", "INTERVAL", pa.string(), (("1-2 3 4:5:6.789", "1-2 3 4:5:6.789"),)),
        NativeType(
            "c_json", "JSON", pa.string(), (('{"a": [1, null, "é"]}', {"a": [1, None, "é"]}),), as_json=True
        ),
        NativeType(
            "c_range",
            "RANGE<DATE>",
            _DATES,
            (
                ('{"start": "2020-01-01", "end": "2020-12-31"}',
                 {"start": datetime.date(2020, 1, 1), "end": datetime.date(2020, 12, 31)}),
            ),
        ),
        NativeType("c_array", "ARRAY<INT64>", pa.list_(pa.int64()), (("[1, -3]", [1, -3]), ("[]", []))),
        NativeType(
            "c_struct",
            "STRUCT<a INT64, b ARRAY<STRING>>",
            _INNER,
            (('{"a": 1, "b": ["x", "é"]}', {"a": 1, "b": ["x", "é"]}), ('{"a": null, "b": []}', {"a": None, "b": []})),
        ),
    ),
)  # fmt: skip


def _field(column: NativeType) -> dict[str, Any]:
    out: dict[str, Any] = {"name": column.column, "type": column.sql, "mode": "NULLABLE"}
    if column.sql.startswith("ARRAY"):
        out |= {"type": "INT64", "mode": "REPEATED"}
    elif column.sql.startswith("STRUCT"):
        inner = [{"name": "a", "type": "INT64"}, {"name": "b", "type": "STRING", "mode": "REPEATED"}]
        out |= {"type": "RECORD", "fields": inner}
    elif column.sql.startswith("RANGE"):
        out |= {"type": "RANGE", "rangeElementType": {"type": "DATE"}}
    return out


def _row(number: int) -> dict[str, Any]:
    out: dict[str, Any] = {"id": number}
    for column in _TYPES.columns:
        if 0 < number <= len(column.values):
            literal = column.values[number - 1][0]
            nested = column.sql.startswith(("ARRAY", "STRUCT", "RANGE"))
            out[column.column] = json.loads(literal) if nested else literal
    return out


class BigqueryQuirks(Quirks):
    """bqemulator behind the door that checks logins."""

    type = "bigquery"
    system = "bqemulator (independent emulator over DuckDB)"
    server_name = "bigquery"
    mortal_name = "bigquery_mortal"
    types_table = _TYPES
    primary_key = None
    #: The emulator's parser stumbles later than the service's.
    syntax_error = ("SELECT * FORM visible", 21)
    wrong_password_codes = ("login.wrong_client",)

    def __init__(self, servers: ServerCatalog) -> None:
        super().__init__(servers)
        self._watched: set[str] = set()

    def prepare(self) -> None:
        fields = [{"name": "id", "type": "INT64", "mode": "REQUIRED"}, *map(_field, _TYPES.columns)]
        self.server.create_table("types", fields, [_row(number) for number in range(_TYPES.row_count())])

    def base_draft(self, server: Any) -> dict[str, Any]:
        return {
            "configuration": {
                "project": server.project,
                "endpoint": server.endpoint,
                "dataset": server.dataset,
                "tls_ca": server.ca_file.read_text(),
            },
            "authentication": {"type": "service_account", "service_account_key": server.key_file()},
        }

    def secrets(self) -> list[str]:
        return [self.server.key_file()]

    def aimed_at(self, name: str, host: str, port: int) -> dict[str, Any]:
        # A token is asked for first, elsewhere: it is the service itself that is not there.
        token = {"type": "access_token", "access_token": self.server.access_token}
        draft = self.draft(name, configuration={"endpoint": f"https://{host}:{port}"})
        return draft | {"authentication": token}

    def wrong_password(self, name: str) -> dict[str, Any]:
        other = rsa.generate_private_key(65537, 2048)
        return self.draft(name, authentication={"service_account_key": self.server.key_file(other)})

    def empty_query(self) -> tuple[str, pa.Schema]:
        return (
            "SELECT c_numeric, c_timestamp, c_array, c_struct FROM types WHERE id = -1",
            pa.schema(
                [
                    ("c_numeric", pa.decimal128(38, 9)),
                    ("c_timestamp", pa.timestamp("us", "UTC")),
                    ("c_array", pa.list_(pa.int64())),
                    ("c_struct", _INNER),
                ]
            ),
        )

    def parameter_query(self) -> tuple[str, list[Any], list[Any]]:
        return ("SELECT ? AS i, ? AS s, ? AS b, ? AS f", [42, UNICODE, True, 0.1], [42, UNICODE, True, 0.1])

    def rows_query(self, rows: int) -> str:
        # The emulator holds every result in memory.
        last = min(rows, 1_000_000) - 1
        return f"SELECT n, RPAD(CAST(n AS STRING), 100, 'x') AS pad FROM UNNEST(GENERATE_ARRAY(0, {last})) AS n"

    def endless_query(self, marker: str) -> str:
        self._watched.add(marker)
        many = "UNNEST(GENERATE_ARRAY(1, 200000))"
        return f"SELECT SUM(SQRT(a * b)) AS s FROM {many} AS a CROSS JOIN {many} AS b /* {marker} */"

    def running(self, marker: str, server: Any = None) -> int | None:
        # A result that is only read has run: the emulator makes all of it first.
        if marker == "" or marker in self._watched:
            return (server or self.server).running(marker or "no-marker")
        return None

    def endless_rows(self, marker: str) -> str:
        return self.rows_query(300_000) + f" /* {marker} */"

    def ingest_table(self) -> pa.Table:
        return pa.table(
            {
                "id": pa.array([-(2**63), 2, 3], pa.int64()),
                "name": pa.array([f"{UNICODE} it's \\ 50%\n", None, ""], pa.string()),
                "price": pa.array([Decimal("12.34"), Decimal("-0.01"), None], pa.decimal128(38, 9)),
                "day": pa.array([datetime.date(2026, 2, 28), None, datetime.date(1, 1, 1)], pa.date32()),
                "at": pa.array([None, 0, 1_700_000_000_123_456], pa.timestamp("us", "UTC")),
                "local": pa.array([-1, None, 1_700_000_000_123_456], pa.timestamp("us")),
                "data": pa.array([b"\x00\xff", b"", None], pa.binary()),
                "flag": pa.array([True, None, False], pa.bool_()),
                "ratio": pa.array([0.1, float("inf"), None], pa.float64()),
            }
        )

    def ingest_path(self) -> str:
        return "lake.ingested"

    def table_path(self) -> str:
        return "lake.types"

    def browse_path(self) -> str:
        return "lake"
