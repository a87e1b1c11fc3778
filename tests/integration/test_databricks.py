"""Databricks: OAuth of machines, read-only statements and refusals, on minilake behind a proxy that checks tokens."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.conformance.problem import assert_problem, failed_stage
from tests.servers.catalog import ServerCatalog
from tests.servers.gateway import GatewayClient


@pytest.fixture(scope="module")
def server(servers: ServerCatalog) -> Any:
    return servers.get("databricks")


def draft_of(server: Any, authentication: dict[str, Any], **configuration: Any) -> dict[str, Any]:
    return {
        "name": f"lakehouse-{uuid.uuid4().hex[:8]}",
        "type": "databricks",
        "configuration": {
            "endpoint": server.endpoint, "warehouse_id": server.warehouse_id, "catalog": "lake", "schema": "analytics",
            **configuration,
        },
        "authentication": authentication,
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


def test_a_service_principal_logs_in(rest: GatewayClient, server: Any, create: Callable[..., str]) -> None:
    principal = {"type": "oauth_m2m", "client_id": server.client_id, "client_secret": server.client_secret}
    connection = create(draft_of(server, principal))
    assert rest.query(connection, "SELECT 1 AS n").json()["rows"] == [[1]]
    shown = rest.get(f"/connections/{connection}").text
    assert server.client_secret not in shown
    assert server.token not in shown
    wrong = draft_of(server, principal | {"client_secret": "canary-wrong-client-secret"})
    report = rest.post("/connections/test", wrong).json()
    stage = failed_stage(report)
    assert stage["stage"] == "login", stage
    assert stage["code"].startswith("login."), stage
    assert stage["hints"]
    assert "canary-wrong-client-secret" not in str(report)


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE lake.analytics.forbidden (id INT)",
        "/* SELECT */ DROP TABLE lake.analytics.t",
        "WITH x AS (SELECT 1 AS id) INSERT INTO lake.analytics.t SELECT id FROM x",
        "SELECT 1; DROP TABLE lake.analytics.t",
    ],
)
def test_read_only(rest: GatewayClient, server: Any, create: Callable[..., str], statement: str) -> None:
    token = {"type": "access_token", "token": server.token}
    connection = create(draft_of(server, token, read_only=True))
    assert rest.query(connection, "WITH x AS (SELECT 2 AS n) SELECT n FROM x").json()["rows"] == [[2]]
    refused = rest.query(connection, statement)
    assert refused.status_code >= 400, refused.text
    assert_problem(refused, ("query.read_only", "query.multiple_statements"))


def test_writing_is_there_where_it_is_allowed(rest: GatewayClient, server: Any, create: Callable[..., str]) -> None:
    connection = create(draft_of(server, {"type": "access_token", "token": server.token}))
    table = f"lake.analytics.t_{uuid.uuid4().hex[:8]}"
    for statement in (
        f"CREATE TABLE {table} (id INT, name STRING)",
        f"INSERT INTO {table} VALUES (1, 'one'), (2, NULL)",
    ):
        assert rest.query(connection, statement).status_code == 200
    rows = rest.query(connection, f"SELECT id, name FROM {table} ORDER BY id").json()["rows"]
    assert rows == [[1, "one"], [2, None]]
    missing = rest.query(connection, "SELECT * FROM lake.analytics.no_such_table")
    assert_problem(missing, "query.undefined_table")
