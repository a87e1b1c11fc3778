"""Cassandra's answers to the suite."""

from __future__ import annotations

import datetime
import ipaddress
import struct
import uuid
from typing import Any

import pyarrow as pa
from cassandra.query import BatchStatement, BatchType

from tests.conformance.quirks.base import Quirks
from tests.servers import logins
from tests.servers.native_types import UNICODE, NativeType, TypesTable
from tests.servers.systems.cassandra import KEYSPACE

_ROWS = 1_000_000
_PARTITION = 2000
_UTC = datetime.UTC
_UUID = uuid.UUID("12345678-1234-5678-1234-567812345678")
_TIMEUUID = uuid.UUID("c8b6ee80-e75e-11f1-84ec-6fdcfc493284")
_BIG = 2**521 - 1


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _same(*values: int) -> tuple[tuple[str, Any], ...]:
    return tuple((str(value), value) for value in values)


def _interval(months: int, days: int, nanoseconds: int) -> pa.MonthDayNano:
    return pa.MonthDayNano([months, days, nanoseconds])


_NANOS_MAX = 2**63 - 1

#: The names are in alphabetical order, which is that of SELECT *.
_TYPES = TypesTable(
    columns=(
        NativeType("c_ascii", "ascii", pa.string(), (("'plain ~'", "plain ~"), ("''", ""))),
        NativeType("c_bigint", "bigint", pa.int64(), _same(-(2**63), 2**63 - 1, 0)),
        NativeType("c_blob", "blob", pa.binary(), (("0x00ff10", b"\x00\xff\x10"), ("0x", b""))),
        NativeType("c_boolean", "boolean", pa.bool_(), (("true", True), ("false", False))),
        NativeType(
            "c_date",
            "date",
            pa.date32(),
            (
                ("'1970-01-01'", datetime.date(1970, 1, 1)),
                ("'0001-01-01'", datetime.date(1, 1, 1)),
                ("'9999-12-31'", datetime.date(9999, 12, 31)),
            ),
        ),
        NativeType(
            "c_decimal",
            "decimal",
            pa.string(),
            (
                ("1.10", "1.10"),
                ("-0.0000000000000000000000000000000000000001", "-1E-40"),
                (f"{_BIG}.25", f"{_BIG}.25"),
                ("0.000001", "0.000001"),
                ("1E+30", "1E+30"),
            ),
        ),
        NativeType(
            "c_double",
            "double",
            pa.float64(),
            (
                ("1.7976931348623157e308", 1.7976931348623157e308),
                ("4.9e-324", 5e-324),
                ("-Infinity", float("-inf")),
            ),
        ),
        NativeType(
            "c_duration",
            "duration",
            pa.month_day_nano_interval(),
            (
                ("12h30m", _interval(0, 0, 45_000_000_000_000)),
                ("-1y2mo3d4ns", _interval(-14, -3, -4)),
                ("2147483647mo2147483647d9223372036854775807ns", _interval(2**31 - 1, 2**31 - 1, _NANOS_MAX)),
            ),
        ),
        NativeType("c_float", "float", pa.float32(), (("0.5", 0.5), ("-3.4028235e38", -3.4028234663852886e38))),
        NativeType(
            "c_frozen",
            "frozen<map<text, frozen<list<int>>>>",
            pa.map_(pa.string(), pa.list_(pa.int32())),
            (("{'a': [1, 2], 'é': []}", [("a", [1, 2]), ("é", [])]), ("{}", [])),
        ),
        NativeType(
            "c_inet",
            "inet",
            pa.string(),
            (("'127.0.0.1'", "127.0.0.1"), ("'2001:db8::1'", str(ipaddress.ip_address("2001:db8::1")))),
        ),
        NativeType("c_int", "int", pa.int32(), _same(-(2**31), 2**31 - 1, 0)),
        NativeType("c_list", "list<text>", pa.list_(pa.string()), (("['b', 'a', 'b']", ["b", "a", "b"]),)),
        NativeType(
            "c_map", "map<int, text>", pa.map_(pa.int32(), pa.string()), (("{2: 'b', 1: 'é'}", [(1, "é"), (2, "b")]),)
        ),
        NativeType("c_set", "set<uuid>", pa.list_(pa.uuid()), ((f"{{{_UUID}}}", [_UUID]),)),
        NativeType("c_smallint", "smallint", pa.int16(), _same(-(2**15), 2**15 - 1)),
        NativeType(
            "c_text",
            "text",
            pa.string(),
            ((_text(UNICODE), UNICODE), ("''", ""), (_text("é" * 70000), "é" * 70000), ("'a\0b'", "a\0b")),
        ),
        NativeType(
            "c_time",
            "time",
            pa.time64("ns"),
            (("'00:00:00'", datetime.time(0)), ("'23:59:59.999999'", datetime.time(23, 59, 59, 999999))),
        ),
        NativeType(
            "c_timestamp",
            "timestamp",
            pa.timestamp("ms", "UTC"),
            (
                ("'2026-03-29T01:00:00.123Z'", datetime.datetime(2026, 3, 29, 1, 0, 0, 123000, _UTC)),
                ("-62135596800000", datetime.datetime(1, 1, 1, tzinfo=_UTC)),
                ("253402300799999", datetime.datetime(9999, 12, 31, 23, 59, 59, 999000, _UTC)),
            ),
        ),
        NativeType("c_timeuuid", "timeuuid", pa.uuid(), ((str(_TIMEUUID), _TIMEUUID),)),
        NativeType("c_tinyint", "tinyint", pa.int8(), _same(-128, 127)),
        NativeType(
            "c_tuple",
            "tuple<int, text, timestamp>",
            pa.struct([("field_1", pa.int32()), ("field_2", pa.string()), ("field_3", pa.timestamp("ms", "UTC"))]),
            (
                (
                    "(1, null, 0)",
                    {"field_1": 1, "field_2": None, "field_3": datetime.datetime(1970, 1, 1, tzinfo=_UTC)},
                ),
                ("(2, 'b')", {"field_1": 2, "field_2": "b", "field_3": None}),
            ),
        ),
        NativeType(
            "c_udt",
            "address",
            pa.struct([("street", pa.string()), ("zip", pa.int32()), ("tags", pa.list_(pa.string()))]),
            (
                ("{street: 'é 1', zip: 7, tags: {'b', 'a'}}", {"street": "é 1", "zip": 7, "tags": ["a", "b"]}),
                ("{zip: 8}", {"street": None, "zip": 8, "tags": None}),
            ),
        ),
        NativeType("c_uuid", "uuid", pa.uuid(), ((str(_UUID), _UUID),)),
        NativeType(
            "c_varint",
            "varint",
            pa.string(),
            tuple((str(v), str(v)) for v in (0, -1, 128, -129, _BIG, -(2**64), 10**30)),
        ),
        NativeType(
            "c_vector",
            "vector<float, 3>",
            pa.list_(pa.float32(), 3),
            (("[0.5, -1.0, 2.25]", [0.5, -1.0, 2.25]),),
        ),
        NativeType(
            "c_vector_text",
            "vector<text, 2>",
            pa.list_(pa.string(), 2),
            (("['é', '']", ["é", ""]),),
        ),
        NativeType("c_vector_tiny", "vector<smallint, 2>", pa.list_(pa.int16(), 2), (("[-2, 300]", [-2, 300]),)),
    ),
)


