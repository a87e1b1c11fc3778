"""Connectors without compiling: docs/add-a-connector.md is followed with ADBC's PostgreSQL and SQLite drivers."""

from __future__ import annotations

import datetime
import importlib.util
import json
import os
import re
import shutil
import signal
import sqlite3
import threading
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from tests.conformance.problem import assert_problem, failed_stage
from tests.servers import logins
from tests.servers.catalog import ServerCatalog
from tests.servers.gateway import REPOSITORY, GatewayClient, GatewayServer

ARROW = "application/vnd.apache.arrow.stream"
ENDLESS = "SELECT count(*) FROM generate_series(1, 20000000000)"


def driver_library(name: str) -> Path:
    """Returns the shared library in a driver's Python wheel."""
    found = importlib.util.find_spec(f"adbc_driver_{name}")
    assert found is not None and found.submodule_search_locations
    return next(Path(found.submodule_search_locations[0]).glob("lib*.so"))


def documented_spec() -> dict[str, Any]:
    """Returns the spec.json that the guide shows."""
    text = (REPOSITORY / "docs" / "add-a-connector.md").read_text()
    found = re.search(r"```json\n(.*?)\n```", text, re.DOTALL)
    assert found is not None
    return json.loads(found.group(1))


def sqlite_spec() -> dict[str, Any]:
    """Returns the spec.json of SQLite's driver, by its absolute path."""
    return {
        "type": "adbc_sqlite", "title": "SQLite (ADBC)", "family": "custom", "status": "stable",
        "description": "SQLite through its ADBC driver.", "default_port": 0, "schemes": [],
        "capabilities": ["query", "browse", "describe", "sample", "ingest", "cancel"],
        "configuration": {"type": "object", "required": ["file"], "properties": {
            "file": {"type": "string", "title": "File", "description": "Path of the database."}}},
        "authentication": {"oneOf": [
            {"title": "None", "required": ["type"], "properties": {"type": {"const": "none"}}}]},
        "driver": {"kind": "adbc", "library": str(driver_library("sqlite")), "database": {"uri": "{file}"},
                   "errors": [{"contains": "no such table", "code": "query.undefined_table"}]},
        "errors": [],
    }  # fmt: skip


def odbc_spec(name: str, library: str, **driver: Any) -> dict[str, Any]:
    """Returns the documented spec.json with an ODBC driver in the place of the ADBC one."""
    spec = documented_spec()
    spec["type"], spec["title"], spec["schemes"] = name, f"{name} (ODBC)", []
    spec["driver"] |= {
        "kind": "odbc", "library": f"/usr/lib/x86_64-linux-gnu/odbc/{library}",
        "database": {
            "Server": "{host}", "Port": "{port}", "UID": "{user}", "PWD": "{password}", "Database": "{database}",
        },
        **driver,
    }  # fmt: skip
    return spec


def drop(server: GatewayServer, spec: dict[str, Any] | str) -> Path:
    """Puts a spec.json into the data directory."""
    text = spec if isinstance(spec, str) else json.dumps(spec)
    folder = server.data / "adapters" / (spec["type"] if isinstance(spec, dict) else "broken")
    folder.mkdir(parents=True)
    (folder / "spec.json").write_text(text)
    return folder


@pytest.fixture(scope="module")
def adapters(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayServer]:
    """A server that found eight adapters, of which three can't be taken."""
    server = GatewayServer()
    shutil.copy(driver_library("postgresql"), drop(server, documented_spec()))
    drop(server, sqlite_spec())
    drop(server, odbc_spec("warehouse_odbc", "psqlodbcw.so"))
    utc = {"session": ["SET time_zone = '+00:00'"], "read_only": {"session": ["SET SESSION TRANSACTION READ ONLY"]}}
    access_denied = [{"contains": "Access denied", "code": "login.wrong_password"}]
    drop(server, odbc_spec("mariadb_odbc", "libmaodbc.so", errors=access_denied, **utc))
    drop(server, "{not json")
    drop(server, {**sqlite_spec(), "type": "postgresql"})
    drop(server, {**sqlite_spec(), "type": "writes_anyway", "capabilities": ["query", "read_only"]})
    drop(server, {**sqlite_spec(), "type": "no_library", "driver": {"kind": "adbc", "library": "/nowhere/libnone.so"}})
    server.start()
    yield server
    server.close()


@pytest.fixture(scope="module")
def client(adapters: GatewayServer) -> GatewayClient:
    """REST on that server."""
    return adapters.client()


