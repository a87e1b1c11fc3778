"""MongoDB's answers to the suite, given by an emulator: no real server is to be had."""

from __future__ import annotations

import datetime
import json
import uuid
from decimal import Decimal
from typing import Any

import bson
import pyarrow as pa
from bson.decimal128 import Decimal128

from tests.conformance.quirks.base import Quirks
from tests.servers.native_types import UNICODE, NativeType, TypesTable

_UTC = datetime.UTC
_ID = "507f1f77bcf86cd799439011"
_UUID = uuid.UUID("12345678-1234-5678-1234-567812345678")
_ROWS = 1_000_000

#: The values are written by pymongo: the first of each pair is what is given to it.
_TYPES = TypesTable(
    table="types",
    key="_id",
    columns=(
        NativeType("c_bool", "bool", pa.bool_(), ((True, True), (False, False))),
        NativeType("c_int", "int", pa.int32(), ((-(2**31), -(2**31)), (2**31 - 1, 2**31 - 1))),
        NativeType(
            "c_long",
            "long",
            pa.int64(),
            ((bson.Int64(-(2**63)), -(2**63)), (bson.Int64(2**63 - 1), 2**63 - 1), (bson.Int64(0), 0)),
        ),
        NativeType(
            "c_double",
            "double",
            pa.float64(),
            ((1.7976931348623157e308, 1.7976931348623157e308), (5e-324, 5e-324), (float("-inf"), float("-inf"))),
        ),
        NativeType(
            "c_decimal",
            "decimal",
            pa.decimal128(38, 10),
            (
                (Decimal128("9" * 24 + "." + "9" * 10), Decimal("9" * 24 + "." + "9" * 10)),
                (Decimal128("-0.0000000001"), Decimal("-0.0000000001")),
                (Decimal128("1E+3"), Decimal(1000)),
            ),
        ),
        NativeType("c_string", "string", pa.string(), ((UNICODE, UNICODE), ("", ""), ("é" * 70000, "é" * 70000))),
        NativeType("c_object_id", "objectId", pa.string(), ((bson.ObjectId(_ID), _ID),)),
        NativeType("c_binary", "binData", pa.binary(), ((b"\x00\x01\xfe\xff", b"\x00\x01\xfe\xff"), (b"", b""))),
        NativeType("c_uuid", "binData(uuid)", pa.uuid(), ((_UUID, _UUID),)),
        NativeType(
            "c_date",
            "date",
            pa.timestamp("ms", "UTC"),
            (
                (datetime.datetime(9999, 12, 31, 23, 59, 59, 999000, _UTC),) * 2,
                (datetime.datetime(1, 1, 1, tzinfo=_UTC),) * 2,
                (datetime.datetime(2026, 3, 29, 1, 0, 0, 123000, _UTC),) * 2,
            ),
        ),
        NativeType("c_array", "array", pa.list_(pa.int32()), (([1, None, -3], [1, None, -3]), ([], []))),
        NativeType(
            "c_object",
            "object",
            pa.struct([("a", pa.int32()), ("b", pa.string())]),
            (({"a": 1, "b": None}, {"a": 1, "b": None}), ({"b": "é"}, {"a": None, "b": "é"})),
        ),
        NativeType(
            "c_regex",
            "regex",
            pa.json_(),
            ((bson.Regex("^a", "i"), {"$regularExpression": {"pattern": "^a", "options": "i"}}),),
            as_json=True,
        ),
        NativeType(
            "c_timestamp",
            "timestamp",
            pa.json_(),
            ((bson.Timestamp(1700000000, 7), {"$timestamp": {"t": 1700000000, "i": 7}}),),
            as_json=True,
        ),
        NativeType(
            "c_mixed",
            "mixed",
            pa.json_(),
            (("text", "text"), (42, 42), ({"deep": [True]}, {"deep": [True]})),
            as_json=True,
        ),
    ),
)


def _command(**fields: Any) -> str:
    return json.dumps(fields)


