"""Metadata catalogs beyond the suite: logins and refusals, other transports, the SDK's and the CLI's doors."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import nstarx
import pytest

from tests.conformance.problem import assert_problem, failed_stage
from tests.conformance.quirks import QUIRKS
from tests.conformance.quirks.custom_catalog import ICEBERG_TYPES, mapping
from tests.servers.catalog import ServerCatalog
from tests.servers.gateway import GatewayClient, GatewayServer
from tests.servers.skips import skip
from tests.servers.systems.nessie import new_java


@pytest.fixture
def create(rest: GatewayClient) -> Iterator[Callable[..., str]]:
    """Creates connections that the test's end deletes."""
    names: list[str] = []

    def make(draft: dict[str, Any]) -> str:
        draft["name"] = f"catalog-{uuid.uuid4().hex[:8]}"
        rest.create(draft)
        names.append(draft["name"])
        return draft["name"]

    yield make
    for name in names:
        rest.delete(f"/connections/{name}")


def hive(servers: ServerCatalog, *, secure: bool = True, **changes: Any) -> dict[str, Any]:
    """Returns a working draft for one of the two metastores."""
    server = servers.get("hive_metastore" if secure else "hive_metastore_mortal")
    return QUIRKS["hive_metastore"](servers).draft("x", server=server, **changes)


