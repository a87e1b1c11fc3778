"""Redis: logins, TLS, read-only, replies, tables of every type, privileges and refusals, on Debian's redis-server."""

from __future__ import annotations

import io
import json
import socket
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pyarrow as pa
import pytest

from tests.conformance.problem import assert_problem, failed_stage
from tests.servers.catalog import ServerCatalog
from tests.servers.gateway import GatewayClient
from tests.servers.logins import READER
from tests.servers.process import LOOPBACK
from tests.servers.systems.redis import NARROW

Create = Callable[..., str]
ARROW = "application/vnd.apache.arrow.stream"


def draft_of(server: Any, **changes: Any) -> dict[str, Any]:
    """Returns a working draft; `changes` replace whole parts, configuration is merged."""
    draft: dict[str, Any] = {
        "name": f"redis-{uuid.uuid4().hex[:8]}",
        "type": "redis",
        "configuration": {"host": "127.0.0.1", "port": server.port, "database": 5, **changes.pop("configuration", {})},
        "authentication": {"type": "basic", "username": server.user, "password": server.password},
    }
    if server.ca_file:
        draft["ssl"] = {"enabled": True, "mode": "verify-full", "certificate": server.ca_file.read_text()}
    return {**draft, **changes}


@pytest.fixture
def create(rest: GatewayClient) -> Iterator[Create]:
    """Creates connections that the test's end deletes."""
    names: list[str] = []

    def make(draft: dict[str, Any]) -> str:
        rest.create(draft)
        names.append(draft["name"])
        return str(draft["name"])

    yield make
    for name in names:
        rest.delete(f"/connections/{name}")


@pytest.fixture(params=["redis_plain", "redis_resp2"])
def plain(request: pytest.FixtureRequest, servers: ServerCatalog) -> Any:
    """The server with one password, its database 5 empty; and one that knows RESP2 only."""
    server = servers.get(request.param)
    with server.client(5) as client:
        client.flushdb()
    return server


@pytest.fixture
def name(plain: Any, create: Create) -> str:
    """A connection with a password only."""
    return create(draft_of(plain, authentication={"type": "password", "password": plain.password}))


def rows(rest: GatewayClient, name: str, text: str, **body: Any) -> list[dict[str, Any]]:
    """Returns the rows of a statement."""
    return rest.arrow(name, text, **body).to_pylist()


def refused(rest: GatewayClient, draft: dict[str, Any]) -> tuple[str, str]:
    """Returns stage and code of a failing test."""
    failed = failed_stage(rest.post("/connections/test", draft).json())
    assert failed["hints"], failed
    return failed["stage"], failed["code"]


def test_logins(servers: ServerCatalog, rest: GatewayClient, plain: Any) -> None:
    none = draft_of(plain, authentication={"type": "none"})
    assert refused(rest, none) == ("login", "login.password_required")
    wrong = draft_of(plain, authentication={"type": "password", "password": "canary-no"})
    assert refused(rest, wrong) == ("login", "login.wrong_password")
    right = draft_of(plain, authentication={"type": "password", "password": plain.password})
    assert rest.post("/connections/test", right).json()["status"] == "ok"
    far = draft_of(plain, configuration={"database": 99})
    assert refused(rest, far) == ("login", "login.unknown_database")
    acl = draft_of(servers.get("redis"))
    acl["authentication"]["username"] = "nobody"
    assert refused(rest, acl) == ("login", "login.wrong_password")


def test_a_silent_server_is_not_waited_for(plain: Any, rest: GatewayClient) -> None:
    with socket.socket() as silent:
        silent.bind((LOOPBACK, 0))
        silent.listen(8)
        draft = draft_of(plain, configuration={"port": silent.getsockname()[1], "connect_timeout_ms": 500})
        assert refused(rest, draft) == ("login", "login.timeout")


def test_tls_mismatches_are_named(servers: ServerCatalog, rest: GatewayClient, plain: Any) -> None:
    secure = servers.get("redis")
    without = draft_of(secure, ssl={"enabled": False})
    assert refused(rest, without)[1] == "tls.required_by_server"
    onto_plain = draft_of(plain, ssl={"enabled": True, "mode": "require"})
    assert refused(rest, onto_plain)[0] == "tls"
    untrusted = draft_of(secure, ssl={"enabled": True, "mode": "verify-full"})
    assert refused(rest, untrusted)[1] in ("tls.unknown_ca", "tls.self_signed")


