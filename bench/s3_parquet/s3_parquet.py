"""Parquet on S3 into an Arrow table: nstarx over HTTP, pyarrow.dataset, DuckDB's httpfs; one server, one run.

``python -m bench.s3_parquet.s3_parquet [--rows 2000000] [--repeat 5] [--files 4]``; needs duckdb and
duckdb-extension-httpfs of one version. The contestants take turns, so that a busy moment hits all of them.
"""

from __future__ import annotations

import argparse
import io
import statistics
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import duckdb_extension_httpfs
import nstarx
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.fs as pafs
import pyarrow.parquet as pq

from bench import report
from tests.servers import lineitem
from tests.servers.catalog import ServerCatalog
from tests.servers.gateway import GatewayServer
from tests.servers.minio import MinioServer

FOLDER = "bench/lineitem"
THREADS = 2
LAST_DAY = "1994-06-30"
FULL = "SELECT * FROM '{files}'"
FILTERED = "SELECT l_orderkey, l_shipdate, l_extendedprice FROM '{files}' WHERE l_orderkey < {bound}"
AGGREGATED = (
    "SELECT l_returnflag, sum(l_extendedprice) AS price, count(*) AS n FROM '{files}'"
    f" WHERE l_shipdate <= DATE '{LAST_DAY}' GROUP BY l_returnflag ORDER BY l_returnflag"
)

Contest = dict[str, Callable[[], pa.Table]]


def upload(server: MinioServer, rows: int, files: int) -> int:
    """Write the rows as Parquet files (snappy, 125,000 rows a row group) and return their bytes."""
    batches = list(lineitem.batches(rows))
    share = (len(batches) + files - 1) // files
    total = 0
    for number in range(files):
        sink = io.BytesIO()
        table = pa.Table.from_batches(batches[number * share : (number + 1) * share], schema=lineitem.SCHEMA)
        pq.write_table(table, sink, compression="snappy", row_group_size=125_000)
        content = sink.getvalue()
        total += len(content)
        server.client().put_object(Bucket=server.bucket, Key=f"{FOLDER}/part-{number}.parquet", Body=content)
    return total


def dataset_contest(server: MinioServer, bound: int) -> Contest:
    """Return what pyarrow.dataset does, with as many threads as the others."""
    pa.set_cpu_count(THREADS)
    files = pafs.S3FileSystem(
        access_key=server.access_key, secret_key=server.secret_key, region=server.region,
        endpoint_override=f"{server.host}:{server.port}", scheme="http",
    )  # fmt: skip

    def opened() -> Any:
        return ds.dataset(f"{server.bucket}/{FOLDER}", filesystem=files, format="parquet")

    def filtered() -> pa.Table:
        columns = ["l_orderkey", "l_shipdate", "l_extendedprice"]
        return opened().to_table(columns=columns, filter=pc.field("l_orderkey") < bound)

    def aggregated() -> pa.Table:
        day = pa.scalar(LAST_DAY).cast(pa.date32())
        found = opened().to_table(columns=["l_returnflag", "l_extendedprice"], filter=pc.field("l_shipdate") <= day)
        grouped = found.group_by("l_returnflag").aggregate([("l_extendedprice", "sum"), ([], "count_all")])
        return grouped.sort_by("l_returnflag")

    return {"full": lambda: opened().to_table(), "filtered": filtered, "aggregated": aggregated}


def duckdb_contest(server: MinioServer, bound: int, *, cache: bool) -> Contest:
    """Return what DuckDB with httpfs does, with its own cache of remote files or without."""
    extension = next(Path(duckdb_extension_httpfs.__file__).parent.rglob("*.duckdb_extension"))
    connection = duckdb.connect(config={"allow_unsigned_extensions": "true", "threads": THREADS})
    connection.execute(f"LOAD '{extension}'")
    connection.execute(f"SET enable_external_file_cache = {str(cache).lower()}")
    connection.execute(
        f"CREATE SECRET (TYPE s3, KEY_ID '{server.access_key}', SECRET '{server.secret_key}', REGION '{server.region}',"
        f" ENDPOINT '{server.host}:{server.port}', URL_STYLE 'path', USE_SSL false)"
    )
    where = f"s3://{server.bucket}/{FOLDER}/*.parquet"

    def run(sql: str) -> pa.Table:
        return connection.execute(sql.format(files=where, bound=bound)).to_arrow_table()

    return {"full": lambda: run(FULL), "filtered": lambda: run(FILTERED), "aggregated": lambda: run(AGGREGATED)}


