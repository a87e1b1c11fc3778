"""Rows of the TPC-H lineitem shape: deterministic, made in columns, streamed in as CSV."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as csv

from tests.servers.mariadb import MariadbServer
from tests.servers.postgresql import PostgresqlServer

CHUNK_ROWS = 100_000

#: name, Arrow type, type in PostgreSQL and MariaDB.
COLUMNS: tuple[tuple[str, pa.DataType, str], ...] = (
    ("l_orderkey", pa.int64(), "bigint"),
    ("l_partkey", pa.int64(), "bigint"),
    ("l_suppkey", pa.int64(), "bigint"),
    ("l_linenumber", pa.int32(), "integer"),
    ("l_quantity", pa.decimal128(15, 2), "numeric(15,2)"),
    ("l_extendedprice", pa.decimal128(15, 2), "numeric(15,2)"),
    ("l_discount", pa.decimal128(15, 2), "numeric(15,2)"),
    ("l_tax", pa.decimal128(15, 2), "numeric(15,2)"),
    ("l_returnflag", pa.string(), "char(1)"),
    ("l_linestatus", pa.string(), "char(1)"),
    ("l_shipdate", pa.date32(), "date"),
    ("l_commitdate", pa.date32(), "date"),
    ("l_receiptdate", pa.date32(), "date"),
    ("l_shipinstruct", pa.string(), "char(25)"),
    ("l_shipmode", pa.string(), "char(10)"),
    ("l_comment", pa.string(), "varchar(44)"),
)
SCHEMA = pa.schema([(name, kind) for name, kind, _ in COLUMNS])

_INSTRUCTIONS = ("DELIVER IN PERSON", "COLLECT COD", "NONE", "TAKE BACK RETURN")
_MODES = ("REG AIR", "AIR", "RAIL", "SHIP", "TRUCK", "MAIL", "FOB")
_WORDS = [
    "furiously",
    "regular",
    "deposits",
    "sleep",
    "quickly",
    "among",
    "the",
    "express",
    "accounts",
    "blithely",
    "final",
    "ideas",
    "nag",
    "carefully",
    "even",
    "packages",
    "haggle",
    "slyly",
    "silent",
    "requests",
    "boost",
    "ironic",
    "theodolites",
    "wake",
    "bold",
    "pinto",
    "beans",
]
_FIRST_DAY = 8036  # 1992-01-02 as days since the epoch.


def _decimals(unscaled: np.ndarray) -> pa.Array:
    """Returns decimal128(15,2) of integers of cents, without passing through floats."""
    words = np.zeros((len(unscaled), 2), dtype=np.int64)
    words[:, 0] = unscaled
    words[:, 1] = np.where(unscaled < 0, -1, 0)
    return pa.Array.from_buffers(pa.decimal128(15, 2), len(unscaled), [None, pa.py_buffer(words.tobytes())])


def _choose(values: tuple[str, ...] | list[str], index: np.ndarray) -> pa.Array:
    return pa.DictionaryArray.from_arrays(pa.array(index.astype(np.int32)), pa.array(values)).cast(pa.string())


def _dates(days: np.ndarray) -> pa.Array:
    return pa.array(days.astype(np.int32), pa.int32()).cast(pa.date32())


def chunk(number: int, rows: int = CHUNK_ROWS) -> pa.RecordBatch:
    """Returns one chunk; the same number always gives the same rows."""
    random = np.random.default_rng([20_240_521, number])
    first = number * CHUNK_ROWS
    index = np.arange(first, first + rows, dtype=np.int64)
    quantity = random.integers(1, 51, rows)
    part = random.integers(1, 200_001, rows)
    price = quantity * (90_000 + (part // 10) % 20_001 + 100 * (part % 1_000))
    shipped = _FIRST_DAY + random.integers(0, 2_520, rows)
    words = [random.integers(0, len(_WORDS), rows) for _ in range(4)]
    comment = pc.binary_join_element_wise(*(_choose(_WORDS, word) for word in words), " ")
    columns = [
        pa.array(index // 4 * 8 + index % 4 + 1),
        pa.array(part),
        pa.array(random.integers(1, 10_001, rows)),
        pa.array((index % 4 + 1).astype(np.int32)),
        _decimals(quantity * 100),
        _decimals(price),
        _decimals(random.integers(0, 11, rows)),
        _decimals(random.integers(0, 9, rows)),
        _choose(("A", "N", "R"), random.integers(0, 3, rows)),
        _choose(("F", "O"), random.integers(0, 2, rows)),
        _dates(shipped),
        _dates(shipped + random.integers(-30, 31, rows)),
        _dates(shipped + random.integers(1, 31, rows)),
        _choose(_INSTRUCTIONS, random.integers(0, 4, rows)),
        _choose(_MODES, random.integers(0, 7, rows)),
        pc.utf8_slice_codeunits(comment, 0, 43),
    ]
    return pa.record_batch(columns, schema=SCHEMA)


def batches(rows: int) -> Iterator[pa.RecordBatch]:
    """Yields `rows` rows in chunks of CHUNK_ROWS."""
    for number in range((rows + CHUNK_ROWS - 1) // CHUNK_ROWS):
        yield chunk(number, min(CHUNK_ROWS, rows - number * CHUNK_ROWS))


def _csv(batch: pa.RecordBatch) -> bytes:
    sink = pa.BufferOutputStream()
    csv.write_csv(batch, sink, csv.WriteOptions(include_header=False))
    return sink.getvalue().to_pybytes()


def _columns_sql() -> str:
    return ", ".join(f"{name} {sql} NOT NULL" for name, _, sql in COLUMNS)


def load_postgresql(server: PostgresqlServer, rows: int, table: str = "lineitem") -> None:
    """Makes the table anew and streams `rows` rows in by COPY; unlogged, analysed."""
    from tests.servers.logins import APP

    with server.connect(APP) as connection:
        connection.execute(f"DROP TABLE IF EXISTS {table}")
        connection.execute(f"CREATE UNLOGGED TABLE {table} ({_columns_sql()})")
        with connection.cursor() as cursor, cursor.copy(f"COPY {table} FROM STDIN (FORMAT csv)") as copy:
            for batch in batches(rows):
                copy.write(_csv(batch))
        connection.execute(f"VACUUM ANALYZE {table}")


def load_mariadb(server: MariadbServer, rows: int, table: str = "lineitem") -> None:
    """Makes the table anew and streams `rows` rows in by LOAD DATA LOCAL through a named pipe."""
    with server.connect() as connection, connection.cursor() as cursor:
        cursor.execute(f"DROP TABLE IF EXISTS {table}")
        cursor.execute(f"CREATE TABLE {table} ({_columns_sql()})")
        pipe = server.folder / f"load-{table}"
        os.mkfifo(pipe)
        writer = threading.Thread(target=_feed, args=(pipe, rows), name="lineitem-feed", daemon=True)
        writer.start()
        try:
            cursor.execute(
                f"LOAD DATA LOCAL INFILE '{pipe}' INTO TABLE {table} CHARACTER SET utf8mb4"
                " FIELDS TERMINATED BY ',' OPTIONALLY ENCLOSED BY '\"'"
            )
        finally:
            writer.join(60)
            pipe.unlink()
        cursor.execute(f"ANALYZE TABLE {table}")


def _feed(pipe: Path, rows: int) -> None:
    with pipe.open("wb") as file:
        write_csv(file, rows)


def write_csv(file: BinaryIO, rows: int) -> None:
    """Writes the rows as CSV without a header."""
    for batch in batches(rows):
        file.write(_csv(batch))
