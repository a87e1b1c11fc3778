"""HDFS over WebHDFS: files, tables, refusals and name nodes that take over, against Hadoop's own nodes."""

from __future__ import annotations

import hashlib
import http.server
import io
import json
import os
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import requests

from tests.conformance.problem import assert_problem, failed_stage
from tests.conformance.quirks import QUIRKS
from tests.servers.black_hole import refused_port
from tests.servers.catalog import ServerCatalog
from tests.servers.gateway import GatewayClient
from tests.servers.process import LOOPBACK

MIB = 1024 * 1024


@pytest.fixture
def server(servers: ServerCatalog) -> Any:
    """The cluster: an active name node, one in standby, a data node."""
    return servers.get("hdfs")


@pytest.fixture
def draft(servers: ServerCatalog, server: Any) -> Callable[..., dict[str, Any]]:
    """Makes drafts in a fresh folder of the user."""

    def make(**configuration: Any) -> dict[str, Any]:
        folder = f"/data/{uuid.uuid4().hex}"
        assert server.call("PUT", folder, "MKDIRS", user=server.user).ok
        name = f"hdfs-{uuid.uuid4().hex[:8]}"
        return QUIRKS["hdfs"](servers).draft(name, configuration={"path": folder, **configuration})

    return make


@pytest.fixture
def create(rest: GatewayClient) -> Iterator[Callable[[dict[str, Any]], str]]:
    """Creates connections that the test's end deletes."""
    names: list[str] = []

    def make(body: dict[str, Any]) -> str:
        rest.create(body)
        names.append(body["name"])
        return body["name"]

    yield make
    for name in names:
        rest.delete(f"/connections/{name}")


def objects(name: str, key: str = "") -> str:
    """Returns the path of an object."""
    return f"/connections/{name}/objects/{quote(key)}" if key else f"/connections/{name}/objects"


def put(rest: GatewayClient, name: str, key: str, content: bytes) -> requests.Response:
    """Writes an object and returns the answer."""
    return rest.request("PUT", objects(name, key), data=content)


def listed(rest: GatewayClient, name: str, **query: Any) -> tuple[list[str], list[str]]:
    """Returns keys and prefixes of a whole listing, page by page."""
    keys: list[str] = []
    prefixes: list[str] = []
    cursor = ""
    for _ in range(500):
        page = rest.get(objects(name), params={**query, "cursor": cursor}).json()
        keys += [item["key"] for item in page["items"]]
        prefixes += page.get("prefixes", [])
        cursor = page.get("next") or ""
        if not cursor:
            return keys, prefixes
    raise AssertionError("the listing does not end")


def refusal(rest: GatewayClient, body: dict[str, Any]) -> tuple[str, str]:
    """Returns stage and code of the failed test of a draft."""
    report = rest.post("/connections/test", body).json()
    stages = [stage for stage in report["stages"] if stage["status"] == "failed"]
    failed = failed_stage(report) if len(stages) == 1 else stages[0]
    assert failed["hints"], failed
    return failed["stage"], failed["code"]


def test_files_of_all_sizes_come_back(rest: GatewayClient, server: Any, draft: Any, create: Any) -> None:
    body = draft()
    name = create(body)
    for key, size in {"empty": 0, "späce ünd +&?#%/漢字.bin": 1000, "parts/large.bin": 20 * MIB + 17}.items():
        for _ in range(2):  # The second takes the first one's place.
            content = os.urandom(size)
            answer = put(rest, name, key, content)
            assert answer.status_code in (200, 201), answer.text
        got = rest.get(objects(name, key))
        assert hashlib.sha256(got.content).digest() == hashlib.sha256(content).digest()
        head = rest.request("HEAD", objects(name, key))
        assert (head.status_code, head.headers["Content-Length"]) == (200, str(size))
        if size:
            part = rest.get(objects(name, key), headers={"Range": "bytes=5-9"})
            assert (part.status_code, part.content) == (206, content[5:10])
    assert listed(rest, name, delimiter="/") == (["empty"], ["parts/", "späce ünd +&?#%/"])
    keys = ["empty", "parts/large.bin", "späce ünd +&?#%/漢字.bin"]
    assert listed(rest, name, limit=2) == (keys, [])
    on_disk = server.call("GET", body["configuration"]["path"] + "/parts", "LISTSTATUS").json()
    assert [row["pathSuffix"] for row in on_disk["FileStatuses"]["FileStatus"]] == ["large.bin"], "uploads left behind"
    for key in [*keys, "parts/", "never/there"]:
        assert rest.delete(objects(name, key)).status_code == 204
    assert_problem(rest.get(objects(name, "parts/large.bin")), "object.not_found", status=404)
    assert listed(rest, name, delimiter="/") == ([], ["späce ünd +&?#%/"])


