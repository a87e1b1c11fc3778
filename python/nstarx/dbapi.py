"""DB-API 2.0 (PEP 249) over a saved connection.

Every statement commits by itself: the server's pool gives each one its own session. `commit` is
therefore a no-op and `rollback` raises `NotSupportedError`.

Examples
--------
>>> from nstarx import dbapi
>>> with dbapi.connect("analytics-db") as conn, conn.cursor() as cursor:  # doctest: +SKIP
...     cursor.execute("SELECT id, total FROM sales_data WHERE region = ?", ("north",))
...     for id, total in cursor:
...         print(id, total)
"""

from __future__ import annotations

import datetime
import time
from collections.abc import Iterable, Iterator, Sequence
from types import TracebackType
from typing import Any, Final, Self

import pyarrow as pa

from nstarx._manager import Connection as SavedConnection
from nstarx._manager import ConnectionManager
from nstarx._placeholders import number_placeholders
from nstarx._result import Result
from nstarx.errors import (
    DatabaseError,
    DataError,
    Error,
    IntegrityError,
    InterfaceError,
    InternalError,
    NotSupportedError,
    OperationalError,
    ProgrammingError,
    Warning,
)

__all__ = [
    "BINARY",
    "DATETIME",
    "NUMBER",
    "ROWID",
    "STRING",
    "Binary",
    "Connection",
    "Cursor",
    "DataError",
    "DatabaseError",
    "Date",
    "DateFromTicks",
    "Error",
    "IntegrityError",
    "InterfaceError",
    "InternalError",
    "NotSupportedError",
    "OperationalError",
    "ProgrammingError",
    "Time",
    "TimeFromTicks",
    "Timestamp",
    "TimestampFromTicks",
    "Warning",
    "apilevel",
    "connect",
    "paramstyle",
    "threadsafety",
]

apilevel: Final = "2.0"
# Threads may share the module and connections, not cursors.
threadsafety: Final = 2
paramstyle: Final = "qmark"

Date = datetime.date
Time = datetime.time
Timestamp = datetime.datetime
Binary = bytes


def DateFromTicks(ticks: float) -> datetime.date:  # noqa: N802 - the name is PEP 249's
    """Return the local date of seconds since the epoch."""
    return datetime.date(*time.localtime(ticks)[:3])


def TimeFromTicks(ticks: float) -> datetime.time:  # noqa: N802
    """Return the local time of day of seconds since the epoch."""
    return datetime.time(*time.localtime(ticks)[3:6])


def TimestampFromTicks(ticks: float) -> datetime.datetime:  # noqa: N802
    """Return the local date and time of seconds since the epoch."""
    return datetime.datetime(*time.localtime(ticks)[:6])


class TypeGroup:
    """A group of Arrow types: equal to each ``type_code`` in `Cursor.description` that it holds."""

    def __init__(self, name: str, *tests: Any) -> None:
        self._name = name
        self._tests = tests

    def __eq__(self, other: object) -> bool:
        if isinstance(other, TypeGroup):
            return self is other
        return isinstance(other, pa.DataType) and any(test(other) for test in self._tests)

    def __hash__(self) -> int:
        return id(self)

    def __repr__(self) -> str:
        return f"nstarx.dbapi.{self._name}"


STRING = TypeGroup("STRING", pa.types.is_string, pa.types.is_large_string)
BINARY = TypeGroup(
    "BINARY", pa.types.is_binary, pa.types.is_large_binary, pa.types.is_fixed_size_binary
)
NUMBER = TypeGroup(
    "NUMBER", pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal, pa.types.is_boolean
)
DATETIME = TypeGroup("DATETIME", pa.types.is_temporal)
ROWID = TypeGroup("ROWID")


def connect(
    connection: str,
    *,
    api_key: str | None = None,
    url: str | None = None,
    manager: ConnectionManager | None = None,
) -> Connection:
    """Return a DB-API connection over a saved one.

    Parameters
    ----------
    connection
        Its name or id.
    api_key, url
        As for `nstarx.ConnectionManager`.
    manager
        An existing manager instead, which is not closed with the connection.
    """
    owned = manager is None
    used = manager or ConnectionManager(api_key=api_key, url=url)
    try:
        return Connection(used.get_connection(connection), used if owned else None)
    except BaseException:
        if owned:
            used.close()
        raise


