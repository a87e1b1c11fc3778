"""Redshift's answers to the suite, given by PostgreSQL with imitated system views."""

from __future__ import annotations

from decimal import Decimal

import pyarrow as pa

from tests.conformance.quirks.postgresql import PostgresqlQuirks
from tests.servers import native_types
from tests.servers.native_types import TypesTable

#: What both systems have, by the same name and on the same wire.
_SHARED = (
    "c_bool", "c_int2", "c_int4", "c_int8", "c_float4", "c_float8", "c_numeric_15_2", "c_numeric_38_10",
    "c_varchar", "c_char", "c_date", "c_time", "c_timestamp", "c_timestamptz",
)  # fmt: skip


class RedshiftQuirks(PostgresqlQuirks):
    """PostgreSQL 15 with imitated system views: wire protocol, SQL path and types that both have."""

    type = "redshift"
    system = "Amazon Redshift (PostgreSQL with imitated system views)"
    server_name = "redshift"
    mortal_name = "redshift_mortal"
    types_table = TypesTable(
        columns=tuple(column for column in native_types.POSTGRESQL.columns if column.column in _SHARED)
    )

    def prepare(self) -> None:
        super().prepare()
        missing = set(_SHARED) - {column.column for column in self.types_table.columns}
        assert not missing, missing

    def ingest_table(self) -> pa.Table:
        rates = pa.array([Decimal("0.0000000001"), Decimal("-1234567890.0000000001"), None], pa.decimal128(20, 10))
        return super().ingest_table().drop_columns(["data"]).append_column("rate", rates)
