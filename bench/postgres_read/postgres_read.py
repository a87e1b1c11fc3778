"""A whole table from PostgreSQL into a pyarrow.Table: nstarx over HTTP against the direct libraries and bare COPY.

``python -m bench.postgres_read.postgres_read [--rows 2000000] [--rounds 5]``; one server, one run, the readers take turns.
Only the reading is timed: imports and connections that a program makes once are made before.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import itertools
import resource
import statistics
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from bench import report
from tests.servers import lineitem, logins
from tests.servers.catalog import ServerCatalog
from tests.servers.gateway import GatewayServer, program
from tests.servers.postgresql import PostgresqlServer
from tests.servers.process import ServerFailed

TABLE = "lineitem"
SQL = f"SELECT * FROM {TABLE}"
BARS = (
    ("nstarx, 1 stream", "connectorx, 1 partition", 0.67),
    ("nstarx, 2 streams", "connectorx, 2 partitions", 0.67),
    ("nstarx, 1 stream", "ADBC", 0.67),
    ("nstarx, 1 stream", "DuckDB scanner, 1 thread", 1.0),
    ("nstarx, 2 streams", "DuckDB scanner, 2 threads", 1.0),
    ("nstarx, 1 stream", "psycopg 3, tuples", 1.0),
    ("nstarx, 2 streams", "bare COPY, 1 stream", 1.0),
    ("nstarx, 2 streams", "bare COPY, 2 streams", 1.0),
)
"""Reader, the peer that it is held against, and the most that its time may be of the peer's."""


@dataclass
class Reader:
    """One way to read the table. `read` returns an Arrow table, or a row count where there is none."""

    name: str
    gives: str
    read: Callable[[], pa.Table | int]
    seconds: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)

    def run(self, rows: int, total: Decimal) -> None:
        """Read once, timed, and check what came."""
        before = resource.getrusage(resource.RUSAGE_SELF)
        begun = time.perf_counter()
        result = self.read()
        self.seconds.append(time.perf_counter() - begun)
        after = resource.getrusage(resource.RUSAGE_SELF)
        self.cpu.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
        count = result if isinstance(result, int) else result.num_rows
        if count != rows:
            raise RuntimeError(f"{self.name} gave {count} rows of {rows}")
        if isinstance(result, pa.Table) and pa.types.is_decimal(result.schema.field("l_extendedprice").type):
            found = pc.sum(result["l_extendedprice"]).as_py()
            if found != total:
                raise RuntimeError(f"{self.name}: sum of prices {found}, not {total}")

    @property
    def minimum(self) -> float:
        """The quickest run."""
        return min(self.seconds)

    @property
    def median(self) -> float:
        """The middle run."""
        return statistics.median(self.seconds)


