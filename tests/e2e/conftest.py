"""Connections that the end-to-end tests share, one of each type."""

from __future__ import annotations

import datetime
import io
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.servers import logins
from tests.servers.catalog import ServerCatalog
from tests.servers.gateway import GatewayClient, GatewayServer

#: What `sales_data` holds in every system.
SALES = [
    (1, "north", "19.99", datetime.date(2026, 1, 31)),
    (2, "süd", "0.01", datetime.date(2026, 2, 1)),
    (3, None, "1000000.50", None),
]


@pytest.fixture(scope="session")
def postgresql(servers: ServerCatalog) -> Any:
    """PostgreSQL with the table sales_data."""
    server = servers.get("postgresql")
    with server.connect(logins.APP) as connection:
        connection.execute("DROP TABLE IF EXISTS sales_data")
        connection.execute(
            "CREATE TABLE sales_data (id bigint PRIMARY KEY, region text, amount numeric(12,2) NOT NULL, day date)"
        )
        with connection.cursor() as cursor:
            cursor.executemany("INSERT INTO sales_data VALUES (%s, %s, %s, %s)", SALES)
    return server


@pytest.fixture(scope="session")
def sqlite_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with the table sales_data."""
    path = tmp_path_factory.mktemp("sqlite") / "sales.db"
    with sqlite3.connect(path) as connection:
        connection.execute(
            "CREATE TABLE sales_data (id INTEGER PRIMARY KEY, region TEXT, amount DECIMAL(12,2) NOT NULL, day DATE)"
        )
        rows = [(number, region, amount, day and day.isoformat()) for number, region, amount, day in SALES]
        connection.executemany("INSERT INTO sales_data VALUES (?, ?, ?, ?)", rows)
    connection.close()
    return path


@pytest.fixture(scope="session")
def lake(servers: ServerCatalog) -> Any:
    """MinIO with two Parquet files under events/, a CSV and a JSON file."""
    server = servers.get("minio")
    client = server.client()
    for number in range(2):
        table = pa.table(
            {
                "id": pa.array(range(number * 100, number * 100 + 100), pa.int64()),
                "kind": pa.array([("click", "view")[row % 2] for row in range(100)]),
                "price": pa.array([f"{row}.25" for row in range(100)]).cast(pa.decimal128(10, 2)),
            }
        )
        sink = io.BytesIO()
        pq.write_table(table, sink)
        client.put_object(Bucket=server.bucket, Key=f"events/part-{number}.parquet", Body=sink.getvalue())
    client.put_object(Bucket=server.bucket, Key="tables/people.csv", Body="id,name\n1,Zoë\n2,Bob\n".encode())
    client.put_object(
        Bucket=server.bucket, Key="tables/people.json", Body=b'{"id":1,"name":"A"}\n{"id":2,"name":"B"}\n'
    )
    return server


def postgresql_draft(server: Any, name: str, **changes: Any) -> dict[str, Any]:
    """Returns the body that creates a PostgreSQL connection."""
    return {
        "name": name,
        "type": "postgresql",
        "configuration": {"host": "127.0.0.1", "port": server.port, "database": server.database},
        "authentication": {"type": "basic", "username": logins.APP.user, "password": logins.APP.password},
        **changes,
    }


def sqlite_draft(path: Path, name: str, **changes: Any) -> dict[str, Any]:
    """Returns the body that creates a SQLite connection."""
    return {"name": name, "type": "sqlite", "configuration": {"path": str(path)}, **changes}


@pytest.fixture
def temporary(rest: GatewayClient) -> Iterator[Callable[[dict[str, Any]], dict[str, Any]]]:
    """Creates connections that the end of the test deletes."""
    names: list[str] = []

    def create(draft: dict[str, Any]) -> dict[str, Any]:
        names.append(draft["name"])
        return rest.create(draft)

    yield create
    for name in names:
        rest.delete(f"/connections/{name}")


@pytest.fixture(scope="session")
def sales(nstarx_server: GatewayServer, rest: GatewayClient, postgresql: Any) -> str:
    """The name of a PostgreSQL connection with the table sales_data."""
    rest.create(postgresql_draft(postgresql, "shared-sales"))
    return "shared-sales"


@pytest.fixture(scope="session")
def data_lake(nstarx_server: GatewayServer, rest: GatewayClient, lake: Any) -> str:
    """The name of an S3 connection that assumes a role, as in the mission."""
    rest.create(
        {
            "name": "shared-lake",
            "type": "s3",
            "configuration": {"region": lake.region, "bucket": lake.bucket},
            "authentication": {"type": "iam", "role_arn": lake.role_arn},
        }
    )
    return "shared-lake"


def new_caller(rest: GatewayClient, name: str, role: str, teams: list[str] | None = None) -> GatewayClient:
    """Creates a user with an API key and returns a client that is this user."""
    created = rest.post("/users", {"name": name, "role": role, "teams": teams or []})
    assert created.status_code == 201, created.text
    issued = rest.post("/api-keys", {"name": f"key of {name}", "user": name})
    assert issued.status_code == 201, issued.text
    return GatewayClient(rest.url, issued.json()["api_key"])
