"""One SQL over connections: real systems joined, rights, walls, deadlines, and sessions given back."""

from __future__ import annotations

import asyncio
import datetime
import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import nstarx
import pyarrow as pa
import pytest
import requests

from tests.conformance.problem import assert_problem
from tests.conformance.quirks import QUIRKS
from tests.e2e.conftest import new_caller, postgresql_draft, sqlite_draft
from tests.servers import logins
from tests.servers.catalog import ServerCatalog
from tests.servers.gateway import GatewayClient, GatewayServer
from tests.servers.process import wait_until

ARROW = "application/vnd.apache.arrow.stream"
BIG_ROWS = 1_000_000


def sql(client: GatewayClient, text: str, *parameters: Any, **more: Any) -> requests.Response:
    """Runs one SQL."""
    return client.post("/queries", {"query": text, "parameters": list(parameters), **more})


def rows(client: GatewayClient, text: str, *parameters: Any, **more: Any) -> list[list[Any]]:
    """Returns its rows."""
    answer = sql(client, text, *parameters, **more)
    assert answer.status_code == 200, answer.text
    return answer.json()["rows"]


def arrow(client: GatewayClient, text: str) -> pa.Table:
    """Returns its rows as Arrow."""
    answer = client.post("/queries", {"query": text}, headers={"Accept": ARROW})
    assert answer.status_code == 200, answer.text
    return pa.ipc.open_stream(answer.content).read_all()


@pytest.fixture(scope="session")
def local(rest: GatewayClient, sqlite_file: Path) -> str:
    """A SQLite connection with the table sales_data."""
    rest.create(sqlite_draft(sqlite_file, "shared-local"))
    return "shared-local"


@pytest.fixture(scope="session")
def shop(rest: GatewayClient, servers: ServerCatalog) -> str:
    """A MySQL connection with the table sales_data."""
    quirks = QUIRKS["mysql"](servers)
    rest.create(quirks.draft("shared-shop"))
    client = nstarx.ConnectionManager(rest.api_key, rest.url)
    connection = client.get_connection("shared-shop")
    table = pa.table({"id": [1, 2, 4], "note": ["eins", "zwei 'und'", "vier"]})
    connection.ingest("one_sql_notes", table, mode="replace")
    return "shared-shop"


@pytest.fixture(scope="session")
def big(rest: GatewayClient, sales: str, postgresql: Any) -> str:
    """The name of a table of a million rows in PostgreSQL."""
    with postgresql.connect(logins.APP) as connection:
        connection.execute("DROP TABLE IF EXISTS one_sql_big")
        connection.execute(
            "CREATE TABLE one_sql_big AS SELECT n AS id, n % 1000 AS part, repeat('x', 100) AS pad "
            f"FROM generate_series(1, {BIG_ROWS}) AS s(n)"
        )
        connection.execute("ANALYZE one_sql_big")
    return "one_sql_big"


def in_use(rest: GatewayClient) -> float:
    """Returns how many sessions of PostgreSQL are in use."""
    return rest.metric("nstarx_pool_sessions", type="postgresql", state="in_use")


def test_four_systems_in_one_statement(rest: GatewayClient, sales: str, local: str, shop: str, data_lake: str) -> None:
    found = rows(
        rest,
        f"""SELECT p.id, p.region, l.amount, s.note, e.kind
            FROM "{sales}".public.sales_data AS p
            JOIN "{local}"."main.sales_data" AS l USING (id)
            LEFT JOIN "{shop}"."one_sql_notes" AS s USING (id)
            JOIN "{data_lake}"."events/*.parquet" AS e USING (id)
            WHERE p.id < ? ORDER BY p.id""",
        3,
    )
    assert found == [[1, "north", "19.99", "eins", "view"], [2, "süd", "0.01", "zwei 'und'", "click"]]


def test_types_come_as_from_the_connection(rest: GatewayClient, sales: str) -> None:
    own = rest.arrow(sales, "SELECT * FROM sales_data ORDER BY id")
    got = arrow(rest, f'SELECT * FROM "{sales}".public.sales_data ORDER BY id')
    assert got.schema.types == own.schema.types
    assert got.to_pylist() == own.to_pylist()
    assert got["amount"].to_pylist()[2] == Decimal("1000000.50")
    assert got["day"].to_pylist()[0] == datetime.date(2026, 1, 31)


def test_numbers_of_more_than_38_digits_come_as_text(rest: GatewayClient, sales: str, postgresql: Any) -> None:
    with postgresql.connect(logins.APP) as connection:
        connection.execute("DROP TABLE IF EXISTS one_sql_wide")
        connection.execute("CREATE TABLE one_sql_wide (n numeric(60, 2))")
        connection.execute(
            "INSERT INTO one_sql_wide VALUES (12345678901234567890123456789012345678901234567890.12), (NULL)"
        )
    found = rows(rest, f'SELECT n FROM "{sales}".public.one_sql_wide ORDER BY n NULLS LAST')
    assert found == [["12345678901234567890123456789012345678901234567890.12"], [None]]