def draft(servers: ServerCatalog, name: str, kind: str = "warehouse", **changes: Any) -> dict[str, Any]:
    """Returns a draft of the documented type, or of its ODBC twin."""
    postgres = servers.get("postgresql")
    out: dict[str, Any] = {
        "name": name, "type": kind,
        "configuration": {"host": "127.0.0.1", "port": postgres.port, "database": postgres.database},
        "authentication": {"type": "password", "user": logins.APP.user, "password": logins.APP.password},
    }  # fmt: skip
    for key, value in changes.items():
        out[key] = {**out[key], **value} if isinstance(out.get(key), dict) else value
    return out


@pytest.fixture(scope="module", params=["warehouse", "warehouse_odbc"])
def kind(request: pytest.FixtureRequest) -> str:
    """PostgreSQL through its ADBC driver, and through its ODBC driver."""
    return request.param


@pytest.fixture(scope="module")
def warehouse(servers: ServerCatalog, client: GatewayClient, kind: str) -> str:
    """A connection of that type."""
    with servers.get("postgresql").connect(logins.APP) as line:
        line.execute("DROP TABLE IF EXISTS adapter_rows")
        line.execute("CREATE TABLE adapter_rows (id int PRIMARY KEY, name text, price numeric(10,2), at timestamptz)")
        line.execute("INSERT INTO adapter_rows VALUES (1, 'é', 12.34, '2026-03-29 01:00:00+00'), (2, NULL, NULL, NULL)")
    client.create(draft(servers, f"the-{kind}", kind))
    return f"the-{kind}"


def host_pids(server: GatewayServer) -> list[int]:
    """Returns the drivers' processes of the server."""
    children = Path(f"/proc/{server.pid}/task").glob("*/children")
    return sorted({int(pid) for listed in children for pid in listed.read_text().split()})


def test_types_are_listed_and_bad_ones_named(adapters: GatewayServer, client: GatewayClient) -> None:
    types = {item["type"] for item in client.get("/connection-types").json()["items"]}
    assert {"warehouse", "warehouse_odbc", "adbc_sqlite", "postgresql"} <= types
    log = adapters.log_file.read_text()
    assert log.count("adapter_refused") == 3, log
    assert "adapter.duplicate_type" in log
    shown = adapters.cli("types")
    assert shown.returncode == 0 and "warehouse" in shown.stdout


def test_staged_test_names_what_is_wrong(servers: ServerCatalog, client: GatewayClient, kind: str) -> None:
    report = client.post("/connections/test", draft(servers, "t", kind)).json()
    assert report["status"] == "ok", report
    login = next(stage for stage in report["stages"] if stage["stage"] == "login")
    assert login["facts"]["server_version"], login
    wrong = client.post("/connections/test", draft(servers, "t", kind, authentication={"password": "wrong"})).json()
    stage = failed_stage(wrong)
    assert (stage["stage"], stage["code"]) == ("login", "login.wrong_password"), stage
    assert stage["hints"]
    refused = client.post("/connections/test", draft(servers, "t", kind, configuration={"port": 1})).json()
    assert failed_stage(refused)["code"] == "tcp.refused"
    missing = {"name": "n", "type": "no_library", "configuration": {"file": "x"}, "authentication": {"type": "none"}}
    stage = failed_stage(client.post("/connections/test", missing).json())
    assert stage["code"] == "adapter.driver_missing", stage


def test_query_with_parameters_and_types(client: GatewayClient, warehouse: str) -> None:
    mark = "?" if warehouse.endswith("odbc") else "$1"
    sql = f"SELECT id, name, at FROM adapter_rows WHERE id = {mark}"
    answer = client.query(warehouse, sql, parameters=[1], accept=ARROW)
    assert answer.status_code == 200, answer.text
    (row,) = pa.ipc.open_stream(answer.content).read_all().to_pylist()
    moment = datetime.datetime(2026, 3, 29, 1, 0, tzinfo=datetime.UTC)
    assert row | {"at": row["at"].replace(tzinfo=datetime.UTC)} == {"id": 1, "name": "é", "at": moment}
    texts = client.query(warehouse, f"SELECT CAST({mark} AS text) || 'x' AS t", parameters=["é"])
    assert texts.json()["rows"] == [["éx"]]


