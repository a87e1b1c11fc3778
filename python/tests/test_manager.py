from __future__ import annotations

import asyncio
import io
import json
import subprocess
import sys

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from conftest import CONNECTION, KEY, ipc_bytes

import nstarx
from nstarx._client import load_credentials
from nstarx._drafts import infer_authentication

TABLE = pa.table({"id": [1, 2, 3], "name": ["a", None, "ü"]})


def echo_json(request, peer):
    peer.answer_json({**CONNECTION, "seen": request.json() if request.body else None})


@pytest.fixture
def manager(serve):
    """Return a manager whose server shows back what it was sent, and that server."""
    server = serve(echo_json)
    return nstarx.ConnectionManager(api_key=KEY, url=server.url), server


def test_the_flattened_keys_of_the_mission(manager):
    conn_mgr, server = manager
    pg_conn = conn_mgr.create_connection(
        name="analytics-db",
        type="postgresql",
        config={
            "host": "db.example.com",
            "port": 5432,
            "database": "analytics",
            "ssl_mode": "require",
        },
        auth={"username": "user", "password": "secure-password"},
    )
    assert isinstance(pg_conn, nstarx.Connection)
    assert "secure-password" not in repr(pg_conn)
    assert server.requests[0].json() == {
        "name": "analytics-db",
        "type": "postgresql",
        "configuration": {"host": "db.example.com", "port": 5432, "database": "analytics"},
        "authentication": {"type": "basic", "username": "user", "password": "secure-password"},
        "ssl": {"enabled": True, "mode": "require"},
    }


@pytest.mark.parametrize(
    ("auth", "kind"),
    [
        ({"username": "u"}, "basic"),
        ({"password": "p"}, "basic"),
        ({"token": "t"}, "token"),
        ({"api_key": "t"}, "token"),
        ({"role_arn": "arn"}, "iam"),
        ({"access_key_id": "a", "secret_access_key": "s"}, "iam"),
        ({"type": "oauth", "token": "t"}, "oauth"),
        ({"keytab": "k"}, None),
    ],
)
def test_authentication_without_a_type(auth, kind):
    assert infer_authentication(auth).get("type") == kind


def test_ssl_disabled_and_uri_and_tags(manager):
    conn_mgr, server = manager
    # The server tells the type of a URI; this one says postgresql to everything.
    conn_mgr.create_connection(
        "a", config={"ssl_mode": "disable"}, uri="postgresql://h/d", tags=["x"], description="d"
    )
    assert server.requests[0].target == "/connections/uri"
    assert server.requests[0].json() == {"uri": "postgresql://h/d"}
    assert server.requests[1].json() == {
        "name": "a",
        "type": "postgresql",
        "configuration": {"uri": "postgresql://h/d"},
        "ssl": {"enabled": False},
        "tags": ["x"],
        "description": "d",
    }


def test_update_is_a_conditional_merge_patch(manager):
    conn_mgr, server = manager
    conn_mgr.update_connection("sales db", {"description": None}, if_match=3, config={"port": 1})
    request = server.requests[0]
    assert (request.method, request.target) == ("PATCH", "/connections/sales%20db")
    assert request.fields["if-match"] == '"3"'
    assert request.fields["content-type"] == "application/merge-patch+json"
    assert request.json() == {"description": None, "configuration": {"port": 1}}


