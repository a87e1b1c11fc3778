"""A whole table from MariaDB into a pyarrow.Table: nstarx over HTTP against the direct libraries and a bare text dump.

``python -m bench.mysql_read.mysql_read [--rows 2000000] [--rounds 3]``; one server, one run, the readers take turns.
Only the reading is timed: imports and connections that a program makes once are made before.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import importlib.util
import json
import os
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
from tests.servers.mariadb import MariadbServer
from tests.servers.process import ServerFailed

TABLE = "lineitem"
SQL = f"SELECT * FROM {TABLE}"
LIMIT = "bare text dump"
BARS = (
    ("nstarx", "connectorx", 1.0),
    ("nstarx", "PyMySQL, tuples", 1.0),
    ("nstarx", "DuckDB mysql scanner", 1.0),
    ("nstarx connector alone", "connectorx", 1.0),
)
"""Reader, the peer that it is held against, and the most that its time may be of the peer's."""


@dataclass
class Reader:
    """One way to read the table. `read` returns an Arrow table, a row count, or (row count, seconds)."""

    name: str
    gives: str
    read: Callable[[], Any]
    seconds: list[float] = field(default_factory=list)
    server_cpu: list[float] = field(default_factory=list)

    def run(self, server: MariadbServer, rows: int, total: Decimal) -> None:
        """Read once, timed, and check what came."""
        before = cpu_seconds(server)
        begun = time.perf_counter()
        result = self.read()
        took = time.perf_counter() - begun
        self.server_cpu.append(cpu_seconds(server) - before)
        if isinstance(result, tuple):
            result, took = result
        self.seconds.append(took)
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


def cpu_seconds(server: MariadbServer) -> float:
    """Return the processor time that the server has used so far."""
    fields = Path(f"/proc/{server.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def dump_reader(server: MariadbServer, rows: int) -> Callable[[], int]:
    """Return a reader of the client's text output to /dev/null."""
    login = logins.APP
    command = [
        "mariadb", "--no-defaults", "--skip-ssl", f"--host={server.host}", f"--port={server.port}",
        f"--user={login.user}", "--quick", "--skip-column-names", "--batch", server.database, "-e", SQL,
    ]  # fmt: skip
    environment = {**os.environ, "MYSQL_PWD": login.password}

    def read() -> int:
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=environment)
        return rows

    return read


def connectorx_reader(server: MariadbServer) -> Callable[[], pa.Table]:
    """Return connectorx's Arrow reader."""
    import connectorx

    return lambda: pa.table(connectorx.read_sql(server.uri(), SQL, return_type="arrow"))


def pymysql_reader(server: MariadbServer) -> Callable[[], int]:
    """Return PyMySQL's reader of all rows as tuples."""
    connection = server.connect(logins.APP)

    def read() -> int:
        with connection.cursor() as cursor:
            cursor.execute(SQL)
            return len(cursor.fetchall())

    return read


def duckdb_reader(server: MariadbServer) -> Callable[[], pa.Table]:
    """Return the reader of DuckDB's mysql scanner, loaded from its package."""
    import duckdb
    import duckdb_extension_mysql_scanner as package

    extension = next(Path(next(iter(package.__path__))).rglob("mysql_scanner.duckdb_extension"))
    connection = duckdb.connect(config={"allow_unsigned_extensions": "true"})
    connection.execute(f"LOAD '{extension}'")
    login = logins.READER  # The other password has a '?', which makes DuckDB take the text for a URI.
    where = f"host={server.host} port={server.port} database={server.database} user={login.user}"
    connection.execute(f"ATTACH '{where} password={login.password}' AS my (TYPE mysql, READ_ONLY)")
    return lambda: connection.execute(f"SELECT * FROM my.{server.database}.{TABLE}").to_arrow_table()


def connector_reader(server: MariadbServer, path: Path, rows: int) -> Callable[[], tuple[int, float]]:
    """Return the connector alone, without a gateway: its own bench program drains the batches."""
    command = [str(path), "--benchmark_filter=Binary", "--benchmark_format=json"]
    environment = {**os.environ, "NSTARX_TEST_MYSQL_URI": server.uri()}

    def read() -> tuple[int, float]:
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment)
        found = json.loads(done.stdout)["benchmarks"][0]
        if found.get("error_occurred"):
            raise RuntimeError(found["error_message"])
        seconds = found["real_time"] / 1000
        return round(found["items_per_second"] * seconds), seconds

    return read


