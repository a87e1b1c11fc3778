"""Elasticsearch's answers to the suite, given by OpenSearch; passwords and TLS are checked by a door of ours."""

from __future__ import annotations

import datetime
import json
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import pyarrow as pa

from tests.conformance.quirks.base import Quirks
from tests.servers.native_types import UNICODE, NativeType, TypesTable

_UTC = datetime.UTC
_ROWS = 1_000_000
_SLOW_ROWS = 20_000


def _at(*values: Any) -> datetime.datetime:
    return datetime.datetime(*values, tzinfo=_UTC)


def _same(*values: Any) -> tuple[tuple[Any, Any], ...]:
    return tuple((value, value) for value in values)


#: The first of each pair is what the document holds. The server gives mappings in the order of their names.
_TYPES = TypesTable(
    table="types",
    key="_id",
    columns=(
        NativeType("c_binary", "binary", pa.binary(), (("AAH+/w==", b"\x00\x01\xfe\xff"), ("", b""))),
        NativeType("c_boolean", "boolean", pa.bool_(), ((True, True), ("false", False))),
        NativeType("c_byte", "byte", pa.int8(), _same(-128, 127)),
        NativeType(
            "c_date",
            "date",
            pa.timestamp("ms", "UTC"),
            (
                ("9999-12-31T23:59:59.999Z", _at(9999, 12, 31, 23, 59, 59, 999000)),
                ("2026-03-29T03:00:00.123+02:00", _at(2026, 3, 29, 1, 0, 0, 123000)),
                (-62135596800000, _at(1, 1, 1)),
            ),
        ),
        NativeType(
            "c_date_nanos",
            "date_nanos",
            pa.timestamp("ns", "UTC"),
            tuple(
                (text, pa.scalar(nanos, pa.timestamp("ns", "UTC")).as_py())
                for text, nanos in (("2026-03-29T01:00:00.123456789Z", 1774746000123456789), ("1970-01-01", 0))
            ),
        ),
        NativeType(
            "c_double",
            "double",
            pa.float64(),
            (*_same(1.7976931348623157e308, 5e-324), (0.1, 0.1), ("-2.5", -2.5)),
        ),
        NativeType("c_float", "float", pa.float64(), _same(0.1, 3.4e38)),
        NativeType(
            "c_geo_point",
            "geo_point",
            pa.string(),
            (({"lat": 52.5, "lon": 13.4}, {"lat": 52.5, "lon": 13.4}), ([13.4, 52.5], [13.4, 52.5])),
            as_json=True,
        ),
        NativeType("c_integer", "integer", pa.int32(), _same(-(2**31), 2**31 - 1)),
        NativeType("c_ip", "ip", pa.string(), _same("192.0.2.1", "2001:db8::1")),
        NativeType("c_keyword", "keyword", pa.string(), (*_same(UNICODE, ""), (42, "42"))),
        NativeType("c_list", "long", pa.list_(pa.int64()), (([1, None, -3], [1, None, -3]), (7, [7]), ([], []))),
        NativeType("c_long", "long", pa.int64(), _same(-(2**63), 2**63 - 1, 0)),
        NativeType(
            "c_nested",
            "nested",
            pa.list_(pa.struct([("a", pa.int64()), ("b", pa.string())])),
            (
                ([{"a": 1, "b": "é"}, {"b": "x"}], [{"a": 1, "b": "é"}, {"a": None, "b": "x"}]),
                ({"a": 2}, [{"a": 2, "b": None}]),
            ),
        ),
        NativeType(
            "c_object",
            "object",
            pa.struct([("a", pa.int64()), ("b", pa.list_(pa.string()))]),
            (({"a": 1, "b": ["é"]}, {"a": 1, "b": ["é"]}), ({"b": "x"}, {"a": None, "b": ["x"]})),
        ),
        NativeType(
            "c_objects",
            "object",
            pa.list_(pa.struct([("a", pa.int64())])),
            (([{"a": 1}, {"a": 2}], [{"a": 1}, {"a": 2}]), ({"a": 3}, [{"a": 3}])),
        ),
        NativeType(
            "c_range",
            "integer_range",
            pa.string(),
            (({"gte": 1, "lt": 5}, {"gte": 1, "lt": 5}),),
            as_json=True,
        ),
        NativeType("c_short", "short", pa.int16(), _same(-(2**15), 2**15 - 1)),
        NativeType("c_text", "text", pa.string(), _same(UNICODE, "é" * 70000)),
        NativeType("c_unsigned_long", "unsigned_long", pa.uint64(), _same(2**64 - 1, 0)),
    ),
)


def _mapping(column: NativeType) -> dict[str, Any]:
    inner: dict[str, Any] = {"a": {"type": "long"}, "b": {"type": "keyword"}}
    if column.column == "c_objects":
        del inner["b"]
    if column.sql in ("object", "nested"):
        return {"type": column.sql, "properties": inner}
    return {"type": column.sql}


def _lines(documents: list[tuple[str, dict[str, Any]]]) -> bytes:
    lines = [line for name, row in documents for line in (json.dumps({"index": {"_id": name}}), json.dumps(row))]
    return ("\n".join(lines) + "\n").encode()


def _search(index: str, **body: Any) -> str:
    return json.dumps({"index": index, **body})


