"""JDBC drivers: the guide's section is followed with the drivers of PostgreSQL, MariaDB and H2."""

from __future__ import annotations

import datetime
import json
import os
import re
import shutil
import signal
import threading
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from urllib3.exceptions import HTTPError

from tests.conformance.problem import assert_problem, failed_stage
from tests.integration.test_adapters import ARROW, ENDLESS, documented_spec, draft, drop, host_pids
from tests.servers import logins, maven
from tests.servers.catalog import ServerCatalog
from tests.servers.gateway import REPOSITORY, GatewayClient, GatewayServer

DRIVERS = {
    "postgresql": "org.postgresql:postgresql:42.7.4",
    "mariadb-java-client": "org.mariadb.jdbc:mariadb-java-client:3.4.1",
    "h2": "com.h2database:h2:2.3.232",
}


BROKEN = (OSError, pa.ArrowException, HTTPError)  # how a stream that was cut off ends


def driver_jar(name: str) -> Path:
    """Returns a JDBC driver's jar."""
    folder = maven.jars(f"jdbc-{name}", maven.dependency(DRIVERS[name], exclude=("*:*",)))
    return next(folder.glob(f"{name}-*.jar"))


def jdbc_spec(name: str, **driver: Any) -> dict[str, Any]:
    """Returns the guide's spec.json with the driver of its section on JDBC."""
    text = (REPOSITORY / "docs" / "add-a-connector.md").read_text().split("## Any JDBC driver")[1]
    found = re.search(r'```json\n"driver": (.*?)\n```', text, re.DOTALL)
    assert found is not None
    spec = documented_spec()
    spec["type"], spec["title"], spec["schemes"] = name, f"{name} (JDBC)", []
    spec["driver"] = json.loads(found.group(1)) | driver
    return spec


@pytest.fixture(scope="module")
def adapters() -> Iterator[GatewayServer]:
    """A server with four JDBC types."""
    server = GatewayServer()
    shutil.copy(driver_jar("postgresql"), drop(server, jdbc_spec("pg_jdbc")) / "postgresql.jar")
    drop(server, jdbc_spec("pg_small", library=[str(driver_jar("postgresql"))], memory_mb=128))
    drop(server, jdbc_spec("no_jar", library="nowhere.jar"))
    maria = {
        "library": str(driver_jar("mariadb-java-client")),
        "class": "",
        "url": "jdbc:mariadb://{host}:{port}/{database|uri}",
        "database": {"user": "{user}", "password": "{password}"},
        "session": ["SET time_zone = '+00:00'"],
        "read_only": {"session": ["SET SESSION TRANSACTION READ ONLY"]},
        "errors": [{"contains": "Access denied", "code": "login.wrong_password"}],
    }
    drop(server, jdbc_spec("maria_jdbc", **maria))
    h2_driver = {"library": str(driver_jar("h2")), "url": "jdbc:h2:file:{file}", "class": "org.h2.Driver"}
    h2 = jdbc_spec("h2_jdbc", database={}, errors=[], read_only={}, **h2_driver)
    h2["capabilities"].remove("read_only")
    h2["configuration"] = {
        "type": "object", "required": ["file"],
        "properties": {"file": {"type": "string", "title": "File", "description": "Path of the database."}},
    }  # fmt: skip
    h2["authentication"] = {
        "oneOf": [{"title": "None", "required": ["type"], "properties": {"type": {"const": "none"}}}]
    }
    drop(server, h2)
    server.start()
    yield server
    server.close()


@pytest.fixture(scope="module")
def client(adapters: GatewayServer) -> GatewayClient:
    """REST on that server."""
    return adapters.client()


@pytest.fixture(scope="module")
def warehouse(servers: ServerCatalog, client: GatewayClient) -> str:
    """A connection to PostgreSQL."""
    with servers.get("postgresql").connect(logins.APP) as line:
        line.execute("DROP TABLE IF EXISTS jdbc_rows")
        line.execute("CREATE TABLE jdbc_rows (id int PRIMARY KEY, name text, price numeric(10,2), at timestamptz)")
        line.execute("INSERT INTO jdbc_rows VALUES (1, 'é', 12.34, '2026-03-29 01:00:00+00'), (2, NULL, NULL, NULL)")
    client.create(draft(servers, "the-pg", "pg_jdbc"))
    return "the-pg"


