"""One result in every representation that a client may ask for."""

from __future__ import annotations

import csv
import io
import json
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.conformance.problem import assert_problem
from tests.e2e.conftest import SALES
from tests.servers.gateway import GatewayClient

ARROW = "application/vnd.apache.arrow.stream"
SQL = "SELECT * FROM sales_data ORDER BY id"


@pytest.mark.parametrize("compression", ["", ";compression=lz4", ";compression=zstd"])
def test_arrow_with_each_compression(sales: str, rest: GatewayClient, compression: str) -> None:
    answer = rest.query(sales, SQL, accept=ARROW + compression)
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"].startswith(ARROW)
    table = pa.ipc.open_stream(answer.content).read_all()
    assert table.to_pylist() == [
        {"id": number, "region": region, "amount": Decimal(amount), "day": day} for number, region, amount, day in SALES
    ]


def test_compression_makes_it_smaller(sales: str, rest: GatewayClient) -> None:
    sql = "SELECT n, repeat('same text ', 20) AS pad FROM generate_series(1, 20000) s(n)"
    sizes = {
        name: len(rest.query(sales, sql, accept=ARROW + name).content)
        for name in ("", ";compression=lz4", ";compression=zstd")
    }
    assert sizes[";compression=lz4"] < sizes[""] / 3
    assert sizes[";compression=zstd"] < sizes[""] / 3


def test_json(sales: str, rest: GatewayClient) -> None:
    answer = rest.query(sales, SQL, accept="application/json")
    assert answer.headers["Content-Type"].startswith("application/json")
    body = answer.json()
    assert [column["name"] for column in body["columns"]] == ["id", "region", "amount", "day"]
    assert all(column["type"] for column in body["columns"])
    assert body["rows"] == [
        [1, "north", "19.99", "2026-01-31"], [2, "süd", "0.01", "2026-02-01"], [3, None, "1000000.50", None],
    ]  # fmt: skip
    assert body["row_count"] == 3


def test_json_is_the_default(sales: str, rest: GatewayClient) -> None:
    for accept in ("*/*", "application/*", ""):
        answer = rest.query(sales, "SELECT 1 AS a", accept=accept)
        assert answer.json()["rows"] == [[1]], accept


def test_json_keeps_big_integers_exact(sales: str, rest: GatewayClient) -> None:
    body = rest.query(sales, "SELECT 9007199254740993::bigint AS a, 'NaN'::float8 AS b, 1::bigint AS c").json()
    assert body["rows"][0][0] == "9007199254740993"
    assert body["rows"][0][2] == 1
    json.dumps(body["rows"], allow_nan=False)


def test_ndjson(sales: str, rest: GatewayClient) -> None:
    answer = rest.query(sales, SQL, accept="application/x-ndjson")
    assert answer.headers["Content-Type"].startswith("application/x-ndjson")
    rows = [json.loads(line) for line in answer.text.splitlines()]
    assert [row["id"] for row in rows] == [1, 2, 3]
    assert rows[1] == {"id": 2, "region": "süd", "amount": "0.01", "day": "2026-02-01"}
    assert rows[2]["region"] is None


def test_csv(sales: str, rest: GatewayClient) -> None:
    sql = "SELECT id, region, E'a \"b\", c\\n d' AS odd, '' AS empty FROM sales_data ORDER BY id"
    answer = rest.query(sales, sql, accept="text/csv")
    assert answer.headers["Content-Type"].startswith("text/csv")
    rows = list(csv.reader(io.StringIO(answer.content.decode(), newline="")))
    assert rows[0] == ["id", "region", "odd", "empty"]
    assert rows[2] == ["2", "süd", 'a "b", c\n d', ""]
    last = answer.content.decode().rstrip("\r\n")
    assert last.endswith('""'), "an empty string must differ from NULL"
    assert '3,,"' in last, "NULL must be nothing between the commas"


def test_parquet(sales: str, rest: GatewayClient) -> None:
    answer = rest.query(sales, SQL, accept="application/vnd.apache.parquet")
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"].startswith("application/vnd.apache.parquet")
    table = pq.read_table(io.BytesIO(answer.content))
    assert table["amount"].to_pylist() == [Decimal(amount) for _, _, amount, _ in SALES]
    assert pa.types.is_decimal(table.schema.field("amount").type)


def test_quality_values_decide(sales: str, rest: GatewayClient) -> None:
    answer = rest.query(sales, SQL, accept=f"text/csv;q=0.5, {ARROW};q=0.9, application/json;q=0.1")
    assert answer.headers["Content-Type"].startswith(ARROW)


def test_nothing_acceptable_lists_what_there_is(sales: str, rest: GatewayClient) -> None:
    problem = assert_problem(rest.query(sales, SQL, accept="image/png"), "request.not_acceptable", status=406)
    assert ARROW in json.dumps(problem)


def test_error_in_mid_stream_is_not_a_short_result(sales: str, rest: GatewayClient) -> None:
    """A result that breaks after its first rows must not look complete to the client."""
    sql = "SELECT n, repeat('x', 200) AS pad, 1 / (300000 - n) AS q FROM generate_series(1, 400000) s(n)"
    answer = rest.query(sales, sql, accept=ARROW, stream=True)
    if answer.status_code != 200:
        assert_problem(answer, "query.failed")
        return
    with pytest.raises(Exception) as caught:  # noqa: PT011 - the transport's or Arrow's, but one of them
        for _ in pa.ipc.open_stream(answer.raw):
            pass
        answer.raw.read()
    assert caught.value is not None


def test_statement_without_rows_says_what_it_changed(sales: str, rest: GatewayClient) -> None:
    assert rest.query(sales, "CREATE TABLE IF NOT EXISTS scratch (a integer)").status_code == 200
    try:
        body = rest.query(sales, "INSERT INTO scratch SELECT generate_series(1, 5)").json()
        assert body["rows_affected"] == 5
        assert body["rows"] == []
    finally:
        rest.query(sales, "DROP TABLE scratch")
