"""Redshift's own ways: the IAM login by moto's GetClusterCredentials, plans, read-only blocks, refusals."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest

from tests.conformance.problem import assert_problem
from tests.conformance.quirks import QUIRKS
from tests.servers import logins
from tests.servers.catalog import ServerCatalog
from tests.servers.gateway import GatewayClient
from tests.servers.systems.redshift import IAM_USER


@pytest.fixture
def create(servers: ServerCatalog, rest: GatewayClient) -> Iterator[Callable[..., str]]:
    """Creates connections that the test's end deletes."""
    names: list[str] = []

    def make(authentication: dict[str, Any] | None = None, **changes: Any) -> str:
        name = f"redshift-{uuid.uuid4().hex[:8]}"
        draft = QUIRKS["redshift"](servers).draft(name, **changes)
        if authentication is not None:
            draft["authentication"] = authentication
        rest.create(draft)
        names.append(name)
        return name

    yield make
    for name in names:
        rest.delete(f"/connections/{name}")


def iam(servers: ServerCatalog, cluster: str) -> dict[str, Any]:
    """Returns the draft's parts for the IAM login by moto."""
    api = servers.get("redshift_api")
    return {
        "configuration": {"region": api.region, "endpoint": api.endpoint},
        "authentication": {
            "type": "iam", "access_key_id": api.access_key, "secret_access_key": api.secret_key,
            "cluster_identifier": cluster, "db_user": logins.APP.user,
        },
    }  # fmt: skip


def test_keys_are_exchanged_for_a_database_login(
    servers: ServerCatalog, rest: GatewayClient, create: Callable[..., str]
) -> None:
    api = servers.get("redshift_api")
    client: Any = boto3.client(
        "redshift", endpoint_url=api.endpoint, region_name=api.region, aws_access_key_id="x", aws_secret_access_key="x"
    )
    cluster = f"c-{uuid.uuid4().hex[:8]}"
    client.create_cluster(
        ClusterIdentifier=cluster, NodeType="ra3.large", MasterUsername="admin", MasterUserPassword="Canary-1-moto"
    )
    name = create(**iam(servers, cluster))
    got = rest.query(name, "SELECT current_user AS who")
    assert got.status_code == 200, got.text
    assert IAM_USER in got.text


def test_an_unknown_cluster_is_named(servers: ServerCatalog, rest: GatewayClient, create: Callable[..., str]) -> None:
    name = create(**iam(servers, "no-such-cluster"))
    assert_problem(rest.query(name, "SELECT 1"), "login.unknown_cluster")


def test_read_only_is_kept_on_the_server(rest: GatewayClient, create: Callable[..., str]) -> None:
    name = create(configuration={"read_only": True})
    for _ in range(3):
        got = rest.query(name, "SHOW transaction_read_only")
        assert got.status_code == 200 and '"on"' in got.text, got.text
    for text in ("DELETE FROM visible", "BEGIN; DELETE FROM visible", "SET search_path TO public"):
        assert_problem(rest.query(name, text), "query.read_only")
    hidden = "DO $$ BEGIN DELETE FROM visible; END $$"
    assert_problem(rest.query(name, hidden), "query.read_only")
    assert rest.query(name, "SELECT * FROM visible").status_code == 200


def test_a_changed_session_is_given_up(rest: GatewayClient, create: Callable[..., str]) -> None:
    name = create()
    before = rest.query(name, "SHOW statement_timeout").json()["rows"]
    assert rest.query(name, "SET statement_timeout TO 77777").status_code == 200
    assert rest.query(name, "SHOW statement_timeout").json()["rows"] == before


def test_the_text_of_a_plan_is_read(rest: GatewayClient, create: Callable[..., str]) -> None:
    name = create()
    got = rest.post(
        f"/connections/{name}/explain",
        json={"query": "SELECT a.note FROM visible a JOIN visible b ON a.id = b.id WHERE b.note = 'x'"},
    )
    assert got.status_code == 200, got.text
    plan = got.json()["plan"]
    assert plan["cost"] > 0
    assert plan["children"]
