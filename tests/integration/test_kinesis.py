"""Kinesis: records written and read exactly, places, shards that are split, refusals, deadline and kill, on moto."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pytest

from tests.conformance.problem import assert_problem
from tests.servers.catalog import ServerCatalog
from tests.servers.gateway import GatewayClient
from tests.servers.native_types import UNICODE
from tests.servers.process import wait_until

ARROW = "application/vnd.apache.arrow.stream"
MIB = 1024 * 1024


@pytest.fixture(scope="module")
def server(servers: ServerCatalog) -> Any:
    return servers.get("kinesis")


def draft_of(server: Any, **configuration: Any) -> dict[str, Any]:
    return {
        "name": f"kinesis-{uuid.uuid4().hex[:8]}",
        "type": "kinesis",
        "configuration": {
            "region": server.region, "endpoint": server.endpoint, "poll_interval_ms": 20, **configuration,
        },
        "authentication": {
            "type": "access_key", "access_key_id": server.access_key, "secret_access_key": server.secret_key,
        },
    }  # fmt: skip


@pytest.fixture(scope="module")
def path(rest: GatewayClient, server: Any) -> Iterator[str]:
    """The path of a connection."""
    made = rest.create(draft_of(server))
    yield f"/connections/{made['id']}"
    rest.delete(f"/connections/{made['id']}")


@pytest.fixture
def topic(server: Any) -> str:
    """A new stream of three shards."""
    name = f"orders-{uuid.uuid4().hex[:8]}"
    server.create_topic(name, 3)
    return name


def consume(rest: GatewayClient, path: str, topic: str, **parameters: Any) -> pa.Table:
    answer = rest.get(f"{path}/consume", params={"topic": topic, **parameters}, headers={"Accept": ARROW})
    assert answer.status_code == 200, answer.text
    return pa.ipc.open_stream(answer.content).read_all()


def test_records_are_read_as_they_were_written(rest: GatewayClient, path: str, server: Any, topic: str) -> None:
    written = [
        {"key": b"k", "value": UNICODE.encode(), "partition": 0},
        {"key": "schlüssel".encode(), "value": b"", "partition": 2},
    ]
    server.write(topic, written)
    theirs = {record["value"]: record for record in server.read(topic, 2)}
    table = consume(rest, path, topic)
    assert [str(field.type) for field in table.schema] == [
        "string", "int32", "string", "timestamp[ms, tz=UTC]", "string", "map<string, binary>", "string",
    ]  # fmt: skip
    rows = {row["value"].encode(): row for row in table.to_pylist()}
    assert set(rows) == {UNICODE.encode(), b""}
    for message in written:
        row = rows[message["value"]]
        assert (row["topic"], row["partition"], row["key"]) == (topic, message["partition"], message["key"].decode())
        assert row["offset"] == theirs[message["value"]]["offset"]
        assert row["headers"] == []
        assert abs(row["timestamp"].timestamp() - time.time()) < 60
    server.write(topic, [{"value": b"\xff\xfe", "partition": 1}])
    raw = consume(rest, path, topic, format="bytes")
    assert raw.schema.field("value").type == pa.binary()
    assert b"\xff\xfe" in raw["value"].to_pylist()
    answer = rest.get(f"{path}/consume", params={"topic": topic, "format": "text"})
    problem = assert_problem(answer, "stream.not_text", status=400)
    assert problem["details"]["partition"] == 1


def test_produce(rest: GatewayClient, path: str, server: Any, topic: str) -> None:
    body = {"topic": topic, "messages": [{"key": "a", "value": {"n": 1}, "partition": 1}, {"value": "x"}]}
    answer = rest.post(f"{path}/produce", body)
    assert answer.status_code == 200, answer.text
    assert answer.json()["count"] == 2
    written = {record["offset"] for record in server.read(topic, 2)}
    assert {str(row["last"]) for row in answer.json()["offsets"]} <= written
    lines = "".join(json.dumps({"value": f"line {number}"}) + "\n" for number in range(1200))
    headers = {"Content-Type": "application/x-ndjson"}
    answer = rest.request("POST", f"{path}/produce", params={"topic": topic}, data=lines, headers=headers)
    assert answer.json()["count"] == 1200, answer.text
    assert len(answer.json()["offsets"]) == 3, "records without a key are spread"
    found = server.read(topic, 1202)
    assert {record["value"] for record in found} >= {b'{"n": 1}', b"x", b"line 0", b"line 1199"}
    first = next(record for record in found if record["key"] == b"a")
    assert first["partition"] == 1


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ({"value": None}, "stream.null_message"),
        ({"value": "x", "headers": {"h": "1"}}, "stream.headers_unsupported"),
        ({"value": "x", "timestamp": 5}, "stream.timestamp_unsupported"),
        ({"value": "x", "key": ""}, "stream.invalid_key"),
        ({"value": "x", "key": "k" * 257}, "stream.invalid_key"),
        ({"value": "x", "partition": 9}, "stream.unknown_partition"),
    ],
)
def test_what_records_can_not_hold_is_refused(
    rest: GatewayClient, path: str, server: Any, topic: str, message: dict, code: str
) -> None:
    answer = rest.post(f"{path}/produce", {"topic": topic, "messages": [{"value": "kept?"}, message]})
    problem = assert_problem(answer, code)
    assert problem["details"]["delivered"] == 0
    server.read(topic, 0)


def test_where_reading_begins(rest: GatewayClient, path: str, server: Any, topic: str) -> None:
    server.write(topic, [{"value": str(number).encode(), "partition": 1} for number in range(10)])
    everything = consume(rest, path, topic)
    assert everything["value"].to_pylist() == [str(number) for number in range(10)]
    eighth = everything["offset"].to_pylist()[7]
    assert consume(rest, path, topic, **{"from": f"offset:{eighth}"}, partitions="1")["value"].to_pylist() == [
        "7", "8", "9",
    ]  # fmt: skip
    assert consume(rest, path, topic, limit=4)["value"].to_pylist() == ["0", "1", "2", "3"]
    assert consume(rest, path, topic, limit=0).num_rows == 0
    assert consume(rest, path, topic, partitions="0,2").num_rows == 0
    assert consume(rest, path, topic, **{"from": "latest"}).num_rows == 0
    assert consume(rest, path, topic, **{"from": "timestamp:0"}).num_rows == 10
    assert consume(rest, path, topic, **{"from": "timestamp:2999-01-01T00:00:00Z"}).num_rows == 0

    def refused(code: str, **parameters: Any) -> None:
        assert_problem(rest.get(f"{path}/consume", params={"topic": topic, **parameters}), code)

    refused("stream.offset_needs_partition", **{"from": f"offset:{eighth}"})
    refused("stream.unknown_partition", partitions="7")
    refused("stream.groups_unsupported", **{"from": "committed"}, group="g")
    lag = rest.get(f"{path}/lag", params={"topic": topic, "group": "g"})
    assert_problem(lag, "stream.groups_unsupported")
    commit = {"topic": topic, "group": "g", "offsets": [{"partition": 1, "offset": eighth}]}
    assert_problem(rest.post(f"{path}/commit", commit), "stream.groups_unsupported")


def test_children_of_a_split_shard_come_after_it(rest: GatewayClient, path: str, server: Any) -> None:
    name = f"split-{uuid.uuid4().hex[:8]}"
    server.create_topic(name, 1)
    server.write(name, [{"value": b"before", "partition": 0}])
    parent = server.shards(name)[0]
    middle = str(int(parent["HashKeyRange"]["EndingHashKey"]) // 2)
    server.client().split_shard(StreamName=name, ShardToSplit=parent["ShardId"], NewStartingHashKey=middle)
    wait_until("split", lambda: len(server.shards(name)) == 3, 20)
    server.write(name, [{"value": b"left", "partition": 1}, {"value": b"right", "partition": 2}])
    rows = consume(rest, path, name).to_pylist()
    assert sorted(row["value"] for row in rows) == ["before", "left", "right"]
    assert rows[0]["value"] == "before"
    answer = rest.post(f"{path}/produce", {"topic": name, "messages": [{"value": "x", "partition": 0}]})
    assert_problem(answer, "stream.unknown_partition", status=404)
    nodes = rest.get(f"{path}/browse", params={"path": name}).json()["items"]
    assert [(node["name"], node["comment"].split(", ")[1]) for node in nodes] == [
        ("0", "closed"), ("1", "open"), ("2", "open"),
    ]  # fmt: skip


def test_streams_are_listed_by_name(rest: GatewayClient, path: str, server: Any, topic: str) -> None:
    server.create_topic(f"earlier-than-{topic}")
    names = [node["name"] for node in rest.get(f"{path}/browse", params={"limit": 1000}).json()["items"]]
    assert {topic, f"earlier-than-{topic}"} <= set(names)
    assert names == sorted(names)


def test_browse_describe_sample(rest: GatewayClient, path: str, server: Any, topic: str) -> None:
    server.write(topic, [{"value": str(number).encode(), "partition": 2} for number in range(5)])
    assert topic in [node["name"] for node in rest.get(f"{path}/browse", params={"limit": 1000}).json()["items"]]
    described = rest.get(f"{path}/describe", params={"path": topic}).json()
    assert [column["name"] for column in described["columns"]] == consume(rest, path, topic).schema.names
    assert len(described["partitions"]) == 3
    assert "kept for 24 h" in described["comment"]
    sampled = rest.get(f"{path}/sample", params={"path": f"{topic}/2", "limit": 3}).json()
    assert [row[-1] for row in sampled["rows"]] == ["0", "1", "2"]
    for missing in ("no-such", f"{topic}/9"):
        assert_problem(rest.get(f"{path}/describe", params={"path": missing}), "query.undefined_table", status=404)


def test_many_records(rest: GatewayClient, path: str, server: Any, topic: str) -> None:
    server.write(topic, [{"value": f"{number}".encode() * 10, "partition": number % 3} for number in range(60_000)])
    table = consume(rest, path, topic)
    assert table.num_rows == 60_000
    assert len(set(zip(table["partition"].to_pylist(), table["offset"].to_pylist(), strict=True))) == 60_000
    for shard in range(3):
        mine = [row["value"] for row in table.to_pylist() if row["partition"] == shard]
        assert mine == [f"{number}" * 10 for number in range(shard, 60_000, 3)], "the order of a shard is kept"


def test_policies_and_read_only(rest: GatewayClient, server: Any, topic: str) -> None:
    draft = draft_of(server)
    draft["authentication"]["access_key_id"], draft["authentication"]["secret_access_key"] = server.reader
    reader = f"/connections/{rest.create(draft)['id']}"
    write = {"topic": topic, "messages": [{"value": "x"}]}
    assert_problem(rest.post(f"{reader}/produce", write), "query.no_privilege", status=403)
    assert consume(rest, reader, topic).num_rows == 0
    closed = f"/connections/{rest.create(draft_of(server, read_only=True))['id']}"
    assert_problem(rest.post(f"{closed}/produce", write), "query.read_only", status=403)
    server.read(topic, 0)
    for connection in (reader, closed):
        rest.delete(connection)


def test_an_assumed_role(rest: GatewayClient, servers: ServerCatalog) -> None:
    server = servers.get("kinesis_mortal")  # moto's STS fails when it checks keys
    topic = "of-the-role"
    server.create_topic(topic)
    server.write(topic, [{"value": b"x"}])
    draft = draft_of(server, sts_endpoint=server.endpoint)
    draft["authentication"]["type"] = "iam"
    draft["authentication"]["role_arn"] = server.role_arn
    made = rest.create(draft)
    assert consume(rest, f"/connections/{made['id']}", topic).num_rows == 1
    rest.delete(f"/connections/{made['id']}")


def test_deadline_and_kill(rest: GatewayClient, servers: ServerCatalog) -> None:
    mortal = servers.get("kinesis_mortal")
    mortal.create_topic("mortal")
    mortal.write("mortal", [{"value": b"x"}])
    path = f"/connections/{rest.create(draft_of(mortal))['id']}"
    assert consume(rest, path, "mortal").num_rows == 1
    begun = time.monotonic()
    late = rest.get(f"{path}/consume", params={"topic": "mortal", "follow": "false", "from": "latest",
                                               "wait_ms": 60_000, "timeout_ms": 700})  # fmt: skip
    assert_problem(late, "query.timeout", status=504)
    assert time.monotonic() - begun < 10
    mortal.kill()
    try:
        answer = rest.get(f"{path}/consume", params={"topic": "mortal", "timeout_ms": 15_000})
        assert_problem(answer, ("connection.lost", "tcp.refused"))
    finally:
        mortal.start()
    mortal.create_topic("mortal")
    wait_until("back", lambda: rest.get(f"{path}/consume", params={"topic": "mortal"}).status_code == 200, 20)
    rest.delete(path)
