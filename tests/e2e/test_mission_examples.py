"""The mission's two examples, word for word; only address, key, host and bucket differ."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pandas as pd
import pyarrow as pa

from tests.e2e.conftest import SALES
from tests.servers import logins
from tests.servers.gateway import GatewayClient, GatewayServer
from tests.servers.process import wait_until

PYTHON_EXAMPLE = """
from nstarx import ConnectionManager

# Initialize connection manager
conn_mgr = ConnectionManager(api_key="your-api-key")

# Create PostgreSQL connection
pg_conn = conn_mgr.create_connection(
    name="analytics-db",
    type="postgresql",
    config={
        "host": "db.example.com",
        "port": 5432,
        "database": "analytics",
        "ssl_mode": "require"
    },
    auth={
        "username": "user",
        "password": "secure-password"
    }
)

# Use connection in workflow
with conn_mgr.get_connection("analytics-db") as conn:
    df = conn.query("SELECT * FROM sales_data")
"""

CURL_EXAMPLE = """
# Create S3 connection
curl -X POST https://api.nstarx.com/connections \\
  -H "Authorization: Bearer YOUR_API_KEY" \\
  -H "Content-Type: application/json" \\
  -d '{
    "name": "data-lake",
    "type": "s3",
    "configuration": {
      "region": "us-west-2",
      "bucket": "my-data-lake"
    },
    "authentication": {
      "type": "iam",
      "role_arn": "arn:aws:iam::123456789012:role/DataAccess"
    }
  }'
"""


def _mission() -> str | None:
    """Returns the mission's text when this machine has it beside the checkout."""
    path = Path(__file__).resolve().parents[3] / "shared" / "mission.md"
    return path.read_text() if path.exists() else None


def test_the_examples_are_the_mission_s() -> None:
    mission = _mission()
    for example in (PYTHON_EXAMPLE, CURL_EXAMPLE):
        assert "example" not in example or example.count("\n") > 10
        if mission is not None:
            assert example.strip() in mission


def test_python_example(nstarx_server: GatewayServer, rest: GatewayClient, postgresql, monkeypatch) -> None:
    program = PYTHON_EXAMPLE
    for told, real in (
        ('"your-api-key"', repr(nstarx_server.api_key)),
        ('"db.example.com"', repr(postgresql.host)),
        ("5432", str(postgresql.port)),
        ('"user"', repr(logins.APP.user)),
        ('"secure-password"', repr(logins.APP.password)),
    ):
        assert program.count(told) == 1
        program = program.replace(told, real)
    monkeypatch.setenv("NSTARX_URL", nstarx_server.url)
    monkeypatch.delenv("NSTARX_API_KEY", raising=False)
    names: dict[str, object] = {}
    try:
        exec(compile(program, "mission.py", "exec"), names)  # noqa: S102 - the example as it stands
        frame = names["df"]
        assert isinstance(frame, pd.DataFrame)
        frame = frame.sort_values("id", ignore_index=True)
        assert list(frame.columns) == ["id", "region", "amount", "day"]
        assert frame["id"].tolist() == [1, 2, 3]
        assert str(frame["id"].dtype).lower() in ("int64", "int64[pyarrow]")
        assert frame["region"].tolist()[:2] == ["north", "süd"]
        assert pd.isna(frame["region"][2])
        assert frame["amount"].tolist() == [Decimal(amount) for _, _, amount, _ in SALES]
        assert pd.Timestamp(frame["day"][0]).date() == SALES[0][3]
    finally:
        rest.delete("/connections/analytics-db")


def test_python_example_as_a_program(nstarx_server: GatewayServer, rest: GatewayClient, postgresql, tmp_path) -> None:
    program = PYTHON_EXAMPLE.replace('api_key="your-api-key"', f"api_key={nstarx_server.api_key!r}")
    program = program.replace("db.example.com", postgresql.host).replace("5432", str(postgresql.port))
    program = program.replace('"user"', repr(logins.APP.user)).replace("secure-password", logins.APP.password)
    script = tmp_path / "example.py"
    script.write_text(program + "print(len(df))\n")
    environment = {**os.environ, "NSTARX_URL": nstarx_server.url, "HOME": str(tmp_path)}
    try:
        done = subprocess.run(
            [sys.executable, str(script)], env=environment, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout.strip() == "3"
        assert done.stderr == ""
    finally:
        rest.delete("/connections/analytics-db")


def test_curl_example_really_assumes_the_role(start_gateway, lake) -> None:
    # A program of its own: assumed roles are kept until they expire, and another test may have asked for this one.
    nstarx_server = start_gateway(lake.aws_environment())
    rest = nstarx_server.client()
    curl = shutil.which("curl")
    assert curl, "curl is not installed"
    command = CURL_EXAMPLE.replace("https://api.nstarx.com", nstarx_server.url)
    command = command.replace("YOUR_API_KEY", nstarx_server.api_key)
    assert f'"{lake.bucket}"' in command
    before = lake.audit.calls["AssumeRole"]
    reads_by_root = lake.audit.calls_by_key[("GetObject", lake.access_key)]
    try:
        done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        assert '"name":"data-lake"' in done.stdout.replace(" ", "")
        table = rest.arrow("data-lake", "SELECT count(*) AS n, sum(price) AS total FROM 'events/*.parquet'")
        assert table["n"].to_pylist() == [200]
        assert pa.types.is_decimal(table.schema.field("total").type)
        assert table["total"].to_pylist() == [Decimal("10000.00") - Decimal("50.00")]
        report = rest.post("/connections/data-lake/test").json()
        assert report["status"] == "ok", report
        wait_until("an AssumeRole call", lambda: lake.audit.calls["AssumeRole"] > before)
        # The bucket was read with the role's temporary keys, not with the keys that assumed it.
        assert lake.audit.calls_by_key[("GetObject", lake.access_key)] == reads_by_root
    finally:
        rest.delete("/connections/data-lake")