def test_a_table_twice_and_in_a_common_expression(rest: GatewayClient, sales: str, local: str) -> None:
    for name in (f'"{sales}".public.sales_data', f'"{local}"."main.sales_data"'):
        text = f"WITH s AS (SELECT * FROM {name}) SELECT count(*) FROM s AS a JOIN s AS b ON a.id = b.id"
        assert rows(rest, text) == [[3]]
        assert rows(rest, f"SELECT count(*) FROM {name} a, {name} b") == [[9]]
        assert rows(rest, f"SELECT (SELECT max(id) FROM {name}), count(*) FROM {name}") == [[3, 3]]


def test_limit_and_formats(rest: GatewayClient, sales: str) -> None:
    text = f'SELECT id FROM "{sales}".public.sales_data ORDER BY id'
    assert rows(rest, text, limit=2) == [[1], [2]]
    assert rows(rest, text, limit=0) == []
    answer = rest.post("/queries", {"query": text}, headers={"Accept": "text/csv"})
    assert answer.text.split() == ["id", "1", "2", "3"]


def test_columns_and_comparisons_go_to_the_system(rest: GatewayClient, sales: str, big: str) -> None:
    text = f"SELECT sum(id)::BIGINT FROM \"{sales}\".public.{big} WHERE part = 7 AND pad <> 'y'"
    assert rows(rest, text) == [[sum(range(7, BIG_ROWS + 1, 1000))]]
    entries = [e for e in rest.get("/audit", params={"limit": 50}).json()["items"] if e["action"] == "table.scan"]
    read = next(e for e in entries if e.get("rows", -1) > 0)
    assert read["rows"] == BIG_ROWS // 1000, read
    assert read["connection"] == sales
    assert read["fingerprint"]


def test_cli_and_sdk(nstarx_server: GatewayServer, rest: GatewayClient, sales: str, local: str) -> None:
    text = f'SELECT a.id FROM "{sales}".public.sales_data a JOIN "{local}"."main.sales_data" b USING (id) ORDER BY 1'
    done = nstarx_server.cli("sql", text, "-o", "ndjson")
    assert [json.loads(line) for line in done.stdout.split()] == [{"id": 1}, {"id": 2}, {"id": 3}]
    manager = nstarx.ConnectionManager(rest.api_key, rest.url)
    assert manager.query(text + " LIMIT ?", [2])["id"].tolist() == [1, 2]
    assert manager.execute(text, limit=1).to_arrow().num_rows == 1

    async def ask() -> list[int]:
        async with nstarx.AsyncConnectionManager(rest.api_key, rest.url) as async_manager:
            return (await async_manager.query(text))["id"].tolist()

    assert asyncio.run(ask()) == [1, 2, 3]


def test_what_is_not_there_is_named(rest: GatewayClient, sales: str) -> None:
    problem = assert_problem(sql(rest, 'SELECT * FROM "none-such".public.t'), "connection.not_found", status=404)
    assert problem["details"]["connection"] == "none-such"
    problem = assert_problem(sql(rest, f'SELECT * FROM "{sales}".public.no_such'), "query.undefined_table", status=404)
    assert problem["details"]["connection"] == sales
    assert_problem(sql(rest, "SELECT * FROM no_such"), "query.undefined_table", status=404)
    assert_problem(sql(rest, f'SELECT nope FROM "{sales}".public.sales_data'), "query.undefined_column", status=400)
    problem = assert_problem(sql(rest, "SELECT 1 FRM x y z"), "query.syntax_error", status=400)
    assert problem.get("position", problem.get("details", {}).get("position")) is not None


def test_rights_are_those_of_each_connection(rest: GatewayClient, sales: str, local: str, postgresql: Any) -> None:
    rest.create(postgresql_draft(postgresql, "one-sql-private", sharing={"scope": "private"}))
    try:
        stranger = new_caller(rest, "one-sql-stranger", "user")
        refused = sql(stranger, 'SELECT * FROM "one-sql-private".public.sales_data')
        missing = sql(stranger, 'SELECT * FROM "one-sql-privatf".public.sales_data')
        # What one may not see is as what is not there, whether the table exists or not.
        assert (refused.status_code, refused.json()["code"]) == (missing.status_code, missing.json()["code"])
        unknown = sql(stranger, 'SELECT * FROM "one-sql-private".public.no_such')
        assert (unknown.status_code, unknown.json()["code"]) == (refused.status_code, refused.json()["code"])
        viewer = new_caller(rest, "one-sql-viewer", "viewer")
        assert sql(viewer, f'SELECT * FROM "{sales}".public.sales_data').status_code in (403, 404)
    finally:
        rest.delete("/connections/one-sql-private")


