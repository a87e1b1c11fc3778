"""The `types` table of each system: every native type with NULLs, extremes and Unicode.

Each row says what the system is given (an SQL literal) and what an Arrow client must get back, exactly.
"""

from __future__ import annotations

import datetime
import json
import uuid
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import pyarrow as pa

#: Text that breaks naive code: NUL-free, all planes, combining marks, right-to-left, quotes, newlines.
UNICODE = "naïve Ω 漢字 🦆 e\u0301 עברית '\"\\ \t\n\u200b end"


@dataclass(frozen=True)
class NativeType:
    """One column: its declaration, the Arrow type it must become, and (literal, expected value) pairs.

    `as_json` compares the values as parsed JSON.
    """

    column: str
    sql: str
    arrow: pa.DataType
    values: tuple[tuple[str, Any], ...]
    as_json: bool = False


@dataclass(frozen=True)
class TypesTable:
    """The columns of one system's table. Row 0 is all NULL; row n holds the n-th value of each column."""

    columns: tuple[NativeType, ...]
    key: str = "id"
    table: str = "types"
    extra: tuple[str, ...] = field(default=())

    def row_count(self) -> int:
        """Returns how many rows the table has."""
        return 1 + max(len(column.values) for column in self.columns)

    def statements(self) -> list[str]:
        """Returns the SQL that makes and fills the table anew."""
        declared = ", ".join(f"{column.column} {column.sql}" for column in self.columns)
        rows = []
        for number in range(self.row_count()):
            literals = [self._literal(column, number) for column in self.columns]
            rows.append(f"({number}, {', '.join(literals)})")
        return [
            f"DROP TABLE IF EXISTS {self.table}",
            *self.extra,
            f"CREATE TABLE {self.table} ({self.key} integer PRIMARY KEY, {declared})",
            *(f"INSERT INTO {self.table} VALUES {row}" for row in rows),
        ]

    def expected(self, column: NativeType) -> list[Any]:
        """Returns the column's values in row order."""
        values = [value for _, value in column.values]
        return [None, *values, *[None] * (self.row_count() - 1 - len(values))]

    @staticmethod
    def _literal(column: NativeType, number: int) -> str:
        if number == 0 or number > len(column.values):
            return "NULL"
        return column.values[number - 1][0]


