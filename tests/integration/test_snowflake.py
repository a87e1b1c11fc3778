"""Snowflake: logins, sessions that end, statements polled for and aborted, chunks; on fakesnow behind a door."""

from __future__ import annotations

import datetime
import time
import uuid
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.conformance.problem import assert_problem, failed_stage
from tests.servers.catalog import ServerCatalog
from tests.servers.gateway import GatewayClient


@pytest.fixture(scope="module")
def server(servers: ServerCatalog) -> Any:
    return servers.get("snowflake")


def draft_of(server: Any, authentication: dict[str, Any] | None = None, **configuration: Any) -> dict[str, Any]:
    return {
        "name": f"warehouse-{uuid.uuid4().hex[:8]}",
        "type": "snowflake",
        "configuration": {
            "account": server.account, "host": server.host, "port": server.port,
            "tls_ca": server.ca_file.read_text(), "database": "LAKE", "schema": "ANALYTICS", **configuration,
        },
        "authentication": authentication or {"type": "password", "user": server.user, "password": server.password},
    }  # fmt: skip


@pytest.fixture
def create(rest: GatewayClient) -> Iterator[Callable[[dict[str, Any]], str]]:
    made: list[str] = []

    def make(draft: dict[str, Any]) -> str:
        made.append(rest.create(draft)["id"])
        return made[-1]

    yield make
    for connection in made:
        rest.delete(f"/connections/{connection}")


def rows_of(rest: GatewayClient, connection: str, sql: str) -> list[list[Any]]:
    answer = rest.query(connection, sql)
    assert answer.status_code == 200, answer.text
    return answer.json()["rows"]


def test_key_pairs_and_tokens_log_in(rest: GatewayClient, server: Any, create: Callable[..., str]) -> None:
    phrase = server.key_passphrase
    logins = [
        {"type": "key_pair", "user": server.user, "private_key": server.private_key()},
        {"type": "key_pair", "user": server.user, "private_key": server.private_key(phrase),
         "private_key_passphrase": phrase},
        {"type": "oauth", "token": server.oauth_token},
        {"type": "access_token", "user": server.user, "token": server.access_token},
    ]  # fmt: skip
    for login in logins:
        connection = create(draft_of(server, login))
        assert rows_of(rest, connection, "SELECT 'x' AS v") == [["x"]], login["type"]
        shown = rest.get(f"/connections/{connection}").text
        for secret in ("private_key", "private_key_passphrase", "token"):
            assert login.get(secret, "canary-none") not in shown


