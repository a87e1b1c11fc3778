"""Elasticsearch: logins, pages of several shards, what hits have beside documents, buckets, drift and refusals."""

from __future__ import annotations

import io
import json
import uuid
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from tests.conformance.problem import assert_problem, failed_stage
from tests.conformance.quirks import QUIRKS
from tests.servers.catalog import ServerCatalog
from tests.servers.gateway import GatewayClient
from tests.servers.process import wait_until

ARROW = "application/vnd.apache.arrow.stream"


@pytest.fixture
def create(servers: ServerCatalog, rest: GatewayClient) -> Iterator[Callable[..., str]]:
    """Creates connections that the test's end deletes."""
    names: list[str] = []

    def make(**changes: Any) -> str:
        name = f"elasticsearch-{uuid.uuid4().hex[:8]}"
        rest.create(QUIRKS["elasticsearch"](servers).draft(name, **changes))
        names.append(name)
        return name

    yield make
    for name in names:
        rest.delete(f"/connections/{name}")


@pytest.fixture
def node(servers: ServerCatalog) -> Any:
    """The node behind the door."""
    return servers.get("opensearch").node


@pytest.fixture
def index(node: Any) -> Iterator[str]:
    """The name of an index that is not there yet and is gone afterwards."""
    name = f"t-{uuid.uuid4().hex[:8]}"
    yield name
    node.call("DELETE", f"/{name}?ignore_unavailable=true")


def search(index: str, **body: Any) -> str:
    """Returns a statement."""
    return json.dumps({"index": index, **body})


def fill(node: Any, index: str, documents: list[dict[str, Any]], **settings: Any) -> None:
    """Makes an index with documents whose _id is their place."""
    node.call("PUT", f"/{index}", {"settings": {"number_of_replicas": 0, **settings}})
    lines = "".join(
        json.dumps({"index": {"_id": str(number)}}) + "\n" + json.dumps(row) + "\n"
        for number, row in enumerate(documents)
    )
    assert not node.call("POST", f"/{index}/_bulk?refresh=true", lines.encode())["errors"]


def ingest(rest: GatewayClient, name: str, path: str, mode: str, rows: pa.Table) -> Any:
    """Writes rows."""
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, rows.schema) as writer:
        writer.write_table(rows)
    return rest.post(
        f"/connections/{name}/ingest", params={"path": path, "mode": mode}, data=sink.getvalue(),
        headers={"Content-Type": ARROW},
    )  # fmt: skip


def open_contexts(node: Any) -> int:
    """Returns how many searches the node keeps open between pages."""
    nodes = node.call("GET", "/_nodes/stats/indices/search")["nodes"].values()
    return sum(each["indices"]["search"]["open_contexts"] for each in nodes)


def test_logins(servers: ServerCatalog, rest: GatewayClient) -> None:
    """The door checks them; OpenSearch itself runs without its security plugin."""
    gate = servers.get("opensearch")
    client = gate.client_certificate()
    methods = [
        ({"type": "api_key", "api_key": gate.api_key}, True),
        ({"type": "api_key", "api_key": "bm86c3VjaA=="}, False),
        ({"type": "bearer", "token": gate.token}, True),
        ({"type": "bearer", "token": "none"}, False),
        (
            {
                "type": "certificate",
                "client_certificate": client.certificate.decode(),
                "client_key": client.key.decode(),
            },
            True,
        ),
        ({"type": "none"}, False),
    ]
    for authentication, right in methods:
        draft = QUIRKS["elasticsearch"](servers).draft("logins")
        draft["authentication"] = authentication
        report = rest.post("/connections/test", draft).json()
        if right:
            assert report["status"] == "ok", (authentication["type"], report)
        else:
            failed = failed_stage(report)
            assert (failed["stage"], failed["code"]) == ("login", "login.wrong_password"), failed


def test_tls(servers: ServerCatalog, rest: GatewayClient, create: Callable[..., str]) -> None:
    plain = create(ssl={"enabled": False})
    assert_problem(rest.query(plain, search("x")), "tls.required", stage="tls")
    stranger = create(ssl={"certificate": servers.certificates.other_ca_file.read_text()})
    assert_problem(rest.query(stranger, search("x")), "tls.unknown_ca", stage="tls")
    trusting = create(ssl={"mode": "require", "certificate": ""})
    assert_problem(rest.query(trusting, search("no-such")), "query.undefined_table")
    named = create(ssl={"serverName": "localhost"})
    assert_problem(rest.query(named, search("no-such")), "query.undefined_table")
    other = create(ssl={"serverName": "other.example"})
    assert_problem(rest.query(other, search("x")), "tls.host_mismatch", stage="tls")