REFUSED: dict[str, tuple[Callable[[ServerCatalog], dict[str, Any]], str, str]] = {
    "no login where one is needed": (
        lambda s: hive(s) | {"authentication": {"type": "none"}}, "login", "login.sasl_required"),
    "login where none is taken": (
        lambda s: hive(s, secure=False) | {"authentication": hive(s)["authentication"]},
        "login", "login.password_not_taken"),
    "plain where TLS is needed": (
        lambda s: hive(s) | {"ssl": {"enabled": False}}, "login", "tls.required_by_server"),
    "TLS where there is none": (
        lambda s: hive(s, secure=False) | {"ssl": hive(s)["ssl"]}, "tls", "tls.handshake_failed"),
    "a CA that nobody knows": (
        lambda s: hive(s, ssl={"certificate": s.certificates.other_ca_file.read_text()}), "tls", "tls.unknown_ca"),
    "another kind of server": (
        lambda s: hive(s, secure=False, configuration={"port": s.get("minio").port},
                       authentication={"username": "a\n"}),
        "login", "login.not_a_metastore"),
    "a server that says nothing": (
        lambda s: hive(s, secure=False, configuration={"port": s.get("silent").port, "connect_timeout_ms": 1000}),
        "login", "login.timeout"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_hive_refusals_are_named(servers: ServerCatalog, rest: GatewayClient, case: str) -> None:
    draft, stage, code = REFUSED[case]
    answer = rest.post("/connections/test", {**draft(servers), "name": "refused"})
    failed = failed_stage(answer.json())
    assert (failed["stage"], failed["code"]) == (stage, code), failed
    assert failed["hints"]


def test_hive_says_what_it_is(servers: ServerCatalog, rest: GatewayClient, create: Callable[..., str]) -> None:
    report = rest.post(f"/connections/{create(hive(servers))}/test").json()
    facts = next(stage["facts"] for stage in report["stages"] if stage["stage"] == "login")
    assert facts["server_version"].startswith("4.")
    assert facts["user"] == servers.get("hive_metastore").user
    assert facts["tls"]["version"].startswith("TLSv1.")


def test_hive_uri(servers: ServerCatalog, rest: GatewayClient, create: Callable[..., str]) -> None:
    server = servers.get("hive_metastore_mortal")
    name = create({"type": "hive_metastore", "configuration": {"uri": f"thrift://{server.host}:{server.port}"},
                   "authentication": {"type": "none"}})  # fmt: skip
    assert "default" in [item["name"] for item in rest.get(f"/connections/{name}/browse").json()["items"]]


def test_hive_refuses_what_can_not_be(servers: ServerCatalog, rest: GatewayClient, create: Callable[..., str]) -> None:
    name = create(hive(servers))
    path = f"default.t_{uuid.uuid4().hex[:8]}"

    def put(body: dict[str, Any]) -> Any:
        return rest.request("PUT", f"/connections/{name}/dataset", params={"path": path}, json=body)

    columns = [{"name": "id", "native_type": "bigint"}]
    answer = put({"columns": columns, "location": "nosuchscheme://bucket/x"})
    assert_problem(answer, "metadata.location_unreachable", status=400)
    assert put({"columns": columns}).status_code == 200
    answer = put({"columns": [{"name": "id", "native_type": "array<string>"}]})
    assert_problem(answer, "metadata.change_refused", status=400)
    answer = put({"partition_columns": [{"name": "day", "native_type": "date"}]})
    assert_problem(answer, "metadata.change_refused", status=400)
    for odd in ("*.*", "default.*", "default|x.t", "a.b.c", "@hive#default.t", "default", "\x01"):
        answer = rest.get(f"/connections/{name}/dataset", params={"path": odd})
        assert_problem(answer, "query.undefined_table", status=404)


def test_sdk_reads_and_writes(servers: ServerCatalog, nstarx_server: GatewayServer, create: Callable[..., str]) -> None:
    name = create(hive(servers))
    path = f"default.sdk_{uuid.uuid4().hex[:8]}"
    manager = nstarx.ConnectionManager(api_key=nstarx_server.api_key, url=nstarx_server.url)
    with manager.get_connection(name) as catalog:
        made = catalog.put_dataset(
            path, columns={"id": "bigint"}, partition_columns={"day": "date"}, tags=["pii"], owner="ada",
            properties={"a": "1"},
        )  # fmt: skip
        assert made["columns"][0]["arrow_type"] == "int64"
        assert catalog.dataset(path)["tags"] == ["pii"]
        assert path in [item["path"] for item in catalog.datasets(path.upper())]
        catalog.put_lineage(path, ["default.raw", {"from": "s3://b/k", "process": "load"}])
        assert {edge["from"] for edge in catalog.lineage(path)} == {"default.raw", "s3://b/k"}
        assert list(catalog.partitions(path)) == []
        catalog.delete_dataset(path)
        with pytest.raises(nstarx.Error) as caught:
            catalog.dataset(path)
        assert caught.value.code == "query.undefined_table"


def test_cli_reads_and_writes(servers: ServerCatalog, nstarx_server: GatewayServer, create: Callable[..., str]) -> None:
    name = create(hive(servers))
    path = f"default.cli_{uuid.uuid4().hex[:8]}"

    def run(*arguments: str) -> str:
        done = nstarx_server.cli(*arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    change = nstarx_server.data / "change.json"
    change.write_text(json.dumps({"columns": [{"name": "id", "native_type": "decimal(10,2)"}]}))
    shown = run("dataset", "set", name, path, "-f", str(change), "--comment", "made here", "--tag", "x",
                "--property", "k=v=w")  # fmt: skip
    assert "decimal128(10, 2)" in shown
    assert "comment: made here" in shown
    document = json.loads(run("dataset", "show", name, path, "-o", "json"))
    assert (document["tags"], document["properties"]["k"]) == (["x"], "v=w")
    document = json.loads(run("dataset", "set", name, path, "--property", "k", "-o", "json"))
    assert "k" not in document["properties"]
    assert path in run("datasets", name, "--search", path)
    assert "default.raw" in run("lineage", name, path, "--from", "default.raw", "--process", "job")
    assert json.loads(run("partitions", name, path, "-o", "json"))["items"] == []
    run("dataset", "delete", name, path)
    assert nstarx_server.cli("dataset", "show", name, path).returncode != 0


def glue(servers: ServerCatalog, **changes: Any) -> dict[str, Any]:
    """Returns a working draft for Glue."""
    return QUIRKS["glue"](servers).draft("x", **changes)


GLUE_REFUSED: dict[str, tuple[Callable[[ServerCatalog], dict[str, Any]], str]] = {
    "a key that nobody has": (
        lambda s: glue(s, authentication={"access_key_id": "AKIANOBODY"}), "login.unknown_access_key"),
    "a secret of another key": (
        lambda s: glue(s, authentication={"secret_access_key": s.get("glue").reader[1]}), "login.wrong_secret_key"),
    "a role that STS denies": (
        lambda s: glue(s, configuration={"sts_endpoint": s.get("minio").endpoint})
        | {"authentication": {"type": "iam", "role_arn": s.get("glue").role_arn,
                              "access_key_id": s.get("minio").access_key, "secret_access_key": "wrong"}},
        "login.assume_role_denied"),
}  # fmt: skip


@pytest.mark.parametrize("case", GLUE_REFUSED)
def test_glue_refusals_are_named(servers: ServerCatalog, rest: GatewayClient, case: str) -> None:
    draft, code = GLUE_REFUSED[case]
    answer = rest.post("/connections/test", {**draft(servers), "name": "refused"})
    failed = failed_stage(answer.json())
    assert (failed["stage"], failed["code"]) == ("login", code), failed
    assert failed["hints"]


def test_glue_with_an_assumed_role(servers: ServerCatalog, rest: GatewayClient, create: Callable[..., str]) -> None:
    server = servers.get("glue_mortal")  # moto's STS fails when it checks keys
    database = f"role_{uuid.uuid4().hex[:8]}"
    server.client().create_database(DatabaseInput={"Name": database})
    draft = QUIRKS["glue"](servers).draft("x", server=server, configuration={"sts_endpoint": server.endpoint})
    keys = {"access_key_id": server.access_key, "secret_access_key": server.secret_key}
    name = create(draft | {"authentication": {"type": "iam", "role_arn": server.role_arn, **keys}})
    answer = rest.request("PUT", f"/connections/{name}/dataset", params={"path": f"{database}.t"},
                          json={"columns": [{"name": "id", "native_type": "bigint"}], "format": "parquet"})  # fmt: skip
    assert answer.status_code == 200, answer.text
    assert answer.json()["format"] == "parquet"
    assert server.client().get_table(DatabaseName=database, Name="t")["Table"]["Parameters"]["EXTERNAL"] == "TRUE"
    facts = rest.post(f"/connections/{name}/test").json()["stages"][4]["facts"]
    assert facts["role"] == server.role_arn


def test_glue_without_the_privilege(servers: ServerCatalog, rest: GatewayClient, create: Callable[..., str]) -> None:
    server = servers.get("glue")
    database = f"reader_{uuid.uuid4().hex[:8]}"
    server.client().create_database(DatabaseInput={"Name": database})
    key, secret = server.reader
    name = create(glue(servers, authentication={"access_key_id": key, "secret_access_key": secret}))
    path = {"path": f"{database}.t"}
    assert rest.get(f"/connections/{name}/datasets", params={"path": database}).json()["items"] == []
    body = {"columns": [{"name": "id", "native_type": "bigint"}]}
    answer = rest.request("PUT", f"/connections/{name}/dataset", params=path, json=body)
    assert_problem(answer, "query.forbidden", status=403)


def test_glue_keeps_what_a_change_does_not_name(
    servers: ServerCatalog, rest: GatewayClient, create: Callable[..., str]
) -> None:
    server = servers.get("glue")
    database = f"kept_{uuid.uuid4().hex[:8]}"
    client = server.client()
    client.create_database(DatabaseInput={"Name": database})
    storage = {"Columns": [{"Name": "id", "Type": "int"}], "NumberOfBuckets": 7, "Parameters": {"deep": "kept"}}
    client.create_table(DatabaseName=database, TableInput={"Name": "t", "Retention": 9, "StorageDescriptor": storage})
    name = create(glue(servers))
    answer = rest.request("PUT", f"/connections/{name}/dataset", params={"path": f"{database}.t"}, json={"tags": ["x"]})
    assert answer.status_code == 200, answer.text
    now = client.get_table(DatabaseName=database, Name="t")["Table"]
    assert (now["Retention"], now["StorageDescriptor"]["NumberOfBuckets"]) == (9, 7)
    assert now["StorageDescriptor"]["Parameters"] == {"deep": "kept"}


def test_custom_catalog_maps_every_iceberg_type(
    servers: ServerCatalog, rest: GatewayClient, create: Callable[..., str]
) -> None:
    quirks = QUIRKS["custom_catalog"](servers)
    quirks.create_database("mapped")
    schema = {"type": "struct", "fields": [{"id": 1, "name": "id", "required": True, "type": "long", "doc": "the key"}]}
    for number, (name, (kind, _)) in enumerate(ICEBERG_TYPES.items(), 2):
        schema["fields"].append({"id": number, "name": name, "required": False, "type": kind})
    made = {"name": "all_types", "schema": schema, "properties": {"owner": "ada", "comment": "mapped", "k": "v"}}
    servers.get("iceberg_rest").ask("POST", "/v1/namespaces/mapped/tables", made)
    name = create(quirks.draft("x"))
    shown = rest.get(f"/connections/{name}/dataset", params={"path": "mapped.all_types"}).json()
    assert shown["columns"][0] == {"name": "id", "native_type": "long", "arrow_type": "int64", "nullable": False,
                                   "comment": "the key"}  # fmt: skip
    found = {column["name"]: column["arrow_type"] for column in shown["columns"][1:]}
    assert found == {name: str(arrow) for name, (_, arrow) in ICEBERG_TYPES.items()}
    assert (shown["comment"], shown["owners"]) == ("mapped", [{"name": "ada", "kind": "user"}])
    assert shown["properties"]["k"] == "v"
    assert shown["location"].startswith("file:")
    assert shown["modified"] > "2023"
    for what in ("partitions", "lineage"):
        answer = rest.get(f"/connections/{name}/{what}", params={"path": "mapped.all_types"})
        assert_problem(answer, "capability.missing")
    for odd in ("mapped...", "mapped.none", "none.none", "mapped./", "..", "a"):
        answer = rest.get(f"/connections/{name}/dataset", params={"path": odd})
        assert_problem(answer, "query.undefined_table", status=404)


def test_custom_catalog_refuses_a_broken_mapping(servers: ServerCatalog, rest: GatewayClient) -> None:
    draft = QUIRKS["custom_catalog"](servers).draft("broken-mapping")
    draft["configuration"]["mapping"]["datasets"]["items"] = "identifiers"
    answer = rest.post("/connections", draft)
    assert answer.json()["details"]["field"] == "mapping.datasets.items"
    assert_problem(answer, "config.malformed_path", status=400)
    draft["configuration"]["mapping"] = mapping("nessie")
    failed = failed_stage(rest.post("/connections/test", draft).json())
    assert (failed["stage"], failed["code"]) == ("login", "config.wrong_path")


def test_custom_catalog_reads_nessie(servers: ServerCatalog, rest: GatewayClient, create: Callable[..., str]) -> None:
    if new_java() is None:
        skip("nessie")
    server = servers.get("nessie")
    server.add_tables([["sales", "orders"], ["sales", "items"], ["sales", "deep", "x"], ["raw", "漢字"]])
    configuration = {"endpoint": server.endpoint, "mapping": mapping("nessie")}
    name = create({"type": "custom_catalog", "configuration": configuration, "authentication": {"type": "none"}})
    found = rest.get(f"/connections/{name}/datasets").json()["items"]
    assert [item["path"] for item in found] == ["raw.漢字", "sales.items", "sales.orders", '"sales.deep".x']
    shown = rest.get(f"/connections/{name}/dataset", params={"path": "sales.orders"}).json()
    assert shown["location"] == "s3://lake/sales/orders/v1.json"
    assert rest.get(f"/connections/{name}/dataset", params={"path": '"sales.deep".x'}).status_code == 200
    tops = rest.get(f"/connections/{name}/browse").json()["items"]
    assert [item["path"] for item in tops] == ["raw", "sales", "sales.deep"]
    inside = rest.get(f"/connections/{name}/browse", params={"path": "sales"}).json()["items"]
    assert [item["name"] for item in inside] == ["items", "orders"]