def copy_streams(server: PostgresqlServer, rows: int, streams: int) -> Callable[[], int]:
    """Return a reader of bare COPY binary streams to /dev/null, the table cut by pages."""
    with server.connect(logins.APP) as connection:
        size = "SELECT pg_relation_size(%s) / current_setting('block_size')::bigint"
        found = connection.execute(size, (TABLE,)).fetchone()
    pages = int(found[0]) if found else 0
    bounds = [pages * number // streams for number in range(streams)] + [4_294_967_295]
    uri = f"{server.uri()}?sslmode=disable"

    def read() -> int:
        running = []
        for low, high in itertools.pairwise(bounds):
            where = "" if streams == 1 else f" WHERE ctid >= '({low},0)' AND ctid < '({high},0)'"
            statement = f"COPY ({SQL}{where}) TO STDOUT (FORMAT binary)"
            command = ["psql", "-X", "-q", "-d", uri, "-c", statement]
            running.append(subprocess.Popen(command, stdout=subprocess.DEVNULL))
        if any(process.wait() != 0 for process in running):
            raise RuntimeError("psql failed")
        return rows

    return read


def connectorx_reader(uri: str, partitions: int) -> Callable[[], pa.Table]:
    """Return connectorx's Arrow reader."""
    import connectorx

    options = {} if partitions == 1 else {"partition_on": "l_orderkey", "partition_num": partitions}
    return lambda: pa.table(connectorx.read_sql(uri, SQL, return_type="arrow", **options))


def adbc_reader(uri: str) -> Callable[[], pa.Table]:
    """Return ADBC's reader."""
    from adbc_driver_postgresql import dbapi

    connection = dbapi.connect(uri)

    def read() -> pa.Table:
        with connection.cursor() as cursor:
            cursor.execute(SQL)
            return cursor.fetch_arrow_table()

    return read


def duckdb_reader(server: PostgresqlServer, threads: int) -> Callable[[], pa.Table]:
    """Return the reader of DuckDB's postgres scanner, loaded from its package."""
    import duckdb
    import duckdb_extension_postgres_scanner as package

    extension = next(Path(next(iter(package.__path__))).rglob("postgres_scanner.duckdb_extension"))
    connection = duckdb.connect(config={"allow_unsigned_extensions": "true", "threads": threads})
    connection.execute(f"LOAD '{extension}'")
    login = logins.APP
    where = f"host={server.host} port={server.port} dbname={server.database} user={login.user}"
    secret = f"password={login.password} sslmode=disable"
    connection.execute(f"ATTACH '{where} {secret}' AS pg (TYPE postgres, READ_ONLY)")
    return lambda: connection.execute(f"SELECT * FROM pg.public.{TABLE}").to_arrow_table()


def psycopg_reader(uri: str) -> Callable[[], int]:
    """Return psycopg's reader of all rows as tuples."""
    import psycopg

    connection = psycopg.connect(uri)

    def read() -> int:
        with connection.cursor(binary=True) as cursor:
            return len(cursor.execute(SQL).fetchall())

    return read


@contextmanager
def nstarx_reader(server: PostgresqlServer, streams: int) -> Iterator[Callable[[], pa.Table]]:
    """Start a gateway that reads with so many streams, and give its SDK's reader."""
    import nstarx

    gateway = GatewayServer(None, "--scan-parallelism", str(streams))
    gateway.start()
    try:
        gateway.client().create({
            "name": "bench", "type": "postgresql",
            "configuration": {"host": server.host, "port": server.port, "database": server.database},
            "authentication": {"type": "basic", "username": logins.APP.user, "password": logins.APP.password},
            "ssl": {"enabled": False},
        })  # fmt: skip
        with nstarx.ConnectionManager(api_key=gateway.api_key, url=gateway.url) as manager:
            connection = manager.get_connection("bench")
            yield lambda: connection.execute(SQL).to_arrow()
    finally:
        gateway.stop()


def measure(readers: list[Reader], rounds: int, rows: int, total: Decimal) -> None:
    """Let the readers take turns, after one round that is thrown away for those that keep a pool."""
    for reader in readers:
        if reader.name.startswith("nstarx"):
            reader.read()
    for number in range(rounds):
        for reader in readers:
            reader.run(rows, total)
            print(f"round {number + 1}: {reader.name}: {reader.seconds[-1]:.2f} s", flush=True)


def tabulate(readers: list[Reader], limit: str) -> list[tuple[str, ...]]:
    """Return the table's rows, each with its ratio to the limit."""
    bare = next(reader for reader in readers if reader.name == limit)
    return [
        (r.name, r.gives, f"{r.minimum:.2f}", f"{r.median:.2f}", f"{min(r.cpu):.2f}", f"{r.minimum / bare.minimum:.2f}")
        for r in sorted(readers, key=lambda reader: reader.minimum)
    ]


def judge(readers: list[Reader]) -> list[dict[str, Any]]:
    """Return each bar with the ratio that was measured."""
    by_name = {reader.name: reader for reader in readers}
    judged = []
    for name, peer, bar in BARS:
        if name not in by_name or peer not in by_name:
            continue
        ratio = by_name[name].minimum / by_name[peer].minimum
        judged.append({"reader": name, "peer": peer, "ratio": round(ratio, 3), "bar": bar, "kept": ratio <= bar})
    return judged


def versions() -> dict[str, str]:
    """Return the versions of the peers' packages."""
    packages = ("connectorx", "adbc-driver-postgresql", "duckdb", "psycopg", "pyarrow")
    return {name: importlib.metadata.version(name) for name in packages}


def peers(server: PostgresqlServer, rows: int, with_psycopg: bool) -> list[Reader]:
    """Return every reader but ours."""
    uri = f"{server.uri()}?sslmode=disable"
    readers = [
        Reader("bare COPY, 1 stream", "bytes to /dev/null", copy_streams(server, rows, 1)),
        Reader("bare COPY, 2 streams", "bytes to /dev/null", copy_streams(server, rows, 2)),
        Reader("connectorx, 1 partition", "decimal128(38,10)", connectorx_reader(uri, 1)),
        Reader("connectorx, 2 partitions", "decimal128(38,10)", connectorx_reader(uri, 2)),
        Reader("ADBC", "decimals as text", adbc_reader(uri)),
        Reader("DuckDB scanner, 1 thread", "decimal128(15,2)", duckdb_reader(server, 1)),
        Reader("DuckDB scanner, 2 threads", "decimal128(15,2)", duckdb_reader(server, 2)),
    ]
    if with_psycopg:
        readers.append(Reader("psycopg 3, tuples", "Python objects", psycopg_reader(uri)))
    return readers


def run(server: PostgresqlServer, rows: int, rounds: int, with_psycopg: bool) -> None:
    """Load the table, measure and write the results."""
    lineitem.load_postgresql(server, rows, TABLE)
    with server.connect(logins.APP) as connection:
        found = connection.execute(f"SELECT sum(l_extendedprice) FROM {TABLE}").fetchone()
        total = found[0] if found else Decimal(0)
    readers = peers(server, rows, with_psycopg)
    try:
        program()
    except ServerFailed as error:
        print(f"without nstarx: {error}")
        measure(readers, rounds, rows, total)
    else:
        with nstarx_reader(server, 1) as one, nstarx_reader(server, 2) as two:
            readers.append(Reader("nstarx, 1 stream", "decimal128(15,2), over HTTP", one))
            readers.append(Reader("nstarx, 2 streams", "decimal128(15,2), over HTTP", two))
            measure(readers, rounds, rows, total)
    judged = judge(readers)
    for bar in judged:
        verdict = "kept" if bar["kept"] else "MISSED"
        print(f"{bar['reader']} / {bar['peer']}: {bar['ratio']:.2f} (bar {bar['bar']:.2f}): {verdict}")
    report.write(
        "postgres_read",
        "A whole table from PostgreSQL",
        f"{rows:,} rows × {len(lineitem.COLUMNS)} columns of the TPC-H lineitem shape, `{SQL}` into a pyarrow.Table,"
        f" PostgreSQL {server.version()} and every reader on one machine without TLS; {rounds} rounds in turn. CPU is the"
        " Python process alone: psql's and the gateway's own are not in it. The last column is the quickest run against"
        " two bare COPY streams, the limit.",
        ("reader", "gives", "min s", "median s", "CPU s", "× limit"),
        tabulate(readers, "bare COPY, 2 streams"),
        {
            "script": "bench/postgres_read/postgres_read.py",
            "bars": judged,
            "versions": versions(),
            "seconds": {reader.name: reader.seconds for reader in readers},
        },
    )


def main() -> None:
    """Start the server, run, stop it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--without-psycopg", action="store_true", help="it takes longer than all the others together")
    options = parser.parse_args()
    if options.rounds < 3:
        parser.error("at least three rounds: one figure says nothing")
    catalog = ServerCatalog(large=True)
    try:
        run(catalog.get("postgresql"), options.rows, options.rounds, not options.without_psycopg)
    finally:
        catalog.close()


if __name__ == "__main__":
    main()