@contextmanager
def nstarx_reader(server: MariadbServer) -> Iterator[Callable[[], pa.Table]]:
    """Start a gateway and give its SDK's reader."""
    import nstarx

    gateway = GatewayServer(None)
    gateway.start()
    try:
        gateway.client().create({
            "name": "bench", "type": "mysql",
            "configuration": {"host": server.host, "port": server.port, "database": server.database},
            "authentication": {"type": "basic", "username": logins.APP.user, "password": logins.APP.password},
            "ssl": {"enabled": False},
        })  # fmt: skip
        with nstarx.ConnectionManager(api_key=gateway.api_key, url=gateway.url) as manager:
            connection = manager.get_connection("bench")
            yield lambda: connection.execute(SQL).to_arrow()
    finally:
        gateway.stop()


def measure(readers: list[Reader], server: MariadbServer, rounds: int, rows: int, total: Decimal) -> None:
    """Let the readers take turns, after one round that is thrown away for the one that keeps a pool."""
    for reader in readers:
        if reader.name == "nstarx":
            reader.read()
    for number in range(rounds):
        for reader in readers:
            reader.run(server, rows, total)
            print(f"round {number + 1}: {reader.name}: {reader.seconds[-1]:.2f} s", flush=True)


def tabulate(readers: list[Reader]) -> list[tuple[str, ...]]:
    """Return the table's rows, each with its ratio to the limit."""
    bare = next(reader for reader in readers if reader.name == LIMIT)
    return [
        (
            r.name, r.gives, f"{r.minimum:.2f}", f"{statistics.median(r.seconds):.2f}", f"{min(r.server_cpu):.2f}",
            f"{r.minimum / bare.minimum:.2f}",
        )
        for r in sorted(readers, key=lambda reader: reader.minimum)
    ]  # fmt: skip


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


def peers(server: MariadbServer, rows: int, connector_program: Path | None) -> list[Reader]:
    """Return every reader but the gateway."""
    readers = [
        Reader(LIMIT, "text to /dev/null", dump_reader(server, rows)),
        Reader("connectorx", "Arrow", connectorx_reader(server)),
        Reader("PyMySQL, tuples", "Python objects", pymysql_reader(server)),
    ]
    if importlib.util.find_spec("duckdb_extension_mysql_scanner") is not None:
        readers.append(Reader("DuckDB mysql scanner", "Arrow", duckdb_reader(server)))
    if connector_program is not None:
        read = connector_reader(server, connector_program, rows)
        readers.append(Reader("nstarx connector alone", "record batches, thrown away", read))
    return readers


def run(server: MariadbServer, rows: int, rounds: int, connector_program: Path | None) -> None:
    """Load the table, measure and write the results."""
    lineitem.load_mariadb(server, rows, TABLE)
    with server.connect() as connection, connection.cursor() as cursor:
        cursor.execute(f"SELECT sum(l_extendedprice) FROM {TABLE}")
        total = cursor.fetchone()[0]
    readers = peers(server, rows, connector_program)
    try:
        program()
    except ServerFailed as error:
        print(f"without nstarx: {error}")
        measure(readers, server, rounds, rows, total)
    else:
        with nstarx_reader(server) as read:
            readers.append(Reader("nstarx", "decimal128(15,2), over HTTP", read))
            measure(readers, server, rounds, rows, total)
    judged = judge(readers)
    for bar in judged:
        verdict = "kept" if bar["kept"] else "MISSED"
        print(f"{bar['reader']} / {bar['peer']}: {bar['ratio']:.2f} (bar {bar['bar']:.2f}): {verdict}")
    report.write(
        "mysql_read",
        "A whole table from MariaDB",
        f"{rows:,} rows × {len(lineitem.COLUMNS)} columns of the TPC-H lineitem shape, `{SQL}` into a pyarrow.Table,"
        f" MariaDB {server.version()} and every reader on one machine without TLS; {rounds} rounds in turn. CPU is the"
        " database server's. The last column is the quickest run against the bare text dump.",
        ("reader", "gives", "min s", "median s", "server CPU s", "× dump"),
        tabulate(readers),
        {
            "script": "bench/mysql_read/mysql_read.py",
            "bars": judged,
            "versions": {name: importlib.metadata.version(name) for name in ("connectorx", "pymysql", "duckdb", "pyarrow")},
            "seconds": {reader.name: reader.seconds for reader in readers},
        },
    )  # fmt: skip


def main() -> None:
    """Start the server, run, stop it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--connector-program", type=Path, help="connector_mysql_bench, to measure the connector alone")
    options = parser.parse_args()
    if options.rounds < 3:
        parser.error("at least three rounds: one figure says nothing")
    catalog = ServerCatalog(large=True)
    try:
        run(catalog.get("mariadb"), options.rows, options.rounds, options.connector_program)
    finally:
        catalog.close()


if __name__ == "__main__":
    main()
