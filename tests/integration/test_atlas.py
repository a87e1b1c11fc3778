"""Apache Atlas beyond the suite: real models, permissions, business metadata, lineage of others, logins as sent."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tests.conformance.problem import assert_problem, failed_stage
from tests.conformance.quirks.atlas import AtlasQuirks
from tests.servers.catalog import ServerCatalog
from tests.servers.gateway import GatewayClient, GatewayServer
from tests.servers.systems.atlas import AtlasServer

COLUMNS = [{"name": "id", "native_type": "bigint"}, {"name": "paid", "native_type": "decimal(10,2)", "comment": "€"}]


@pytest.fixture
def quirks(servers: ServerCatalog) -> AtlasQuirks:
    """What the suite knows of the type."""
    return AtlasQuirks(servers)


@pytest.fixture
def server(quirks: AtlasQuirks) -> AtlasServer:
    """The running Atlas."""
    return quirks.server


@pytest.fixture
def create(rest: GatewayClient) -> Iterator[Callable[[dict[str, Any]], str]]:
    """Creates connections that the test's end deletes."""
    names: list[str] = []

    def make(draft: dict[str, Any]) -> str:
        draft["name"] = f"atlas-{uuid.uuid4().hex[:8]}"
        rest.create(draft)
        names.append(draft["name"])
        return draft["name"]

    yield make
    for name in names:
        rest.delete(f"/connections/{name}")


@pytest.fixture
def connection(create: Callable[[dict[str, Any]], str], quirks: AtlasQuirks) -> str:
    """A connection of somebody who may change everything."""
    return create(quirks.draft("x"))


@pytest.fixture
def space() -> str:
    """A part of names that nothing else uses."""
    return f"s{uuid.uuid4().hex[:10]}"


def get(rest: GatewayClient, connection: str, path: str) -> dict[str, Any]:
    """Returns a dataset."""
    answer = rest.get(f"/connections/{connection}/dataset", params={"path": path})
    assert answer.status_code == 200, answer.text
    return answer.json()


def put(rest: GatewayClient, connection: str, path: str, body: dict[str, Any]) -> Any:
    """Writes a dataset and returns the answer."""
    return rest.request("PUT", f"/connections/{connection}/dataset", params={"path": path}, json=body)


def edges(rest: GatewayClient, connection: str, path: str, direction: str) -> list[tuple[str, str, str]]:
    """Returns the edges next to a dataset."""
    answer = rest.get(f"/connections/{connection}/lineage", params={"path": path, "direction": direction})
    assert answer.status_code == 200, answer.text
    return sorted((item["from"], item["to"], item.get("process", "")) for item in answer.json()["items"])


def test_types_are_browsed_without_columns(connection: str, rest: GatewayClient) -> None:
    items = rest.get(f"/connections/{connection}/browse").json()["items"]
    names = {item["name"] for item in items}
    assert {"DataSet", "hive_table", "kafka_topic", "rdbms_table"} <= names
    assert not {"hive_column", "rdbms_column", "hive_db", "Process"} & names


def test_hive_table_belongs_to_its_database(
    connection: str, server: AtlasServer, rest: GatewayClient, space: str
) -> None:
    path = f'hive_table."{space}.orders@prod"'
    body = {"columns": COLUMNS, "format": "orc", "location": "hdfs://n/orders", "owner": "ada"}
    assert_problem(put(rest, connection, path, body), "metadata.undefined_reference", status=404)
    database = {"qualifiedName": f"{space}@prod", "name": space, "clusterName": "prod"}
    server.ask("POST", "/v2/entity", {"entity": {"typeName": "hive_db", "attributes": database}})
    made = put(rest, connection, path, body)
    assert made.status_code == 200, made.text
    shown = made.json()
    assert (shown["path"], shown["name"], shown["kind"], shown["format"]) == (path, "orders", "external_table", "orc")
    assert [(c["name"], c["arrow_type"]) for c in shown["columns"]] == [("id", "int64"), ("paid", "decimal128(10, 2)")]
    guid = shown["properties"]["atlas.guid"]
    native = server.ask("GET", f"/v2/entity/guid/{guid}")
    assert native["entity"]["relationshipAttributes"]["db"]["displayText"] == space
    names = {item["attributes"]["qualifiedName"] for item in native["referredEntities"].values()}
    assert f"{space}.orders.id@prod" in names
    assert get(rest, connection, guid)["path"] == path
    found = rest.get(f"/connections/{connection}/datasets", params={"path": "hive_table", "q": space}).json()["items"]
    assert [item["path"] for item in found] == [path]


