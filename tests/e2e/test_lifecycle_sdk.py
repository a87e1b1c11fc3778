"""The whole life of a connection by the Python SDK."""

from __future__ import annotations

import asyncio
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
    assert manager.test_connection(**given)["status"] == "ok"
    manager.create_connection(name=name, **given, tags=["by-sdk"])
    try:
        assert name in [item["name"] for item in manager.list_connections(tag="by-sdk", page_size=1)]
        assert manager.test(name)["status"] == "ok"
        with manager.get_connection(name) as connection:
            assert connection.query("SELECT count(*) AS n FROM sales_data")["n"].tolist() == [3]
            assert "public" in [node["name"] for node in connection.browse()]
            columns = connection.describe("public.sales_data")["columns"]
            assert [column["name"] for column in columns] == ["id", "region", "amount", "day"]
            assert len(connection.sample("public.sales_data", limit=2).to_pylist()) == 2

            changed = manager.update_connection(name, metadata={"description": "changed by sdk"}, if_match=1)
            assert changed["metadata"]["description"] == "changed by sdk"
            with pytest.raises(nstarx.IntegrityError) as caught:
                manager.update_connection(name, metadata={"description": "too late"}, if_match=1)
            assert caught.value.code == "connection.version_conflict"
            assert sorted(item["version"] for item in manager.versions(name)) == [1, 2]
            assert manager.rollback(name, 1)["metadata"]["description"] == ""
            manager.archive(name)
            with pytest.raises(nstarx.Error) as caught:
                connection.query("SELECT 1")
            assert caught.value.code == "connection.archived"
            manager.restore(name)
            assert connection.query("SELECT 1 AS a")["a"].tolist() == [1]
    finally:
        manager.delete_connection(name)
    with pytest.raises(nstarx.ProgrammingError) as caught:
        manager.get_connection(name)
    assert caught.value.code == "connection.not_found"


def test_ingest_takes_frames(manager, sales: str) -> None:
    frame = pd.DataFrame({"id": [1, 2], "name": ["a", None]})
    with manager.get_connection(sales) as connection:
        try:
            assert connection.ingest("public.sdk_ingested", frame, mode="replace") == 2
            assert connection.ingest("public.sdk_ingested", pa.table({"id": [3], "name": ["c"]})) == 1
            read = connection.execute("SELECT id, name FROM sdk_ingested ORDER BY id").to_pylist()
            assert read == [{"id": 1, "name": "a"}, {"id": 2, "name": None}, {"id": 3, "name": "c"}]
        finally:
            connection.execute("DROP TABLE IF EXISTS sdk_ingested").close()


def test_objects(manager, data_lake: str) -> None:
    with manager.get_connection(data_lake) as connection:
        connection.objects.put("sdk/a b.txt", b"text", content_type="text/plain")
        assert connection.objects.get("sdk/a b.txt") == b"text"
        assert connection.objects.get("sdk/a b.txt", offset=1, length=2) == b"ex"
        assert [item["key"] for item in connection.objects.list("sdk/")] == ["sdk/a b.txt"]
        connection.objects.delete("sdk/a b.txt")
        with pytest.raises(nstarx.Error) as caught:
            connection.objects.get("sdk/a b.txt")
        assert caught.value.code == "object.not_found"


def test_async_manager(nstarx_server: GatewayServer, sales: str) -> None:
    async def ask() -> list[int]:
        async with nstarx.AsyncConnectionManager(api_key=nstarx_server.api_key, url=nstarx_server.url) as manager:
            connection = await manager.get_connection(sales)
            frame = await connection.query("SELECT count(*) AS n FROM sales_data")
            return frame["n"].tolist()

    assert asyncio.run(ask()) == [3]


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