@pytest.mark.parametrize("paging", ["point_in_time", "scroll"])
@pytest.mark.parametrize("sort", [None, [{"k": "desc"}]])
def test_pages_of_several_shards_lose_nothing(
    rest: GatewayClient, create: Callable[..., str], node: Any, index: str, paging: str, sort: Any
) -> None:
    """Documents of different shards have the same place; none comes twice and none is left out."""
    rows = 23_456
    fill(node, index, [{"n": n, "k": n % 7} for n in range(rows)], number_of_shards=5)
    before = open_contexts(node)
    name = create(configuration={"paging": paging})
    got = rest.arrow(name, search(index, **({"sort": sort} if sort else {})))
    assert sorted(got["n"].to_pylist()) == list(range(rows))
    if sort:
        assert got["k"].to_pylist() == sorted(got["k"].to_pylist(), reverse=True)
    wait_until("searches closed", lambda: open_contexts(node) == before, 20)
    assert rest.arrow(name, search(index), limit=20_000).num_rows == 20_000
    assert rest.arrow(name, search(index, size=11_000)).num_rows == 11_000
    wait_until("searches closed", lambda: open_contexts(node) == before, 20)


def test_nothing_of_a_hit_is_lost(rest: GatewayClient, create: Callable[..., str], node: Any, index: str) -> None:
    fill(node, index, [{"title": "the red fox", "n": 1}, {"title": "the hen", "n": 2}])
    name = create()
    query = {"match": {"title": {"query": "fox", "_name": "asked"}}}
    text = search(
        index, query=query, highlight={"fields": {"title": {}}}, fields=["n"], meta=["_id", "_index", "_score", "sort"],
        sort=["_score", "n"], track_scores=True, version=True,
    )  # fmt: skip
    row = rest.arrow(name, text).to_pylist()[0]
    assert (row["_id"], row["_index"], row["_version"], row["n"]) == ("0", index, 1, 1)
    assert row["_score"] > 0
    assert json.loads(row["_sort"])[1] == 1
    assert row["_highlight"] == {"title": ["the red <em>fox</em>"]}
    assert row["_fields"] == {"n": [1]}
    assert row["_matched_queries"] == ["asked"]
    fields = rest.arrow(name, search(index, _source=False, fields=["n"], sort=["n"], meta=[]))
    assert fields.to_pylist() == [{"n": [1]}, {"n": [2]}]


def test_what_the_first_documents_do_not_say_drifts(
    rest: GatewayClient, create: Callable[..., str], node: Any, index: str
) -> None:
    documents: list[dict[str, Any]] = [{"n": n, "data": {"a": 1}} for n in range(12_000)]
    documents.append({"n": [1, 2], "data": {"a": 1, "late": 1.25}, "new": "é"})
    node.call("PUT", f"/{index}", {"settings": {"number_of_shards": 1, "number_of_replicas": 0},
              "mappings": {"dynamic": False, "properties": {"n": {"type": "long"}}}})  # fmt: skip
    lines = "".join('{"index":{}}\n' + json.dumps(row) + "\n" for row in documents)
    assert not node.call("POST", f"/{index}/_bulk?refresh=true", lines.encode())["errors"]
    got = rest.arrow(create(), search(index, meta=[]))
    assert got.schema.field("n").type == pa.int64()
    drifted = [json.loads(text) for text in got["_drift"].to_pylist() if text]
    assert drifted == [{"/n": [1, 2], "/data/late": 1.25, "/new": "é"}]


def test_buckets_are_rows(rest: GatewayClient, create: Callable[..., str], node: Any, index: str) -> None:
    fill(node, index, [{"n": n, "k": f"k{n % 3}", "m": n % 2} for n in range(3000)])
    name = create()
    inner = {"total": {"sum": {"field": "n"}}, "halves": {"terms": {"field": "m", "order": {"_key": "asc"}}}}
    terms = {"kinds": {"terms": {"field": "k.keyword", "order": {"_key": "asc"}}, "aggs": inner}}
    rows = rest.arrow(name, search(index, aggs=terms)).to_pylist()
    assert len(rows) == 6
    assert rows[0] == {"kinds": "k0", "kinds_doc_count": 1000, "total": 1498500.0, "halves": 0, "doc_count": 500}
    composite = {"all": {"composite": {"size": 100, "sources": [{"n": {"terms": {"field": "n"}}}]}}}
    rows = rest.arrow(name, search(index, aggs=composite)).to_pylist()
    assert [row["n"] for row in rows] == list(range(3000)), "every page of it"
    stats = rest.arrow(name, search(index, query={"match_all": {}}, aggs={"s": {"stats": {"field": "n"}}})).to_pylist()
    assert (len(stats), stats[0]["s"]["max"]) == (1, 2999.0)
    assert_problem(rest.query(name, search(index, size=5, aggs=terms)), "query.syntax_error")