def test_large_folders_and_deep_ones_are_listed_in_pages(
    rest: GatewayClient, server: Any, draft: Any, create: Any
) -> None:
    """The name node gives 100 names at a time here, in an order where 'é' comes before 'a'."""
    body = draft()
    path = body["configuration"]["path"]
    expected = {f"a/{i:03}/f" for i in range(110)} | {"a-b", "é", "a/x/y/z/deep", "ab"}
    for key in sorted(expected):
        server.write(f"{path}/{quote(key)}", b"1")
    assert server.call("PUT", f"{path}/nothing/in/it", "MKDIRS").ok
    name = create(body)
    for limit in (7, 1000):
        keys, _ = listed(rest, name, limit=limit)
        assert len(keys) == len(expected)
        assert set(keys) == expected
    keys, prefixes = listed(rest, name, prefix="a/", delimiter="/", limit=30)
    assert keys == []
    assert prefixes == [f"a/{i:03}/" for i in range(110)] + ["a/x/"]
    assert set(listed(rest, name, prefix="a/01")[0]) == {f"a/{i:03}/f" for i in range(10, 20)}
    assert listed(rest, name, prefix="no/such/")[0] == []
    assert_problem(rest.get(objects(name), params={"delimiter": "-"}), "object.invalid_delimiter")


def test_csv_json_and_hive_partitions_are_tables(rest: GatewayClient, draft: Any, create: Any) -> None:
    name = create(draft())
    for key, text in {
        "sales/year=2025/a.csv": "id,name\n1,Zoë\n",
        "sales/year=2026/b.csv": "id,name\n2,Bob\n3,\n",
        "people.json": '{"id": 1, "city": "Łódź"}\n',
    }.items():
        assert put(rest, name, key, text.encode()).status_code in (200, 201)
    rows = rest.arrow(name, "SELECT year, count(*)::INTEGER AS n FROM 'sales/**/*.csv' GROUP BY 1 ORDER BY 1")
    assert rows.to_pylist() == [{"year": 2025, "n": 1}, {"year": 2026, "n": 2}]
    rows = rest.arrow(name, "SELECT s.name, p.city FROM 'sales/' s JOIN 'people.json' p ON s.id = p.id")
    assert rows.to_pylist() == [{"name": "Zoë", "city": "Łódź"}]
    assert_problem(rest.query(name, "SELECT * FROM 'none/*.csv'"), "query.undefined_table")
    assert_problem(rest.query(name, "SELECT * FROM '../x.csv'"), "query.not_allowed")


