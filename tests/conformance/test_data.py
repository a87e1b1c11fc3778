"""Browsing and writing, and that no secret is anywhere."""

from __future__ import annotations

import io

import pyarrow as pa
import pytest

from tests.conformance.quirks import Quirks
from tests.servers.gateway import GatewayClient, GatewayServer
from tests.servers.logins import CANARY

ARROW = "application/vnd.apache.arrow.stream"


def browse(rest: GatewayClient, connection: str, path: str) -> list[dict]:
    """Returns the children of a path."""
    answer = rest.get(f"/connections/{connection}/browse", params={"path": path})
    assert answer.status_code == 200, answer.text
    return answer.json()["items"]


@pytest.mark.check("browse")
def test_browse_reaches_the_table_from_the_top(quirks: Quirks, connection: str, rest: GatewayClient) -> None:
    assert browse(rest, connection, ""), "nothing at the top"
    children = browse(rest, connection, quirks.browse_path())
    by_path = {item["path"]: item for item in children}
    assert quirks.table_path() in by_path, sorted(by_path)
    assert by_path[quirks.table_path()]["kind"] in ("table", "object", "file", "topic", "queue", "stream")
    names = [item["name"] for item in children]
    assert names == sorted(names)


@pytest.mark.check("describe")
def test_describe_lists_columns_and_keys(quirks: Quirks, connection: str, rest: GatewayClient) -> None:
    answer = rest.get(f"/connections/{connection}/describe", params={"path": quirks.table_path()})
    assert answer.status_code == 200, answer.text
    described = answer.json()
    names = [column["name"] for column in described["columns"]]
    assert names == [quirks.types_table.key, *(column.column for column in quirks.types_table.columns)]
    assert all(column["native_type"] and column["arrow_type"] for column in described["columns"])
    if quirks.primary_key is not None:
        keys = [key["columns"] for key in described["keys"] if key["kind"] == "primary"]
        assert keys == [quirks.primary_key]


@pytest.mark.check("describe")
def test_describing_nothing_is_a_typed_error(quirks: Quirks, connection: str, rest: GatewayClient) -> None:
    path = quirks.browse_path().rstrip("/") + (".no_such" if quirks.primary_key else "/no_such.parquet")
    answer = rest.get(f"/connections/{connection}/describe", params={"path": path})
    assert answer.status_code == 404, answer.text
    assert answer.json()["code"] == "query.undefined_table"


@pytest.mark.check("sample")
def test_sample_gives_the_first_rows(quirks: Quirks, connection: str, rest: GatewayClient) -> None:
    answer = rest.get(
        f"/connections/{connection}/sample",
        params={"path": quirks.table_path(), "limit": "2"},
        headers={"Accept": ARROW},
    )
    assert answer.status_code == 200, answer.text
    table = pa.ipc.open_stream(answer.content).read_all()
    assert table.num_rows == 2
    assert table.schema.field(1).type == quirks.types_table.columns[0].arrow


@pytest.mark.check("a table of one SQL over connections")
def test_a_table_of_one_sql(quirks: Quirks, connection: str, rest: GatewayClient) -> None:
    path = quirks.table_path().replace('"', '""')
    answer = rest.post("/queries", {"query": f'SELECT count(*) AS n FROM "{connection}"."{path}"'})
    if "sample" not in rest.get(f"/connection-types/{quirks.type}").json()["capabilities"]:
        assert answer.json()["code"] == "capability.missing", answer.text
        return
    assert answer.status_code == 200, answer.text
    sample = rest.get(
        f"/connections/{connection}/sample", params={"path": quirks.table_path(), "limit": "10000"},
        headers={"Accept": ARROW},
    )  # fmt: skip
    assert answer.json()["rows"] == [[pa.ipc.open_stream(sample.content).read_all().num_rows]]


@pytest.mark.check("ingest and read back")
@pytest.mark.parametrize("mode", ["create", "append", "replace"])
def test_ingest_and_read_back(quirks: Quirks, connection: str, rest: GatewayClient, mode: str) -> None:
    table = quirks.ingest_table()
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)

    def ingest(how: str) -> None:
        answer = rest.post(
            f"/connections/{connection}/ingest",
            params={"path": quirks.ingest_path(), "mode": how},
            data=sink.getvalue(),
            headers={"Content-Type": ARROW},
        )
        assert answer.status_code == 200, answer.text
        assert answer.json()["rows"] == table.num_rows

    ingest("replace")
    if mode == "append":
        ingest("append")
    elif mode == "create":
        answer = rest.post(
            f"/connections/{connection}/ingest",
            params={"path": quirks.ingest_path(), "mode": "create"},
            data=sink.getvalue(),
            headers={"Content-Type": ARROW},
        )
        assert answer.status_code in (400, 409), answer.text
    found = rest.arrow(connection, quirks.ingested_query())
    expected = quirks.appended(table) if mode == "append" else table
    assert found.schema.names == table.schema.names
    assert [field.type for field in found.schema] == [field.type for field in table.schema]
    assert found.to_pylist() == expected.to_pylist()


@pytest.mark.check("secrets nowhere")
def test_secrets_are_nowhere(
    quirks: Quirks, connection: str, rest: GatewayClient, nstarx_server: GatewayServer
) -> None:
    """Every answer to GatewayClient is searched too; this adds the log and all files on disk."""
    shown = rest.get(f"/connections/{connection}").json()
    for field, value in quirks.draft("x").get("authentication", {}).items():
        if value in quirks.secrets():
            assert shown["authentication"][field]["configured"] is True
            assert shown["authentication"][field]["version"] == 1
    for path in (f"/connections/{connection}/versions", "/connections", "/audit", "/metrics"):
        assert rest.get(path).status_code == 200
    written = nstarx_server.written_bytes()
    assert CANARY.encode() not in written
    for secret in quirks.secrets():
        assert secret.encode() not in written