def test_client_certificate(servers: ServerCatalog, rest: GatewayClient) -> None:
    server = servers.get("redis_mutual")
    draft = draft_of(server)
    assert refused(rest, draft) == ("login", "login.client_certificate_required")
    pair = servers.certificates.client("redis")
    certificate, key = pair.write(server.folder / "certs", "given")
    draft["authentication"] |= {"client_certificate": certificate.read_text(), "client_key": key.read_text()}
    report = rest.post("/connections/test", draft).json()
    assert report["status"] == "ok", report


def test_a_rediss_uri_means_tls(servers: ServerCatalog, rest: GatewayClient, create: Create) -> None:
    server = servers.get("redis")
    draft = draft_of(server, ssl={"certificate": server.ca_file.read_text()})
    draft["configuration"] = {"uri": f"rediss://localhost:{server.port}/0"}
    answer = rest.post("/connections/test", draft)
    assert answer.json()["status"] == "ok", answer.text
    stages = {stage["stage"]: stage for stage in answer.json()["stages"]}
    assert stages["tls"]["facts"]["version"].startswith("TLSv1.")


def test_replies_become_rows(name: str, rest: GatewayClient) -> None:
    assert rows(rest, name, "SET k 'a b'") == [{"value": "OK"}]
    assert rows(rest, name, '["GET", "k"]') == [{"value": "a b"}]
    assert rows(rest, name, "GET none") == [{"value": None}]
    assert rows(rest, name, "STRLEN k") == [{"value": 3}]
    assert rows(rest, name, 'SET b "\\x00\\xff"\nGET b') == [{"value": b"\x00\xff"}]
    assert rows(rest, name, "BINARY GET k") == [{"value": b"a b"}]
    rows(rest, name, "HSET h a 1 b é")
    assert rows(rest, name, "HGETALL h") == [{"key": "a", "value": "1"}, {"key": "b", "value": "é"}]
    rows(rest, name, "ZADD z 1.5 one inf all")
    assert rows(rest, name, "ZRANGE z 0 -1 WITHSCORES") == [
        {"member": "one", "score": 1.5},
        {"member": "all", "score": float("inf")},
    ]
    rows(rest, name, "XADD s 1-1 f v")
    assert rows(rest, name, "XRANGE s - +") == [{"id": "1-1", "fields": [("f", "v")]}]
    assert rows(rest, name, "XREAD STREAMS s 0") == [{"stream": "s", "id": "1-1", "fields": [("f", "v")]}]
    assert rows(rest, name, "MULTI\nINCR n\nGET k\nEXEC") == [{"value": "1"}, {"value": '"a b"'}]
    port = [
        row["value"]
        for row in rows(rest, name, "INFO server")
        if (row["section"], row["key"]) == ("Server", "tcp_port")
    ]
    assert port and port[0].isdigit()


def test_the_database_is_the_connections_again(name: str, rest: GatewayClient) -> None:
    rows(rest, name, "SET here 1")
    assert rows(rest, name, "SELECT 6\nGET here") == [{"value": None}]
    for _ in range(3):
        assert rows(rest, name, "GET here") == [{"value": "1"}]


def test_tables_of_every_type(name: str, plain: Any, rest: GatewayClient) -> None:
    with plain.client(5) as client:
        client.hset("t:hash", mapping={"n": 1, "key": "own"})
        client.set("t:text", "é", ex=1000)
        client.rpush("t:list", "a", b"\xff")
        client.sadd("t:set", "m")
        client.zadd("t:zset", {"m": 0.5})
        client.xadd("t:stream", {"f": "v"}, id="1-1")
    found = {row["key"]: row for row in rows(rest, name, "TABLE t:*")}
    assert {key: row["type"] for key, row in found.items()} == {
        "t:hash": "hash", "t:text": "string", "t:list": "list", "t:set": "set", "t:zset": "zset", "t:stream": "stream",
    }  # fmt: skip
    assert found["t:hash"]["n"] == 1
    assert found["t:hash"]["field:key"] == "own"
    assert found["t:hash"]["ttl_ms"] is None
    assert 0 < found["t:text"]["ttl_ms"] <= 1_000_000
    assert found["t:text"]["value"] == "é"
    assert json.loads(found["t:list"]["value"]) == ["a", {"$base64": "/w=="}]
    assert json.loads(found["t:set"]["value"]) == ["m"]
    assert json.loads(found["t:zset"]["value"]) == [["m", 0.5]]
    assert json.loads(found["t:stream"]["value"]) == [["1-1", ["f", "v"]]]
    assert [row["value"] for row in rows(rest, name, "TABLE t:text")] == ["é"]
    assert [row["_key"] for row in rows(rest, name, "TABLE t:* FIELDS _key,n:int")] == ["t:hash"]