def rows_of(answer: Any) -> list[dict[str, Any]]:
    """Returns the rows of an Arrow answer."""
    assert answer.status_code == 200, answer.text
    return pa.ipc.open_stream(answer.content).read_all().to_pylist()


def ingest(client: GatewayClient, name: str, path: str, given: pa.Table, mode: str = "replace") -> Any:
    """Sends a table."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, given.schema) as writer:
        writer.write_table(given)
    return client.post(
        f"/connections/{name}/ingest", params={"path": path, "mode": mode},
        data=sink.getvalue().to_pybytes(), headers={"Content-Type": ARROW},
    )  # fmt: skip


def test_staged_test_names_what_is_wrong(servers: ServerCatalog, client: GatewayClient) -> None:
    report = client.post("/connections/test", draft(servers, "t", "pg_jdbc")).json()
    assert report["status"] == "ok", report
    login = next(stage for stage in report["stages"] if stage["stage"] == "login")
    assert "PostgreSQL" in login["facts"]["driver"], login
    password = {"password": "wrong"}
    given = draft(servers, "t", "pg_jdbc", authentication=password)
    wrong = failed_stage(client.post("/connections/test", given).json())
    assert (wrong["stage"], wrong["code"]) == ("login", "login.wrong_password"), wrong
    refused = client.post("/connections/test", draft(servers, "t", "pg_jdbc", configuration={"port": 1})).json()
    assert failed_stage(refused)["code"] == "tcp.refused"
    missing = failed_stage(client.post("/connections/test", draft(servers, "t", "no_jar")).json())
    assert missing["code"] == "adapter.driver_missing", missing
    assert missing["hints"]


def test_without_java_there_is_a_hint(servers: ServerCatalog) -> None:
    server = GatewayServer(environment={"PATH": "/nowhere", "JAVA_HOME": ""})
    shutil.copy(driver_jar("postgresql"), drop(server, jdbc_spec("pg_jdbc")) / "postgresql.jar")
    server.start()
    try:
        stage = failed_stage(server.client().post("/connections/test", draft(servers, "t", "pg_jdbc")).json())
        assert stage["code"] == "adapter.java_missing", stage
        assert any("JAVA_HOME" in hint for hint in stage["hints"])
    finally:
        server.close()


def test_an_old_java_is_named(servers: ServerCatalog, tmp_path: Path) -> None:
    java = tmp_path / "bin" / "java"
    java.parent.mkdir()
    java.write_text("#!/bin/sh\nexit 1\n")  # what a machine does with a class of a later version
    java.chmod(0o755)
    server = GatewayServer(environment={"JAVA_HOME": str(tmp_path)})
    shutil.copy(driver_jar("postgresql"), drop(server, jdbc_spec("pg_jdbc")) / "postgresql.jar")
    server.start()
    try:
        stage = failed_stage(server.client().post("/connections/test", draft(servers, "t", "pg_jdbc")).json())
        assert stage["code"] == "adapter.java_missing", stage
    finally:
        server.close()


def test_query_with_parameters(client: GatewayClient, warehouse: str) -> None:
    sql = "SELECT id, name, price, at FROM jdbc_rows WHERE id = ? AND name = ?"
    (row,) = rows_of(client.query(warehouse, sql, parameters=[1, "é"], accept=ARROW))
    moment = datetime.datetime(2026, 3, 29, 1, 0, tzinfo=datetime.UTC)
    assert row == {"id": 1, "name": "é", "price": Decimal("12.34"), "at": moment}
    assert client.query(warehouse, "SELECT id FROM jdbc_rows WHERE name = ?", parameters=["1"]).json()["rows"] == []
    none = client.query(warehouse, "SELECT CAST(? AS text) IS NULL AS n", parameters=[None])
    assert none.json()["rows"] == [[True]]
    changed = client.query(warehouse, "UPDATE jdbc_rows SET name = name")
    assert changed.status_code == 200, changed.text
    assert client.query(warehouse, "VACUUM jdbc_rows").status_code == 200


def test_types_are_lossless(client: GatewayClient, warehouse: str) -> None:
    long = "é" * 70_000
    sql = f"""
        SELECT t.*, n::numeric(38,3) AS nd, n2::numeric(60,20) AS nd2 FROM (VALUES
          (1, true, 32767::smallint, -2147483648, 9223372036854775807, 1.5::real, 5e-324::float8,
           12345678901234567890123456789012345.678::numeric(38,3), -0.01::numeric(60,20),
           1e40::numeric + 0.000000000000000000000000000001, 'é😀'::varchar(20), '{long}'::text,
           '\\x0001feff'::bytea, date '0001-01-01', timestamp '9999-12-31 23:59:59.999999',
           timestamptz '1960-01-01 00:00:00.000001+02', array[1, NULL, 3], array['é', NULL], array[1.50, 2],
           '{{"a": 1}}'::jsonb, '12.34'::money, 'f47ac10b-58cc-4372-a567-0e02b2c3d479'::uuid, interval '1 day'),
          (2{", NULL" * 22})
        ) AS t (id, b, i2, i4, i8, f4, f8, n, n2, n3, v, l, x, d, ts, tz, ai, at, an, j, m, u, iv) ORDER BY id"""
    answer = client.query(warehouse, sql, accept=ARROW)
    assert answer.status_code == 200, answer.text
    table = pa.ipc.open_stream(answer.content).read_all()
    table.validate(full=True)
    first, second = table.to_pylist()
    assert first == {
        "id": 1, "b": True, "i2": 32767, "i4": -(2**31), "i8": 2**63 - 1, "f4": 1.5, "f8": 5e-324,
        "n": "12345678901234567890123456789012345.678", "n2": "-0.01000000000000000000",
        "nd": Decimal("12345678901234567890123456789012345.678"), "nd2": Decimal("-0.01000000000000000000"),
        "n3": "10000000000000000000000000000000000000000.000000000000000000000000000001",
        "v": "é😀", "l": long, "x": b"\x00\x01\xfe\xff", "d": datetime.date(1, 1, 1),
        "ts": datetime.datetime(9999, 12, 31, 23, 59, 59, 999999),
        "tz": datetime.datetime(1959, 12, 31, 22, 0, 0, 1, tzinfo=datetime.UTC),
        "ai": [1, None, 3], "at": ["é", None], "an": ["1.50", "2"], "j": '{"a": 1}', "m": first["m"],
        "u": "f47ac10b-58cc-4372-a567-0e02b2c3d479", "iv": first["iv"],
    }  # fmt: skip
    assert isinstance(first["m"], str) and "12.34" in first["m"] and "1 day" in first["iv"]
    assert all(value is None for key, value in second.items() if key != "id")
    more = """SELECT time '23:59:59.123456' AS t, timetz '01:02:03+05' AS tz, B'101' AS bits, 'x'::char(3) AS c,
        '{}'::int[] AS a"""
    answer = client.query(warehouse, more, accept=ARROW)
    assert answer.status_code == 200, answer.text
    table_2 = pa.ipc.open_stream(answer.content).read_all()
    assert str(table_2.schema.field("t").type) == "time64[ns]"
    assert table_2.column("t").cast(pa.int64()).to_pylist() == [86_399_123_456_000]
    assert table_2.drop_columns("t").to_pylist() == [{"tz": "01:02:03+05", "bits": "101", "c": "x  ", "a": []}]
    types = {field.name: str(field.type) for field in table.schema}
    assert types["ai"] == "list<item: int32>" and types["nd"] == "decimal128(38, 3)"
    assert types["nd2"] == "decimal256(60, 20)" and types["tz"] == "timestamp[us, tz=UTC]"
    for bad in ("'NaN'::numeric(10,2)", "'infinity'::date", "'infinity'::timestamp", "array[[1,2],[3,4]]"):
        refused = client.query(warehouse, f"SELECT {bad} AS price")
        assert_problem(refused, "query.bad_value", stage="query")
        assert "price" in refused.json()["detail"], refused.text
    assert client.query(warehouse, "SELECT 1 AS one").json()["rows"] == [[1]]


def test_a_million_rows_stream_in_a_small_heap(
    servers: ServerCatalog, adapters: GatewayServer, client: GatewayClient
) -> None:
    client.create(draft(servers, "small", "pg_small"))
    adapters.reset_memory_peak()
    before = adapters.memory_bytes()
    rows = total = 0
    sql = "SELECT g AS n, repeat('x', 100) AS pad FROM generate_series(1, 1000000) g"
    with client.query("small", sql, accept=ARROW, stream=True) as answer:
        assert answer.status_code == 200, answer.text
        for batch in pa.ipc.open_stream(answer.raw):
            rows += batch.num_rows
            total += sum(batch.column("n").to_pylist())
    assert (rows, total) == (1_000_000, 1_000_000 * 1_000_001 // 2)
    assert adapters.memory_bytes("VmHWM") - before < 128 * 1024 * 1024
    wide = "SELECT repeat('x', 1000000) AS pad FROM generate_series(1, 200)"
    with client.query("small", wide, accept=ARROW, stream=True) as answer:
        assert sum(batch.num_rows for batch in pa.ipc.open_stream(answer.raw)) == 200


def test_the_memory_cap_costs_one_query(client: GatewayClient) -> None:
    beyond = client.query("small", "SELECT repeat('x', 200000000) AS pad")
    assert_problem(beyond, "adapter.out_of_memory", stage="query")
    assert client.query("small", "SELECT 1 AS one").json()["rows"] == [[1]]


def test_browse_describe_sample(client: GatewayClient, warehouse: str) -> None:
    base = f"/connections/{warehouse}"
    schemas = [item["name"] for item in client.get(f"{base}/browse").json()["items"]]
    assert "public" in schemas
    tables = {item["name"]: item for item in client.get(f"{base}/browse", params={"path": "public"}).json()["items"]}
    assert tables["jdbc_rows"]["kind"] == "table"
    assert not any(item["kind"].endswith("index") for item in tables.values())
    described = client.get(f"{base}/describe", params={"path": tables["jdbc_rows"]["path"]}).json()
    assert [column["name"] for column in described["columns"]] == ["id", "name", "price", "at"]
    assert [column["arrow_type"] for column in described["columns"]] == [
        "int32", "string", "decimal128(10, 2)", "timestamp[us, tz=UTC]",
    ]  # fmt: skip
    assert [key["columns"] for key in described["keys"] if key["kind"] == "primary"] == [["id"]]
    assert len(client.get(f"{base}/sample", params={"path": "public.jdbc_rows", "limit": 1}).json()["rows"]) == 1
    gone = client.get(f"{base}/describe", params={"path": "public.no_such"})
    assert_problem(gone, "query.undefined_table", status=404)


EVERYTHING = pa.table(
    {
        "id": pa.array([1, 2], pa.int64()),
        "small": pa.array([-5, None], pa.int16()),
        "big": pa.array([2**63, None], pa.uint64()),
        "name": ["é😀", None],
        "ratio": [0.5, None],
        "half": pa.array([1.5, None], pa.float32()),
        "yes": [True, None],
        "price": pa.array([Decimal("-12.34"), None], pa.decimal128(10, 2)),
        "day": pa.array([datetime.date(1969, 1, 2), None]),
        "at": pa.array([datetime.datetime(1960, 1, 1, 0, 0, 0, 1), None], pa.timestamp("us")),
        "raw": [b"\x00\xff", None],
    }
)


def test_ingest_and_read_back(client: GatewayClient, warehouse: str) -> None:
    moment = pa.array([datetime.datetime(2026, 3, 29, 1, tzinfo=datetime.UTC), None], pa.timestamp("us", "UTC"))
    given = EVERYTHING.append_column("moment", moment)
    answer = ingest(client, warehouse, "public.jdbc_ingested", given)
    assert answer.status_code == 200, answer.text
    assert answer.json()["rows"] == 2
    read = rows_of(client.query(warehouse, "SELECT * FROM public.jdbc_ingested ORDER BY id", accept=ARROW))
    assert read == given.to_pylist()
    many = pa.table({"id": pa.array(range(100_000), pa.int64())})
    assert ingest(client, warehouse, "public.jdbc_many", many).json()["rows"] == 100_000
    assert client.query(warehouse, "SELECT count(*) FROM public.jdbc_many").json()["rows"] == [[100_000]]
    nested = ingest(client, warehouse, "public.jdbc_nested", pa.table({"list": [[1]]}))
    assert_problem(nested, "query.unsupported", stage="query")
    assert "list" in nested.json()["detail"]


def test_ingest_is_all_or_nothing(client: GatewayClient, warehouse: str) -> None:
    assert client.query(warehouse, "DROP TABLE IF EXISTS jdbc_unique").status_code == 200
    assert client.query(warehouse, "CREATE TABLE jdbc_unique (id bigint PRIMARY KEY)").status_code == 200
    twice = pa.table({"id": pa.array([*range(5000), 7], pa.int64())})
    assert_problem(ingest(client, warehouse, "public.jdbc_unique", twice, "append"), "query.constraint", stage="query")
    assert client.query(warehouse, "SELECT count(*) FROM jdbc_unique").json()["rows"] == [[0]]


def test_sql_errors_are_typed(client: GatewayClient, warehouse: str) -> None:
    assert_problem(client.query(warehouse, "SELEC 1"), "query.syntax_error", status=400, stage="query")
    assert_problem(client.query(warehouse, "SELECT * FROM no_such"), "query.undefined_table", stage="query")
    assert_problem(client.query(warehouse, "SELECT 1 / (id - 1) FROM jdbc_rows"), "query.bad_value", stage="query")
    assert client.query(warehouse, "SELECT 1").status_code == 200


def test_read_only_is_the_systems(servers: ServerCatalog, client: GatewayClient, warehouse: str) -> None:
    client.create(draft(servers, "pg-ro", "pg_jdbc", configuration={"read_only": True}))
    assert client.query("pg-ro", "SELECT 1 AS one").json()["rows"] == [[1]]
    for writing in ("DELETE FROM jdbc_rows", "WITH gone AS (DELETE FROM jdbc_rows RETURNING id) SELECT * FROM gone"):
        assert_problem(client.query("pg-ro", writing), "query.read_only", status=403)


def running_queries(servers: ServerCatalog) -> int:
    """Returns how many endless statements PostgreSQL runs."""
    with servers.get("postgresql").connect() as line:
        (count,) = line.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%20000000000%' "
            "AND pid <> pg_backend_pid()"
        ).fetchone()
    return count


def test_a_deadline_ends_the_statement(servers: ServerCatalog, client: GatewayClient, warehouse: str) -> None:
    # Only Statement.cancel() ends it: PostgreSQL does not look whether its client is there.
    assert client.query(warehouse, "SELECT 1").status_code == 200
    assert_problem(client.query(warehouse, ENDLESS, timeout_ms=700), "query.timeout", status=504)
    until = time.monotonic() + 30
    while running_queries(servers) > 0:
        assert time.monotonic() < until, "the statement still runs"
        time.sleep(0.1)
    assert client.query(warehouse, "SELECT 1").status_code == 200


def test_a_killed_machine_costs_its_own_query(
    servers: ServerCatalog, adapters: GatewayServer, client: GatewayClient
) -> None:
    client.create(draft(servers, "killed", "pg_jdbc", pooling={"maxSize": 1}))
    before = set(host_pids(adapters))
    assert client.query("killed", "SELECT 1").status_code == 200
    (pid,) = set(host_pids(adapters)) - before
    answers = []
    asking = threading.Thread(target=lambda: answers.append(adapters.client().query("killed", ENDLESS)))
    asking.start()
    until = time.monotonic() + 30
    while running_queries(servers) == 0:
        assert time.monotonic() < until
        time.sleep(0.05)
    os.kill(pid, signal.SIGKILL)
    asking.join(20)
    problem = assert_problem(answers[0], "adapter.crashed", status=502)
    assert "KILL" in problem["detail"]
    with servers.get("postgresql").connect() as line:  # It does not look whether its client is there.
        line.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%20000000000%' "
            "AND pid <> pg_backend_pid()"
        )
    assert client.query("killed", "SELECT 2 AS two").json()["rows"] == [[2]]
    # In the middle of rows: what was sent can't be taken back, but the stream has no end.
    (pid,) = set(host_pids(adapters)) - before
    sql = "SELECT g AS n, repeat('x', 1000) AS pad FROM generate_series(1, 2000000) g"
    with client.query("killed", sql, accept=ARROW, stream=True) as answer, pytest.raises(BROKEN):
        stream = pa.ipc.open_stream(answer.raw)
        stream.read_next_batch()
        os.kill(pid, signal.SIGKILL)
        for _ in stream:
            pass
    assert client.query("killed", "SELECT 3 AS three").json()["rows"] == [[3]]


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


def test_mariadb(servers: ServerCatalog, client: GatewayClient) -> None:
    mariadb = servers.get("mariadb")
    configuration = {"host": "127.0.0.1", "port": mariadb.port, "database": mariadb.database}
    login = {"type": "password", "user": logins.APP.user, "password": logins.APP.password}
    given = {"name": "maria", "type": "maria_jdbc", "configuration": configuration, "authentication": login}
    client.create(given)
    sql = "SELECT ? + 1 AS n, CAST(12.34 AS DECIMAL(10,2)) AS d, 'é' AS t, CAST(18446744073709551615 AS UNSIGNED) AS u"
    (row,) = rows_of(client.query("maria", sql, parameters=[41], accept=ARROW))
    assert row == {"n": 42, "d": Decimal("12.34"), "t": "é", "u": 2**64 - 1}
    wrong = client.post("/connections/test", given | {"name": "w", "authentication": login | {"password": "no"}}).json()
    assert failed_stage(wrong)["code"] == "login.wrong_password", wrong
    assert_problem(client.query("maria", "SELECT * FROM no_such"), "query.undefined_table", stage="query")
    answer = ingest(client, "maria", "jdbc_ingested", EVERYTHING)
    assert answer.status_code == 200, answer.text
    read = rows_of(client.query("maria", "SELECT * FROM jdbc_ingested ORDER BY id", accept=ARROW))
    assert read == EVERYTHING.to_pylist()
    assert "jdbc_ingested" in [item["path"] for item in client.get("/connections/maria/browse").json()["items"]]
    client.create({**given, "name": "maria-ro", "configuration": {**configuration, "read_only": True}})
    assert_problem(client.query("maria-ro", "DELETE FROM jdbc_ingested"), "query.read_only", status=403)


def test_h2_in_a_file(client: GatewayClient, tmp_path: Path) -> None:
    login = {"type": "none"}
    configuration = {"file": str(tmp_path / "h2")}
    given = {"name": "h2", "type": "h2_jdbc", "configuration": configuration, "authentication": login}
    client.create(given | {"pooling": {"maxSize": 1}})
    answer = ingest(client, "h2", "PUBLIC.ROWS", EVERYTHING)
    assert answer.status_code == 200, answer.text
    assert rows_of(client.query("h2", 'SELECT * FROM "ROWS" ORDER BY "id"', accept=ARROW)) == EVERYTHING.to_pylist()
    sql = "SELECT CAST(1 AS TINYINT) AS t, TIMESTAMP '2026-01-01 00:00:00.123456789' AS ns, ARRAY[1, 2] AS a"
    answer = client.query("h2", sql, accept=ARROW)
    table = pa.ipc.open_stream(answer.content).read_all()
    assert [str(field.type) for field in table.schema] == ["int8", "timestamp[ns]", "list<item: int32>"]
    assert table.column("NS").cast(pa.int64()).to_pylist() == [1_767_225_600_123_456_789]
    tables = client.get("/connections/h2/browse", params={"path": '"PUBLIC"'}).json()["items"]
    assert [item["path"] for item in tables] == ['"PUBLIC"."ROWS"']


def test_no_machine_outlives_the_server(servers: ServerCatalog) -> None:
    server = GatewayServer()
    shutil.copy(driver_jar("postgresql"), drop(server, jdbc_spec("pg_jdbc")) / "postgresql.jar")
    server.start()
    try:
        server.client().create(draft(servers, "short-lived", "pg_jdbc"))
        assert server.client().query("short-lived", "SELECT 1").status_code == 200
        pids = host_pids(server)
        assert pids
        server.kill9()
        until = time.monotonic() + 20
        while any(Path(f"/proc/{pid}").exists() for pid in pids):
            assert time.monotonic() < until, "a driver's process outlives the server"
            time.sleep(0.05)
    finally:
        server.close()