def _quote(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _same(*values: int) -> tuple[tuple[str, Any], ...]:
    return tuple((str(value), value) for value in values)


def _decimals(*values: str) -> tuple[tuple[str, Any], ...]:
    return tuple((value, Decimal(value)) for value in values)


_D = datetime.date
_DT = datetime.datetime
_UTC = datetime.UTC
_UUID = uuid.UUID("12345678-1234-5678-1234-567812345678")

_MIN64, _MAX64 = -(2**63), 2**63 - 1

POSTGRESQL = TypesTable(
    extra=(
        "DROP TYPE IF EXISTS mood CASCADE",
        "CREATE TYPE mood AS ENUM ('sad', 'ok', 'très content')",
    ),
    columns=(
        NativeType("c_bool", "boolean", pa.bool_(), (("true", True), ("false", False))),
        NativeType("c_int2", "smallint", pa.int16(), _same(-32768, 32767, 0)),
        NativeType("c_int4", "integer", pa.int32(), _same(-(2**31), 2**31 - 1)),
        NativeType("c_int8", "bigint", pa.int64(), (("-9223372036854775808", _MIN64), (str(_MAX64), _MAX64))),
        NativeType(
            "c_float4",
            "real",
            pa.float32(),
            (("'3.4028235e38'", 3.4028234663852886e38), ("'-Infinity'", float("-inf")), ("'1.5'", 1.5)),
        ),
        NativeType(
            "c_float8",
            "double precision",
            pa.float64(),
            (("'1.7976931348623157e308'", 1.7976931348623157e308), ("'5e-324'", 5e-324), ("'Infinity'", float("inf"))),
        ),
        NativeType(
            "c_numeric_15_2",
            "numeric(15,2)",
            pa.decimal128(15, 2),
            _decimals("9999999999999.99", "-9999999999999.99", "0.01", "0.00", "100.10"),
        ),
        NativeType(
            "c_numeric_38_10",
            "numeric(38,10)",
            pa.decimal128(38, 10),
            _decimals("9999999999999999999999999999.9999999999", "-0.0000000001", "10000.0001"),
        ),
        NativeType(
            "c_numeric_60_20",
            "numeric(60,20)",
            pa.decimal256(60, 20),
            _decimals("-" + "9" * 40 + "." + "9" * 20, "0.00000000000000000001"),
        ),
        NativeType(
            "c_text", "text", pa.string(), ((_quote(UNICODE), UNICODE), ("''", ""), ("repeat('é', 70000)", "é" * 70000))
        ),
        NativeType("c_varchar", "varchar(44)", pa.string(), (("'NULL'", "NULL"), ("'  spaces  '", "  spaces  "))),
        NativeType("c_char", "char(5)", pa.string(), (("'ab'", "ab   "), ("'abcde'", "abcde"))),
        NativeType("c_bytea", "bytea", pa.binary(), (("'\\x0001feff'", b"\x00\x01\xfe\xff"), ("''", b""))),
        NativeType(
            "c_date",
            "date",
            pa.date32(),
            (("'0001-01-01'", _D(1, 1, 1)), ("'9999-12-31'", _D(9999, 12, 31)), ("'1969-12-31'", _D(1969, 12, 31))),
        ),
        NativeType(
            "c_time",
            "time",
            pa.time64("us"),
            (("'23:59:59.999999'", datetime.time(23, 59, 59, 999999)), ("'00:00'", datetime.time(0))),
        ),
        NativeType(
            "c_timestamp",
            "timestamp",
            pa.timestamp("us"),
            (
                ("'0001-01-01 00:00:00'", _DT(1, 1, 1)),
                ("'9999-12-31 23:59:59.999999'", _DT(9999, 12, 31, 23, 59, 59, 999999)),
            ),
        ),
        NativeType(
            "c_timestamptz",
            "timestamptz",
            pa.timestamp("us", "UTC"),
            (
                ("'2026-03-29 03:00:00.123456+02'", _DT(2026, 3, 29, 1, 0, 0, 123456, _UTC)),
                ("'1900-01-01 00:00:00+00'", _DT(1900, 1, 1, tzinfo=_UTC)),
            ),
        ),
        NativeType(
            "c_interval",
            "interval",
            pa.month_day_nano_interval(),
            (
                ("'1 year 2 months 3 days 04:05:06.000007'", pa.MonthDayNano([14, 3, 14_706_000_007_000])),
                ("'-1 day'", pa.MonthDayNano([0, -1, 0])),
            ),
        ),
        NativeType("c_uuid", "uuid", pa.uuid(), ((f"'{_UUID}'", _UUID),)),
        NativeType("c_json", "json", pa.json_(), (('\'{"a": [1, null, "é"]}\'', {"a": [1, None, "é"]}),), as_json=True),
        NativeType("c_jsonb", "jsonb", pa.json_(), (("'{\"b\": 1.5}'", {"b": 1.5}), ("'null'", None)), as_json=True),
        NativeType("c_enum", "mood", pa.string(), (("'sad'", "sad"), ("'très content'", "très content"))),
        NativeType("c_int4_array", "integer[]", pa.list_(pa.int32()), (("'{1,NULL,-3}'", [1, None, -3]), ("'{}'", []))),
        NativeType("c_text_array", "text[]", pa.list_(pa.string()), (("ARRAY['a','','é,\"']", ["a", "", 'é,"']),)),
        NativeType("c_inet", "inet", pa.string(), (("'192.168.0.1/24'", "192.168.0.1/24"), ("'::1'", "::1"))),
        NativeType("c_oid", "oid", pa.uint32(), (("4294967295", 4294967295),)),
        NativeType("c_name", "name", pa.string(), (("'pg_class'", "pg_class"),)),
    ),
)

MYSQL = TypesTable(
    columns=(
        NativeType("c_bool", "boolean", pa.int8(), (("true", 1), ("false", 0))),
        NativeType("c_tinyint", "tinyint", pa.int8(), _same(-128, 127)),
        NativeType("c_utinyint", "tinyint unsigned", pa.uint8(), _same(0, 255)),
        NativeType("c_smallint", "smallint", pa.int16(), _same(-32768, 32767)),
        NativeType("c_usmallint", "smallint unsigned", pa.uint16(), _same(65535)),
        NativeType("c_mediumint", "mediumint", pa.int32(), _same(-8388608, 8388607)),
        NativeType("c_int", "int", pa.int32(), _same(-(2**31), 2**31 - 1)),
        NativeType("c_uint", "int unsigned", pa.uint32(), _same(2**32 - 1)),
        NativeType("c_bigint", "bigint", pa.int64(), _same(_MIN64, _MAX64)),
        NativeType("c_ubigint", "bigint unsigned", pa.uint64(), _same(2**64 - 1, 0)),
        NativeType("c_float", "float", pa.float32(), (("1.5", 1.5), ("-0.25", -0.25))),
        NativeType(
            "c_double",
            "double",
            pa.float64(),
            (("1.7976931348623157e308", 1.7976931348623157e308), ("-2.5e-300", -2.5e-300)),
        ),
        NativeType(
            "c_decimal_15_2",
            "decimal(15,2)",
            pa.decimal128(15, 2),
            _decimals("9999999999999.99", "-9999999999999.99", "0.01", "0.00"),
        ),
        NativeType(
            "c_decimal_65_30",
            "decimal(65,30)",
            pa.decimal256(65, 30),
            _decimals("9" * 35 + "." + "9" * 30, "-0." + "0" * 29 + "1"),
        ),
        NativeType(
            "c_varchar", "varchar(200)", pa.string(), ((_quote(UNICODE.replace("\\", "\\\\")), UNICODE), ("''", ""))
        ),
        NativeType("c_char", "char(5)", pa.string(), (("'ab'", "ab"), ("'abcde'", "abcde"))),
        NativeType("c_text", "mediumtext", pa.string(), (("repeat('é', 70000)", "é" * 70000), ("'NULL'", "NULL"))),
        NativeType("c_varbinary", "varbinary(10)", pa.binary(), (("x'0001feff'", b"\x00\x01\xfe\xff"), ("x''", b""))),
        NativeType("c_blob", "blob", pa.binary(), (("x'00ff00'", b"\x00\xff\x00"),)),
        NativeType(
            "c_date", "date", pa.date32(), (("'1000-01-01'", _D(1000, 1, 1)), ("'9999-12-31'", _D(9999, 12, 31)))
        ),
        NativeType(
            "c_datetime",
            "datetime(6)",
            pa.timestamp("us"),
            (
                ("'1000-01-01 00:00:00'", _DT(1000, 1, 1)),
                ("'9999-12-31 23:59:59.999999'", _DT(9999, 12, 31, 23, 59, 59, 999999)),
            ),
        ),
        NativeType(
            "c_timestamp",
            "timestamp(6) NULL",
            pa.timestamp("us", "UTC"),
            (
                ("'2026-03-29 01:00:00.123456'", _DT(2026, 3, 29, 1, 0, 0, 123456, _UTC)),
                ("'1970-01-01 00:00:01'", _DT(1970, 1, 1, 0, 0, 1, 0, _UTC)),
            ),
        ),
        NativeType(
            "c_time",
            "time(6)",
            pa.duration("us"),
            (
                ("'838:59:59.999999'", datetime.timedelta(hours=838, minutes=59, seconds=59, microseconds=999999)),
                ("'-838:59:59.999999'", -datetime.timedelta(hours=838, minutes=59, seconds=59, microseconds=999999)),
            ),
        ),
        NativeType("c_year", "year", pa.int16(), (("1901", 1901), ("2155", 2155))),
        NativeType(
            "c_enum", "enum('small','großartig')", pa.string(), (("'small'", "small"), ("'großartig'", "großartig"))
        ),
        NativeType("c_set", "set('a','b','c')", pa.string(), (("'a,c'", "a,c"), ("''", ""))),
        NativeType("c_bit", "bit(10)", pa.uint64(), (("b'1111111111'", 1023), ("b'0'", 0))),
        NativeType(
            "c_json", "json", pa.string(), (('\'{"a": [1, null, "é"]}\'', {"a": [1, None, "é"]}),), as_json=True
        ),
    ),
)

SQLITE = TypesTable(
    columns=(
        NativeType(
            "c_integer", "INTEGER", pa.int64(), (("-9223372036854775808", _MIN64), (str(_MAX64), _MAX64), ("0", 0))
        ),
        NativeType(
            "c_real", "REAL", pa.float64(), (("1.7976931348623157e308", 1.7976931348623157e308), ("-0.1", -0.1))
        ),
        NativeType("c_text", "TEXT", pa.string(), ((_quote(UNICODE), UNICODE), ("''", ""))),
        NativeType("c_blob", "BLOB", pa.binary(), (("x'0001feff'", b"\x00\x01\xfe\xff"), ("x''", b""))),
        NativeType("c_boolean", "BOOLEAN", pa.bool_(), (("1", True), ("0", False))),
        NativeType("c_date", "DATE", pa.date32(), (("'2026-02-28'", _D(2026, 2, 28)), ("'0001-01-01'", _D(1, 1, 1)))),
        NativeType(
            "c_timestamp",
            "TIMESTAMP",
            pa.timestamp("us"),
            (("'2026-02-28 12:34:56.123456'", _DT(2026, 2, 28, 12, 34, 56, 123456)),),
        ),
        NativeType(
            "c_decimal",
            "DECIMAL(15,2)",
            pa.decimal128(15, 2),
            (("'12345.67'", Decimal("12345.67")), ("5", Decimal("5.00")), ("0.1", Decimal("0.10"))),
        ),
        NativeType("c_varchar", "VARCHAR(20)", pa.string(), (("'NULL'", "NULL"),)),
    ),
)


def compare(kind: NativeType, got: pa.ChunkedArray, expected: list[Any]) -> str:
    """Returns what differs between an Arrow column and its expected values, or an empty text."""
    if got.type != kind.arrow:
        return f"{kind.column} ({kind.sql}): Arrow type {got.type}, expected {kind.arrow}"
    values = got.to_pylist()
    if kind.as_json:
        values = [None if value is None else json.loads(value) for value in values]
    for row, (value, wanted) in enumerate(zip(values, expected, strict=True)):
        if value != wanted or (value is not None and type(value) is not type(wanted)):
            return f"{kind.column} ({kind.sql}) row {row}: {value!r:.200}, expected {wanted!r:.200}"
    return ""