def test_other_models_are_read(connection: str, server: AtlasServer, rest: GatewayClient, space: str) -> None:
    columns = [
        ("-2", {"name": "id", "data_type": "BIGINT", "isPrimaryKey": True, "isNullable": False}),
        ("-3", {"name": "at", "data_type": "TIMESTAMP", "isNullable": True, "comment": "when"}),
    ]
    whole = f"{space}.public.t@pg"
    owner = {"guid": "-1", "typeName": "rdbms_table"}
    referred = {
        guid: {
            "guid": guid, "typeName": "rdbms_column", "relationshipAttributes": {"table": owner},
            "attributes": {**values, "qualifiedName": f"{space}.public.t.{values['name']}@pg"},
        }
        for guid, values in columns
    }  # fmt: skip
    entity = {
        "guid": "-1", "typeName": "rdbms_table",
        "attributes": {"qualifiedName": whole, "name": "t", "type": "VIEW", "comment": "of rows"},
        "relationshipAttributes": {"columns": [{"guid": guid, "typeName": "rdbms_column"} for guid, _ in columns]},
    }  # fmt: skip
    server.ask("POST", "/v2/entity", {"entity": entity, "referredEntities": referred})
    shown = get(rest, connection, f'rdbms_table."{whole}"')
    assert (shown["kind"], shown["comment"]) == ("view", "of rows")
    found = {c["name"]: (c["native_type"], c["arrow_type"], c["nullable"]) for c in shown["columns"]}
    assert found == {"id": ("BIGINT", "int64", False), "at": ("TIMESTAMP", "timestamp[ns]", True)}


def test_mandatory_attributes_are_properties(connection: str, rest: GatewayClient, space: str) -> None:
    path = f'kafka_topic."{space}@events"'
    refused = put(rest, connection, path, {"comment": "no topic"})
    assert_problem(refused, "metadata.change_refused", status=400)
    assert "kafka_topic.topic" in refused.json()["detail"]
    given = {"attribute.topic": space, "attribute.uri": "kafka://events", "attribute.partitionCount": "12"}
    made = put(rest, connection, path, {"comment": "events", "properties": given})
    assert made.status_code == 200, made.text
    assert (made.json()["kind"], made.json()["location"]) == ("kafka_topic", "kafka://events")
    assert made.json()["properties"]["attribute.partitionCount"] == "12"
    assert_problem(put(rest, connection, path, {"columns": COLUMNS}), "metadata.change_refused", status=400)
    own = put(rest, connection, path, {"properties": {"team": "core", "attribute.partitionCount": "24"}})
    assert own.json()["properties"]["team"] == "core"
    assert own.json()["properties"]["attribute.partitionCount"] == "24"
    assert own.json()["comment"] == "events"


def test_tags_and_business_metadata(connection: str, server: AtlasServer, rest: GatewayClient, space: str) -> None:
    path = f'DataSet."{space}"'
    made = put(rest, connection, path, {"tags": ["PII", "reviewed"], "properties": {"Governance.score": "3"}})
    assert made.status_code == 200, made.text
    guid = made.json()["properties"]["atlas.guid"]
    server.ask(
        "POST", f"/v2/entity/guid/{guid}/classifications", [{"typeName": "Retention", "attributes": {"days": 7}}]
    )
    changed = put(rest, connection, path, {"tags": ["Retention", "new"], "properties": {"Governance.steward": "ada"}})
    assert changed.status_code == 200, changed.text
    assert changed.json()["tags"] == ["Retention", "new"]
    properties = changed.json()["properties"]
    assert (properties["Governance.score"], properties["Governance.steward"]) == ("3", "ada")
    native = server.ask("GET", f"/v2/entity/guid/{guid}")["entity"]
    assert [(one["typeName"], one["attributes"]) for one in native["classifications"]] == [("Retention", {"days": 7})]
    assert native["labels"] == ["new"]
    assert native["businessAttributes"]["Governance"]["score"] == 3
    assert_problem(put(rest, connection, path, {"tags": ["naïve"]}), "metadata.bad_tag", status=400)
    assert get(rest, connection, path)["tags"] == ["Retention", "new"]


