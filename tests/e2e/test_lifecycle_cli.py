"""The whole life of a connection by the command line, as a script would use it."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import uuid
from typing import Any

import pyarrow as pa
import pytest

from tests.servers import logins
from tests.servers.gateway import GatewayServer, program


def run(server: GatewayServer, *arguments: str, **options: Any) -> str:
    """Runs a command that must work and returns its standard output."""
    done = server.cli(*arguments, **options)
    assert done.returncode == 0, f"{arguments}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def run_json(server: GatewayServer, *arguments: str, **options: Any) -> Any:
    """Runs a command with `-o json` and returns what it printed."""
    return json.loads(run(server, *arguments, "-o", "json", **options))


def test_whole_life(nstarx_server: GatewayServer, postgresql) -> None:
    server = nstarx_server
    name = f"cli-{uuid.uuid4().hex[:8]}"
    created = run_json(server, "add", postgresql.uri(), "--name", name, "--tag", "by-cli")
    assert created["name"] == name
    assert created["configuration"]["database"] == logins.DATABASE

    assert run_json(server, "test", name)["status"] == "ok"
    assert name in run(server, "list")
    listed = run_json(server, "list", "--tag", "by-cli")
    assert [item["name"] for item in (listed["items"] if isinstance(listed, dict) else listed)] == [name]
    assert run_json(server, "show", name)["id"] == created["id"]

    assert run_json(server, "query", name, "SELECT count(*) AS n FROM sales_data")["rows"] == [[3]]
    text = run(server, "query", name, "SELECT id, region FROM sales_data ORDER BY id", "-o", "csv")
    assert list(csv.reader(io.StringIO(text)))[:2] == [["id", "region"], ["1", "north"]]
    assert "public" in run(server, "browse", name)
    assert "amount" in run(server, "describe", name, "public.sales_data")
    assert "north" in run(server, "sample", name, "public.sales_data")

    run(server, "update", name, "--description", "changed by cli")
    assert run_json(server, "show", name)["metadata"]["description"] == "changed by cli"
    versions = run_json(server, "versions", name)
    versions = versions["items"] if isinstance(versions, dict) else versions
    assert sorted(item["version"] for item in versions) == [1, 2]
    run(server, "rollback", name, "1")
    assert run_json(server, "show", name)["metadata"]["description"] == ""
    run(server, "archive", name)
    refused = server.cli("query", name, "SELECT 1")
    assert refused.returncode != 0
    assert "connection.archived" in refused.stderr
    run(server, "restore", name)
    assert run_json(server, "query", name, "SELECT 1 AS a")["rows"] == [[1]]
    run(server, "delete", name, "--yes")
    gone = server.cli("show", name)
    assert gone.returncode == 5, "exit code of not found"
    assert "connection.not_found" in gone.stderr


def test_arrow_output_is_a_stream(nstarx_server: GatewayServer, sales: str) -> None:
    done = subprocess.run(
        [str(program()), "query", sales, "SELECT * FROM sales_data ORDER BY id", "-o", "arrow"],
        env=nstarx_server.client_environment(), capture_output=True, timeout=30, check=True,
    )  # fmt: skip
    table = pa.ipc.open_stream(done.stdout).read_all()
    assert table["id"].to_pylist() == [1, 2, 3]
    assert pa.types.is_decimal(table.schema.field("amount").type)


def test_output_pipe_that_closes_early(nstarx_server: GatewayServer, sales: str) -> None:
    sql = "SELECT n FROM generate_series(1, 5000000) s(n)"
    command = f"{program()} query {sales} '{sql}' -o csv | head -n 3"
    done = subprocess.run(
        ["bash", "-c", command], env=nstarx_server.client_environment(), capture_output=True, text=True, timeout=30,
        check=False,
    )  # fmt: skip
    assert done.stdout.splitlines() == ["n", "1", "2"]
    assert "terminate" not in done.stderr


@pytest.mark.parametrize("kind", ["mysql", "sqlite", "s3"])
def test_add_takes_each_uri(nstarx_server: GatewayServer, servers, sqlite_file, lake, kind: str) -> None:
    name = f"cli-uri-{kind}"
    uri = {
        "mysql": lambda: servers.get("mariadb").uri(),
        "sqlite": lambda: f"sqlite:{sqlite_file}",
        "s3": lambda: f"s3://{lake.bucket}?region={lake.region}",
    }[kind]()
    extra = ["--auth", "iam", "--auth", f"role_arn={lake.role_arn}"] if kind == "s3" else []
    try:
        run(nstarx_server, "add", uri, "--name", name, *extra)
        shown = run_json(nstarx_server, "show", name)
        assert shown["type"] == kind
        sql = "SELECT count(*) AS n FROM 'events/*.parquet'" if kind == "s3" else "SELECT 1 AS n"
        assert run_json(nstarx_server, "query", name, sql)["rows"] == [[200 if kind == "s3" else 1]]
    finally:
        nstarx_server.cli("delete", name, "--yes")


def test_add_takes_flags_without_a_uri(nstarx_server: GatewayServer, postgresql) -> None:
    name = "cli-flags"
    try:
        run(
            nstarx_server, "add", "--type", "postgresql", "--name", name, "--set", f"host={postgresql.host}",
            "--set", f"port={postgresql.port}", "--set", f"database={postgresql.database}",
            "--set", f"username={logins.APP.user}", "--set", "password=${CLI_TEST_PASSWORD}",
        )  # fmt: skip
        shown = run_json(nstarx_server, "show", name)
        assert shown["configuration"]["port"] == postgresql.port
        refused = nstarx_server.cli("query", name, "SELECT 1")
        assert "CLI_TEST_PASSWORD" in refused.stderr
    finally:
        nstarx_server.cli("delete", name, "--yes")


def test_types_and_help(nstarx_server: GatewayServer) -> None:
    for kind in ("postgresql", "mysql", "sqlite", "s3"):
        assert kind in run(nstarx_server, "types")
    for arguments in (["--help"], ["add", "--help"], ["query", "--help"], ["serve", "--help"]):
        assert "usage" in run(nstarx_server, *arguments).lower()
    assert run(nstarx_server, "--version").strip()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["qurey", "x", "y"], ["query"]),
        (["list", "--colour"], ["--colour"]),
        (["query"], []),
        ([], []),
    ],
)
def test_wrong_use_is_explained(nstarx_server: GatewayServer, arguments: list[str], words: list[str]) -> None:
    done = nstarx_server.cli(*arguments)
    assert done.returncode != 0
    assert done.stderr.strip() or done.stdout.strip()
    for word in words:
        assert word in done.stderr


def test_no_server_and_a_wrong_key(nstarx_server: GatewayServer) -> None:
    done = nstarx_server.cli("list", environment={"NSTARX_URL": "http://127.0.0.1:1"})
    assert done.returncode != 0
    assert "127.0.0.1:1" in done.stderr
    done = nstarx_server.cli("list", api_key="nsx_wrong_key")
    assert done.returncode == 3
    assert "auth.invalid_key" in done.stderr


def test_serve_refuses_a_public_address_without_tls(nstarx_server: GatewayServer, tmp_path) -> None:
    done = nstarx_server.cli("serve", "--data", str(tmp_path), "--listen", "0.0.0.0:0", timeout_s=15)
    assert done.returncode != 0
    assert "TLS" in done.stderr