def test_a_million_rows_stream(adapters: GatewayServer, client: GatewayClient, warehouse: str) -> None:
    adapters.reset_memory_peak()
    before = adapters.memory_bytes()
    rows = total = 0
    sql = "SELECT g AS n, repeat('x', 100) AS pad FROM generate_series(1, 1000000) g"
    with client.query(warehouse, sql, accept=ARROW, stream=True) as answer:
        assert answer.status_code == 200, answer.text
        for batch in pa.ipc.open_stream(answer.raw):
            rows += batch.num_rows
            total += sum(batch.column("n").to_pylist())
    assert (rows, total) == (1_000_000, 1_000_000 * 1_000_001 // 2)
    assert adapters.memory_bytes("VmHWM") - before < 128 * 1024 * 1024


def test_browse_describe_sample(client: GatewayClient, warehouse: str) -> None:
    base = f"/connections/{warehouse}"
    schemas = [item["name"] for item in client.get(f"{base}/browse").json()["items"]]
    assert "public" in schemas
    tables = {item["name"]: item for item in client.get(f"{base}/browse", params={"path": "public"}).json()["items"]}
    assert tables["adapter_rows"]["kind"] == "table"
    path = tables["adapter_rows"]["path"]
    described = client.get(f"{base}/describe", params={"path": path}).json()
    assert [column["name"] for column in described["columns"]] == ["id", "name", "price", "at"]
    assert [key["columns"] for key in described["keys"] if key["kind"] == "primary"] == [["id"]]
    assert len(client.get(f"{base}/sample", params={"path": path, "limit": 1}).json()["rows"]) == 1
    gone = client.get(f"{base}/describe", params={"path": "public.no_such"})
    assert_problem(gone, "query.undefined_table", status=404)


def test_ingest_and_read_back(client: GatewayClient, warehouse: str) -> None:
    given = pa.table({"id": pa.array([1, 2, 3], pa.int64()), "name": ["é", None, ""], "ratio": [0.5, None, -2.0]})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, given.schema) as writer:
        writer.write_table(given)
    answer = client.post(
        f"/connections/{warehouse}/ingest", params={"path": "public.adapter_ingested", "mode": "replace"},
        data=sink.getvalue().to_pybytes(), headers={"Content-Type": ARROW},
    )  # fmt: skip
    assert answer.status_code == 200, answer.text
    assert answer.json()["rows"] == 3
    read = client.query(warehouse, "SELECT * FROM public.adapter_ingested ORDER BY id", accept=ARROW)
    assert pa.ipc.open_stream(read.content).read_all().to_pylist() == given.to_pylist()


def test_sql_errors_are_typed(client: GatewayClient, warehouse: str) -> None:
    assert_problem(client.query(warehouse, "SELEC 1"), "query.syntax_error", status=400, stage="query")
    assert_problem(client.query(warehouse, "SELECT * FROM no_such"), "query.undefined_table", stage="query")
    assert client.query(warehouse, "SELECT 1").status_code == 200


def test_read_only_is_the_systems(servers: ServerCatalog, client: GatewayClient, warehouse: str, kind: str) -> None:
    name = f"{kind}-ro".replace("_", "-")
    client.create(draft(servers, name, kind, configuration={"read_only": True}))
    assert client.query(name, "SELECT 1 AS one").json()["rows"] == [[1]]
    refused = client.query(name, "DELETE FROM adapter_rows")
    assert_problem(refused, "query.read_only", status=403)


def test_deadline_and_hang_up_end_the_statement(
    servers: ServerCatalog, client: GatewayClient, adapters: GatewayServer, warehouse: str
) -> None:
    begun = time.monotonic()
    assert_problem(client.query(warehouse, ENDLESS, timeout_ms=700), "query.timeout", status=504)
    assert time.monotonic() - begun < 15
    postgres = servers.get("postgresql")
    for _ in range(100):
        with postgres.connect() as line:
            running = line.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%20000000000%' "
                "AND pid <> pg_backend_pid()"
            ).fetchone()
        if running == (0,):
            break
        time.sleep(0.1)
    assert running == (0,)
    assert client.query(warehouse, "SELECT 1").status_code == 200


def test_a_crash_costs_its_own_query(
    servers: ServerCatalog, adapters: GatewayServer, client: GatewayClient, kind: str
) -> None:
    name = f"crashing-{kind}"
    client.create(draft(servers, name, kind, pooling={"maxSize": 1}))
    before = set(host_pids(adapters))
    assert client.query(name, "SELECT 1").status_code == 200
    (pid,) = set(host_pids(adapters)) - before
    answers = []
    asking = threading.Thread(target=lambda: answers.append(adapters.client().query(name, ENDLESS)))
    asking.start()
    time.sleep(0.5)
    os.kill(pid, signal.SIGSEGV)
    asking.join(20)
    problem = assert_problem(answers[0], "adapter.crashed", status=502)
    assert "SEGV" in problem["detail"]
    with servers.get("postgresql").connect() as line:  # It does not look whether its client is there.
        line.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%20000000000%' "
            "AND pid <> pg_backend_pid()"
        )
    assert client.query(name, "SELECT 2 AS two").json()["rows"] == [[2]]


def test_the_login_is_nowhere_to_be_read(adapters: GatewayServer, client: GatewayClient, warehouse: str) -> None:
    assert client.query(warehouse, "SELECT 1").status_code == 200
    secret = logins.APP.password.encode()
    pids = host_pids(adapters)
    assert pids
    for pid in pids:
        for file in ("cmdline", "environ"):
            text = Path(f"/proc/{pid}/{file}").read_bytes()
            assert secret not in text and b"NSTARX" not in text
    assert secret not in adapters.written_bytes()