@pytest.mark.parametrize(
    ("call", "method", "target", "body"),
    [
        (lambda m: m.rollback("a", 2), "POST", "/connections/a/rollback", {"version": 2}),
        (lambda m: m.archive("a/b"), "POST", "/connections/a%2Fb/archive", None),
        (lambda m: m.restore("a"), "POST", "/connections/a/restore", None),
        (lambda m: m.test("a"), "POST", "/connections/a/test", None),
        (lambda m: m.delete_connection("a"), "DELETE", "/connections/a", None),
        (lambda m: m.type("s3"), "GET", "/connection-types/s3", None),
        (lambda m: m.audit_verify(), "GET", "/audit/verify", None),
        (lambda m: m.api_keys.revoke("k"), "DELETE", "/api-keys/k", None),
        (lambda m: m.templates.get("postgresql/rds"), "GET", "/templates/postgresql%2Frds", None),
        (lambda m: m.templates.delete("t"), "DELETE", "/templates/t", None),
        (
            lambda m: m.templates.update("t", {"hints": None}),
            "PATCH",
            "/templates/t",
            {"hints": None},
        ),
        (
            lambda m: m.templates.create("t", "postgresql", {"port": 1, "ssl_mode": "require"}),
            "POST",
            "/templates",
            {
                "name": "t",
                "type": "postgresql",
                "configuration": {"port": 1},
                "ssl": {"enabled": True, "mode": "require"},
            },
        ),
        (
            lambda m: m.test_connection(template="sqlite/x", config={"path": "x"}),
            "POST",
            "/connections/test",
            {"template": "sqlite/x", "configuration": {"path": "x"}},
        ),
        (
            lambda m: m.test_connection("sqlite", {"path": "x"}),
            "POST",
            "/connections/test",
            {"type": "sqlite", "configuration": {"path": "x"}},
        ),
    ],
)
def test_requests(manager, call, method, target, body):
    conn_mgr, server = manager
    call(conn_mgr)
    request = server.requests[0]
    assert (request.method, request.target) == (method, target)
    assert (request.json() if request.body else None) == body
    assert ("idempotency-key" in request.fields) == (method != "GET")


def test_an_issued_key(serve):
    server = serve(lambda request, peer: peer.answer_json({"id": "k", "api_key": "nsx_k_1"}))
    conn_mgr = nstarx.ConnectionManager(api_key=KEY, url=server.url)
    issued = conn_mgr.api_keys.create("ci", role="user", expires_at="2027-01-31T00:00:00Z")
    assert issued == {"id": "k", "key": "nsx_k_1"}
    assert server.requests[0].json() == {
        "name": "ci",
        "role": "user",
        "expires": "2027-01-31T00:00:00Z",
    }


def test_lists_follow_their_pages(serve):
    def handler(request, peer):
        start = int(request.parameters.get("cursor", ["0"])[0])
        following = str(start + 2) if start < 4 else None
        peer.answer_json({"items": [{"n": start}, {"n": start + 1}], "next": following})

    server = serve(handler)
    conn_mgr = nstarx.ConnectionManager(api_key=KEY, url=server.url)
    found = conn_mgr.list_connections(type="s3", q="a b&c", page_size=2)
    assert [item["n"] for item in found] == [0, 1, 2, 3, 4, 5]
    assert server.requests[1].parameters == {
        "type": ["s3"],
        "q": ["a b&c"],
        "limit": ["2"],
        "cursor": ["2"],
    }


def test_query_gives_pandas(connect):
    conn, _ = connect(lambda request, peer: peer.answer_rows(ipc_bytes(TABLE)))
    with conn:
        frame = conn.query("SELECT * FROM sales_data")
    assert isinstance(frame, pd.DataFrame)
    assert frame["id"].tolist() == [1, 2, 3]


def test_each_target_and_no_second_consumption(connect):
    conn, _ = connect(lambda request, peer: peer.answer_rows(ipc_bytes(TABLE, 2)))
    rows = TABLE.to_pylist()
    assert conn.execute("q").to_pylist() == rows
    assert conn.execute("q").to_arrow().equals(TABLE)
    assert isinstance(conn.execute("q").to_polars(), pl.DataFrame)
    assert [batch.num_rows for batch in conn.execute("q")] == [2, 1]
    assert pa.table(conn.execute("q")).equals(TABLE)
    assert pl.DataFrame(conn.execute("q")).rows() == [(1, "a"), (2, None), (3, "ü")]
    result = conn.execute("q")
    assert result.schema == TABLE.schema
    result.to_arrow()
    for again in (result.to_arrow, result.to_pandas, result.to_batches, result.__arrow_c_stream__):
        with pytest.raises(nstarx.InterfaceError) as caught:
            again()
        assert caught.value.code == "client.result_consumed"
    assert result.schema == TABLE.schema


