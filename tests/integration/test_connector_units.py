"""The connectors' own C++ tests, pointed at real servers: what skips in the unit tier runs here."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.servers.catalog import ServerCatalog
from tests.servers.gateway import program

#: Connector → the server that it is run on, and the names that its tests read: name → name that the server writes.
CASES = {
    "postgresql": ("postgresql", {"NSTARX_TEST_POSTGRES_URI": "URI"}),
    "mysql": ("mariadb", {"NSTARX_TEST_MYSQL_URI": "URI", "NSTARX_TEST_MYSQL_CA": "CA_FILE"}),
    "cassandra": (
        "cassandra",
        {
            f"NSTARX_TEST_CASSANDRA_{name}": name
            for name in (
                "PORT",
                "KEYSPACE",
                "USER",
                "PASSWORD",
                "CA_FILE",
                "CLIENT_CERTIFICATE_FILE",
                "CLIENT_KEY_FILE",
                "STRANGER_CERTIFICATE_FILE",
                "STRANGER_KEY_FILE",
            )
        },
    ),
    "s3": ("minio", {}),
    "s3-https": ("minio_https", {}),
}


@pytest.mark.parametrize("case", CASES)
def test_connector_on_its_server(case: str, servers: ServerCatalog, tmp_path: Path) -> None:
    server_name, names = CASES[case]
    server = servers.get(server_name)
    described = server.describe()
    prefix = server.environment_prefix()
    given = {name: described[f"{prefix}_{key}"] for name, key in names.items()}
    if not names:  # As the server writes them, below the plain server's name.
        given = {key.replace(prefix, "NSTARX_TEST_MINIO"): value for key, value in described.items()}
    unit_tests = program().parent / f"connector_{case.split('-')[0]}_test"
    report = tmp_path / "report.json"
    done = subprocess.run(
        [unit_tests, f"--gtest_output=json:{report}"],
        env={**os.environ, **given}, capture_output=True, text=True, timeout=110, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    tests = [test for suite in json.loads(report.read_text())["testsuites"] for test in suite["testsuite"]]
    skipped = [test["name"] for test in tests if test["result"] == "SKIPPED"]
    assert tests
    assert not skipped, "a server is there: nothing skips"
