"""DataHub beyond the suite, on a stand-in of ours: DataHub's own Python package writes and reads as well."""

from __future__ import annotations

import json
import subprocess
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.problem import assert_problem
from tests.conformance.quirks.datahub import DatahubQuirks
from tests.servers.catalog import ServerCatalog
from tests.servers.gateway import GatewayClient
from tests.servers.systems.datahub import DatahubServer, python

#: Runs in the environment of acryl-datahub: its real emitter writes, its real graph client reads.
_EMIT = """
import json, sys
from datahub.emitter.mce_builder import make_dataset_urn, make_user_urn
from datahub.emitter.mcp import MetadataChangeProposalWrapper
from datahub.emitter.rest_emitter import DatahubRestEmitter
from datahub.metadata import schema_classes as s
endpoint, token, name = sys.argv[1:]
urn = make_dataset_urn("hive", name, "DEV")
emitter = DatahubRestEmitter(endpoint, token=token)
field = lambda name, kind, native: s.SchemaFieldClass(
    fieldPath=name, type=s.SchemaFieldDataTypeClass(type=kind), nativeDataType=native, nullable=False,
    description="of " + name)
for aspect in (
    s.DatasetPropertiesClass(name="orders", description="by the emitter", customProperties={"team": "core"}),
    s.SchemaMetadataClass(schemaName=name, platform="urn:li:dataPlatform:hive", version=0, hash="",
        platformSchema=s.OtherSchemaClass(rawSchema=""),
        fields=[field("id", s.NumberTypeClass(), "bigint"), field("at", s.TimeTypeClass(), "timestamp")]),
    s.OwnershipClass(owners=[s.OwnerClass(owner=make_user_urn("ada"), type="DATAOWNER")]),
    s.GlobalTagsClass(tags=[s.TagAssociationClass(tag="urn:li:tag:pii")]),
    s.GlossaryTermsClass(terms=[s.GlossaryTermAssociationClass(urn="urn:li:glossaryTerm:Revenue")],
        auditStamp=s.AuditStampClass(time=1, actor="urn:li:corpuser:ada")),
    s.UpstreamLineageClass(upstreams=[
        s.UpstreamClass(dataset=make_dataset_urn("kafka", "raw.orders", "DEV"), type="COPY")]),
):
    emitter.emit(MetadataChangeProposalWrapper(entityUrn=urn, aspect=aspect))
print(json.dumps(urn))
"""

_READ = """
import json, sys
from datahub.ingestion.graph.client import DataHubGraph
from datahub.ingestion.graph.config import DatahubClientConfig
from datahub.metadata import schema_classes as s
endpoint, token, urn = sys.argv[1:]
graph = DataHubGraph(DatahubClientConfig(server=endpoint, token=token))
raw = graph.get_entity_raw(urn)
aspects = {name: s.ASPECT_NAME_MAP[name].from_obj(
    __import__("datahub.emitter.serialization_helper", fromlist=["x"]).post_json_transform(one["value"]))
    for name, one in raw["aspects"].items() if not name.endswith("Key")}
print(json.dumps({
    "columns": [[f.fieldPath, f.nativeDataType, type(f.type.type).__name__] for f in aspects["schemaMetadata"].fields],
    "comment": aspects["editableDatasetProperties"].description,
    "owners": [o.owner for o in aspects["ownership"].owners],
    "tags": [t.tag for t in aspects["globalTags"].tags],
    "custom": aspects["datasetProperties"].customProperties,
    "upstreams": [u.dataset for u in aspects["upstreamLineage"].upstreams],
}))
"""


@pytest.fixture
def server(servers: ServerCatalog) -> DatahubServer:
    """The running stand-in."""
    return servers.get("datahub")


@pytest.fixture
def create(servers: ServerCatalog, rest: GatewayClient) -> Iterator[Callable[..., str]]:
    """Creates connections that the test's end deletes."""
    names: list[str] = []

    def make(**changes: Any) -> str:
        draft = DatahubQuirks(servers).draft(f"datahub-{uuid.uuid4().hex[:8]}", **changes)
        rest.create(draft)
        names.append(draft["name"])
        return draft["name"]

    yield make
    for name in names:
        rest.delete(f"/connections/{name}")


