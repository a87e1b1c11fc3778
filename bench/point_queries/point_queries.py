"""Point queries by primary key: direct libpq, pgbouncer, and nstarx over kept-alive HTTP, on one server in one run.

``python -m bench.point_queries.point_queries [--seconds 10] [--clients 8]``; needs pgbench, pgbouncer and wrk.
"""

from __future__ import annotations

import argparse
import glob
import os
import re
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from bench import report
from tests.servers import logins
from tests.servers.catalog import ServerCatalog
from tests.servers.gateway import GatewayServer
from tests.servers.process import find_program

ROWS = 100_000  # per unit of pgbench's scale
SCALE = 10
SQL = "SELECT abalance FROM pgbench_accounts WHERE aid = $1"

WRK_SCRIPT = """
wrk.method = "POST"
wrk.headers["Authorization"] = "Bearer KEY"
wrk.headers["Content-Type"] = "application/json"
wrk.headers["Accept"] = "application/json"
math.randomseed(os.time())
request = function()
  local body = '{"query":"SQL","parameters":[' .. math.random(1, TOTAL) .. ']}'
  return wrk.format(nil, "/connections/bench/query", nil, body)
end
failed = 0
response = function(status) if status ~= 200 then failed = failed + 1 end end
"""


def percentiles(values: list[float]) -> tuple[float, float]:
    """Return p50 and p99."""
    values.sort()
    return values[len(values) // 2], values[min(len(values) - 1, len(values) * 99 // 100)]


def pgbench(
    host: str, port: int, database: str, login: logins.Login, clients: int, seconds: int, mode: str
) -> dict[str, Any]:
    """Run ``pgbench -S`` and return queries/s and latencies in ms."""
    program = find_program("pgbench", *glob.glob("/usr/lib/postgresql/*/bin"))
    with tempfile.TemporaryDirectory() as folder:
        answer = subprocess.run(
            [program, "-S", "-n", "-M", mode, "-h", host, "-p", str(port), "-U", login.user, "-c", str(clients), "-j", "2",
             "-T", str(seconds), "-l", "--sampling-rate=0.05", database],
            cwd=folder, env=dict(os.environ, PGPASSWORD=login.password, PGSSLMODE="disable"),
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        taken = [
            int(line.split()[2]) / 1000
            for path in Path(folder).glob("pgbench_log.*")
            for line in path.read_text().splitlines()
        ]
    found = re.search(r"tps = ([0-9.]+)", answer.stdout)
    assert found, answer.stdout
    p50, p99 = percentiles(taken)
    return {"qps": float(found.group(1)), "p50_ms": p50, "p99_ms": p99}


def wrk(server: GatewayServer, clients: int, seconds: int) -> dict[str, Any]:
    """Run wrk against the gateway and return queries/s and latencies in ms."""
    script = WRK_SCRIPT.replace("KEY", server.api_key).replace("SQL", SQL).replace("TOTAL", str(ROWS * SCALE))
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as file:
        file.write(script)
        file.flush()
        answer = subprocess.run(
            ["wrk", "-t", "1", "-c", str(clients), "-d", f"{seconds}s", "--latency", "-s", file.name, server.url],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
    assert "Non-2xx" not in answer.stdout, answer.stdout

    def milliseconds(text: str) -> float:
        number, unit = re.fullmatch(r"([0-9.]+)(us|ms|s)", text).groups()  # type: ignore[union-attr]
        return float(number) * {"us": 0.001, "ms": 1, "s": 1000}[unit]

    return {
        "qps": float(re.search(r"Requests/sec:\s+([0-9.]+)", answer.stdout).group(1)),  # type: ignore[union-attr]
        "p50_ms": milliseconds(re.search(r"50%\s+(\S+)", answer.stdout).group(1)),  # type: ignore[union-attr]
        "p99_ms": milliseconds(re.search(r"99%\s+(\S+)", answer.stdout).group(1)),  # type: ignore[union-attr]
    }


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--seconds", type=int, default=10)
    arguments.add_argument("--clients", type=int, default=8)
    options = arguments.parse_args()
    catalog = ServerCatalog(large=True)
    gateway = GatewayServer()
    try:
        postgresql = catalog.get("postgresql")
        pgbouncer = catalog.get("pgbouncer")
        program = find_program("pgbench", *glob.glob("/usr/lib/postgresql/*/bin"))
        subprocess.run(
            [program, "-i", "-q", "-s", str(SCALE), "-h", postgresql.host, "-p", str(postgresql.port), "-U", logins.APP.user,
             postgresql.database],
            env=dict(os.environ, PGPASSWORD=logins.APP.password), check=True, capture_output=True,
        )  # fmt: skip
        gateway.start()
        gateway.client().create(
            {
                "name": "bench",
                "type": "postgresql",
                "configuration": {"host": postgresql.host, "port": postgresql.port, "database": postgresql.database},
                "authentication": {"username": logins.APP.user, "password": logins.APP.password},
                "ssl": {"enabled": False},
                "pooling": {"maxSize": 8},
            }
        )
        peers: dict[str, dict[str, Any]] = {}
        for clients in (1, options.clients):
            shared = (logins.APP, clients, options.seconds)
            peers[f"libpq, simple, {clients}"] = pgbench(
                postgresql.host, postgresql.port, postgresql.database, *shared, "simple"
            )
            peers[f"libpq, prepared, {clients}"] = pgbench(
                postgresql.host, postgresql.port, postgresql.database, *shared, "prepared"
            )
            peers[f"pgbouncer, simple, {clients}"] = pgbench(
                pgbouncer.host, pgbouncer.port, postgresql.database, *shared, "simple"
            )
            wrk(gateway, clients, 2)
            peers[f"nstarx over HTTP, {clients}"] = wrk(gateway, clients, options.seconds)
        rows = []
        for name, figures in peers.items():
            bouncer = peers[f"pgbouncer, simple, {name.rsplit(', ', 1)[1]}"]
            rows.append(
                (
                    name,
                    f"{figures['qps']:,.0f}",
                    f"{figures['p50_ms']:.3f}",
                    f"{figures['p99_ms']:.3f}",
                    f"{figures['qps'] / bouncer['qps']:.2f}",
                )
            )
        report.write(
            "point_queries",
            "Point queries through the gateway (PostgreSQL, by primary key)",
            f"1 M accounts (pgbench scale {SCALE}), everything on one machine, {options.seconds} s each. The last column is"
            " queries/s against pgbouncer with as many clients.",
            ("path, clients", "queries/s", "p50 ms", "p99 ms", "× pgbouncer"),
            rows,
            {"script": "bench/point_queries/point_queries.py", "peers": peers},
        )
    finally:
        gateway.stop()
        catalog.close()


if __name__ == "__main__":
    main()
