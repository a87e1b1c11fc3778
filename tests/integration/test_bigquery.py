"""BigQuery: logins, jobs polled for and cancelled, pages, dry runs, limits; on bqemulator behind a door."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.conformance.problem import assert_problem, failed_stage
from tests.servers.catalog import ServerCatalog
from tests.servers.gateway import GatewayClient

_MANY = "UNNEST(GENERATE_ARRAY(1, 200000))"


@pytest.fixture(scope="module")
def server(servers: ServerCatalog) -> Any:
    return servers.get("bigquery")


def draft_of(server: Any, authentication: dict[str, Any] | None = None, **configuration: Any) -> dict[str, Any]:
    given = {
        "project": server.project, "endpoint": server.endpoint, "dataset": server.dataset,
        "token_endpoint": server.token_uri, "tls_ca": server.ca_file.read_text(), **configuration,
    }  # fmt: skip
    return {
        "name": f"warehouse-{uuid.uuid4().hex[:8]}",
        "type": "bigquery",
        "configuration": {name: value for name, value in given.items() if value is not None},
        "authentication": authentication or {"type": "service_account", "service_account_key": server.key_file()},
    }


@pytest.fixture
def create(rest: GatewayClient) -> Iterator[Callable[[dict[str, Any]], str]]:
    made: list[str] = []

    def make(draft: dict[str, Any]) -> str:
        made.append(rest.create(draft)["id"])
        return made[-1]

    yield make
    for connection in made:
        rest.delete(f"/connections/{connection}")


def rows_of(rest: GatewayClient, connection: str, sql: str, **options: Any) -> list[list[Any]]:
    answer = rest.query(connection, sql, **options)
    assert answer.status_code == 200, answer.text
    return answer.json()["rows"]


def test_keys_and_tokens_log_in(rest: GatewayClient, server: Any, create: Callable[..., str]) -> None:
    logins = [
        {"type": "service_account", "service_account_key": server.key_file()},
        {"type": "access_token", "access_token": server.access_token},
        {"type": "refresh_token", "client_id": server.client_id, "client_secret": server.client_secret,
         "refresh_token": server.refresh_token},
    ]  # fmt: skip
    for login in logins:
        connection = create(draft_of(server, login))
        assert rows_of(rest, connection, "SELECT 'x' AS v") == [["x"]], login["type"]
        shown = rest.get(f"/connections/{connection}").text
        for secret in ("service_account_key", "access_token", "client_secret", "refresh_token"):
            assert login.get(secret, "canary-none") not in shown


def test_wrong_logins_are_told_apart(rest: GatewayClient, server: Any) -> None:
    stranger = server.key_file(rsa.generate_private_key(65537, 2048))
    user = json.dumps({"type": "authorized_user", "client_id": "x", "refresh_token": "canary-wrong"})
    grant = {"type": "refresh_token", "client_id": server.client_id, "client_secret": "canary-wrong"}
    cases = [
        ({"type": "service_account", "service_account_key": stranger}, {}, "login.wrong_client"),
        ({"type": "service_account", "service_account_key": user}, {}, "login.malformed_key_file"),
        (grant | {"refresh_token": "canary-wrong"}, {}, "login.wrong_client"),
        ({"type": "access_token", "access_token": "canary-wrong"}, {}, "login.token_refused"),
        ({"type": "anonymous"}, {}, "login.token_refused"),
        (None, {"dataset": "nowhere"}, "login.dataset_not_found"),
        (None, {"project": "no-such-project", "dataset": None}, "login.project_not_found"),
        (None, {"tls_ca": ""}, "tls.unknown_ca"),
    ]
    for authentication, configuration, code in cases:
        report = rest.post("/connections/test", draft_of(server, authentication, **configuration)).json()
        stage = failed_stage(report)
        assert stage["code"] == code, stage
        assert stage["hints"], stage
        assert "canary-wrong" not in str(report)
        assert "PRIVATE KEY" not in str(report)


def test_a_token_that_ends_is_renewed(rest: GatewayClient, server: Any, create: Callable[..., str]) -> None:
    connection = create(draft_of(server))
    assert rows_of(rest, connection, "SELECT 'a' AS v") == [["a"]]
    before = server.seen()["tokens"]
    server.end_tokens()
    assert rows_of(rest, connection, "SELECT 'b' AS v") == [["b"]]
    assert server.seen()["tokens"] > before


def test_slow_statements_are_polled_for(rest: GatewayClient, server: Any, create: Callable[..., str]) -> None:
    connection = create(draft_of(server))
    before = server.seen()["polls"]
    for size in (20_000, 40_000, 80_000, 120_000):
        many = f"UNNEST(GENERATE_ARRAY(1, {size}))"
        few = "UNNEST(GENERATE_ARRAY(1, 20000))"
        rows_of(rest, connection, f"SELECT SUM(SQRT(a * b)) AS s FROM {many} AS a CROSS JOIN {few} AS b")
        if server.seen()["polls"] > before:
            return
    raise AssertionError("no statement took longer than the door holds an answer back")


@pytest.mark.parametrize("timeouts", [(100, 150, 200, 250), (1200, 2400)], ids=["id unknown", "id known"])
def test_deadlines_cancel_the_job(
    rest: GatewayClient, server: Any, create: Callable[..., str], timeouts: tuple[int, ...]
) -> None:
    """Also one whose id is not known yet when the deadline passes: the door tells it after 300 ms."""
    connection = create(draft_of(server))
    rows_of(rest, connection, "SELECT 1 AS v")
    marker, before = f"late_{uuid.uuid4().hex}", server.seen()["cancels"]
    sql = f"SELECT SUM(SQRT(a * b)) AS s FROM {_MANY} AS a CROSS JOIN {_MANY} AS b /* {marker} */"
    for timeout_ms in timeouts:
        assert_problem(rest.query(connection, sql, timeout_ms=timeout_ms), "query.timeout", status=504)
        until = time.monotonic() + 20
        while server.running(marker) and time.monotonic() < until:
            time.sleep(0.1)
        assert server.running(marker) == 0
        # On a busy machine a deadline may pass before the service is asked at all.
        if server.seen()["cancels"] > before:
            return
    raise AssertionError("nothing was cancelled in the service")


def test_large_results_come_in_pages_in_order(rest: GatewayClient, server: Any, create: Callable[..., str]) -> None:
    connection = create(draft_of(server))
    before = server.seen()["pages"]
    rows = 150_000
    sql = f"SELECT n, TO_HEX(MD5(CAST(n AS STRING))) AS h FROM UNNEST(GENERATE_ARRAY(0, {rows - 1})) AS n ORDER BY n"
    table = rest.arrow(connection, sql)
    assert table["n"].to_pylist() == list(range(rows))
    assert len(set(table["h"].to_pylist())) == rows
    assert server.seen()["pages"] >= before + 3


def test_limits_fetch_no_more_than_they_need(rest: GatewayClient, server: Any, create: Callable[..., str]) -> None:
    connection = create(draft_of(server))
    sql = "SELECT n FROM UNNEST(GENERATE_ARRAY(1, 30000)) AS n"
    before = server.seen()["pages"]
    assert len(rows_of(rest, connection, sql, limit=3)) == 3
    assert server.seen()["last"]["maxResults"] == 3
    assert server.seen()["pages"] == before
    assert len(rows_of(rest, connection, sql, limit=5000)) == 5000
    assert server.seen()["pages"] == before + 1


def test_what_a_query_is_told(rest: GatewayClient, server: Any, create: Callable[..., str]) -> None:
    connection = create(draft_of(
        server, location="US", maximum_bytes_billed=10**12, labels={"team": "finance"}, use_query_cache=False,
    ))  # fmt: skip
    rows_of(rest, connection, "SELECT 1 AS v", timeout_ms=30_000)
    told = server.seen()["last"]
    assert told["useLegacySql"] is False
    assert told["useQueryCache"] is False
    assert told["location"] == "US"
    assert told["maximumBytesBilled"] == str(10**12)
    assert told["labels"] == {"team": "finance"}
    assert told["formatOptions"] == {"useInt64Timestamp": True}
    assert 0 < int(told["jobTimeoutMs"]) <= 30_000


def test_bytes_billed_are_limited(rest: GatewayClient, server: Any, create: Callable[..., str]) -> None:
    connection = create(draft_of(server, maximum_bytes_billed=1000))
    assert_problem(rest.query(connection, "SELECT 1 AS v"), "query.bytes_limit")


def test_a_busy_service_is_asked_again(rest: GatewayClient, server: Any, create: Callable[..., str]) -> None:
    connection = create(draft_of(server))
    before = server.seen()["busy"]
    assert rows_of(rest, connection, f"SELECT 'z' AS v -- busy twice {uuid.uuid4().hex}") == [["z"]]
    assert server.seen()["busy"] == before + 2


def test_parameters_by_place_and_by_name(rest: GatewayClient, server: Any, create: Callable[..., str]) -> None:
    connection = create(draft_of(server))
    parameters = [7, "Ω '\"\\", None]
    for sql in ("SELECT ? AS a, ? AS b, ? AS c", "SELECT @p1 AS a, @p2 AS b, @p3 AS c"):
        assert rest.arrow(connection, sql, parameters=parameters).to_pylist() == [
            {"a": 7, "b": parameters[1], "c": None}
        ]
    assert_problem(rest.query(connection, "SELECT ? AS a, '?' AS b", parameters=[1, 2]), "query.parameter_count")


def test_rows_that_change_are_counted(rest: GatewayClient, server: Any, create: Callable[..., str]) -> None:
    connection = create(draft_of(server))
    table = f"t_{uuid.uuid4().hex[:8]}"
    for statement, changed in (
        (f"CREATE TABLE {table} (id INT64, price NUMERIC)", None),
        (f"INSERT INTO {table} (id, price) VALUES (1, 1.5), (2, NULL), (3, -0.01)", 3),
        (f"UPDATE {table} SET price = 2 WHERE id > 1", 2),
        (f"DELETE FROM {table} WHERE id = 3", 1),
    ):
        answer = rest.query(connection, statement)
        assert answer.status_code == 200, answer.text
        if changed is not None:
            assert answer.json()["rows_affected"] == changed, statement
    got = rest.arrow(connection, f"SELECT * FROM {table} ORDER BY id").to_pylist()
    assert got == [{"id": 1, "price": Decimal("1.5")}, {"id": 2, "price": Decimal(2)}]
    again = rest.query(connection, f"CREATE TABLE {table} (id INT64)")
    assert_problem(again, "query.already_exists")
    assert_problem(rest.query(connection, f"SELECT nope FROM {table}"), ("query.undefined_column", "query.failed"))
    assert_problem(rest.query(connection, "SELECT * FROM nowhere.t"), ("query.no_privilege", "query.undefined_table"))


def test_explain_is_a_dry_run(rest: GatewayClient, server: Any, create: Callable[..., str]) -> None:
    connection = create(draft_of(server))
    before = server.seen()
    answer = rest.post(f"/connections/{connection}/explain", {"query": "SELECT 1 AS v"})
    assert answer.status_code == 200, answer.text
    assert answer.json()["plan"]["node"] == "SELECT"
    assert answer.json()["plan"]["bytes_processed"] == 0
    wrong = rest.post(f"/connections/{connection}/explain", {"query": "SELECT * FROM no_such_table_here"})
    assert_problem(wrong, "query.undefined_table")
    assert server.seen()["dry_runs"] > before["dry_runs"]


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE lake.forbidden (id INT64)",
        "/* SELECT */ DROP TABLE lake.t",
        "SELECT 1; DROP TABLE lake.t",
        "EXPORT DATA OPTIONS (uri = 'gs://x/*.csv', format = 'CSV') AS SELECT 1",
        "BEGIN DELETE FROM lake.t WHERE true; END",
    ],
)
def test_read_only(rest: GatewayClient, server: Any, create: Callable[..., str], statement: str) -> None:
    connection = create(draft_of(server, read_only=True))
    before = server.seen()["dry_runs"]
    assert rows_of(rest, connection, "WITH x AS (SELECT 'y' AS v) SELECT v FROM x") == [["y"]]
    assert server.seen()["dry_runs"] == before + 1
    assert_problem(rest.query(connection, statement), "query.read_only", status=403)


def test_tables_and_views_are_described(rest: GatewayClient, server: Any, create: Callable[..., str]) -> None:
    connection = create(draft_of(server))
    name = f"orders_{uuid.uuid4().hex[:6]}"
    server.create_table(
        name,
        [
            {"name": "id", "type": "INT64", "mode": "REQUIRED", "description": "naïve Ω"},
            {"name": "at", "type": "TIMESTAMP"},
            {"name": "lines", "type": "RECORD", "mode": "REPEATED", "fields": [
                {"name": "sku", "type": "STRING"}, {"name": "price", "type": "NUMERIC"}]},
        ],
        [{"id": 1, "at": "2026-02-28 01:02:03+00:00", "lines": [{"sku": "a", "price": "1.5"}]}, {"id": 2}],
        timePartitioning={"type": "DAY", "field": "at"},
    )  # fmt: skip
    server.execute(f"CREATE VIEW lake.v_{name} AS SELECT id FROM lake.{name}")
    top = rest.get(f"/connections/{connection}/browse", params={"path": ""}).json()["items"]
    assert {"lake"} <= {item["path"] for item in top if item["kind"] == "dataset"}
    listed = rest.get(f"/connections/{connection}/browse", params={"path": "lake"}).json()["items"]
    kinds = {item["path"]: item["kind"] for item in listed}
    assert (kinds[f"lake.{name}"], kinds[f"lake.v_{name}"]) == ("table", "view")
    for path in (f"lake.{name}", f"test.lake.{name}", f"`test.lake.{name}`", name):
        described = rest.get(f"/connections/{connection}/describe", params={"path": path}).json()
        columns = {column["name"]: column for column in described["columns"]}
        assert columns["id"]["nullable"] is False
        assert columns["lines"]["native_type"] == "ARRAY<STRUCT<sku STRING, price NUMERIC>>"
        assert columns["at"]["arrow_type"] == "timestamp[us, tz=UTC]"
    for path, rows in ((f"lake.{name}", 2), (f"lake.v_{name}", 2)):
        sample = rest.get(f"/connections/{connection}/sample", params={"path": path, "limit": "10"})
        assert sample.status_code == 200, sample.text
        assert len(sample.json()["rows"]) == rows
    lines = rest.arrow(connection, f"SELECT `lines` FROM {name} ORDER BY id")["lines"].to_pylist()
    assert lines == [[{"sku": "a", "price": Decimal("1.500000000")}], []]
    for missing in ("nowhere", "lake.nowhere", "no-such-project.lake.t", "a.b.c.d", "lake..x", "`lake"):
        answer = rest.get(f"/connections/{connection}/describe", params={"path": missing})
        assert_problem(answer, "query.undefined_table", status=404)