def run(script: str, *arguments: str, home: Path) -> Any:
    """Runs a script with DataHub's package and returns the JSON that it prints."""
    done = subprocess.run(
        [python(), "-c", script, *arguments], capture_output=True, text=True, timeout=100, check=False,
        env={"HOME": str(home), "DATAHUB_TELEMETRY_ENABLED": "false", "PATH": "/usr/bin:/bin"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-4000:]
    return json.loads(done.stdout.splitlines()[-1])


def test_what_the_real_emitter_writes_is_read(
    server: DatahubServer, create: Callable[..., str], rest: GatewayClient, tmp_path: Path
) -> None:
    whole = f"s{uuid.uuid4().hex[:8]}.orders"
    urn = run(_EMIT, server.endpoint, server.token, whole, home=tmp_path)
    connection = create()
    shown = rest.get(f"/connections/{connection}/dataset", params={"path": urn}).json()
    assert shown["path"] == f'hive."{whole}".DEV'
    assert (shown["name"], shown["comment"]) == ("orders", "by the emitter")
    assert [(c["name"], c["arrow_type"], c["comment"]) for c in shown["columns"]] == [
        ("id", "int64", "of id"), ("at", "timestamp[ns]", "of at"),
    ]  # fmt: skip
    assert shown["owners"] == [{"name": "ada", "kind": "user"}]
    assert shown["tags"] == ["pii"]
    assert shown["properties"]["team"] == "core"
    assert shown["properties"]["datahub.glossaryTerms"] == "Revenue"
    lineage = rest.get(f"/connections/{connection}/lineage", params={"path": urn, "direction": "upstream"}).json()
    assert [edge["from"] for edge in lineage["items"]] == ['kafka."raw.orders".DEV']
    found = rest.get(f"/connections/{connection}/datasets", params={"q": whole}).json()["items"]
    assert [item["path"] for item in found] == [shown["path"]]
    platforms = [item["name"] for item in rest.get(f"/connections/{connection}/browse").json()["items"]]
    assert "hive" in platforms


def test_what_is_written_is_read_by_the_real_client(
    server: DatahubServer, create: Callable[..., str], rest: GatewayClient, tmp_path: Path
) -> None:
    connection = create()
    platform = f"p{uuid.uuid4().hex[:8]}"
    DatahubQuirks.create_database(DatahubQuirks(type("One", (), {"get": lambda _self, _name: server})()), platform)
    path = f'{platform}."sales.orders"'
    body = {
        "columns": [
            {"name": "id", "native_type": "bigint"}, {"name": "tags", "native_type": "array<string>"},
            {"name": "odd", "native_type": "geography"},
        ],
        "comment": "naïve 漢字", "owner": "grace", "tags": ["pii", "two words"], "properties": {"a": "1"},
        "location": "s3://b/k", "format": "parquet",
    }  # fmt: skip
    made = rest.request("PUT", f"/connections/{connection}/dataset", params={"path": path}, json=body)
    assert made.status_code == 200, made.text
    lineage = {"upstream": [{"from": f"{platform}.raw", "process": "job"}]}
    written = rest.request("PUT", f"/connections/{connection}/lineage", params={"path": path}, json=lineage)
    assert written.status_code == 204, written.text
    urn = made.json()["properties"]["datahub.urn"]
    read = run(_READ, server.endpoint, server.token, urn, home=tmp_path)
    assert read == {
        "columns": [
            ["id", "bigint", "NumberTypeClass"], ["tags", "array<string>", "ArrayTypeClass"],
            ["odd", "geography", "NullTypeClass"],
        ],
        "comment": "naïve 漢字", "owners": ["urn:li:corpuser:grace"],
        "tags": ["urn:li:tag:pii", "urn:li:tag:two words"],
        "custom": {"a": "1", "location": "s3://b/k", "format": "parquet"},
        "upstreams": [f"urn:li:dataset:(urn:li:dataPlatform:{platform},raw,PROD)"],
    }  # fmt: skip


def test_reader_may_not_write(
    server: DatahubServer, create: Callable[..., str], rest: GatewayClient, tmp_path: Path
) -> None:
    urn = run(_EMIT, server.endpoint, server.token, f"s{uuid.uuid4().hex[:8]}.r", home=tmp_path)
    reader = create(authentication={"token": server.reader_token})
    assert rest.get(f"/connections/{reader}/dataset", params={"path": urn}).status_code == 200
    answer = rest.request("PUT", f"/connections/{reader}/dataset", params={"path": urn}, json={"comment": "c"})
    assert_problem(answer, "query.forbidden", status=403)


def test_pages_of_any_size_give_each_once(
    server: DatahubServer, create: Callable[..., str], rest: GatewayClient
) -> None:
    platform = f"p{uuid.uuid4().hex[:8]}"
    names = [f"t{number:03}" for number in range(23)]
    for name in names:
        urn = f"urn:li:dataset:(urn:li:dataPlatform:{platform},{name},PROD)"
        server.put("dataset", urn, {"datasetProperties": {"name": name, "customProperties": {}, "tags": []}})
    connection = create()
    for query in ({}, {"q": "T0"}):
        seen: list[str] = []
        cursor, size = "", 7
        while True:
            parameters = {"path": platform, "limit": size, "cursor": cursor, **query}
            page = rest.get(f"/connections/{connection}/datasets", params=parameters).json()
            seen += [item["name"] for item in page["items"]]
            cursor, size = page.get("next", ""), 3
            if not cursor:
                break
        assert seen == names
