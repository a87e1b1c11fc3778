"""Objects of an S3 connection, and SQL over them, all with the role's temporary keys."""

from __future__ import annotations

import hashlib
import os
import time
from urllib.parse import quote

import pytest
import requests

from tests.conformance.problem import assert_problem
from tests.servers.gateway import GatewayClient, GatewayServer

MIB = 1024 * 1024


def objects(name: str, key: str = "") -> str:
    """Returns the path of an object."""
    return f"/connections/{name}/objects/{quote(key)}" if key else f"/connections/{name}/objects"


@pytest.mark.parametrize("key", ["plain.txt", "a/b/c.bin", "späce ünd +&?#%.txt", "漢字/🦆"])
def test_put_get_stat_delete(data_lake: str, rest: GatewayClient, key: str) -> None:
    content = os.urandom(1000)
    put = rest.request("PUT", objects(data_lake, key), data=content, headers={"Content-Type": "application/x-odd"})
    assert put.status_code in (200, 201), put.text
    got = rest.get(objects(data_lake, key))
    assert got.status_code == 200
    assert got.content == content
    assert got.headers["Content-Type"] == "application/x-odd"
    assert got.headers["ETag"]
    assert rest.delete(objects(data_lake, key)).status_code == 204
    assert rest.get(objects(data_lake, key)).status_code == 404


def test_range(data_lake: str, rest: GatewayClient) -> None:
    rest.request("PUT", objects(data_lake, "range.txt"), data=b"0123456789")
    got = rest.get(objects(data_lake, "range.txt"), headers={"Range": "bytes=2-5"})
    assert (got.status_code, got.content) == (206, b"2345")
    assert got.headers["Content-Range"] == "bytes 2-5/10"


def test_list_has_pages_and_prefixes(data_lake: str, rest: GatewayClient) -> None:
    for number in range(5):
        rest.request("PUT", objects(data_lake, f"paging/{number}.txt"), data=b"x")
    rest.request("PUT", objects(data_lake, "paging/deep/er.txt"), data=b"x")
    found: list[str] = []
    cursor = ""
    for _ in range(10):
        page = rest.get(objects(data_lake), params={"prefix": "paging/", "limit": 2, "cursor": cursor}).json()
        assert len(page["items"]) <= 2
        found += [item["key"] for item in page["items"]]
        cursor = page.get("next") or ""
        if not cursor:
            break
    assert found == sorted([*(f"paging/{number}.txt" for number in range(5)), "paging/deep/er.txt"])
    page = rest.get(objects(data_lake), params={"prefix": "paging/", "delimiter": "/"}).json()
    assert page["prefixes"] == ["paging/deep/"]
    assert all(item["size"] == 1 for item in page["items"])


def test_large_object_streams_in_bounded_memory(
    data_lake: str, rest: GatewayClient, nstarx_server: GatewayServer
) -> None:
    size = 96 * MIB
    block = os.urandom(MIB)
    nstarx_server.reset_memory_peak()

    def blocks():
        for _ in range(size // MIB):
            yield block

    put = rest.request("PUT", objects(data_lake, "large.bin"), data=blocks(), timeout=100)
    assert put.status_code in (200, 201), put.text
    digest, length = hashlib.sha256(), 0
    with rest.get(objects(data_lake, "large.bin"), stream=True) as got:
        for piece in got.iter_content(MIB):
            digest.update(piece)
            length += len(piece)
    assert length == size
    assert digest.hexdigest() == hashlib.sha256(block * (size // MIB)).hexdigest()
    assert nstarx_server.memory_bytes("VmHWM") < 256 * MIB
    rest.delete(objects(data_lake, "large.bin"))


def test_presigned_url_works_without_a_key_and_expires(data_lake: str, rest: GatewayClient) -> None:
    rest.request("PUT", objects(data_lake, "presigned.txt"), data=b"for a while")
    answer = rest.post(f"/connections/{data_lake}/presign", {"key": "presigned.txt", "method": "GET", "expires_in": 1})
    assert answer.status_code == 200, answer.text
    url = answer.json()["url"]
    assert requests.get(url, timeout=10).content == b"for a while"
    time.sleep(2.1)  # The URL's own expiry is the thing under test; S3 counts whole seconds.
    assert requests.get(url, timeout=10).status_code == 403


def test_missing_object_is_typed(data_lake: str, rest: GatewayClient) -> None:
    assert_problem(rest.get(objects(data_lake, "no/such")), "object.not_found", status=404)


@pytest.mark.parametrize(
    ("sql", "rows"),
    [
        ("SELECT count(*) AS n FROM 'events/*.parquet'", [{"n": 200}]),
        ("SELECT count(*) AS n FROM 'events/part-1.parquet' WHERE id >= 150", [{"n": 50}]),
        ("SELECT id, name FROM 'tables/people.csv' ORDER BY id", [{"id": 1, "name": "Zoë"}, {"id": 2, "name": "Bob"}]),
        ("SELECT id, name FROM 'tables/people.json' ORDER BY id", [{"id": 1, "name": "A"}, {"id": 2, "name": "B"}]),
        (
            "SELECT e.kind, p.name FROM 'events/part-0.parquet' e JOIN 'tables/people.csv' p ON e.id = p.id ORDER BY 2",
            [{"kind": "click", "name": "Bob"}, {"kind": "view", "name": "Zoë"}],
        ),
    ],
)
def test_sql_over_files(data_lake: str, rest: GatewayClient, sql: str, rows: list[dict]) -> None:
    assert rest.arrow(data_lake, sql).to_pylist() == rows


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM read_text('/etc/passwd')",
        "SELECT * FROM '/etc/passwd'",
        "SELECT * FROM read_csv('file:///etc/passwd')",
        "COPY (SELECT 1) TO '/tmp/nstarx-escape.csv'",
        "ATTACH '/tmp/nstarx-escape.db'",
        "INSTALL httpfs",
        "LOAD '/tmp/evil.duckdb_extension'",
        "SET enable_external_access = true",
        "SELECT * FROM glob('/etc/*')",
        "SELECT * FROM read_csv('http://127.0.0.1:1/x.csv')",
    ],
)
def test_sql_over_files_reaches_nothing_but_the_bucket(data_lake: str, rest: GatewayClient, sql: str) -> None:
    answer = rest.query(data_lake, sql)
    assert answer.status_code in (400, 403, 404, 422), answer.text
    assert "root:" not in answer.text
    assert not os.path.exists("/tmp/nstarx-escape.csv")  # noqa: PTH110
    assert not os.path.exists("/tmp/nstarx-escape.db")  # noqa: PTH110