@pytest.mark.parametrize(
    "source",
    [
        TABLE,
        TABLE.to_batches()[0],
        TABLE.to_reader(),
        TABLE.to_pandas(),
        pl.from_arrow(TABLE),
        TABLE.to_pylist(),
        TABLE.to_pydict(),
        iter(TABLE.to_batches()),
    ],
    ids=lambda source: type(source).__name__,
)
def test_ingest_takes_what_holds_rows(connect, source):
    conn, server = connect(lambda request, peer: peer.answer_json({"rows": 3}))
    assert conn.ingest("public.t", source, mode="create") == 3
    request = server.requests[-1]
    assert request.target == "/connections/con_1/ingest?table=public.t&mode=create"
    assert request.fields["content-type"] == "application/vnd.apache.arrow.stream"
    assert pa.ipc.open_stream(request.body).read_all().to_pydict() == TABLE.to_pydict()


def test_ingest_of_many_bytes_is_streamed(connect):
    big = pa.table({"n": pa.array(range(2_000_000), pa.int64())})
    conn, server = connect(lambda request, peer: peer.answer_json({"rows": 2_000_000}))
    assert conn.ingest("t", big) == 2_000_000
    assert pa.ipc.open_stream(server.requests[-1].body).read_all().equals(big)
    assert conn.ingest("t", big) == 2_000_000
    assert server.connections == 1


def test_a_refused_ingest_raises_what_the_server_says(serve):
    problem = {"status": 404, "code": "connection.not_found", "kind": "not_found", "detail": "none"}

    def handler(request, peer):
        if request.method == "GET":
            peer.answer_json(CONNECTION)
        else:  # without reading the body
            peer.answer_problem(problem)
            peer.socket.shutdown(1)
            peer.file.read(1_000_000)
            peer.hang_up()

    server = serve(handler)
    conn = nstarx.ConnectionManager(api_key=KEY, url=server.url).get_connection("sales")
    server.reads_bodies = False
    big = pa.table({"n": pa.array(range(8_000_000), pa.int64())})
    with pytest.raises(nstarx.ProgrammingError) as caught:
        conn.ingest("t", big)
    assert caught.value.code == "connection.not_found"


def test_an_ingest_whose_source_fails_is_not_whole_for_the_server(connect):
    def batches():
        yield pa.record_batch({"n": [1]})
        raise RuntimeError("source broke")

    conn, server = connect(lambda request, peer: peer.answer_json({"rows": 1}))
    with pytest.raises(RuntimeError, match="source broke"):
        conn.ingest("t", batches())
    assert [request.method for request in server.requests] == ["GET"]


def test_ingest_refuses_what_holds_no_rows(connect):
    conn, _ = connect(echo_json)
    for source in (5, "text", [], [1, 2]):
        with pytest.raises(nstarx.InterfaceError):
            conn.ingest("t", source)
    with pytest.raises(nstarx.InterfaceError):
        conn.ingest("t", TABLE, mode="upsert")


def test_objects(connect):
    content = bytes(range(256)) * 20_000

    def handler(request, peer):
        fields = {"Content-Type": "text/csv", "ETag": '"e1"', "Last-Modified": "now"}
        if request.method == "HEAD":
            peer.send(
                b"HTTP/1.1 200 OK\r\nContent-Length: 42\r\nContent-Type: text/csv\r\n"
                b'ETag: "e1"\r\nLast-Modified: now\r\n\r\n'
            )
        elif request.method == "GET" and request.path.endswith("/objects"):
            assert request.parameters["prefix"] == ["a/"]
            if "cursor" in request.parameters:
                peer.answer_json({"items": [{"key": "a/2"}], "prefixes": [], "next": None})
            else:
                peer.answer_json({"items": [{"key": "a/1"}], "prefixes": ["a/b/"], "next": "c"})
        elif request.method == "GET":
            peer.answer(200, content, fields)
        elif request.method == "DELETE":
            peer.answer(204)
        elif request.path.endswith("/presign"):
            peer.answer_json({"url": "http://s3/x", **request.json()})
        else:
            peer.answer_json({"key": request.path, "size": len(request.body)})

    conn, server = connect(handler)
    objects = conn.objects
    assert list(objects.list("a/", delimiter="/")) == [
        {"prefix": "a/b/"},
        {"key": "a/1"},
        {"key": "a/2"},
    ]
    assert objects.stat("a/ä b")["size"] == 42
    assert server.requests[-1].target == "/connections/con_1/objects/a/%C3%A4%20b"
    assert objects.get("a/1") == content
    with objects.open("a/1", offset=5, length=10) as reader:
        assert reader.read(7) == content[:7]
    assert server.requests[-1].fields["range"] == "bytes=5-14"
    assert objects.put("k", b"12345")["size"] == 5
    assert objects.put("k", "ü")["size"] == 2
    assert objects.put("k", io.BytesIO(content))["size"] == len(content)
    objects.delete("k")
    assert objects.presign("k", method="PUT", expires_s=60) == "http://s3/x"
    assert server.requests[-1].json() == {"key": "k", "method": "PUT", "expires_s": 60}