class Connection:
    """A PEP 249 connection; made by `connect`. Threads may share it."""

    DataError = DataError
    DatabaseError = DatabaseError
    Error = Error
    IntegrityError = IntegrityError
    InterfaceError = InterfaceError
    InternalError = InternalError
    NotSupportedError = NotSupportedError
    OperationalError = OperationalError
    ProgrammingError = ProgrammingError
    Warning = Warning

    def __init__(self, saved: SavedConnection, manager: ConnectionManager | None) -> None:
        self._saved: SavedConnection | None = saved
        self._manager = manager

    @property
    def autocommit(self) -> bool:
        """Always true."""
        return True

    def cursor(self) -> Cursor:
        """Return a new cursor."""
        return Cursor(self)

    def commit(self) -> None:
        """Do nothing: every statement has committed by itself."""
        self.saved()

    def rollback(self) -> None:
        """Raise `NotSupportedError`: what ran is committed."""
        self.saved()
        raise NotSupportedError(
            "every statement commits by itself, there is nothing to roll back",
            code="client.no_transactions",
        )

    def close(self) -> None:
        """Make the connection unusable. Safe to call twice."""
        self._saved = None
        if self._manager is not None:
            self._manager.close()
            self._manager = None

    def saved(self) -> SavedConnection:
        """Return the nstarx connection below."""
        if self._saved is None:
            raise InterfaceError("this connection is closed", code="client.closed")
        return self._saved

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class Cursor:
    """A PEP 249 cursor: rows are fetched as they are asked for. Not thread-safe.

    Attributes
    ----------
    arraysize
        Rows of one `fetchmany`.
    """

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.arraysize = 1
        self._closed = False
        self._result: Result | None = None
        self._rows: Iterator[tuple[Any, ...]] | None = None
        self._rowcount = -1

    @property
    def description(self) -> list[tuple[Any, ...]] | None:
        """Name, Arrow type and five times None (nullability last) of each column."""
        if self._result is None or not len(self._result.schema):
            return None
        return [
            (field.name, field.type, None, None, None, None, field.nullable)
            for field in self._result.schema
        ]

    @property
    def rowcount(self) -> int:
        """Rows that the last statement changed; -1 when that is not known."""
        return self._rowcount

    def execute(self, operation: str, parameters: Sequence[Any] | None = None) -> Cursor:
        """Run a statement; ``?`` stands for a parameter."""
        self._start()
        saved = self.connection.saved()
        if parameters:
            operation = number_placeholders(operation, saved.type)
        result = saved.execute(operation, parameters)
        self._result = result
        if len(result.schema) == 0:
            self._rowcount = result.rows_affected
        return self

    def executemany(self, operation: str, seq_of_parameters: Iterable[Sequence[Any]]) -> Cursor:
        """Run a statement once for each set of parameters; rows are dropped.

        For loading many rows `nstarx.Connection.ingest` is far faster.
        """
        self._start()
        total = 0
        for parameters in seq_of_parameters:
            self.execute(operation, parameters)
            total = -1 if total < 0 or self._rowcount < 0 else total + self._rowcount
        self._drop()
        self._rowcount = total
        return self

    def fetchone(self) -> tuple[Any, ...] | None:
        """Return the next row, None at the end."""
        return next(self._fetching(), None)

    def fetchmany(self, size: int | None = None) -> list[tuple[Any, ...]]:
        """Return the next rows, none at the end."""
        rows = self._fetching()
        wanted = self.arraysize if size is None else size
        return [row for _, row in zip(range(wanted), rows, strict=False)]

    def fetchall(self) -> list[tuple[Any, ...]]:
        """Return all rows that are left."""
        return list(self._fetching())

    def fetch_record_batch(self) -> pa.RecordBatchReader:
        """Return the rows as Arrow record batches, instead of the other fetch methods."""
        return pa.RecordBatchReader.from_stream(self)

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """Hand the rows to any library that knows the Arrow C stream interface."""
        return self._open_result().__arrow_c_stream__(requested_schema)

    def setinputsizes(self, sizes: Sequence[Any]) -> None:
        """Do nothing, as PEP 249 allows."""

    def setoutputsize(self, size: int, column: int | None = None) -> None:
        """Do nothing, as PEP 249 allows."""

    def close(self) -> None:
        """Drop the rows that are left; cancels a statement that still runs."""
        self._drop()
        self._closed = True

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        return self

    def __next__(self) -> tuple[Any, ...]:
        return next(self._fetching())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _start(self) -> None:
        if self._closed:
            raise InterfaceError("this cursor is closed", code="client.closed")
        self._drop()

    def _drop(self) -> None:
        if self._result is not None:
            self._result.close()
        self._result, self._rows, self._rowcount = None, None, -1

    def _open_result(self) -> Result:
        if self._closed:
            raise InterfaceError("this cursor is closed", code="client.closed")
        if self._result is None or not len(self._result.schema):
            raise InterfaceError(
                "there are no rows to fetch: call execute() with a statement that returns some",
                code="client.no_rows",
            )
        return self._result

    def _fetching(self) -> Iterator[tuple[Any, ...]]:
        result = self._open_result()
        if self._rows is None:
            self._rows = _rows_of(result.to_batches())
        return self._rows


def _rows_of(batches: Iterable[pa.RecordBatch]) -> Iterator[tuple[Any, ...]]:
    for batch in batches:
        yield from zip(*(column.to_pylist() for column in batch.columns), strict=True)
