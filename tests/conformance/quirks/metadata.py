"""What the suite asks about types that are metadata catalogs."""

from __future__ import annotations

from dataclasses import dataclass, field

import pyarrow as pa

from tests.conformance.quirks.base import Quirks
from tests.servers.native_types import UNICODE, NativeType, TypesTable

_NO_ROWS = "a catalog holds no rows: test_metadata.py proves what it holds"

#: Checks of rows, which no catalog has.
WITHOUT_ROWS = dict.fromkeys(
    (
        "query to Arrow", "types, NULLs and extremes exact", "empty result keeps its schema", "parameters and Unicode",
        "limit", "1 M rows in bounded memory", "cancel on hang-up", "back-pressure", "deadline", "SQL errors",
        "pool exhausted is a typed error", "pool reuse", "server restart", "server killed", "sample",
        "ingest and read back",
    ),
    _NO_ROWS,
)  # fmt: skip


def _types(*rows: tuple[str, str, pa.DataType]) -> TypesTable:
    columns = tuple(NativeType(name, native, arrow, ()) for name, native, arrow in rows)
    return TypesTable(table="conformance.types", columns=columns)


#: Every type of Hive's grammar that a table can have, and the Arrow type that it must be shown as.
HIVE_TYPES = _types(
    ("c_boolean", "boolean", pa.bool_()),
    ("c_tinyint", "tinyint", pa.int8()),
    ("c_smallint", "smallint", pa.int16()),
    ("c_int", "int", pa.int32()),
    ("c_bigint", "bigint", pa.int64()),
    ("c_float", "float", pa.float32()),
    ("c_double", "double", pa.float64()),
    ("c_decimal", "decimal(38,18)", pa.decimal128(38, 18)),
    ("c_decimal_short", "decimal(1,0)", pa.decimal128(1, 0)),
    ("c_string", "string", pa.string()),
    ("c_varchar", "varchar(65535)", pa.string()),
    ("c_char", "char(255)", pa.string()),
    ("c_binary", "binary", pa.binary()),
    ("c_date", "date", pa.date32()),
    ("c_timestamp", "timestamp", pa.timestamp("ns")),
    ("c_array", "array<decimal(10,2)>", pa.list_(pa.decimal128(10, 2))),
    ("c_map", "map<string,array<int>>", pa.map_(pa.string(), pa.list_(pa.int32()))),
    (
        "c_struct",
        "struct<a:int,b:struct<c:string,d:map<bigint,double>>>",
        pa.struct(
            [
                ("a", pa.int32()),
                ("b", pa.struct([("c", pa.string()), ("d", pa.map_(pa.int64(), pa.float64()))])),
            ]
        ),
    ),
)


@dataclass
class CatalogTable:
    """A table as a client that is not NStarX makes and sees it; columns are (name, type, comment)."""

    database: str
    name: str
    columns: list[tuple[str, str, str]]
    partition_columns: list[tuple[str, str, str]] = field(default_factory=list)
    properties: dict[str, str] = field(default_factory=dict)
    owner: str = ""
    location: str = ""
    kind: str = "EXTERNAL_TABLE"
    view: str = ""


class MetadataQuirks(Quirks):
    """A type with the capability `metadata`: reaches the system without NStarX."""

    not_applicable = WITHOUT_ROWS
    types_table = HIVE_TYPES
    primary_key = None
    #: The property that holds a table's comment, when it is one of the properties.
    comment_property = ""
    #: Tags that a dataset may be given, in the order in which they are shown.
    new_tags: tuple[str, ...] = ("pii", UNICODE[:6])

    def prepare(self) -> None:
        self.create_database("conformance")
        columns = [(column.column, column.sql, "") for column in HIVE_TYPES.columns]
        self.create_table(CatalogTable("conformance", "types", [("id", "int", ""), *columns]))

    def table_path(self) -> str:
        return HIVE_TYPES.table

    def browse_path(self) -> str:
        return "conformance"

    def create_database(self, name: str) -> None:
        """Makes an empty database."""
        raise NotImplementedError

    def create_table(self, table: CatalogTable) -> None:
        """Makes a table."""
        raise NotImplementedError

    def read_table(self, database: str, name: str) -> CatalogTable | None:
        """Returns what the system has, None when there is no such table."""
        raise NotImplementedError

    def add_partitions(self, database: str, name: str, values: list[list[str]]) -> None:
        """Adds partitions to a table, each with values in the order of its partition columns."""
        raise NotImplementedError

    def native_upstream(self, database: str, name: str) -> str:
        """Returns what the system itself has as the table's upstream: text that names each source."""
        table = self.read_table(database, name)
        return table.properties["nstarx.upstream"] if table else ""

    def location(self, name: str) -> str:
        """Returns a place that a new table may have."""
        raise NotImplementedError
