"""Metadata catalogs: datasets found, read exactly, written back; partitions; lineage; restarts."""

from __future__ import annotations

import uuid

import pytest

from tests.conformance.problem import assert_problem
from tests.conformance.quirks import Quirks
from tests.conformance.quirks.metadata import CatalogTable, MetadataQuirks
from tests.servers.gateway import GatewayClient
from tests.servers.process import wait_until

COMMENT = "naïve Ω 漢字 עברית '\"\\ end"
COLUMNS = [("id", "int", ""), ("amount", "decimal(10,2)", "in cents")]


@pytest.fixture
def catalog(quirks: Quirks, rest: GatewayClient) -> MetadataQuirks:
    """The type's answers, if it is a catalog."""
    if not isinstance(quirks, MetadataQuirks):
        assert "metadata" not in rest.get(f"/connection-types/{quirks.type}").json()["capabilities"]
        pytest.skip("does not apply: the type is no metadata catalog")
    return quirks


@pytest.fixture
def database(catalog: MetadataQuirks) -> str:
    """A new database."""
    name = f"db_{uuid.uuid4().hex[:12]}"
    catalog.create_database(name)
    return name


def find(rest: GatewayClient, connection: str, **parameters: object) -> dict:
    """Returns a page of datasets."""
    answer = rest.get(f"/connections/{connection}/datasets", params=parameters)
    assert answer.status_code == 200, answer.text
    return answer.json()


def get(rest: GatewayClient, connection: str, path: str) -> dict:
    """Returns a dataset."""
    answer = rest.get(f"/connections/{connection}/dataset", params={"path": path})
    assert answer.status_code == 200, answer.text
    return answer.json()