def test_lineage_of_others_is_kept_where_it_fits(
    connection: str, server: AtlasServer, rest: GatewayClient, space: str
) -> None:
    names = [f"{space}_{name}" for name in ("a", "b", "c")]
    for name in names:
        assert put(rest, connection, f"DataSet.{name}", {}).status_code == 200
    a, b, c = (f"DataSet.{name}" for name in names)

    def ends(*which: str) -> list[dict[str, Any]]:
        return [{"typeName": "DataSet", "uniqueAttributes": {"qualifiedName": name}} for name in which]

    def process(name: str, inputs: list[str], outputs: list[str]) -> None:
        values = {"qualifiedName": f"{space}.{name}", "name": name, "inputs": ends(*inputs), "outputs": ends(*outputs)}
        server.ask("POST", "/v2/entity", {"entity": {"typeName": "hive_process", "attributes": values}})

    process("both", [names[0]], [names[1], names[2]])
    process("own", [names[0]], [names[1]])
    assert edges(rest, connection, b, "upstream") == [(a, b, "both"), (a, b, "own")]
    assert edges(rest, connection, a, "downstream") == [(a, b, "both"), (a, b, "own"), (a, c, "both")]
    body = {"upstream": [{"from": a, "process": "own"}, {"from": c, "process": "mine"}]}
    answer = rest.request("PUT", f"/connections/{connection}/lineage", params={"path": b}, json=body)
    assert answer.status_code == 204, answer.text
    assert edges(rest, connection, b, "upstream") == [(a, b, "own"), (c, b, "mine")]
    assert edges(rest, connection, c, "upstream") == [(a, c, "both")]
    body = {"upstream": [{"from": f"DataSet.{space}_none"}]}
    answer = rest.request("PUT", f"/connections/{connection}/lineage", params={"path": b}, json=body)
    assert_problem(answer, "query.undefined_table", status=404)


def test_reader_may_not_write(
    create: Callable[[dict[str, Any]], str], quirks: AtlasQuirks, server: AtlasServer, connection: str,
    rest: GatewayClient, space: str,
) -> None:  # fmt: skip
    path = f"DataSet.{space}"
    assert put(rest, connection, path, {"comment": "c"}).status_code == 200
    login = {"username": server.reader, "password": server.reader_password}
    reader = create(quirks.draft("x", authentication=login))
    assert get(rest, reader, path)["comment"] == "c"
    refused = put(rest, reader, path, {"comment": "d"})
    assert_problem(refused, "query.forbidden", status=403)
    assert "ATLAS-403-00-001" in refused.text


def test_endpoint_without_atlas_is_named(
    quirks: AtlasQuirks, nstarx_server: GatewayServer, rest: GatewayClient
) -> None:
    draft = quirks.draft("x", configuration={"endpoint": nstarx_server.url})
    failed = failed_stage(rest.post("/connections/test", draft).json())
    assert (failed["stage"], failed["code"]) == ("login", "config.wrong_path"), failed


def test_token_is_sent_as_bearer(quirks: AtlasQuirks, rest: GatewayClient) -> None:
    """Only what is sent: no Atlas here takes tokens."""
    seen: list[tuple[str, str | None, str | None]] = []

    class Listener(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append((self.path, self.headers["Authorization"], self.headers["X-XSRF-HEADER"]))
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_: Any) -> None:
            pass

    listener = ThreadingHTTPServer(("127.0.0.1", 0), Listener)
    threading.Thread(target=listener.serve_forever, daemon=True).start()
    try:
        draft = quirks.draft("x", configuration={"endpoint": f"http://127.0.0.1:{listener.server_port}/gateway/atlas"})
        draft["authentication"] = {"type": "token", "token": "canary-token"}
        answer = rest.post("/connections/test", draft)
    finally:
        listener.shutdown()
        listener.server_close()
    assert "canary-token" not in answer.text
    assert seen[0][0] == "/gateway/atlas/api/atlas/v2/types/entitydef/name/DataSet"
    assert all(token == "Bearer canary-token" and guard for _, token, guard in seen)
