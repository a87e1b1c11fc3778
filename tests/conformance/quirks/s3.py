"""S3's answers to the suite, given by MinIO."""

from __future__ import annotations

import datetime
import io
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tests.conformance.quirks.base import Quirks
from tests.servers.native_types import UNICODE, NativeType, TypesTable

_D = datetime.date

#: Parquet's own types; the values are written by pyarrow, so the literal column stays empty.
_TYPES = TypesTable(
    table="'conformance/types.parquet'",
    columns=(
        NativeType("c_bool", "BOOLEAN", pa.bool_(), (("", True), ("", False))),
        NativeType("c_int8", "INT(8,true)", pa.int8(), (("", -128), ("", 127))),
        NativeType("c_int16", "INT(16,true)", pa.int16(), (("", -32768), ("", 32767))),
        NativeType("c_int32", "INT32", pa.int32(), (("", -(2**31)), ("", 2**31 - 1))),
        NativeType("c_int64", "INT64", pa.int64(), (("", -(2**63)), ("", 2**63 - 1))),
        NativeType("c_uint64", "INT(64,false)", pa.uint64(), (("", 2**64 - 1), ("", 0))),
        NativeType("c_float", "FLOAT", pa.float32(), (("", 1.5), ("", float("-inf")))),
        NativeType("c_double", "DOUBLE", pa.float64(), (("", 1.7976931348623157e308), ("", 5e-324))),
        NativeType(
            "c_decimal",
            "DECIMAL(15,2)",
            pa.decimal128(15, 2),
            (("", Decimal("9999999999999.99")), ("", Decimal("-0.01"))),
        ),
        NativeType("c_decimal38", "DECIMAL(38,10)", pa.decimal128(38, 10), (("", Decimal("9" * 28 + "." + "9" * 10)),)),
        NativeType("c_string", "STRING", pa.string(), (("", UNICODE), ("", ""))),
        NativeType("c_binary", "BYTE_ARRAY", pa.binary(), (("", b"\x00\x01\xfe\xff"), ("", b""))),
        NativeType("c_date", "DATE", pa.date32(), (("", _D(1, 1, 1)), ("", _D(9999, 12, 31)))),
        NativeType(
            "c_timestamp", "TIMESTAMP(us)", pa.timestamp("us"), (("", datetime.datetime(9999, 12, 31, 23, 59, 59)),)
        ),
        NativeType(
            "c_timestamptz",
            "TIMESTAMP(us,UTC)",
            pa.timestamp("us", "UTC"),
            (("", datetime.datetime(2026, 3, 29, 1, 0, 0, 123456, datetime.UTC)),),
        ),
        NativeType("c_list", "LIST<INT32>", pa.list_(pa.int32()), (("", [1, None, -3]), ("", []))),
        NativeType(
            "c_struct",
            "STRUCT",
            pa.struct([("a", pa.int64()), ("b", pa.string())]),
            (("", {"a": 1, "b": None}), ("", {"a": None, "b": "é"})),
        ),
    ),
)


class S3Quirks(Quirks):
    """A bucket on MinIO, with signatures checked."""

    type = "s3"
    system = "MinIO"
    server_name = "minio"
    mortal_name = "minio_mortal"
    types_table = _TYPES
    primary_key = None
    wrong_password_codes = ("login.wrong_secret_key",)
    undefined_table_query = "SELECT * FROM 'no/such/file.parquet'"
    syntax_error = ("SELECT * FORM 'conformance/types.parquet'", None)

    def prepare(self) -> None:
        table = self.types_table
        columns = {"id": pa.array(range(table.row_count()), pa.int32())}
        for column in table.columns:
            columns[column.column] = pa.array(table.expected(column), column.arrow)
        self._write(pa.table(columns), "conformance/types.parquet")
        numbers = pa.array(range(1_000_000), pa.int64())
        pads = pa.array([f"{number:x<100}" for number in range(1_000_000)])
        self._write(pa.table({"n": numbers, "pad": pads}), "conformance/rows/part-0.parquet")

    def _write(self, table: pa.Table, key: str) -> None:
        sink = io.BytesIO()
        pq.write_table(table, sink, store_schema=False, row_group_size=100_000)
        self.server.client().put_object(Bucket=self.server.bucket, Key=key, Body=sink.getvalue())

    def base_draft(self, server: Any) -> dict[str, Any]:
        return {
            "configuration": {"region": server.region, "bucket": server.bucket, "endpoint": server.endpoint},
            "authentication": {
                "type": "access_key",
                "access_key_id": server.access_key,
                "secret_access_key": server.secret_key,
            },
        }

    def aimed_at(self, name: str, host: str, port: int) -> dict[str, Any]:
        return self.draft(name, configuration={"endpoint": f"http://{host}:{port}"})

    def wrong_password(self, name: str) -> dict[str, Any]:
        return self.draft(name, authentication={"secret_access_key": "canary-wrong-secret-key"})

    def secrets(self) -> list[str]:
        return [self.server.secret_key]

    def empty_query(self) -> tuple[str, pa.Schema]:
        return (
            "SELECT c_int64 AS a, c_string AS b, c_decimal AS c FROM 'conformance/types.parquet' WHERE false",
            pa.schema([("a", pa.int64()), ("b", pa.string()), ("c", pa.decimal128(15, 2))]),
        )

    def parameter_query(self) -> tuple[str, list[Any], list[Any]]:
        sql = "SELECT CAST(? AS BIGINT) AS a, ? AS b, CAST(? AS BOOLEAN) AS c, CAST(? AS DOUBLE) AS d"
        return sql, [42, UNICODE, True, 0.1], [42, UNICODE, True, 0.1]

    def rows_query(self, rows: int) -> str:
        return f"SELECT n, pad FROM 'conformance/rows/*.parquet' WHERE n < {rows}"

    def endless_query(self, marker: str) -> str:
        return f"SELECT sum(a.n * b.n % 7) AS s FROM range(10000000) a(n), range(10000000) b(n) /* {marker} */"

    def endless_rows(self, marker: str) -> str:
        return f"SELECT n, repeat('x', 1000) AS pad FROM range(20000000000) r(n) /* {marker} */"

    def table_path(self) -> str:
        return "conformance/types.parquet"

    def browse_path(self) -> str:
        return "conformance/"

    def ingest_table(self) -> pa.Table:
        return pa.table(
            {
                "id": pa.array([1, 2, 3], pa.int64()),
                "name": pa.array([UNICODE, None, ""], pa.string()),
                "price": pa.array([Decimal("12.34"), Decimal("-0.01"), None], pa.decimal128(15, 2)),
                "day": pa.array([_D(2026, 2, 28), None, _D(1, 1, 1)], pa.date32()),
                "at": pa.array([None, 0, 1_700_000_000_123_456], pa.timestamp("us", "UTC")),
                "data": pa.array([b"\x00\xff", b"", None], pa.binary()),
                "flag": pa.array([True, None, False], pa.bool_()),
                "ratio": pa.array([0.1, float("inf"), None], pa.float64()),
            }
        )

    def ingest_path(self) -> str:
        return "conformance/ingested.parquet"

    def ingested_query(self) -> str:
        return "SELECT * FROM 'conformance/ingested.parquet' ORDER BY id"