def test_documents_are_written_by_name_and_refused_by_row(
    rest: GatewayClient, create: Callable[..., str], node: Any, index: str
) -> None:
    name = create()
    node.call("PUT", f"/{index}", {"settings": {"number_of_replicas": 0}, "aliases": {f"{index}-alias": {}}})
    digits = Decimal("123456789012345678901234567890.12")
    rows = pa.table({"_id": ["b", "a"], "price": pa.array([digits, None], pa.decimal128(38, 2)), "u": [1, 2]})
    assert ingest(rest, name, index, "replace", rows).status_code == 200
    assert ingest(rest, name, index, "append", rows).status_code == 200
    got = rest.arrow(name, search(f"{index}-alias", sort=["_id"]))
    assert got.to_pylist() == [{"_id": "a", "price": None, "u": 2}, {"_id": "b", "price": digits, "u": 1}]
    assert got.schema.field("price").type == pa.decimal128(38, 2)
    bad = pa.table({"_id": ["c", "d"], "u": ["3", "three"]})
    problem = assert_problem(ingest(rest, name, index, "append", bad), "ingest.value_refused", stage="query")
    assert "row 1" in problem["detail"]
    assert "[u]" in problem["detail"]
    assert problem["details"]["rows_written"] == 1
    for path, mode, code in (
        ("no-such", "append", "query.undefined_table"),
        (f"{index}-alias", "replace", "ingest.not_an_index"),
        ("_bulk", "create", "query.invalid_name"),
        ("t-*", "replace", "query.invalid_name"),
        ("UPPER", "create", "query.invalid_name"),
    ):
        assert_problem(ingest(rest, name, path, mode, rows), code)
    nan = pa.table({"x": [1.5, float("nan")]})
    assert_problem(ingest(rest, name, index, "append", nan), "ingest.value_not_storable")


def test_read_only(rest: GatewayClient, create: Callable[..., str], node: Any, index: str) -> None:
    fill(node, index, [{"n": 1}])
    name = create(configuration={"read_only": True})
    assert rest.arrow(name, search(index, meta=[])).to_pylist() == [{"n": 1}]
    refused = ingest(rest, name, index, "append", pa.table({"n": [1]}))
    assert_problem(refused, "query.read_only", status=403)
    for hostile in ("_bulk", "_cluster", "x/_doc", "../_cluster", f"{index}/_doc"):
        assert rest.query(name, search(hostile)).status_code >= 400
    assert node.call("GET", f"/{index}/_count")["count"] == 1


def test_failures(rest: GatewayClient, create: Callable[..., str], node: Any, index: str) -> None:
    fill(node, index, [{"title": "text", "n": 1}])
    name = create()
    for body, code in (
        ({"query": {"no_such_query": {}}}, "query.syntax_error"),
        ({"query": {"term": {"n": "text"}}}, "query.bad_value"),
        ({"sort": ["title"]}, "query.bad_value"),
        ({"query": {"script": {"script": "1 +"}}}, "query.script_failed"),
        ({"no_such_member": 1}, "query.syntax_error"),
    ):
        assert_problem(rest.query(name, search(index, **body)), code, stage="query")
    node.call("POST", f"/{index}/_close")
    assert_problem(rest.query(name, search(index)), "query.index_closed")


def test_explain(rest: GatewayClient, create: Callable[..., str], node: Any, index: str) -> None:
    fill(node, index, [{"n": 1}])
    name = create()
    answer = rest.post(f"/connections/{name}/explain", {"query": search(index, query={"range": {"n": {"gte": 1}}})})
    assert answer.status_code == 200, answer.text
    (child,) = answer.json()["plan"]["children"]
    assert (child["index"], "n:[1 TO" in child["query"]) == (index, True)
    wrong = rest.post(f"/connections/{name}/explain", {"query": search(index, query={"no_such_query": {}})})
    assert_problem(wrong, "query.syntax_error")


def test_a_pattern_may_match_nothing(rest: GatewayClient, create: Callable[..., str]) -> None:
    assert rest.arrow(create(), search("no-such-index-*")).num_rows == 0


def test_browse_knows_aliases_and_data_streams(
    rest: GatewayClient, create: Callable[..., str], node: Any, index: str
) -> None:
    fill(node, index, [{"n": 1}])
    node.call("POST", "/_aliases", {"actions": [{"add": {"index": index, "alias": f"{index}-a"}}]})
    template = {"index_patterns": [f"{index}-s*"], "data_stream": {}}
    node.call("PUT", f"/_index_template/{index}", template)
    node.call("PUT", f"/_data_stream/{index}-s")
    name = create()
    try:
        items = rest.get(f"/connections/{name}/browse", params={"path": ""}).json()["items"]
        kinds = {item["path"]: item["kind"] for item in items}
        assert kinds[index] == "table"
        assert kinds[f"{index}-a"] == "alias"
        assert kinds[f"{index}-s"] == "data_stream"
        inside = rest.get(f"/connections/{name}/browse", params={"path": f"{index}-a"}).json()["items"]
        assert [item["path"] for item in inside] == [index]
        described = rest.get(f"/connections/{name}/describe", params={"path": index}).json()
        assert (described["row_estimate"], described["size_bytes"] > 0) == (1, True)
        assert [(c["name"], c["native_type"], c["arrow_type"]) for c in described["columns"]] == [
            ("_id", "_id", "string"),
            ("n", "long", "int64"),
        ]
    finally:
        node.call("DELETE", f"/_data_stream/{index}-s")
        node.call("DELETE", f"/_index_template/{index}")