class CassandraQuirks(Quirks):
    """One node over TLS, with a client certificate and a password; the one that is killed asks for no certificate."""

    type = "cassandra"
    system = "Apache Cassandra"
    server_name = "cassandra"
    mortal_name = "cassandra_mortal"
    types_table = _TYPES
    probe_query = "SELECT release_version FROM system.local"
    syntax_error = ("SELECT * /* é */\nFORM visible", 18)

    def prepare(self) -> None:
        with self.server.connect() as session:
            session.set_keyspace(KEYSPACE)
            session.execute("DROP TABLE IF EXISTS types")
            session.execute("CREATE TYPE IF NOT EXISTS address (street text, zip int, tags frozen<set<text>>)")
            declared = ", ".join(f"{column.column} {column.sql}" for column in _TYPES.columns)
            session.execute(f"CREATE TABLE types (id int PRIMARY KEY, {declared})")
            for number in range(_TYPES.row_count()):
                given = [(c.column, c.values[number - 1][0]) for c in _TYPES.columns if 0 < number <= len(c.values)]
                names = ", ".join(["id", *(name for name, _ in given)])
                values = ", ".join([str(number), *(value for _, value in given)])
                session.execute(f"INSERT INTO types ({names}) VALUES ({values})")
            session.execute(
                "CREATE FUNCTION IF NOT EXISTS burn(n int) CALLED ON NULL INPUT RETURNS int LANGUAGE java AS"
                " $$ long end = System.nanoTime() + 100000000L; int x = 0; while (System.nanoTime() < end) { x++; }"
                " return n; $$"
            )
            session.execute(
                "CREATE TABLE IF NOT EXISTS rows (part int, n bigint, pad text STATIC, PRIMARY KEY (part, n))"
            )
            self._fill(session)

    @staticmethod
    def _fill(session: Any) -> None:
        """Writes the rows: a batch a partition, its values packed here, because the driver's binding is slow."""
        keys = session.prepare("INSERT INTO rows (part, n) VALUES (?, ?)").query_id
        pads = session.prepare("INSERT INTO rows (part, pad) VALUES (?, ?)").query_id
        pending = []
        for part in range(_ROWS // _PARTITION):
            batch = BatchStatement(BatchType.UNLOGGED)
            key = struct.pack(">i", part)
            batch._statements_and_parameters = [
                (True, pads, (key, b"%-100d" % part)),
                *((True, keys, (key, struct.pack(">q", n))) for n in range(part * _PARTITION, (part + 1) * _PARTITION)),
            ]
            pending.append(session.execute_async(batch))
            if len(pending) > 8:
                pending.pop(0).result()
        for future in pending:
            future.result()

    def base_draft(self, server: Any) -> dict[str, Any]:
        login: dict[str, str] = {
            "type": "basic",
            "username": logins.APP.user,
            "password": logins.APP.password,
        }
        if server.client_auth:
            certificate, key = (file.read_text() for file in server.client_files)
            login |= {"type": "certificate", "client_certificate": certificate, "client_key": key}
        return {
            "configuration": {"host": "127.0.0.1", "port": server.port, "keyspace": KEYSPACE},
            "authentication": login,
            "ssl": {"enabled": True, "mode": "verify-full", "certificate": server.ca_file.read_text()},
        }

    def secrets(self) -> list[str]:
        return [logins.APP.password, *(file.read_text() for file in self.server.client_files)]

    def types_query(self) -> str:
        # ORDER BY is for clustering columns only; several keys are answered in their order.
        keys = ", ".join(str(number) for number in range(_TYPES.row_count()))
        return f"SELECT * FROM types WHERE id IN ({keys})"

    def empty_query(self) -> tuple[str, pa.Schema]:
        return (
            "SELECT c_bigint, c_uuid, c_map FROM types WHERE id = -1",
            pa.schema([("c_bigint", pa.int64()), ("c_uuid", pa.uuid()), ("c_map", pa.map_(pa.int32(), pa.string()))]),
        )

    def parameter_query(self) -> tuple[str, list[Any], list[Any]]:
        cql = (
            "SELECT (bigint)? AS a, (text)? AS b, (double)? AS d, (text)? AS e, (decimal)? AS f, (date)? AS g,"
            " (list<int>)? AS h FROM system.local"
        )
        given = [42, UNICODE, 0.1, None, "12.340", "2026-02-28", "[1, 2]"]
        return cql, given, [42, UNICODE, 0.1, None, "12.340", datetime.date(2026, 2, 28), [1, 2]]

    def rows_query(self, rows: int) -> str:
        if rows >= _ROWS:
            return "SELECT n, pad FROM rows"
        whole, rest = divmod(rows, _PARTITION)
        if whole == 0:
            return f"SELECT n, pad FROM rows WHERE part = 0 AND n < {rest}"
        parts = ", ".join(str(part) for part in range(whole))
        return f"SELECT n, pad FROM rows WHERE part IN ({parts})"

    def endless_query(self, marker: str) -> str:
        # Eight seconds: a node goes on after its client has left, and must not be busy for ever.
        return f"SELECT burn(part) FROM rows /* {marker} */ LIMIT 80"

    def endless_rows(self, marker: str) -> str:
        return f"SELECT n, pad FROM rows /* {marker} */"

    def table_path(self) -> str:
        return "analytics.types"

    def browse_path(self) -> str:
        return "analytics"

    def ingest_table(self) -> pa.Table:
        return pa.table(
            {
                "id": pa.array([1, 2, 3], pa.int64()),
                "at": pa.array([None, 0, 1_700_000_000_123], pa.timestamp("ms", "UTC")),
                "data": pa.array([b"\x00\xff", b"", None], pa.binary()),
                "day": pa.array([datetime.date(2026, 2, 28), None, datetime.date(1, 1, 1)], pa.date32()),
                "name": pa.array([UNICODE, None, ""], pa.string()),
                "pair": pa.array([[0.5, 1.5], None, [2.5, -1.0]], pa.list_(pa.float32(), 2)),
                "ratio": pa.array([0.1, -2.5, None], pa.float64()),
                "tags": pa.array([["a", "é"], [], None], pa.list_(pa.string())),
            }
        )

    def ingest_path(self) -> str:
        return "analytics.ingested"

    def ingested_query(self) -> str:
        return "SELECT * FROM analytics.ingested WHERE id IN (1, 2, 3)"

    def appended(self, table: pa.Table) -> pa.Table:
        return table  # Writing a row with a known key replaces it.
