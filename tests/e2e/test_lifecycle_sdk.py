"""The whole life of a connection by the Python SDK."""

from __future__ import annotations

import uuid
from decimal import Decimal

import pandas as pd
import pyarrow as pa
import pytest

from tests.e2e.conftest import SALES
from tests.servers import logins
from tests.servers.gateway import GatewayServer

nstarx = pytest.importorskip("nstarx", reason="the SDK is not installed in this environment")


@pytest.fixture
def manager(nstarx_server: GatewayServer):
    """A manager with the admin's key."""
    with nstarx.ConnectionManager(api_key=nstarx_server.api_key, url=nstarx_server.url) as made:
        yield made


def test_whole_life(manager, postgresql) -> None:
    name = f"sdk-{uuid.uuid4().hex[:8]}"
    given = {
        "type": "postgresql",
        "config": {"host": postgresql.host, "port": postgresql.port, "database": postgresql.database},
        "auth": {"username": logins.APP.user, "password": logins.APP.password},
    }
    report = manager.test_connection(name=name, **given)
    assert report.ok
    manager.create_connection(name=name, **given, tags=["by-sdk"])
    try:
        assert name in [item.name for item in manager.list_connections(tag="by-sdk")]
        with manager.get_connection(name) as connection:
            assert connection.test().ok
            assert connection.query("SELECT count(*) AS n FROM sales_data")["n"].tolist() == [3]
            assert any(node.name == "public" for node in connection.browse())
            assert [column.name for column in connection.describe("public.sales_data").columns][0] == "id"
            assert len(connection.sample("public.sales_data", limit=2).to_pylist()) == 2
            connection.update(description="changed by sdk")
            assert [version.version for version in connection.versions()] in ([1, 2], [2, 1])
            connection.rollback(1)
            connection.archive()
            with pytest.raises(nstarx.Error) as caught:
                connection.query("SELECT 1")
            assert caught.value.code == "connection.archived"
            connection.restore()
            assert connection.query("SELECT 1 AS a")["a"].tolist() == [1]
    finally:
        manager.delete_connection(name)
    with pytest.raises(nstarx.Error) as caught:
        manager.get_connection(name)
    assert caught.value.code == "connection.not_found"


def test_a_result_has_every_target(manager, sales: str) -> None:
    sql = "SELECT * FROM sales_data ORDER BY id"
    with manager.get_connection(sales) as connection:
        table = connection.execute(sql).to_arrow()
        assert isinstance(table, pa.Table)
        assert table["amount"].to_pylist() == [Decimal(amount) for _, _, amount, _ in SALES]
        assert isinstance(connection.execute(sql).to_pandas(), pd.DataFrame)
        assert connection.execute(sql).to_polars().height == 3
        assert sum(batch.num_rows for batch in connection.execute(sql).to_batches()) == 3
        assert connection.execute(sql).to_pylist()[0]["region"] == "north"
        assert connection.execute(sql).schema.names == ["id", "region", "amount", "day"]
        assert pa.table(connection.execute(sql)).num_rows == 3, "the Arrow C stream protocol"


def test_dbapi(nstarx_server: GatewayServer, sales: str) -> None:
    import nstarx.dbapi as dbapi

    assert dbapi.apilevel == "2.0"
    with dbapi.connect(sales, api_key=nstarx_server.api_key, url=nstarx_server.url) as connection:
        cursor = connection.cursor()
        cursor.execute("SELECT id, amount FROM sales_data ORDER BY id")
        assert [column[0] for column in cursor.description] == ["id", "amount"]
        assert cursor.fetchone() == (1, Decimal("19.99"))
        assert len(cursor.fetchall()) == 2
        with pytest.raises(dbapi.Error):
            cursor.execute("SELECT * FORM nothing")


def test_exceptions_are_pep_249(manager, sales: str) -> None:
    with manager.get_connection(sales) as connection:
        with pytest.raises(nstarx.ProgrammingError) as caught:
            connection.query("SELECT * FROM no_such_table")
    assert caught.value.code == "query.undefined_table"
    assert caught.value.stage == "query"
    assert caught.value.hints
