"""The rows of one statement, as Arrow, in whatever shape the caller wants them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import pyarrow as pa

from nstarx._wire import Answer, lost
from nstarx.errors import Error, InterfaceError, from_problem

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl

ARROW_STREAM = "application/vnd.apache.arrow.stream"
_END_OF_STREAM = b"\xff\xff\xff\xff\0\0\0\0"
_ROWS_AFFECTED = "nstarx-rows-affected"


class Result:
    """Rows as a stream of Arrow record batches, consumed once.

    Nothing is held but the batch at hand, however large the result is. Each target has one name:
    `to_arrow`, `to_pandas`, `to_polars`, `to_batches`, `to_pylist`; any library that knows the
    Arrow C stream interface takes the result itself. A second consumption raises
    `nstarx.InterfaceError`. Leaving a ``with`` block, or `close`, before the end cancels the
    statement on the data system. Not thread-safe.

    Examples
    --------
    >>> with conn.execute("SELECT * FROM orders") as result:  # doctest: +SKIP
    ...     for batch in result:
    ...         print(batch.num_rows)
    """

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self._taken = False
        media_type = answer.fields.get("content-type", "")
        if not media_type.startswith(ARROW_STREAM):
            answer.close()
            raise InterfaceError(
                f"the server answered with {media_type or 'no media type'} instead of Arrow",
                code="client.not_arrow",
            )
        self._whole = True
        try:
            small = answer.take_buffered()
            if small is not None:
                self._whole = small.endswith(_END_OF_STREAM)
            source = pa.PythonFile(answer, "r") if small is None else pa.py_buffer(small)
            self._reader: pa.RecordBatchReader = pa.ipc.open_stream(source)
            if len(self._reader.schema) == 0:
                # A statement without rows is seen to its end at once: whoever does not read a
                # result that has nothing to read must not cancel a write by that.
                nothing = self._reader.read_all()
                self._end()
                self._reader = nothing.to_reader()
        except BaseException as error:
            raise self._explain(error) from error

    @property
    def schema(self) -> pa.Schema:
        """Schema of the rows; can be read any time."""
        return self._reader.schema

    @property
    def rows_affected(self) -> int:
        """Rows that a writing statement changed; -1 while unknown or when there are none.

        Known at once for a statement without rows, if the server says it.
        """
        answer = self._answer
        told = (self._reader.schema.metadata or {}).get(b"nstarx:rows_affected", b"").decode()
        text = told or answer.trailer.get(_ROWS_AFFECTED) or answer.fields.get(_ROWS_AFFECTED, "-1")
        return int(text) if text.isdigit() else -1

    @property
    def request_id(self) -> str:
        """The server's id of the request, as in its log and audit journal."""
        return self._answer.request_id

    def to_arrow(self) -> pa.Table:
        """Return all rows as one table."""
        self._take()
        try:
            table = self._reader.read_all()
            self._end()
        except BaseException as error:
            raise self._explain(error) from error
        return table

    def to_batches(self) -> Iterator[pa.RecordBatch]:
        """Yield record batches as they arrive."""
        self._take()
        return self._batches()

    def to_pandas(self) -> pd.DataFrame:
        """Return all rows as a pandas DataFrame; needs the extra ``nstarx[pandas]``."""
        _require("pandas")
        # split_blocks and self_destruct: columns are moved over one by one, so that the peak is
        # about one copy of the data instead of two.
        frame: pd.DataFrame = self.to_arrow().to_pandas(split_blocks=True, self_destruct=True)
        return frame

    def to_polars(self) -> pl.DataFrame:
        """Return all rows as a polars DataFrame; needs the extra ``nstarx[polars]``."""
        polars = _require("polars")
        frame: pl.DataFrame = polars.from_arrow(self.to_arrow())
        return frame

    def to_pylist(self) -> list[dict[str, Any]]:
        """Return all rows as a list of dictionaries."""
        rows: list[dict[str, Any]] = self.to_arrow().to_pylist()
        return rows

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        return self.to_batches()

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """Hand the batches to any library that knows the Arrow C stream interface."""
        self._take()
        reader = pa.RecordBatchReader.from_batches(self.schema, self._batches())
        return reader.__arrow_c_stream__(requested_schema)

    def close(self) -> None:
        """Stop here: what was not read is not computed either. Safe to call twice."""
        self._taken = True
        self._answer.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        state = "consumed" if self._taken else "open"
        return f"<nstarx.Result {state}, {len(self.schema)} columns>"

    def _take(self) -> None:
        if self._taken:
            raise InterfaceError(
                "this result was consumed already: a result can be read once",
                code="client.result_consumed",
                action="fix_input",
                hints=["Keep what the first call returned, or run the statement again."],
            )
        self._taken = True

    def _batches(self) -> Iterator[pa.RecordBatch]:
        try:
            while True:
                try:
                    batch = self._reader.read_next_batch()
                except StopIteration:
                    break
                except BaseException as error:
                    raise self._explain(error) from error
                yield batch
            try:
                self._end()
            except BaseException as error:
                raise self._explain(error) from error
        finally:
            self._answer.close()

    def _end(self) -> None:
        """Check that the stream ended as a whole one does."""
        self._answer.drain_end()
        problem = self._problem()
        if problem is not None:
            raise problem
        if self._answer.ran_out or not self._whole:
            raise lost("the Arrow stream of the answer ends without its end-of-stream mark")

    def _problem(self) -> Error | None:
        text = self._answer.trailer_problem()
        if not text:
            return None
        try:
            problem = json.loads(text)
        except ValueError:
            problem = None
        if not isinstance(problem, dict):
            return lost("the statement failed in mid-answer and the reason is not readable")
        return from_problem(problem, request_id=self.request_id)

    def _explain(self, error: BaseException) -> BaseException:
        """Turn what Arrow says of a stream that stops early into what the server says."""
        if isinstance(error, Error) or not isinstance(error, Exception):
            self._answer.close()
            return error
        try:
            if not self._answer.complete:
                self._answer.read_all()
            problem = self._problem()
        except Error as second:
            problem = second
        finally:
            self._answer.close()
        if problem is not None:
            return problem
        if isinstance(error, pa.ArrowInvalid | OSError | EOFError):
            return lost(f"the Arrow stream of the answer is not whole: {error}")
        return error


def _require(module: str) -> Any:
    try:
        return __import__(module)
    except ImportError as error:
        raise InterfaceError(
            f"{module} is not installed",
            code="client.missing_extra",
            action="fix_input",
            hints=[f"pip install 'nstarx[{module}]'"],
        ) from error