class ElasticsearchQuirks(Quirks):
    """OpenSearch over TLS."""

    type = "elasticsearch"
    system = "OpenSearch (a door of the tests checks TLS and passwords)"
    server_name = "opensearch"
    mortal_name = "opensearch_mortal"
    types_table = _TYPES
    primary_key = ["_id"]
    probe_query = _search("parameters")
    undefined_table_query = _search("no_such_table_anywhere")
    syntax_error = ('{"index": "naïve", "query": {"term": }}', 39)

    def __init__(self, servers: Any) -> None:
        super().__init__(servers)
        self._row_markers: set[str] = set()

    def _make(self, index: str, properties: dict[str, Any], **settings: Any) -> None:
        node = self.server.node
        node.call("DELETE", f"/{index}?ignore_unavailable=true")
        node.call(
            "PUT",
            f"/{index}",
            {"settings": {"number_of_replicas": 0, **settings}, "mappings": {"properties": properties}},
        )

    def prepare(self) -> None:
        node = self.server.node
        self._make("types", {column.column: _mapping(column) for column in _TYPES.columns})
        documents = [
            (str(number), {c.column: self._given(c, number) for c in _TYPES.columns})
            for number in range(_TYPES.row_count())
        ]
        assert not node.call("POST", "/types/_bulk?refresh=true", _lines(documents))["errors"]
        kinds = {"a": "long", "b": "keyword", "c": "boolean", "d": "double"}
        self._make("parameters", {name: {"type": kind} for name, kind in kinds.items()})
        row = {"a": 42, "b": UNICODE, "c": True, "d": 0.1}
        assert not node.call("POST", "/parameters/_bulk?refresh=true", _lines([("1", row)]))["errors"]
        unindexed = {"type": "keyword", "index": False, "doc_values": False}
        fast = {"number_of_shards": 2, "refresh_interval": "-1", "translog.durability": "async"}
        self._make("rows", {"n": {"type": "integer"}, "pad": unindexed}, **fast)

        def write(begin: int) -> None:
            body = "".join(f'{{"index":{{}}}}\n{{"n":{n},"pad":"{n:x<100}"}}\n' for n in range(begin, begin + 20_000))
            assert not node.call("POST", "/rows/_bulk?filter_path=errors", body.encode())["errors"]

        with ThreadPoolExecutor(2) as pool:
            list(pool.map(write, range(0, _ROWS, 20_000)))
        node.call("POST", "/rows/_refresh")

    @staticmethod
    def _given(column: NativeType, number: int) -> Any:
        return column.values[number - 1][0] if 0 < number <= len(column.values) else None

    def base_draft(self, server: Any) -> dict[str, Any]:
        return {
            "configuration": {"host": "127.0.0.1", "port": server.port},
            "authentication": {"type": "basic", "username": server.user, "password": server.password},
            "ssl": {"enabled": True, "mode": "verify-full", "certificate": server.ca_file.read_text()},
        }

    def secrets(self) -> list[str]:
        return [self.server.password]

    def types_query(self) -> str:
        return _search("types", sort=[{"_id": "asc"}])

    def empty_query(self) -> tuple[str, pa.Schema]:
        return (
            _search("types", query={"ids": {"values": ["none"]}}, _source=["c_long", "c_date"]),
            pa.schema([("_id", pa.string()), ("c_date", pa.timestamp("ms", "UTC")), ("c_long", pa.int64())]),
        )

    def parameter_query(self) -> tuple[str, list[Any], list[Any]]:
        terms = [{"term": {name: {"$param": place}}} for place, name in enumerate("abcd", 1)]
        row = [42, UNICODE, True, 0.1]
        return _search("parameters", query={"bool": {"filter": terms}}, meta=[]), row, row

    def rows_query(self, rows: int) -> str:
        query = {"match_all": {}} if rows >= _ROWS else {"range": {"n": {"lt": rows}}}
        return _search("rows", query=query, meta=[])

    def endless_query(self, marker: str) -> str:
        # A tenth of a millisecond for each of a million documents, of which none matches.
        source = "long x = 0; for (int i = 0; i < params.turns; ++i) { x += i % 7; } return x < 0;"
        script = {"source": source, "params": {"turns": 20_000, "marker": marker}}
        return _search("rows", query={"script": {"script": script}}, size=10)

    def endless_rows(self, marker: str) -> str:
        self._row_markers.add(marker)
        return _search("rows", query={"match_all": {"_name": marker}}, meta=[])

    def running(self, marker: str, server: Any = None) -> int | None:
        """A stream of rows runs in the server only while a page is made."""
        if marker in self._row_markers:
            return None
        tasks = self.server.node.call("GET", "/_tasks?actions=indices:data/read/search&detailed=true")
        found = [task for node in tasks["nodes"].values() for task in node["tasks"].values()]
        return sum(marker in task["description"] for task in found)

    def table_path(self) -> str:
        return "types"

    def browse_path(self) -> str:
        return ""

    def ingest_table(self) -> pa.Table:
        return pa.table(
            {
                "at": pa.array([None, 0, 1_700_000_000_123], pa.timestamp("ms", "UTC")),
                "data": pa.array([b"\x00\xff", b"", None], pa.binary()),
                "id": pa.array([1, 2, 3], pa.int64()),
                "name": pa.array([UNICODE, None, ""], pa.string()),
                "price": pa.array([Decimal("12.34"), Decimal("-0.01"), None], pa.decimal128(38, 2)),
                "ratio": pa.array([0.1, -2.5, None], pa.float64()),
                "tags": pa.array([["a", None], [], None], pa.list_(pa.string())),
            }
        )

    def ingest_path(self) -> str:
        return "ingested"

    def ingested_query(self) -> str:
        return _search("ingested", sort=["id"], meta=[])