def test_wrong_logins_are_told_apart(rest: GatewayClient, server: Any) -> None:
    stranger = rsa.generate_private_key(65537, 2048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    user = server.user
    key = {"type": "key_pair", "user": user}
    encrypted = server.private_key(server.key_passphrase)
    cases = [
        (key | {"private_key": stranger.decode()}, {}, "login.jwt_invalid"),
        (key | {"private_key": encrypted}, {}, "login.malformed_key"),
        (key | {"private_key": encrypted, "private_key_passphrase": "canary-wrong"}, {}, "login.malformed_key"),
        ({"type": "oauth", "token": "canary-wrong"}, {}, "login.token_refused"),
        ({"type": "access_token", "user": user, "token": "canary-wrong"}, {}, "login.token_refused"),
        ({"type": "password", "user": user, "password": "canary-wrong"}, {}, "login.wrong_password"),
        (None, {"role": "NO_SUCH_ROLE"}, "login.role_not_found"),
        (None, {"tls_ca": ""}, "tls.unknown_ca"),
    ]
    for authentication, configuration, code in cases:
        draft = draft_of(server, authentication, **configuration)
        report = rest.post("/connections/test", draft).json()
        stage = failed_stage(report)
        assert stage["code"] == code, stage
        assert stage["hints"], stage
        assert "canary-wrong" not in str(report)
        assert "PRIVATE KEY" not in str(report)


def test_a_session_that_ends_is_renewed(rest: GatewayClient, server: Any, create: Callable[..., str]) -> None:
    connection = create(draft_of(server))
    assert rows_of(rest, connection, "SELECT 'a' AS v") == [["a"]]
    before = server.seen()["renewals"]
    server.end_sessions()
    assert rows_of(rest, connection, "SELECT 'b' AS v") == [["b"]]
    assert server.seen()["renewals"] > before


def test_slow_statements_are_polled_for(rest: GatewayClient, server: Any, create: Callable[..., str]) -> None:
    connection = create(draft_of(server))
    before = server.seen()["polls"]
    for size in (20_000, 40_000, 80_000, 120_000):
        rows_of(rest, connection, f"SELECT sum(sqrt(a.range * b.range)) FROM range({size}) a, range(20000) b")
        if server.seen()["polls"] > before:
            return
    raise AssertionError("no statement took longer than a second")


def test_deadlines_abort_in_the_system(rest: GatewayClient, server: Any, create: Callable[..., str]) -> None:
    connection = create(draft_of(server))
    marker, before = f"late_{uuid.uuid4().hex}", server.seen()["aborts"]
    sql = f"SELECT sum(sqrt(a.range * b.range)) FROM range(200000) a, range(200000) b /* {marker} */"
    assert_problem(rest.query(connection, sql, timeout_ms=800), "query.timeout", status=504)
    assert server.seen()["aborts"] > before
    until = time.monotonic() + 20
    while server.running(marker) and time.monotonic() < until:
        time.sleep(0.1)
    assert server.running(marker) == 0


def test_large_results_come_in_chunks_in_order(rest: GatewayClient, server: Any, create: Callable[..., str]) -> None:
    connection = create(draft_of(server, download_threads=4, wide_integers="int64"))
    before = server.seen()["chunks"]
    rows = 200_000
    table = rest.arrow(connection, f'SELECT range AS "n", md5(range::VARCHAR) AS "h" FROM range({rows}) ORDER BY 1')
    assert table["n"].to_pylist() == list(range(rows))
    assert len(set(table["h"].to_pylist())) == rows
    assert server.seen()["chunks"] >= before + 9


def test_long_lists_come_in_chunks(rest: GatewayClient, server: Any, create: Callable[..., str]) -> None:
    connection = create(draft_of(server))
    schema = f"LAKE.LONG_{uuid.uuid4().hex[:8].upper()}"
    names = [f"T{number:03}" for number in range(90)]
    server.execute(f"CREATE SCHEMA {schema}")
    for name in names:
        server.execute(f"CREATE TABLE {schema}.{name} (ID NUMBER(9,0))")
    before = server.seen()["chunks"]
    listed = rest.get(f"/connections/{connection}/browse", params={"path": schema})
    assert [node["name"] for node in listed.json()["items"]] == names
    assert server.seen()["chunks"] > before
    shown = rows_of(rest, connection, f"SHOW OBJECTS IN SCHEMA {schema}")
    assert sorted(row[1] for row in shown) == names


def test_limits_are_told_to_the_service(rest: GatewayClient, server: Any, create: Callable[..., str]) -> None:
    connection = create(draft_of(server))
    before = server.seen()["limits"]
    answer = rest.query(connection, "SELECT range FROM range(50)", limit=3)
    assert len(answer.json()["rows"]) == 3
    assert server.seen()["limits"] == before + 1


def test_rows_that_change_are_counted(rest: GatewayClient, server: Any, create: Callable[..., str]) -> None:
    connection = create(draft_of(server))
    table = f"T_{uuid.uuid4().hex[:8]}"
    for statement, changed in (
        (f"CREATE TABLE {table} (ID NUMBER(9,0), PRICE NUMBER(10,2), MADE TIMESTAMP_NTZ)", None),
        (f"INSERT INTO {table} VALUES (1, 1.5, '2026-02-28 01:02:03'), (2, NULL, NULL), (3, -0.01, NULL)", 3),
        (f"UPDATE {table} SET PRICE = 2 WHERE ID > 1", 2),
        (f"DELETE FROM {table} WHERE ID = 3", 1),
    ):
        answer = rest.query(connection, statement)
        assert answer.status_code == 200, answer.text
        if changed is not None:
            assert answer.json()["rows_affected"] == changed, statement
    got = rest.arrow(connection, f"SELECT * FROM {table} ORDER BY ID").to_pylist()
    assert [(row["ID"], row["PRICE"]) for row in got] == [(1, Decimal("1.50")), (2, Decimal("2.00"))]
    assert got[0]["MADE"] == datetime.datetime(2026, 2, 28, 1, 2, 3)
    assert got[1]["MADE"] is None
    missing = rest.query(connection, "SELECT * FROM NO_SUCH_TABLE_AT_ALL")
    assert_problem(missing, "query.undefined_table", stage="query")


def test_what_a_statement_sets_stays_in_its_session(
    rest: GatewayClient, server: Any, create: Callable[..., str]
) -> None:
    connection = create(draft_of(server))
    closed = server.seen()["closed"]
    assert rest.query(connection, "CREATE SCHEMA IF NOT EXISTS LAKE.OTHER").status_code == 200
    assert rest.query(connection, "USE SCHEMA LAKE.OTHER").status_code == 200
    assert rows_of(rest, connection, "SELECT CURRENT_SCHEMA() AS s") == [["ANALYTICS"]]
    assert server.seen()["closed"] > closed


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE LAKE.ANALYTICS.FORBIDDEN (ID INT)",
        "/* SELECT */ DROP TABLE LAKE.ANALYTICS.T",
        "SELECT 1; DROP TABLE LAKE.ANALYTICS.T",
        "EXECUTE IMMEDIATE $$ DROP TABLE T $$",
    ],
)
def test_read_only(rest: GatewayClient, server: Any, create: Callable[..., str], statement: str) -> None:
    connection = create(draft_of(server, read_only=True))
    assert rows_of(rest, connection, "WITH x AS (SELECT 'y' AS v) SELECT v FROM x") == [["y"]]
    refused = rest.query(connection, statement)
    assert refused.status_code >= 400, refused.text
    assert_problem(refused, ("query.read_only", "query.multiple_statements"))


def test_names_in_quotes_are_browsed(rest: GatewayClient, server: Any, create: Callable[..., str]) -> None:
    connection = create(draft_of(server))
    name = f"odd.{uuid.uuid4().hex[:6]} name"
    sql = f'CREATE TABLE "{name}" ("a b" VARCHAR NOT NULL, N NUMBER(9,2))'
    assert rest.query(connection, sql).status_code == 200
    path = f'LAKE.ANALYTICS."{name}"'
    listed = rest.get(f"/connections/{connection}/browse", params={"path": "LAKE.ANALYTICS"}).json()
    assert path in str(listed).replace('\\"', '"')
    described = rest.get(f"/connections/{connection}/describe", params={"path": path}).json()
    columns = {column["name"]: column for column in described["columns"]}
    assert columns["a b"]["nullable"] is False
    assert columns["N"]["arrow_type"] == "decimal128(9, 2)"
    sample = rest.get(f"/connections/{connection}/sample", params={"path": path})
    assert sample.status_code == 200, sample.text
    for missing in ("NOWHERE", "LAKE.NOWHERE", "LAKE.ANALYTICS.NOWHERE", "LAKE..X", "A.B.C.D"):
        answer = rest.get(f"/connections/{connection}/browse", params={"path": missing})
        assert_problem(answer, "query.undefined_table")