def nstarx_contest(gateway: GatewayServer, server: MinioServer, bound: int, *, cache: bool) -> Contest:
    """Return what the SDK does through a running gateway, with the connection's cache of files or without."""
    name = "bench-lake-cached" if cache else "bench-lake"
    manager = nstarx.ConnectionManager(api_key=gateway.api_key, url=gateway.url)
    gateway.client().create(
        {
            "name": name,
            "type": "s3",
            "configuration": {
                "bucket": server.bucket,
                "region": server.region,
                "endpoint": server.endpoint,
                "query_threads": THREADS,
                "cache_files": cache,
            },
            "authentication": {
                "type": "access_key",
                "access_key_id": server.access_key,
                "secret_access_key": server.secret_key,
            },
        }
    )
    connection = manager.get_connection(name)

    def run(sql: str) -> pa.Table:
        return connection.execute(sql.format(files=f"{FOLDER}/*.parquet", bound=bound)).to_arrow()

    return {"full": lambda: run(FULL), "filtered": lambda: run(FILTERED), "aggregated": lambda: run(AGGREGATED)}


def check(task: str, tables: dict[str, pa.Table]) -> None:
    """Fail unless all contestants gave the same rows."""
    sums: dict[str, Any] = {}
    for name, table in tables.items():
        if task == "aggregated":
            rows = [tuple(column[i].as_py() for column in table.columns) for i in range(table.num_rows)]
            sums[name] = [(flag, Decimal(price), int(count)) for flag, price, count in rows]
        else:
            sums[name] = (table.num_rows, pc.sum(table["l_orderkey"]).as_py(), pc.sum(table["l_extendedprice"]).as_py())
    assert len({str(value) for value in sums.values()}) == 1, sums


def main() -> None:
    """Run the contest and write the results."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rows", type=int, default=2_000_000)
    arguments.add_argument("--files", type=int, default=4)
    arguments.add_argument("--repeat", type=int, default=5)
    options = arguments.parse_args()
    catalog = ServerCatalog()
    gateway = GatewayServer()
    try:
        server = catalog.get("minio")
        size = upload(server, options.rows, options.files)
        bound = options.rows // 4 // 10 * 8  # A tenth of the keys, all in the first file.
        gateway.start()
        contestants = {
            "nstarx over HTTP": nstarx_contest(gateway, server, bound, cache=False),
            "nstarx over HTTP, its cache on": nstarx_contest(gateway, server, bound, cache=True),
            "pyarrow.dataset": dataset_contest(server, bound),
            "DuckDB httpfs": duckdb_contest(server, bound, cache=False),
            "DuckDB httpfs, its cache on": duckdb_contest(server, bound, cache=True),
        }
        times: dict[tuple[str, str], list[float]] = {}
        gateway.reset_memory_peak()
        for task in ("full", "filtered", "aggregated"):
            check(task, {name: contest[task]() for name, contest in contestants.items()})  # Warms up, too.
            for _ in range(options.repeat):
                for name, contest in contestants.items():
                    begun = time.perf_counter()
                    contest[task]()
                    times.setdefault((task, name), []).append(time.perf_counter() - begun)
        rows = []
        for (task, name), taken in times.items():
            base = times[task, "nstarx over HTTP"]
            rows.append(
                (
                    task,
                    name,
                    f"{min(taken):.3f}",
                    f"{statistics.median(taken):.3f}",
                    f"{min(base) / min(taken):.2f}",
                    f"{statistics.median(base) / statistics.median(taken):.2f}",
                )
            )
        report.write(
            "s3_parquet",
            "Parquet on S3 into an Arrow table",
            f"{options.rows:,} rows of the TPC-H lineitem shape in {options.files} files ({size / 2**20:.0f} MiB,"
            f" snappy), MinIO on the same machine, {THREADS} threads each, {options.repeat} runs each in turns after a"
            f" warm-up."
            f" The ratios are nstarx's time by the other's: below 1, nstarx is faster. The gateway's resident peak was"
            f" {gateway.memory_bytes('VmHWM') / 2**20:.0f} MiB.",
            ("task", "by", "min s", "median s", "ratio of min", "ratio of median"),
            rows,
            {
                "script": "bench/s3_parquet/s3_parquet.py",
                "rows_in_table": options.rows,
                "bytes": size,
                "seconds": {f"{task}, {name}": taken for (task, name), taken in times.items()},
                "versions": {"duckdb": duckdb.__version__, "pyarrow": pa.__version__},
            },
        )
    finally:
        gateway.close()
        catalog.close()


if __name__ == "__main__":
    main()