def test_parameters_that_cannot_be_sent(connect):
    conn, server = connect(echo_json)
    with pytest.raises(nstarx.NotSupportedError):
        conn.execute("q", [object()])
    with pytest.raises(nstarx.InterfaceError):
        conn.execute("q", "abc")
    assert len(server.requests) == 1


def test_credentials_come_from_argument_environment_or_file(monkeypatch, tmp_path):
    monkeypatch.delenv("NSTARX_URL", raising=False)
    monkeypatch.delenv("NSTARX_API_KEY", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    with pytest.raises(nstarx.InterfaceError) as caught:
        load_credentials(None, None)
    assert caught.value.code == "client.no_api_key"
    (tmp_path / "nstarx").mkdir()
    stored = {"url": "http://127.0.0.1:9", "api_key": "file"}
    (tmp_path / "nstarx" / "credentials.json").write_text(json.dumps(stored))
    assert load_credentials(None, None) == ("http://127.0.0.1:9", "file")
    with pytest.raises(nstarx.InterfaceError):
        load_credentials("http://elsewhere", None)  # the file's key is for the file's server
    monkeypatch.setenv("NSTARX_API_KEY", "env")
    monkeypatch.setenv("NSTARX_URL", "http://127.0.0.1:8")
    assert load_credentials(None, None) == ("http://127.0.0.1:8", "env")
    assert load_credentials("http://127.0.0.1:7", "arg") == ("http://127.0.0.1:7", "arg")


def test_the_key_shows_nowhere(manager):
    conn_mgr, _ = manager
    assert KEY not in repr(conn_mgr) + str(conn_mgr)
    with pytest.raises(nstarx.InterfaceError) as caught:
        nstarx.ConnectionManager(api_key="bad key\r\nX: y", url="http://127.0.0.1")
    assert "bad key" not in str(caught.value)
    with pytest.raises(nstarx.InterfaceError) as caught:
        nstarx.ConnectionManager(api_key=KEY, url="ftp://user:geheim@host")
    assert "geheim" not in str(caught.value)
    with pytest.warns(UserWarning, match="unencrypted"):
        nstarx.ConnectionManager(api_key=KEY, url="http://db.example.com")


def test_importing_needs_neither_pandas_nor_polars():
    code = (
        "import sys; sys.modules['pandas'] = sys.modules['polars'] = None\n"
        "import nstarx, nstarx.dbapi\n"
        "from nstarx._result import _require\n"
        "try: _require('polars')\n"
        "except nstarx.InterfaceError as e: print(e.hints[0])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "pip install 'nstarx[polars]'"


def test_asyncio(serve):
    def handler(request, peer):
        if request.method == "GET" and request.path == "/connections":
            peer.answer_json({"items": [CONNECTION, CONNECTION], "next": None})
        elif request.method == "GET":
            peer.answer_json(CONNECTION)
        else:
            peer.answer_rows(ipc_bytes(TABLE, 2))

    async def run():
        async with nstarx.AsyncConnectionManager(api_key=KEY, url=serve(handler).url) as conn_mgr:
            assert [c["name"] async for c in conn_mgr.list_connections()] == ["sales", "sales"]
            async with await conn_mgr.get_connection("sales") as conn:
                frames = await asyncio.gather(*(conn.query("q") for _ in range(20)))
                assert all(len(frame) == 3 for frame in frames)
                result = await conn.execute("q")
                assert [batch.num_rows async for batch in result] == [2, 1]
                with pytest.raises(nstarx.InterfaceError):
                    await result.to_arrow()

    asyncio.run(run())


def test_the_async_manager_has_every_method():
    def public(cls):
        return {name for name in vars(cls) if not name.startswith("_")}

    assert public(nstarx.ConnectionManager) == public(nstarx.AsyncConnectionManager)
    assert public(nstarx.Connection) | {"info"} == public(nstarx.AsyncConnection)
