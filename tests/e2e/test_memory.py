"""Gigabytes through a small server."""

from __future__ import annotations

import os
import time

import pytest

from tests.servers.gateway import GatewayClient, GatewayServer

MIB = 1024 * 1024
GIGABYTES = float(os.environ.get("NSTARX_STREAM_GB", "1"))
ROW_BYTES = 1000


@pytest.mark.slow
@pytest.mark.timeout(300 + int(60 * GIGABYTES))
@pytest.mark.parametrize("accept", ["application/vnd.apache.arrow.stream", "text/csv"])
def test_stream_stays_under_256_mib(
    nstarx_server: GatewayServer, rest: GatewayClient, sales: str, accept: str, record_property
) -> None:
    # The second representation proves the same of row-wise encoders with a tenth of the bytes.
    wanted = int(GIGABYTES * 1e9) if accept.endswith("stream") else int(GIGABYTES * 1e8)
    rows = wanted // ROW_BYTES
    sql = f"SELECT n, repeat('x', {ROW_BYTES}) AS pad FROM generate_series(1, {rows}) s(n)"
    nstarx_server.reset_memory_peak()
    received, begun = 0, time.monotonic()
    with rest.query(sales, sql, accept=accept, stream=True, timeout_ms=600_000) as answer:
        assert answer.status_code == 200, answer.text
        while piece := answer.raw.read(4 * MIB):
            received += len(piece)
    took = time.monotonic() - begun
    peak = nstarx_server.memory_bytes("VmHWM")
    record_property("gigabytes", received / 1e9)
    record_property("seconds", took)
    record_property("peak_mib", peak / MIB)
    print(f"{accept}: {received / 1e9:.2f} GB in {took:.1f} s, peak {peak / MIB:.0f} MiB")
    assert received > wanted
    assert peak < 256 * MIB