def test_what_does_not_fit_drifts(name: str, plain: Any, rest: GatewayClient) -> None:
    with plain.client(5) as client, client.pipeline(transaction=False) as pipe:
        for number in range(2000):
            pipe.hset(f"d:{number:04}", mapping={"n": number})
        pipe.execute()
        # Sorted last, so that the samples have not seen them.
        client.hset("d:9999", mapping={"n": "many", "other": b"\xff"})
        client.set("d:9999x", "text", ex=1000)
    found = rows(rest, name, "TABLE d:* SORTED")
    assert len(found) == 2002
    assert [row["n"] for row in found[:2000]] == list(range(2000))
    assert (found[2000]["n"], json.loads(found[2000]["_drift"])) == (None, {"n": "many", "other": {"$base64": "/w=="}})
    drift = json.loads(found[2001]["_drift"])
    assert (drift["type"], drift["value"], int(drift["ttl_ms"]) > 0) == ("string", "text", True)
    problem = assert_problem(rest.query(name, "TABLE d:* FIELDS n:int SORTED"), "query.type_mismatch")
    assert problem["details"]["column"] == "n"


def test_read_only_refuses_writes(plain: Any, create: Create, rest: GatewayClient) -> None:
    name = create(draft_of(plain, configuration={"read_only": True}))
    with plain.client(5) as client:
        client.set("k", "v")
    for reading in ("GET k", "TABLE k", "SCAN 0", "INFO", "CONFIG GET maxmemory", "XLEN none", "OBJECT ENCODING k",
                    "EVAL_RO \"return redis.call('GET', KEYS[1])\" 1 k", "MULTI\nGET k\nEXEC", "TTL k"):  # fmt: skip
        assert rest.query(name, reading).status_code == 200, reading
    for writing in ("SET k w", "DEL k", "flushall", "EVAL \"return redis.call('DEL', KEYS[1])\" 1 k",
                    "CONFIG SET save x", "GETDEL k", "PUBLISH c m", "SORT k STORE x", "MULTI\nSET k w\nEXEC",
                    '["set", "k", "w"]', "DEBUG SLEEP 0", "XGROUP CREATE s g $ MKSTREAM", "NOSUCHCOMMAND"):  # fmt: skip
        assert_problem(rest.query(name, writing), "query.read_only")
    refused_ingest = rest.post(f"/connections/{name}/ingest", params={"path": "x:*", "mode": "append"}, data=ipc([1]),
                               headers={"Content-Type": ARROW})  # fmt: skip
    assert_problem(refused_ingest, "query.read_only")
    with plain.client(5) as client:
        assert client.get("k") == b"v"
        assert client.dbsize() == 1


def ipc(ids: list[int | None], **columns: Any) -> bytes:
    """Returns rows of ids and more as Arrow."""
    table = pa.table({"id": pa.array(ids, pa.int64()), **columns})
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue()


def test_ingest_makes_keys(name: str, plain: Any, rest: GatewayClient) -> None:
    def ingest(path: str, data: bytes, mode: str = "append") -> Any:
        return rest.post(f"/connections/{name}/ingest", params={"path": path, "mode": mode}, data=data,
                         headers={"Content-Type": ARROW})  # fmt: skip

    tags = pa.array([["a", None], None], pa.list_(pa.string()))
    money = pa.array([None, "0.10"], pa.string()).cast(pa.decimal128(38, 2))
    assert ingest("user:{id}", ipc([1, 2], tags=tags, money=money)).json()["rows"] == 2
    assert ingest("far:*", ipc([1, 2], key=pa.array(["far:a", "far:b"]))).json()["rows"] == 2
    with plain.client(5) as client:
        assert client.hgetall("user:1") == {b"id": b"1", b"tags": b'["a",null]'}
        assert client.hgetall("user:2") == {b"id": b"2", b"money": b"0.10"}
        assert client.hgetall("far:b") == {b"id": b"2"}
    assert_problem(ingest("user:{id}", ipc([None], x=pa.array([1]))), "ingest.null_key")
    assert_problem(ingest("e:*", ipc([None])), "ingest.empty_row")
    assert_problem(ingest("user", ipc([1])), "ingest.bad_path")
    assert_problem(ingest("user:{nick}", ipc([1])), "ingest.bad_path")
    assert ingest("user:{id}", ipc([7]), "replace").json()["rows"] == 1
    with plain.client(5) as client:
        assert [key for key in client.scan_iter("user:*")] == [b"user:7"]


