"""Rows per second to Arrow of every type: nstarx over HTTP against the library that its users would pick.

``python -m bench.all_types.all_types [--only redis,kafka] [--rounds 3]``; the servers of the conformance suite, the
same rows (n: 64-bit integer, pad: 100 characters; messages of 100 bytes), both readers in turn. Connections are made
before. With --only, the other rows of the table stay as they were measured.
Peers that are no packages of the tests come from packaging/requirements-bench.txt, in build/bench-venv.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
import traceback
import venv
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import nstarx
import pyarrow as pa

from bench import report
from bench.all_types import peers
from tests.conformance.quirks import QUIRKS
from tests.servers.catalog import ServerCatalog
from tests.servers.gateway import REPOSITORY, GatewayServer

_FAMILIES: dict[str, dict[str, int]] = {
    "tables": {"postgresql": 1_000_000, "redshift": 300_000, "mysql": 1_000_000, "sqlite": 1_000_000},
    "prepared": {
        "mongodb": 300_000, "cassandra": 200_000, "redis": 1_000_000, "elasticsearch": 200_000, "dynamodb": 12_000,
    },
    "files": {"s3": 2_000_000, "minio": 2_000_000, "azure_blob": 2_000_000, "gcs": 2_000_000, "hdfs": 2_000_000},
    "generated": {"snowflake": 300_000, "bigquery": 100_000, "databricks": 300_000},
    "streams": {
        "kafka": 500_000, "event_hubs": 500_000, "pulsar": 200_000, "rabbitmq": 200_000, "kinesis": 20_000,
    },
}  # fmt: skip
"""How the rows come about, and how many a type has: what its server can hold and the slower reader does in seconds."""

_ENVIRONMENT = REPOSITORY / "build/bench-venv"
_REQUIREMENTS = REPOSITORY / "packaging/requirements-bench.txt"
_WITHOUT_DEPENDENCIES = ("opensearch-py==2.8.0", "Events==0.5", "hdfs==2.7.3", "docopt==0.6.2")
"""Small packages for the tests' own environment, whose other pins stay."""


@dataclass
class Reader:
    """One side of a row."""

    name: str
    read: Callable[[], Any]
    seconds: list[float] = field(default_factory=list)

    def run(self, rows: int) -> Any:
        """Read once, timed, and check how many rows came."""
        begun = time.perf_counter()
        result = self.read()
        took = time.perf_counter() - begun
        count, seconds = result if isinstance(result, tuple) else (result.num_rows, took)
        if count != rows:
            raise RuntimeError(f"{self.name} gave {count} rows of {rows}")
        self.seconds.append(seconds)
        return result


def sample_rows(rows: int) -> pa.Table:
    """Return the rows: n from 0, and n padded to 100 characters."""
    return pa.table({"n": pa.array(range(rows), pa.int64()), "pad": [f"{n:x<100}" for n in range(rows)]})


def prepare(family: str, quirks: Any, connection: Any, rows: int) -> Callable[[], pa.Table]:
    """Put the rows into the system and return how nstarx reads them."""
    if family == "tables":
        connection.ingest(peers.TABLE, sample_rows(rows), mode="replace")
        statement = f"SELECT * FROM {peers.TABLE}"
    elif family == "files":
        quirks._write(sample_rows(rows), f"{peers.TABLE}.parquet")
        statement = f"SELECT * FROM '{peers.TABLE}.parquet'"
    elif family == "streams":
        quirks.server.create_topic(peers.TOPIC)
        for begin in range(0, rows, 50_000):
            values = [f"{n:x<100}".encode() for n in range(begin, min(rows, begin + 50_000))]
            connection.produce(peers.TOPIC, pa.table({"value": values}))
        return lambda: connection.consume(peers.TOPIC, limit=rows, format="bytes").to_arrow()
    else:
        if family == "prepared":
            quirks.prepare()
        statement = quirks.rows_query(rows)
    return lambda: connection.execute(statement, timeout_ms=300_000).to_arrow()