class MongodbQuirks(Quirks):
    """mongo-java-server over TLS."""

    type = "mongodb"
    system = "mongo-java-server (emulator)"
    server_name = "mongodb"
    mortal_name = "mongodb_mortal"
    types_table = _TYPES
    not_applicable = {
        "wrong password": "not proven: the emulator has no logins, and no real MongoDB server is to be had",
    }
    primary_key = ["_id"]
    probe_query = '{"ping": 1}'
    undefined_table_query = '{"find": "no_such_table_anywhere"}'
    syntax_error = ('{"find": "types", "filter": {"naïve": }}', 39)

    def prepare(self) -> None:
        client = self.server.client()
        try:
            database = client[self.server.database]
            database.drop_collection("types")
            database.types.insert_many(
                {"_id": number, **{c.column: self._given(c, number) for c in _TYPES.columns}}
                for number in range(_TYPES.row_count())
            )
            database.drop_collection("rows")
            for begin in range(0, _ROWS, 50_000):
                database.rows.insert_many({"_id": n, "n": n, "pad": f"{n:x<100}"} for n in range(begin, begin + 50_000))
        finally:
            client.close()

    @staticmethod
    def _given(column: NativeType, number: int) -> Any:
        return column.values[number - 1][0] if 0 < number <= len(column.values) else None

    def base_draft(self, server: Any) -> dict[str, Any]:
        return {
            "configuration": {"host": "127.0.0.1", "port": server.port, "database": server.database},
            "authentication": {"type": "none"},
            "ssl": {"enabled": True, "mode": "verify-full", "certificate": server.ca_file.read_text()},
        }

    def secrets(self) -> list[str]:
        return []

    def types_query(self) -> str:
        return _command(find="types", sort={"_id": 1})

    def empty_query(self) -> tuple[str, pa.Schema]:
        projection = {"_id": 0, "c_long": 1, "c_decimal": 1}
        return (
            _command(find="types", filter={"_id": -1}, projection=projection),
            pa.schema([("c_long", pa.int64()), ("c_decimal", pa.decimal128(38, 10))]),
        )

    def parameter_query(self) -> tuple[str, list[Any], list[Any]]:
        project = {
            "_id": 0,
            "a": {"$literal": {"$param": 1}},
            "b": {"$literal": "$2"},
            "d": {"$literal": {"$param": 3}},
            "e": {"$literal": {"$param": 4}},
            "f": {"$literal": {"$param": 5, "as": "decimal"}},
        }
        text = _command(aggregate="types", pipeline=[{"$limit": 1}, {"$project": project}])
        return text, [42, UNICODE, 0.1, None, "12.34"], [42, UNICODE, 0.1, None, Decimal("12.34")]

    def rows_query(self, rows: int) -> str:
        return _command(find="rows", limit=rows, projection={"_id": 0})

    def endless_query(self, marker: str) -> str:
        # Some seconds: the emulator goes on after its client has left, and must not be busy for ever.
        lookup = {"from": "rows", "localField": "n", "foreignField": "none", "as": "joined"}
        pipeline = [{"$limit": 8}, {"$lookup": lookup}, {"$count": "n"}]
        return _command(aggregate="rows", pipeline=pipeline, comment=marker)

    def endless_rows(self, marker: str) -> str:
        return _command(find="rows", projection={"_id": 0}, comment=marker)

    def table_path(self) -> str:
        return "analytics.types"

    def browse_path(self) -> str:
        return "analytics"

    def ingest_table(self) -> pa.Table:
        return pa.table(
            {
                "id": pa.array([1, 2, 3], pa.int64()),
                "name": pa.array([UNICODE, None, ""], pa.string()),
                "price": pa.array([Decimal("12.34"), Decimal("-0.01"), None], pa.decimal128(38, 2)),
                "at": pa.array([None, 0, 1_700_000_000_123], pa.timestamp("ms", "UTC")),
                "data": pa.array([b"\x00\xff", b"", None], pa.binary()),
                "ratio": pa.array([0.1, -2.5, None], pa.float64()),
                "tags": pa.array([["a", None], [], None], pa.list_(pa.string())),
            }
        )

    def ingest_path(self) -> str:
        return "analytics.ingested"

    def ingested_query(self) -> str:
        return _command(find="ingested", sort={"id": 1}, projection={"_id": 0})