def test_a_narrow_login_is_told_what_it_may_not(servers: ServerCatalog, create: Create, rest: GatewayClient) -> None:
    server = servers.get("redis")
    login = {"type": "basic", "username": NARROW.user, "password": NARROW.password}
    name = create(draft_of(server, authentication=login, configuration={"database": 0}))
    assert_problem(rest.query(name, "GET other"), "query.no_privilege")
    assert_problem(rest.query(name, "TABLE types:*"), "query.no_privilege")
    report = rest.post("/connections/test", draft_of(server, authentication=login)).json()
    stages = {stage["stage"]: stage for stage in report["stages"]}
    assert stages["login"]["status"] == "ok", report
    missing = json.dumps(stages["privileges"])
    assert "SCAN" in missing, report
    reader = {"type": "basic", "username": READER.user, "password": READER.password}
    reading = create(draft_of(server, authentication=reader, configuration={"database": 0}))
    assert_problem(rest.query(reading, "SET types:x 1"), "query.no_privilege")


def test_refusals(name: str, plain: Any, rest: GatewayClient) -> None:
    with plain.client(5) as client:
        client.set("k", "v")
    assert_problem(rest.query(name, "LPUSH k v"), "query.wrong_type")
    assert_problem(rest.query(name, "NOSUCH canary-argument"), "query.unknown_command")
    assert_problem(rest.query(name, "GET"), "query.syntax_error")
    assert_problem(rest.query(name, "INCR k"), "query.bad_value")
    assert_problem(rest.query(name, "SUBSCRIBE c"), "query.unsupported_command")
    assert_problem(rest.query(name, "MULTI\nGET k"), "query.syntax_error")
    problem = assert_problem(rest.query(name, "SET a 1\nLPUSH k v\nSET b 1"), "query.wrong_type")
    assert problem["details"]["command"] == 2
    assert_problem(rest.query(name, "EVALSHA ffffffffffffffffffffffffffffffffffffffff 0"), "query.unknown_script")
    assert_problem(rest.query(name, "EVAL 'return nosuch' 0"), "query.script_failed")
    assert rows(rest, name, "GET k") == [{"value": "v"}]


def test_a_large_reply_is_read_in_parts(name: str, rest: GatewayClient) -> None:
    script = "for i = 1, 300000 do redis.call('RPUSH', KEYS[1], i) end return 'done'"
    rows(rest, name, f'EVAL "{script}" 1 long')
    found = rest.arrow(name, "LRANGE long 0 -1")
    assert found.num_rows == 300_000
    assert found["value"][-1].as_py() == "300000"
    assert rest.arrow(name, "LRANGE long 0 -1", limit=5).num_rows == 5
    assert rows(rest, name, "LLEN long") == [{"value": 300_000}]


def test_browse_goes_by_separators(name: str, plain: Any, rest: GatewayClient) -> None:
    with plain.client(5) as client:
        client.mset({"a:b:1": 1, "a:b:2": 1, "a:c": 1, "single": 1, "odd*:1": 1})
    items = rest.get(f"/connections/{name}/browse", params={"path": "5"}).json()["items"]
    assert [(item["name"], item["kind"], item["path"]) for item in items] == [
        ("a:*", "table", "5/a:*"), ("odd*:*", "table", "5/odd\\*:*"), ("single", "string", "5/single"),
    ]  # fmt: skip
    below = rest.get(f"/connections/{name}/browse", params={"path": "5/a:*"}).json()["items"]
    assert [(item["name"], item["path"]) for item in below] == [("b:*", "5/a:b:*"), ("c", "5/a:c")]
    described = rest.get(f"/connections/{name}/describe", params={"path": "5/single"})
    assert [column["name"] for column in described.json()["columns"]] == ["key", "type", "value"]