def put(rest: GatewayClient, connection: str, path: str, body: dict) -> dict:
    """Writes a dataset and returns it as it is then."""
    answer = rest.request("PUT", f"/connections/{connection}/dataset", params={"path": path}, json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.mark.check("datasets found, page by page")
def test_datasets_are_found(catalog: MetadataQuirks, connection: str, database: str, rest: GatewayClient) -> None:
    names = [f"t{number}" for number in range(7)]
    for name in names:
        catalog.create_table(CatalogTable(database, name, COLUMNS))
    mine = [f"{database}.{name}" for name in names]
    page = find(rest, connection, path=database)
    assert [item["path"] for item in page["items"]] == mine
    assert "next" not in page
    assert set(mine) <= {item["path"] for item in find(rest, connection, limit=1000)["items"]}
    found = find(rest, connection, q=f"{database[:8].upper()}")["items"]
    assert set(mine) <= {item["path"] for item in found}
    assert [item["name"] for item in find(rest, connection, path=database, q="T3")["items"]] == ["t3"]
    seen, cursor = [], ""
    while True:
        page = find(rest, connection, path=database, limit=3, cursor=cursor)
        assert len(page["items"]) <= 3
        seen += [item["path"] for item in page["items"]]
        cursor = page.get("next", "")
        if not cursor:
            break
    assert seen == mine
    answer = rest.get(f"/connections/{connection}/datasets", params={"path": "no_such_database"})
    assert_problem(answer, "metadata.undefined_database", status=404)


@pytest.mark.check("types of the catalog as Arrow types")
def test_every_type_is_mapped(catalog: MetadataQuirks, connection: str, rest: GatewayClient) -> None:
    shown = {column["name"]: column for column in get(rest, connection, catalog.table_path())["columns"]}
    for column in catalog.types_table.columns:
        assert shown[column.column]["native_type"] == column.sql
        assert shown[column.column]["arrow_type"] == str(column.arrow), column.column


@pytest.mark.check("dataset read exactly")
def test_dataset_is_shown_as_it_is(
    catalog: MetadataQuirks, connection: str, database: str, rest: GatewayClient
) -> None:
    comment = {catalog.comment_property: COMMENT} if catalog.comment_property else {}
    table = CatalogTable(
        database, "sales", [("id", "int", ""), ("amount", "decimal(10,2)", "cents, naïve")], [("day", "date", "when")],
        {**comment, "k": "v", "numRows": "42", "totalSize": "4200"}, "ada", catalog.location("sales"),
    )  # fmt: skip
    catalog.create_table(table)
    shown = get(rest, connection, f"{database}.sales")
    assert (shown["name"], shown["kind"], shown["format"]) == ("sales", "external_table", "orc")
    if comment:
        assert shown["comment"] == COMMENT
    assert [(c["name"], c["native_type"], c.get("comment", "")) for c in shown["columns"]] == table.columns
    assert [(c["name"], c["arrow_type"]) for c in shown["partition_columns"]] == [("day", "date32[day]")]
    assert shown["owners"] == [{"name": "ada", "kind": "user"}]
    assert shown["properties"]["k"] == "v"
    assert shown["location"] == table.location
    assert (shown["row_estimate"], shown["size_bytes"]) == (42, 4200)
    assert shown["created"] > "2023"
    described = rest.get(f"/connections/{connection}/describe", params={"path": f"{database}.sales"}).json()
    assert [column["name"] for column in described["columns"]] == ["id", "amount", "day"]
    assert described["partitions"] == ["day"]
    view = CatalogTable(database, "v", COLUMNS, kind="VIRTUAL_VIEW", view="SELECT 1")
    catalog.create_table(view)
    shown = get(rest, connection, f"{database}.v")
    assert (shown["kind"], shown["definition"]) == ("view", "SELECT 1")


@pytest.mark.check("partitions, page by page")
def test_partitions(catalog: MetadataQuirks, connection: str, database: str, rest: GatewayClient) -> None:
    keys = [("day", "string", ""), ("hour", "int", "")]
    catalog.create_table(CatalogTable(database, "p", COLUMNS, keys, location=catalog.location("p")))
    values = [[f"2026-01-{day:02}", str(hour)] for day in range(1, 12) for hour in range(10, 20)]
    catalog.add_partitions(database, "p", values)
    path = f"/connections/{connection}/partitions"
    seen, cursor = [], ""
    for _ in range(10):
        page = rest.get(path, params={"path": f"{database}.p", "limit": 50, "cursor": cursor}).json()
        seen += [item["values"] for item in page["items"]]
        assert all(item["location"] and item["properties"]["k"] == item["values"][0] for item in page["items"])
        cursor = page.get("next", "")
        if not cursor:
            break
    assert sorted(seen) == values
    catalog.create_table(CatalogTable(database, "flat", COLUMNS))
    assert rest.get(path, params={"path": f"{database}.flat"}).json()["items"] == []
    assert_problem(rest.get(path, params={"path": f"{database}.none"}), "query.undefined_table", status=404)


@pytest.mark.check("dataset made, changed and removed")
def test_dataset_is_written_back(catalog: MetadataQuirks, connection: str, database: str, rest: GatewayClient) -> None:
    path = f"{database}.made"
    body = {
        "comment": COMMENT,
        "columns": [{"name": "id", "native_type": "bigint"}, {"name": "x", "native_type": "array<string>"}],
        "partition_columns": [{"name": "day", "native_type": "date", "comment": "when"}],
        "owner": "grace", "tags": list(catalog.new_tags), "properties": {"a": "1", "b": "2"},
        "location": catalog.location("made"), "format": "parquet",
    }  # fmt: skip
    answer = rest.request("PUT", f"/connections/{connection}/dataset", params={"path": path}, json={"comment": "c"})
    assert_problem(answer, "metadata.needs_columns", status=400)
    made = put(rest, connection, path, body)
    assert (made["comment"], made["tags"], made["format"]) == (COMMENT, body["tags"], "parquet")
    assert made["owners"] == [{"name": "grace", "kind": "user"}]
    native = catalog.read_table(database, "made")
    assert native is not None
    assert native.columns == [("id", "bigint", ""), ("x", "array<string>", "")]
    assert native.partition_columns == [("day", "date", "when")]
    assert (native.owner, native.location, native.kind) == ("grace", body["location"], "EXTERNAL_TABLE")
    assert native.properties["a"] == "1"
    changed = put(rest, connection, path, {"properties": {"a": "9", "b": None}, "tags": []})
    assert (changed["comment"], changed["tags"]) == (COMMENT, [])
    assert changed["properties"]["a"] == "9"
    assert "b" not in changed["properties"]
    more = [*body["columns"], {"name": "y", "native_type": "double", "comment": "new"}]
    put(rest, connection, path, {"columns": more})
    native = catalog.read_table(database, "made")
    assert native is not None
    assert [name for name, _, _ in native.columns] == ["id", "x", "y"]
    assert native.owner == "grace"
    gone = rest.request("DELETE", f"/connections/{connection}/dataset", params={"path": path})
    assert gone.status_code == 204, gone.text
    assert catalog.read_table(database, "made") is None
    answer = rest.get(f"/connections/{connection}/dataset", params={"path": path})
    assert_problem(answer, "query.undefined_table", status=404)
    nowhere = rest.request(
        "PUT", f"/connections/{connection}/dataset", params={"path": "no_such_database.t"}, json=body
    )
    assert_problem(nowhere, "metadata.undefined_database", status=404)


@pytest.mark.check("lineage written and read both ways")
def test_lineage(catalog: MetadataQuirks, connection: str, database: str, rest: GatewayClient) -> None:
    for name in ("raw", "clean", "report"):
        catalog.create_table(CatalogTable(database, name, COLUMNS))
    path = f"/connections/{connection}/lineage"
    raw, clean, report = (f"{database}.{name}" for name in ("raw", "clean", "report"))

    def edges(of: str, direction: str) -> list[tuple[str, str, str]]:
        answer = rest.get(path, params={"path": of, "direction": direction})
        assert answer.status_code == 200, answer.text
        return sorted((item["from"], item["to"], item.get("process", "")) for item in answer.json()["items"])

    def write(of: str, upstream: list[dict]) -> None:
        answer = rest.request("PUT", path, params={"path": of}, json={"upstream": upstream})
        assert answer.status_code == 204, answer.text

    assert edges(clean, "upstream") == []
    write(clean, [{"from": raw, "process": "job 漢字"}, {"from": "kafka://events/orders"}])
    write(report, [{"from": clean, "process": "dbt"}])
    assert edges(clean, "upstream") == sorted([(raw, clean, "job 漢字"), ("kafka://events/orders", clean, "")])
    assert edges(raw, "downstream") == [(raw, clean, "job 漢字")]
    assert edges(clean, "downstream") == [(clean, report, "dbt")]
    native = catalog.read_table(database, "clean")
    assert native is not None
    assert raw in catalog.native_upstream(database, "clean")
    assert native.columns == COLUMNS
    write(clean, [])
    assert edges(raw, "downstream") == []
    answer = rest.get(path, params={"path": f"{database}.none"})
    assert_problem(answer, "query.undefined_table", status=404)


@pytest.mark.check("read-only catalog refuses changes")
def test_read_only(catalog: MetadataQuirks, database: str, rest: GatewayClient, temporary, connection: str) -> None:
    catalog.create_table(CatalogTable(database, "t", COLUMNS))
    name = temporary(catalog.draft(f"read-only-{catalog.type}", configuration={"read_only": True}))
    path = {"path": f"{database}.t"}
    assert get(rest, name, path["path"])["name"] == "t"
    for method, what, body in (
        ("PUT", "dataset", {"comment": "c"}),
        ("PUT", "lineage", {"upstream": []}),
        ("DELETE", "dataset", None),
    ):
        answer = rest.request(method, f"/connections/{name}/{what}", params=path, json=body)
        assert_problem(answer, "query.read_only", status=403)
    assert catalog.read_table(database, "t") is not None
    assert_problem(rest.query(connection, "SELECT 1"), "capability.missing")
    entries = rest.get("/audit", params={"connection": name}).json()["items"]
    assert {"metadata.get", "metadata.put", "metadata.delete"} <= {entry["action"] for entry in entries}


@pytest.mark.check("catalog restarted and killed")
def test_restart_and_kill(catalog: MetadataQuirks, rest: GatewayClient, temporary) -> None:
    if not catalog.mortal_name:
        pytest.skip("does not apply: the catalog has no server of its own to kill")
    server = catalog.mortal
    name = temporary(catalog.draft(f"mortal-{catalog.type}", server=server))
    path = f"/connections/{name}/datasets"
    assert rest.get(path).status_code == 200, rest.get(path).text
    server.restart()
    wait_until("healed", lambda: rest.get(path).status_code == 200, 30)
    server.kill()
    try:
        assert_problem(rest.get(path), ("connection.lost", "tcp.refused"))
    finally:
        server.start()
    wait_until("back", lambda: rest.get(path).status_code == 200, 30)