def test_sqlite_driver_and_its_errors(adapters: GatewayServer, client: GatewayClient, tmp_path: Path) -> None:
    file = tmp_path / "adapter.db"
    with sqlite3.connect(file) as line:
        line.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT)")
        line.execute("INSERT INTO t VALUES (1, 'é')")
    configuration = {"file": str(file)}
    client.create(
        {"name": "lite", "type": "adbc_sqlite", "configuration": configuration, "authentication": {"type": "none"}}
    )
    assert client.query("lite", "SELECT * FROM t WHERE id = ?", parameters=[1]).json()["rows"] == [[1, "é"]]
    assert [item["path"] for item in client.get("/connections/lite/browse").json()["items"]] == ["t"]
    assert_problem(client.query("lite", "SELECT * FROM no_such"), "query.undefined_table", stage="query")


def test_odbc_types_are_lossless(client: GatewayClient, warehouse: str) -> None:
    if not warehouse.endswith("odbc"):
        return
    long = "é" * 70_000
    sql = f"""
        SELECT * FROM (VALUES
          (1, true, 32767::smallint, -2147483648, 9223372036854775807, 1.5::real, 5e-324::float8,
           12345678901234567890123456789012345.678::numeric(38,3), 'é😀'::varchar(20), '{long}'::text,
           '\\x0001feff'::bytea, date '0001-01-01', time '23:59:59.123456', timestamp '9999-12-31 23:59:59.999999'),
          (2, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)
        ) AS t (id, b, i2, i4, i8, f4, f8, n, v, l, x, d, ti, ts) ORDER BY id"""
    answer = client.query(warehouse, sql, accept=ARROW)
    assert answer.status_code == 200, answer.text
    first, second = pa.ipc.open_stream(answer.content).read_all().to_pylist()
    assert {key: first[key] for key in ("i2", "i4", "i8", "f4", "f8")} == {
        "i2": 32767, "i4": -(2**31), "i8": 2**63 - 1, "f4": 1.5, "f8": 5e-324,
    }  # fmt: skip
    assert first["n"] == Decimal("12345678901234567890123456789012345.678")
    assert (first["v"], first["l"], first["x"]) == ("é😀", long, b"\x00\x01\xfe\xff")
    assert first["d"] == datetime.date(1, 1, 1)
    assert first["ts"] == datetime.datetime(9999, 12, 31, 23, 59, 59, 999999)
    assert all(value is None for key, value in second.items() if key != "id")
    # What is no number of the declared digits is an error that names the column, never another number.
    beyond = client.query(warehouse, "SELECT 1.23456789012345678901234567890::numeric AS price")
    if beyond.status_code != 200:
        assert "price" in beyond.json()["detail"], beyond.text
    else:
        assert beyond.json()["rows"] == [["1.23456789012345678901234567890"]]


def test_mariadb_over_odbc(servers: ServerCatalog, client: GatewayClient) -> None:
    mariadb = servers.get("mariadb")
    configuration = {"host": "127.0.0.1", "port": mariadb.port, "database": mariadb.database}
    login = {"type": "password", "user": logins.APP.user, "password": logins.APP.password}
    given = {"name": "maria", "type": "mariadb_odbc", "configuration": configuration, "authentication": login}
    client.create(given)
    answer = client.query("maria", "SELECT ? + 1 AS n, CAST(12.34 AS DECIMAL(10,2)) AS d, 'é' AS t", parameters=[41])
    assert answer.status_code == 200, answer.text
    assert answer.json()["rows"] == [[42, "12.34", "é"]], answer.text
    wrong = client.post("/connections/test", given | {"name": "w", "authentication": login | {"password": "no"}}).json()
    assert failed_stage(wrong)["code"] == "login.wrong_password", wrong
    assert_problem(client.query("maria", "SELECT * FROM no_such"), "query.undefined_table", stage="query")


def test_no_process_outlives_the_server(servers: ServerCatalog) -> None:
    server = GatewayServer()
    shutil.copy(driver_library("postgresql"), drop(server, documented_spec()))
    server.start()
    try:
        server.client().create(draft(servers, "short-lived"))
        assert server.client().query("short-lived", "SELECT 1").status_code == 200
        pids = host_pids(server)
        assert pids
        server.kill9()
        until = time.monotonic() + 10
        while any(Path(f"/proc/{pid}").exists() for pid in pids):
            assert time.monotonic() < until, "a driver's process outlives the server"
            time.sleep(0.05)
    finally:
        server.close()