def test_queries_read_only_what_they_need(rest: GatewayClient, server: Any, draft: Any, create: Any) -> None:
    """One column of one row group in twenty: the data node counts what it reads."""
    body = draft()
    name = create(body)
    rows = 400_000
    table = pa.table({"n": pa.array(range(rows)), **{f"pad{i}": [os.urandom(16) for _ in range(rows)] for i in (0, 1)}})
    sink = io.BytesIO()
    pq.write_table(table, sink, row_group_size=rows // 20, compression="none")
    server.write(f"{body['configuration']['path']}/wide.parquet", sink.getvalue())
    before = server.bytes_read()
    found = rest.arrow(name, "SELECT sum(n) AS s FROM 'wide.parquet' WHERE n BETWEEN 100 AND 109")
    assert found.to_pylist() == [{"s": sum(range(100, 110))}]
    assert server.bytes_read() - before < len(sink.getvalue()) / 4


def test_read_only_connections_write_nothing(rest: GatewayClient, draft: Any, create: Any) -> None:
    name = create(draft(read_only=True))
    assert_problem(put(rest, name, "x", b"x"), "query.read_only")
    assert_problem(rest.delete(objects(name, "x")), "query.read_only")
    assert listed(rest, name) == ([], [])


def test_refusals_are_named(rest: GatewayClient, server: Any, draft: Any, create: Any) -> None:
    assert refusal(rest, draft(path="/no/such/folder")) == ("login", "folder.not_found")
    report = rest.post("/connections/test", draft(path="/private")).json()
    privileges = next(stage for stage in report["stages"] if stage["stage"] == "privileges")
    assert "READ_EXECUTE" in json.dumps(privileges), report
    server.write("/private/x.csv", b"id\n1\n")
    outside = create(draft(path="/"))
    assert_problem(rest.get(objects(outside, "private/x.csv")), "object.no_privilege", status=403)
    assert_problem(put(rest, outside, "private/y", b"y"), "object.no_privilege", status=403)
    assert_problem(put(rest, outside, "new", b"y"), "object.no_privilege", status=403)
    assert_problem(rest.query(outside, "SELECT * FROM 'private/x.csv'"), "query.no_privilege")
    name = create(draft())
    assert put(rest, name, "a/b", b"12345").status_code in (200, 201)
    assert_problem(put(rest, name, "a", b"1"), "object.path_conflict")
    assert_problem(put(rest, name, "a/b/c", b"1"), "object.path_conflict")
    assert_problem(rest.delete(objects(name, "a")), "object.path_conflict")
    assert_problem(rest.delete(objects(name, "a/")), "object.path_conflict")
    assert_problem(put(rest, name, "a:b", b"1"), "object.invalid_key")
    assert_problem(rest.get(objects(name, "a")), "object.not_found", status=404)
    answer = rest.get(objects(name, "a/b"), headers={"Range": "bytes=9-12"})
    assert answer.status_code == 416, answer.text
    assert rest.get(objects(name, "a/b")).content == b"12345"


def test_the_active_name_node_is_found(rest: GatewayClient, server: Any, draft: Any, create: Any) -> None:
    standby, active = f"{LOOPBACK}:{server.standby_port}", f"{LOOPBACK}:{server.port}"
    dead = f"{LOOPBACK}:{refused_port()}"
    assert refusal(rest, draft(host=standby)) == ("login", "name_node.standby")
    for hosts in (f"{standby},{active}", f"{dead}, {active}", f"{active},{dead}"):
        name = create(draft(host=hosts))
        assert put(rest, name, "x.csv", b"id\n7\n").status_code in (200, 201)
        assert rest.arrow(name, "SELECT id FROM 'x.csv'").to_pylist() == [{"id": 7}]
    stage, code = refusal(rest, draft(host=f"{standby},{dead}"))
    assert (stage, code) in {("tcp", "tcp.refused"), ("login", "tcp.refused")}


@contextmanager
def name_node_that(answer: Callable[[str], tuple[int, dict[str, str], str]]) -> Iterator[int]:
    """A stand-in of a name node; `answer` gives status, headers and body for an operation. Yields its port."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, headers, text = answer(self.path)
            self.send_response(status)
            for key, value in headers.items():
                self.send_header(key, value)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: Any) -> None:
            pass

    stand_in = http.server.ThreadingHTTPServer((LOOPBACK, 0), Handler)
    threading.Thread(target=stand_in.serve_forever, daemon=True).start()
    try:
        yield stand_in.server_address[1]
    finally:
        stand_in.shutdown()
        stand_in.server_close()


def test_what_is_no_name_node_is_told(rest: GatewayClient, draft: Any) -> None:
    for status, text, code in (
        (200, "<html>hello</html>", "response.malformed"),
        (200, '{"FileStatus": 3}', "response.malformed"),
        (404, "nothing here", "response.malformed"),
        (401, "", "login.kerberos_required"),
    ):
        with name_node_that(lambda _, status=status, text=text: (status, {}, text)) as port:
            assert refusal(rest, draft(port=port)) == ("login", code)


def test_data_nodes_that_are_out_of_reach_are_named(rest: GatewayClient, draft: Any, create: Any) -> None:
    elsewhere = refused_port()

    def answer(path: str) -> tuple[int, dict[str, str], str]:
        file = {"type": "FILE", "length": 5, "pathSuffix": "", "modificationTime": 1, "fileId": 1}
        if "op=OPEN" in path and "excludedatanodes" in path:
            sentence = "Failed to find datanode, suggest to check cluster health."
            return 403, {}, json.dumps({"RemoteException": {"exception": "IOException", "message": sentence}})
        if "op=OPEN" in path:
            return 307, {"Location": f"http://{LOOPBACK}:{elsewhere}/webhdfs/v1/x.csv?op=OPEN"}, ""
        if "op=LISTSTATUS_BATCH" in path:
            rows = {"FileStatuses": {"FileStatus": []}}
            return 200, {}, json.dumps({"DirectoryListing": {"partialListing": rows, "remainingEntries": 0}})
        return 200, {}, json.dumps({"FileStatus": file if "x.csv" in path else {**file, "type": "DIRECTORY"}})

    with name_node_that(answer) as port:
        name = create(draft(port=port))
        problem = assert_problem(rest.get(objects(name, "x.csv")), "data_node.unreachable")
        assert str(elsewhere) in problem["detail"]
        assert_problem(rest.query(name, "SELECT * FROM 'x.csv'"), "data_node.unreachable")


def test_name_node_and_data_node_speak_tls(
    servers: ServerCatalog, rest: GatewayClient, create: Callable[[dict[str, Any]], str]
) -> None:
    secure = servers.get("hdfs_https")
    body = QUIRKS["hdfs"](servers).draft(f"hdfs-{uuid.uuid4().hex[:8]}", server=secure)
    trusted = {**body, "configuration": {**body["configuration"], "scheme": "swebhdfs"}}
    assert refusal(rest, trusted) == ("tls", "tls.unknown_ca")
    trusted["configuration"]["tls_ca"] = servers.certificates.ca_pem()
    report = rest.post("/connections/test", trusted).json()
    assert report["status"] == "ok", report
    name = create(trusted)
    content = os.urandom(9 * MIB)
    assert put(rest, name, "a/b.bin", content).status_code in (200, 201)
    assert rest.get(objects(name, "a/b.bin")).content == content
    assert put(rest, name, "x.csv", b"id\n7\n").status_code in (200, 201)
    assert rest.arrow(name, "SELECT id FROM 'x.csv'").to_pylist() == [{"id": 7}]
    plain = servers.get("hdfs")
    wrong = {**trusted, "configuration": {**trusted["configuration"], "port": plain.port}}
    assert refusal(rest, wrong) == ("tls", "tls.handshake_failed")