def measure(
    type_: str, family: str, rows: int, rounds: int, servers: ServerCatalog, manager: nstarx.ConnectionManager
) -> list[Any]:
    """Return the row of one type."""
    quirks = QUIRKS[type_](servers)
    if type_ == "sqlite":
        quirks.prepare()  # Makes the file.
    draft = quirks.draft(f"bench-{type_}")
    manager.create_connection(
        draft["name"], type_, draft["configuration"], draft["authentication"], ssl=draft.get("ssl")
    )  # fmt: skip
    with manager.get_connection(draft["name"]) as connection:
        ours = Reader("nstarx", prepare(family, quirks, connection, rows))
        peer = getattr(peers, type_)(quirks, rows)
        theirs = Reader(peer.name, peer.read)
        try:
            table = ours.run(rows)
            theirs.run(rows)  # The first of each warms its connection and is not counted.
            ours.seconds.clear()
            theirs.seconds.clear()
            for _ in range(rounds):
                ours.run(rows)
                theirs.run(rows)
        finally:
            peer.close()
    payload = table.select([name for name in table.column_names if name in ("n", "pad", "value")])
    megabytes = payload.nbytes / 1e6
    quickest, other = min(ours.seconds), min(theirs.seconds)
    return [
        type_, f"{quirks.system} {quirks.version()}", f"{rows:,}",
        f"{rows / quickest:,.0f}", f"{megabytes / quickest:,.1f}", peer.name,
        f"{rows / other:,.0f}", f"{megabytes / other:,.1f}", f"{other / quickest:.2f}",
    ]  # fmt: skip


def install_peers() -> None:
    """Install what the tests do not need, once."""
    stamp = _ENVIRONMENT / "complete"
    if stamp.exists() and stamp.read_text() == _REQUIREMENTS.read_text():
        return
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", *_WITHOUT_DEPENDENCIES]
    subprocess.run(pip, check=True)
    venv.create(_ENVIRONMENT, with_pip=True)
    own_pip = [str(_ENVIRONMENT / "bin/python"), "-m", "pip", "install", "--quiet", "-r", str(_REQUIREMENTS)]
    subprocess.run(own_pip, check=True)
    stamp.write_text(_REQUIREMENTS.read_text())


def main() -> int:
    """Measure, write the table; 1 when a type could not be measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="types, separated by commas")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    wanted = set(arguments.only.split(",")) if arguments.only else None
    install_peers()
    table: list[list[Any]] = []
    failed: list[str] = []
    for family, types in _FAMILIES.items():
        for type_, rows in types.items():
            if wanted is not None and type_ not in wanted:
                continue
            # A catalog for each type: no other server takes a core meanwhile.
            servers, gateway = ServerCatalog(large=True), GatewayServer()
            gateway.start()
            try:
                with nstarx.ConnectionManager(api_key=gateway.api_key, url=gateway.url) as manager:
                    table.append(measure(type_, family, rows, arguments.rounds, servers, manager))
                    print(*table[-1], sep=" | ", flush=True)
            except Exception:  # noqa: BLE001 - printed, and the run fails in the end
                traceback.print_exc()
                failed.append(type_)
            finally:
                gateway.stop()
                servers.close()
    results = report.RESULTS / "all_types.json"
    if wanted is not None and results.exists():
        fresh = {row[0]: row for row in table}
        table = [fresh.get(row[0], row) for row in json.loads(results.read_text())["rows"]]
    if not failed:
        report.write(
            "all_types",
            "Every type to Arrow, against its users' library",
            f"n (64-bit integer) and pad (100 characters), or messages of 100 bytes, from each type's server into a"
            f" pyarrow.Table; the quickest of {arguments.rounds} rounds in turn, on one machine. nstarx reads over HTTP"
            " through its gateway, the libraries directly. The last column is how many times as quick nstarx is."
            " Oracle, SQL Server and Synapse have no server to be measured on; catalogs hold no rows.",
            ("type", "server", "rows", "nstarx rows/s", "MB/s", "library", "its rows/s", "MB/s", "×"),
            table,
            {"script": "bench/all_types/all_types.py", "rounds": arguments.rounds},
        )
    if failed:
        print("not measured:", *failed, file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