@pytest.mark.parametrize(
    "text",
    [
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM '/etc/passwd'",
        "SELECT * FROM read_text('/etc/passwd')",
        "SELECT * FROM glob('/*')",
        "SELECT * FROM read_parquet('http://127.0.0.1:1/x.parquet')",
        "COPY (SELECT 1) TO '/tmp/one-sql-out.csv'",
        "ATTACH '/tmp/one-sql.db' AS x",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SET threads = 64",
        "PRAGMA memory_limit='64GB'",
        "CREATE TABLE t (a int)",
        "CREATE MACRO m() AS 1",
        "SELECT 1; SELECT 2",
        "CALL pragma_version()",
        "SELECT * FROM arrow_scan(1, 2, 3)",
        "SELECT * FROM read_duckdb('/tmp/x.db')",
        "EXPORT DATABASE '/tmp/one-sql'",
        "",
    ],
)
def test_hostile_statements_are_refused(rest: GatewayClient, text: str) -> None:
    answer = sql(rest, text)
    assert answer.status_code in (400, 403, 404), (answer.status_code, answer.text)
    assert answer.json()["code"].split(".")[0] in ("query", "request"), answer.text
    assert not Path("/tmp/one-sql-out.csv").exists()
    assert rows(rest, "SELECT 42") == [[42]]


def test_a_deadline_ends_all_scans(rest: GatewayClient, sales: str, big: str) -> None:
    endless = f'SELECT count(*) FROM "{sales}".public.{big} a, "{sales}".public.{big} b WHERE a.id + b.id < 0'
    assert_problem(sql(rest, endless, timeout_ms=1500), "query.timeout", status=504)
    wait_until("the sessions are back", lambda: in_use(rest) == 0, 30)


def test_a_hang_up_ends_all_scans(rest: GatewayClient, sales: str, big: str) -> None:
    text = f'SELECT a.pad, b.pad FROM "{sales}".public.{big} a, "{sales}".public.{big} b'
    answer = rest.post("/queries", {"query": text}, headers={"Accept": "application/x-ndjson"}, stream=True)
    assert answer.status_code == 200
    assert answer.raw.read(10_000)
    assert in_use(rest) > 0
    answer.close()
    wait_until("the sessions are back", lambda: in_use(rest) == 0, 60)


def test_a_small_pool_is_enough_or_says_so(rest: GatewayClient, postgresql: Any) -> None:
    rest.create(postgresql_draft(postgresql, "one-sql-narrow", pooling={"maxSize": 1, "waitTimeout": 1}))
    try:
        assert rows(rest, 'SELECT count(*) FROM "one-sql-narrow".public.sales_data') == [[3]]
        both = sql(
            rest,
            'SELECT count(*) FROM "one-sql-narrow".public.sales_data a '
            'JOIN "one-sql-narrow".public.sales_data b USING (id)',
        )
        if both.status_code != 200:
            assert_problem(both, "pool.exhausted", status=429)
        wait_until("the session is back", lambda: in_use(rest) == 0, 30)
    finally:
        rest.delete("/connections/one-sql-narrow")


def test_a_big_join_in_bounded_memory(start_gateway: Callable[..., GatewayServer], postgresql: Any, big: str) -> None:
    server = start_gateway()
    client = server.client()
    client.create(postgresql_draft(postgresql, "joined"))
    rows(client, "SELECT 1")
    server.reset_memory_peak()
    table = f'"joined".public.{big}'
    text = f"SELECT count(*), sum(length(a.pad))::BIGINT FROM {table} a JOIN {table} b USING (id)"
    assert rows(client, text, timeout_ms=300_000) == [[BIG_ROWS, 100 * BIG_ROWS]]
    assert server.memory_bytes("VmHWM") < 700 * 1024 * 1024, server.memory_bytes("VmHWM")


def test_only_so_many_run_at_the_same_time(rest: GatewayClient, sales: str, big: str) -> None:
    text = f'SELECT a.pad, b.pad FROM "{sales}".public.{big} a, "{sales}".public.{big} b'
    held = []
    try:
        for _ in range(4):
            answer = rest.post("/queries", {"query": text}, headers={"Accept": "application/x-ndjson"}, stream=True)
            assert answer.status_code == 200, answer.text
            held.append(answer)
        problem = assert_problem(sql(rest, "SELECT 1"), "federation.busy", status=429)
        assert problem["hints"]
    finally:
        for answer in held:
            answer.close()
    wait_until("there is room again", lambda: sql(rest, "SELECT 1").status_code == 200, 60)
