"""Memory of the server while gigabytes stream through it to a client.

``python -m bench.big_stream.big_stream [--gigabytes 10]``
"""

from __future__ import annotations

import argparse
import time

from bench import report
from tests.servers import logins
from tests.servers.catalog import ServerCatalog
from tests.servers.gateway import GatewayServer

MIB = 1024 * 1024
ROW_BYTES = 1000
FORMATS = {"Arrow": "application/vnd.apache.arrow.stream", "CSV": "text/csv", "NDJSON": "application/x-ndjson"}


def stream(server: GatewayServer, accept: str, gigabytes: float) -> tuple[float, float, float]:
    """Read rows that sum up to so much; return gigabytes, seconds and the server's peak in MiB."""
    rows = int(gigabytes * 1e9) // ROW_BYTES
    sql = f"SELECT n, repeat('x', {ROW_BYTES}) AS pad FROM generate_series(1, {rows}) s(n)"
    received = 0
    server.reset_memory_peak()
    start = time.perf_counter()
    with server.client().query("bench", sql, accept=accept, stream=True, timeout_ms=600_000) as answer:
        answer.raise_for_status()
        while piece := answer.raw.read(4 * MIB):
            received += len(piece)
    took = time.perf_counter() - start
    assert received > rows * ROW_BYTES, f"{received} bytes of {rows} rows"
    return received / 1e9, took, server.memory_bytes("VmHWM") / MIB


def main() -> None:
    """Measure and write the results."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--gigabytes", type=float, default=10)
    wanted = arguments.parse_args().gigabytes
    catalog = ServerCatalog()
    server = GatewayServer()
    try:
        postgresql = catalog.get("postgresql")
        server.start()
        server.client().create({
            "name": "bench",
            "type": "postgresql",
            "configuration": {"host": postgresql.host, "port": postgresql.port, "database": postgresql.database},
            "authentication": {"username": logins.APP.user, "password": logins.APP.password},
            "ssl": {"enabled": False},
        })  # fmt: skip
        rows = []
        for name, accept in FORMATS.items():
            gigabytes, seconds, peak = stream(server, accept, wanted)
            rows.append((name, f"{gigabytes:.1f}", f"{seconds:.1f}", f"{gigabytes / seconds:.2f}", f"{peak:.0f}"))
        report.write(
            "big_stream",
            "Gigabytes through the server",
            "Rows of 1,000 bytes that PostgreSQL makes up, read over HTTP by one client; the bar is a peak below 256 MiB"
            " resident, whatever the result's size.",
            ("as", "GB", "seconds", "GB/s", "server's peak MiB"),
            rows,
            {"script": "bench/big_stream/big_stream.py"},
        )
    finally:
        server.stop()
        catalog.close()


if __name__ == "__main__":
    main()
