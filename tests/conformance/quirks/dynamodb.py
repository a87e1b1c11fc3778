"""DynamoDB's answers to the suite, given by DynamoDB Local, Amazon's emulator."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pyarrow as pa

from tests.conformance.quirks.base import Quirks
from tests.servers.native_types import UNICODE, NativeType, TypesTable

_ROWS = 12_000
_BIG = "9" * 28 + "." + "9" * 10


def _n(*values: int) -> tuple[tuple[Any, Any], ...]:
    return tuple(({"N": str(value)}, value) for value in values)


#: The first of each pair is the attribute value that the emulator is given. Columns come in order of their names.
_TYPES = TypesTable(
    table="types",
    key="a_id",
    columns=(
        NativeType("c_binary", "B", pa.binary(), (({"B": "AAH+/w=="}, b"\x00\x01\xfe\xff"), ({"B": ""}, b""))),
        NativeType("c_binary_set", "BS", pa.list_(pa.binary()), (({"BS": ["AAE="]}, [b"\x00\x01"]),)),
        NativeType("c_bool", "BOOL", pa.bool_(), (({"BOOL": True}, True), ({"BOOL": False}, False))),
        NativeType(
            "c_decimal",
            "N",
            pa.decimal128(38, 10),
            (
                ({"N": _BIG}, Decimal(_BIG)),
                ({"N": "-0.0000000001"}, Decimal("-0.0000000001")),
                ({"N": "0.1"}, Decimal("0.1")),
                ({"N": "7"}, Decimal(7)),
            ),
        ),
        NativeType(
            "c_huge",
            "N",
            pa.string(),
            (({"N": "1E+125"}, 10**125), ({"N": "1E-130"}, 1e-130)),
            as_json=True,
        ),
        NativeType("c_int", "N", pa.int64(), _n(-(2**63), 2**63 - 1, 0)),
        NativeType(
            "c_list",
            "L",
            pa.list_(pa.int64()),
            (({"L": [{"N": "1"}, {"NULL": True}, {"N": "-3"}]}, [1, None, -3]), ({"L": []}, [])),
        ),
        NativeType(
            "c_map",
            "M",
            pa.struct([("a", pa.int64()), ("b", pa.string())]),
            (
                ({"M": {"a": {"N": "1"}, "b": {"NULL": True}}}, {"a": 1, "b": None}),
                ({"M": {"b": {"S": "é"}}}, {"a": None, "b": "é"}),
            ),
        ),
        NativeType(
            "c_mixed",
            "L|N|S",
            pa.string(),
            (
                ({"S": "text"}, "text"),
                ({"N": "42"}, 42),
                ({"L": [{"BOOL": True}, {"S": "x"}]}, [True, "x"]),
            ),
            as_json=True,
        ),
        NativeType(
            "c_number_set",
            "NS",
            pa.list_(pa.decimal128(38, 1)),
            (({"NS": ["1.5", "2"]}, [Decimal("1.5"), Decimal(2)]),),
        ),
        NativeType(
            "c_string",
            "S",
            pa.string(),
            (({"S": UNICODE}, UNICODE), ({"S": ""}, ""), ({"S": "é" * 70000}, "é" * 70000)),
        ),
        NativeType("c_string_set", "SS", pa.list_(pa.string()), (({"SS": ["a", "é"]}, ["a", "é"]),)),
    ),
)


def _operation(name: str, **arguments: Any) -> str:
    return json.dumps({name: arguments})


class DynamodbQuirks(Quirks):
    """DynamoDB Local, in memory, without TLS."""

    type = "dynamodb"
    system = "DynamoDB Local (emulator)"
    server_name = "dynamodb"
    mortal_name = "dynamodb_mortal"
    types_table = _TYPES
    not_applicable = {
        "1 M rows in bounded memory": "a million items take the emulator five minutes to load, 25 a request; pages "
        "are at most 1 MiB, and the check 'back-pressure' measures the memory of a long scan",
    }
    primary_key = ["a_id"]
    wrong_password_codes = ("login.unknown_access_key",)
    probe_query = '{"ListTables": {"Limit": 1}}'
    undefined_table_query = "SELECT * FROM no_such_table_anywhere"
    syntax_error = ('{"Scan": {"TableName": "naïve", "Limit": }}', 42)

    def prepare(self) -> None:
        server = self.server
        server.make_table("types", a_id="N")
        server.put(
            "types",
            [
                {"a_id": {"N": str(number)}, **{c.column: self._given(c, number) for c in _TYPES.columns}}
                for number in range(_TYPES.row_count())
            ],
        )
        server.make_table("parameters", a="N")
        row = {"a": {"N": "42"}, "b": {"S": UNICODE}, "c": {"BOOL": True}, "d": {"N": "0.1"}}
        server.put("parameters", [row])
        server.make_table("rows", b="N", n="N")
        server.put(
            "rows",
            [{"b": {"N": "0"}, "n": {"N": str(n)}, "pad": {"S": f"{n:x<100}"}} for n in range(_ROWS)],
        )

    @staticmethod
    def _given(column: NativeType, number: int) -> Any:
        return column.values[number - 1][0] if 0 < number <= len(column.values) else {"NULL": True}

    def base_draft(self, server: Any) -> dict[str, Any]:
        return {
            "configuration": {"region": server.region, "endpoint": server.endpoint},
            "authentication": {
                "type": "access_key",
                "access_key_id": server.access_key,
                "secret_access_key": server.secret_key,
            },
        }

    def aimed_at(self, name: str, host: str, port: int) -> dict[str, Any]:
        return self.draft(name, configuration={"endpoint": f"http://{host}:{port}"})

    def wrong_password(self, name: str) -> dict[str, Any]:
        # The emulator looks at the form of the key's id only.
        return self.draft(name, authentication={"access_key_id": "wrong-key-id"})

    def secrets(self) -> list[str]:
        return [self.server.secret_key]

    def types_query(self) -> str:
        ids = [{"a_id": {"N": str(number)}} for number in range(_TYPES.row_count())]
        return _operation("TransactGetItems", TransactItems=[{"Get": {"TableName": "types", "Key": k}} for k in ids])

    def empty_query(self) -> tuple[str, pa.Schema]:
        return (
            "SELECT c_int, c_decimal FROM types WHERE a_id = -1",
            pa.schema([("c_decimal", pa.decimal128(38, 10)), ("c_int", pa.int64())]),
        )

    def parameter_query(self) -> tuple[str, list[Any], list[Any]]:
        sql = "SELECT a, b, c, d FROM parameters WHERE a = ? AND b = ? AND c = ? AND d = ?"
        return sql, [42, UNICODE, True, 0.1], [42, UNICODE, True, Decimal("0.1")]

    def rows_query(self, rows: int) -> str:
        return f'SELECT n, "pad" FROM "rows" WHERE b = 0 AND n < {rows}'

    def endless_query(self, marker: str) -> str:
        # A page for each item, and no item passes: twelve thousand requests.
        return _operation(
            "Scan",
            TableName="rows",
            Limit=1,
            FilterExpression="#pad = :marker",
            ExpressionAttributeNames={"#pad": "pad"},
            ExpressionAttributeValues={":marker": {"S": marker}},
        )

    def endless_rows(self, marker: str) -> str:
        names = {"#pad": "pad"}
        return _operation(
            "Scan", TableName="rows", ProjectionExpression="n, #pad", ExpressionAttributeNames=names, Limit=40
        )

    def table_path(self) -> str:
        return "types"

    def browse_path(self) -> str:
        return ""

    def ingest_table(self) -> pa.Table:
        return pa.table(
            {
                "id": pa.array([1, 2, 3], pa.int64()),
                "name": pa.array([UNICODE, None, ""], pa.string()),
                "price": pa.array([Decimal("12.34"), Decimal("-0.01"), None], pa.decimal128(38, 2)),
                "tags": pa.array([["a", None], [], None], pa.list_(pa.string())),
                "z_data": pa.array([b"\x00\xff", b"", None], pa.binary()),
            }
        )

    def ingest_path(self) -> str:
        return "ingested"

    def ingested_query(self) -> str:
        keys = [{"id": {"N": str(number)}} for number in (1, 2, 3)]
        gets = [{"Get": {"TableName": "ingested", "Key": key}} for key in keys]
        return _operation("TransactGetItems", TransactItems=gets)

    def appended(self, table: pa.Table) -> pa.Table:
        """Items of an equal key replace each other."""
        return table
