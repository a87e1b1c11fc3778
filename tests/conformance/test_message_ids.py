"""Pulsar's message ids, properties, subscriptions, schemas and roles: what the shared stream tests can't ask."""

from __future__ import annotations

import json
import time
import uuid

import pyarrow as pa
import pytest

from tests.conformance.problem import assert_problem, failed_stage
from tests.conformance.quirks.pulsar import PulsarQuirks
from tests.servers.gateway import GatewayClient, GatewayServer
from tests.servers.native_types import UNICODE
from tests.servers.systems.pulsar import PulsarServer

ARROW = "application/vnd.apache.arrow.stream"
NDJSON = "application/x-ndjson"
MIB = 1024 * 1024


@pytest.fixture
def stream(quirks: object) -> PulsarQuirks:
    """Pulsar's answers, for its type alone."""
    if not isinstance(quirks, PulsarQuirks):
        pytest.skip("does not apply: the type is not Pulsar")
    return quirks


@pytest.fixture
def server(stream: PulsarQuirks) -> PulsarServer:
    """The running server."""
    return stream.server


@pytest.fixture
def topic(server: PulsarServer) -> str:
    """A new topic of three partitions."""
    name = f"topic-{uuid.uuid4().hex[:12]}"
    server.create_topic(name, 3)
    return name


@pytest.fixture
def plain(server: PulsarServer) -> str:
    """A new topic without partitions."""
    name = f"plain-{uuid.uuid4().hex[:12]}"
    server.create_topic(name)
    return name


def consume(rest: GatewayClient, connection: str, topic: str, **parameters: object) -> pa.Table:
    """Returns the messages as Arrow."""
    answer = rest.get(
        f"/connections/{connection}/consume", params={"topic": topic, **parameters}, headers={"Accept": ARROW}
    )
    assert answer.status_code == 200, answer.text
    return pa.ipc.open_stream(answer.content).read_all()


def values(rest: GatewayClient, connection: str, topic: str, **parameters: object) -> list[str]:
    """Returns the values alone."""
    return consume(rest, connection, topic, **parameters)["value"].to_pylist()


def numbered(partition: int, count: int) -> list[dict]:
    """Returns messages that say which they are."""
    return [{"value": str(number).encode(), "partition": partition} for number in range(count)]


@pytest.mark.check("pulsar: messages read exactly")
def test_messages_read_as_they_were_written(
    server: PulsarServer, connection: str, topic: str, rest: GatewayClient
) -> None:
    server.write(topic, [
        {"key": b"k", "value": UNICODE.encode(), "headers": {"h": UNICODE, "e": ""}, "partition": 0},
        {"value": b"", "partition": 1, "event_ms": 1_700_000_000_123},
    ])  # fmt: skip
    found = sorted(consume(rest, connection, topic).to_pylist(), key=lambda row: row["partition"])
    assert [(row["key"], row["value"], row["partition"]) for row in found] == [("k", UNICODE, 0), (None, "", 1)]
    assert dict(found[0]["headers"]) == {"h": UNICODE.encode(), "e": b""}
    assert abs(found[0]["timestamp"].timestamp() - time.time()) < 60
    assert found[1]["timestamp"].timestamp() == 1_700_000_000.123  # the event's own time
    ledger, entry, partition, _ = (int(part) for part in found[1]["offset"].split(":"))
    assert (ledger >= 0, entry, partition) == (True, 0, 1)
    server.write(topic, [{"value": b"\xff\xfe", "partition": 2}])
    raw = consume(rest, connection, topic, format="bytes")
    assert raw.schema.field("value").type == pa.binary()
    assert b"\xff\xfe" in raw["value"].to_pylist()
    answer = rest.get(f"/connections/{connection}/consume", params={"topic": topic, "format": "text"})
    assert_problem(answer, "stream.not_text", status=400)
    assert answer.json()["details"]["partition"] == 2
    answer = rest.get(f"/connections/{connection}/consume", params={"topic": topic, "format": "json"})
    assert_problem(answer, ("stream.not_json", "stream.not_text"), status=400)


@pytest.mark.check("pulsar: produce with receipts")
def test_produce_json_ndjson_and_arrow(stream: PulsarQuirks, connection: str, topic: str, rest: GatewayClient) -> None:
    path = f"/connections/{connection}/produce"
    body = '{"topic": "%s", "messages": [{"key": "a", "value": {"price": 1.10, "big": 12345678901234567890}, '
    body += '"headers": {"h": "1"}, "partition": 1, "timestamp": 1700000000123}, {"value": null, "partition": 0}]}'
    answer = rest.request("POST", path, data=body % topic, headers={"Content-Type": "application/json"})
    assert answer.status_code == 200, answer.text
    assert answer.json()["count"] == 2
    receipts = {row["partition"]: row for row in answer.json()["offsets"]}
    assert set(receipts) == {0, 1}
    assert receipts[1]["last"].split(":")[1:3] == ["0", "1"]
    lines = "".join(json.dumps({"value": f"line {number}", "partition": 2}) + "\n" for number in range(1000))
    answer = rest.request("POST", path, params={"topic": topic}, data=lines, headers={"Content-Type": NDJSON})
    assert answer.json()["count"] == 1000, answer.text
    assert answer.json()["offsets"][0]["count"] == 1000
    table = pa.table({"id": [1, 2], "name": [UNICODE, None]})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    answer = rest.request(
        "POST", path, params={"topic": topic}, data=sink.getvalue().to_pybytes(), headers={"Content-Type": ARROW}
    )
    assert answer.json()["count"] == 2, answer.text
    found = stream.read(topic, 1004)
    assert len(found) == 1004
    stored = [row["value"] for row in found]
    assert b'{"price": 1.10, "big": 12345678901234567890}' in stored  # every digit as it was sent
    assert stored.count(None) == 1
    assert b"line 999" in stored
    rows = [json.loads(value) for value in stored if value and value.startswith(b'{"id"')]
    assert sorted(rows, key=lambda row: row["id"]) == [{"id": 1, "name": UNICODE}, {"id": 2, "name": None}]
    first = next(row for row in found if row["key"] == b"a")
    assert (first["partition"], first["headers"]) == (1, {"h": "1"})
    back = consume(rest, connection, topic, partitions="0,1").to_pylist()
    assert None in [row["value"] for row in back]
    assert 1_700_000_000.123 in [row["timestamp"].timestamp() for row in back]
    # A place that a receipt names is one to read from.
    last = receipts[1]["last"]
    again = consume(rest, connection, topic, **{"from": f"offset:{last}"}).to_pylist()
    assert again[0]["offset"] == last


@pytest.mark.check("pulsar: produce with receipts")
def test_keys_choose_their_partition(stream: PulsarQuirks, connection: str, topic: str, rest: GatewayClient) -> None:
    messages = [{"key": f"key {number % 10}", "value": str(number)} for number in range(100)]
    answer = rest.post(f"/connections/{connection}/produce", {"topic": topic, "messages": messages})
    assert answer.json()["count"] == 100, answer.text
    where: dict[bytes, set[int]] = {}
    for row in stream.read(topic, 100):
        where.setdefault(row["key"], set()).add(row["partition"])
    assert len(where) == 10
    assert all(len(partitions) == 1 for partitions in where.values())
    assert len(set.union(*where.values())) > 1


@pytest.mark.check("pulsar: positions, timestamps, limit")
def test_where_reading_begins(server: PulsarServer, connection: str, topic: str, rest: GatewayClient) -> None:
    server.write(topic, numbered(1, 10))  # one batch
    time.sleep(0.05)
    between = int(time.time() * 1000)
    time.sleep(0.05)
    server.write(topic, [{"value": b"later", "partition": 1}])
    rows = consume(rest, connection, topic).to_pylist()
    assert len(rows) == 11
    for at in (0, 3, 9, 10):  # within the batch, and behind it
        found = values(rest, connection, topic, **{"from": f"offset:{rows[at]['offset']}"})
        assert found == [row["value"] for row in rows[at:]]
    assert values(rest, connection, topic, limit=4) == ["0", "1", "2", "3"]
    assert values(rest, connection, topic, limit=0) == []
    assert values(rest, connection, topic, partitions="0,2") == []
    assert values(rest, connection, topic, **{"from": "latest"}) == []
    assert len(values(rest, connection, topic, **{"from": "timestamp:0"})) == 11
    assert values(rest, connection, topic, **{"from": f"timestamp:{between}"}) == ["later"]
    assert values(rest, connection, topic, **{"from": "timestamp:2999-01-01T00:00:00Z"}) == []
    path = f"/connections/{connection}/consume"
    ledger = int(rows[0]["offset"].split(":")[0])
    for position in (f"{ledger}:99:1:-1", f"{ledger + 1_000_000}:0:1:-1", "0:0:1"):
        answer = rest.get(path, params={"topic": topic, "from": f"offset:{position}"})
        if position == "0:0:1" and ledger == 0:
            continue
        assert_problem(answer, "stream.offset_out_of_range", status=400)
        assert answer.json()["details"]["end"] == f"{ledger}:2:1:-1"
    for position in ("7", "x:y", "1:2:3:4:5"):
        answer = rest.get(path, params={"topic": topic, "from": f"offset:{position}"})
        assert_problem(answer, "stream.invalid_offset", status=400)
    answer = rest.get(path, params={"topic": topic, "from": f"offset:{ledger}:0:1:0", "partitions": "2"})
    assert_problem(answer, "stream.invalid_offset", status=400)


@pytest.mark.check("pulsar: subscriptions moved, lag; reading commits nothing")
def test_commit_and_lag(server: PulsarServer, connection: str, topic: str, rest: GatewayClient) -> None:
    for number in range(10):  # ten entries
        server.write(topic, [{"value": str(number).encode(), "partition": 0}])
    group = f"group {topic} /é"
    lag = f"/connections/{connection}/lag"
    rows = consume(rest, connection, topic, **{"from": "committed"}, group=group).to_pylist()
    assert len(rows) == 10
    before = rest.get(lag, params={"topic": topic, "group": group}).json()
    assert before["lag"] == 10
    assert all(row["committed"] is None for row in before["partitions"])
    body = {"topic": topic, "group": group, "offsets": [{"partition": 0, "offset": rows[6]["offset"]}]}
    for _ in range(2):  # makes the subscription, then moves it to where it is
        answer = rest.post(f"/connections/{connection}/commit", body)
        assert answer.status_code == 204, answer.text
    after = rest.get(lag, params={"topic": topic, "group": group}).json()
    ledger = rows[0]["offset"].split(":")[0]
    assert after["partitions"][0] == {
        "partition": 0, "first": f"{ledger}:0:0:-1", "end": f"{ledger}:10:0:-1", "committed": f"{ledger}:6:0:-1",
        "lag": 4,
    }  # fmt: skip
    assert values(rest, connection, topic, **{"from": "committed"}, group=group) == ["6", "7", "8", "9"]
    # A consumer of the system's own client goes on there.
    client = server.client()
    try:
        consumer = client.subscribe(f"persistent://public/default/{topic}-partition-0", group)
        assert consumer.receive(10_000).data() == b"6"
    finally:
        client.close()
    body["offsets"][0]["offset"] = after["partitions"][0]["end"]
    assert rest.post(f"/connections/{connection}/commit", body).status_code == 204
    assert rest.get(lag, params={"topic": topic, "group": group}).json()["partitions"][0]["lag"] == 0
    assert values(rest, connection, topic, **{"from": "committed"}, group=group) == []
    body["offsets"][0]["offset"] = f"{ledger}:11:0:-1"
    assert_problem(rest.post(f"/connections/{connection}/commit", body), "stream.offset_out_of_range", status=400)
    answer = rest.post(f"/connections/{connection}/commit", {**body, "group": "a+b"})
    assert_problem(answer, "stream.invalid_group", status=400)
    body["offsets"][0] = {"partition": 7, "offset": f"{ledger}:1"}
    assert_problem(rest.post(f"/connections/{connection}/commit", body), "stream.unknown_partition", status=404)


@pytest.mark.check("pulsar: browse, describe, sample")
def test_browse_describe_and_sample(
    server: PulsarServer, connection: str, topic: str, plain: str, rest: GatewayClient
) -> None:
    def names(path: str) -> list[str]:
        answer = rest.get(f"/connections/{connection}/browse", params={"path": path})
        assert answer.status_code == 200, answer.text
        return [item["name"] for item in answer.json()["items"]]

    assert "public" in names("")
    assert "default" in names("public")
    assert {topic, plain} <= set(names("public/default"))
    assert not [name for name in names("public/default") if "-partition-" in name]
    assert names(f"public/default/{topic}") == ["0", "1", "2"]
    assert names(f"public/default/{plain}") == []
    for path in ("no-such", "public/no-such", "public/default/no-such"):
        answer = rest.get(f"/connections/{connection}/browse", params={"path": path})
        assert_problem(answer, "query.undefined_table", status=404)
    server.write(topic, numbered(1, 10))
    server.write(plain, numbered(0, 5))
    schema = {"type": "JSON", "schema": '{"type":"record","name":"R","fields":[]}', "properties": {}}
    server.admin("POST", f"schemas/public/default/{plain}/schema", schema)
    described = rest.get(f"/connections/{connection}/describe", params={"path": topic}).json()
    assert described["row_estimate"] == 10
    assert [column["name"] for column in described["columns"]] == consume(rest, connection, topic).schema.names
    assert len(described["partitions"]) == 3
    described = rest.get(f"/connections/{connection}/describe", params={"path": f"public/default/{plain}"}).json()
    assert "schema=JSON" in described["comment"]
    assert described["row_estimate"] == 5
    sampled = rest.get(f"/connections/{connection}/sample", params={"path": topic, "limit": 3}).json()
    assert [row[6] for row in sampled["rows"]] == ["7", "8", "9"]
    part = f"public/default/{topic}/1"
    sampled = rest.get(f"/connections/{connection}/sample", params={"path": part, "limit": 2}).json()
    assert [row[6] for row in sampled["rows"]] == ["8", "9"]
    sampled = rest.get(f"/connections/{connection}/sample", params={"path": f"public/default/{topic}/0"}).json()
    assert sampled["rows"] == []


@pytest.mark.check("pulsar: topics without partitions, full names")
def test_topic_without_partitions(server: PulsarServer, connection: str, plain: str, rest: GatewayClient) -> None:
    full = f"persistent://public/default/{plain}"
    answer = rest.post(
        f"/connections/{connection}/produce",
        {"topic": full, "messages": [{"value": "a"}, {"value": "b", "partition": 0}]},
    )
    assert answer.status_code == 200, answer.text
    assert [(row["partition"], row["count"]) for row in answer.json()["offsets"]] == [(0, 2)]
    assert sorted(values(rest, connection, f"public/default/{plain}")) == ["a", "b"]
    rows = consume(rest, connection, plain, partitions="0").to_pylist()
    assert rows[0]["offset"].split(":")[2] == "-1"
    answer = rest.get(f"/connections/{connection}/consume", params={"topic": plain, "partitions": "1"})
    assert_problem(answer, "stream.unknown_partition", status=404)
    messages = [{"value": "x", "partition": 1}]
    answer = rest.post(f"/connections/{connection}/produce", {"topic": plain, "messages": messages})
    assert_problem(answer, "stream.unknown_partition", status=404)
    for name in ("a/b", "non-persistent://public/default/x", "public/default/a/b", "public/no-such/x"):
        answer = rest.get(f"/connections/{connection}/consume", params={"topic": name})
        assert_problem(answer, "stream.unknown_topic", status=404)


@pytest.mark.check("pulsar: 200 k messages in bounded memory")
def test_many_messages_in_bounded_memory(
    connection: str, topic: str, rest: GatewayClient, nstarx_server: GatewayServer
) -> None:
    lines = b"".join(
        b'{"value": "' + b"x" * 200 + b'", "partition": ' + str(number % 3).encode() + b"}\n"
        for number in range(200_000)
    )
    answer = rest.request(
        "POST", f"/connections/{connection}/produce", params={"topic": topic}, data=lines,
        headers={"Content-Type": NDJSON}, timeout=60,
    )  # fmt: skip
    assert answer.json()["count"] == 200_000, answer.text
    nstarx_server.reset_memory_peak()
    before = nstarx_server.memory_bytes()
    rows = 0
    with rest.get(
        f"/connections/{connection}/consume", params={"topic": topic}, headers={"Accept": ARROW}, stream=True
    ) as answer:
        assert answer.status_code == 200, answer.text
        reader = pa.ipc.open_stream(answer.raw)
        rows += reader.read_next_batch().num_rows
        time.sleep(0.5)  # A reader that pauses must hold the broker back, not fill the server.
        for batch in reader:
            rows += batch.num_rows
    assert rows == 200_000
    assert nstarx_server.memory_bytes("VmHWM") - before < 128 * MIB


@pytest.mark.check("pulsar: messages that do not fit are named")
def test_messages_that_do_not_fit(connection: str, plain: str, rest: GatewayClient) -> None:
    path = f"/connections/{connection}/produce"
    for message in ({"value": "x", "headers": {"h": None}}, {"value": "x", "key": "a\x00b"}):
        answer = rest.post(path, {"topic": plain, "messages": [{"value": "first"}, message]})
        assert_problem(answer, "stream.message_rejected", status=400)
        assert answer.json()["details"]["message"] == 1
        assert answer.json()["details"]["delivered"] in (0, 1)


@pytest.mark.check("pulsar: roles, logins and ports")
def test_roles_and_logins(stream: PulsarQuirks, plain: str, rest: GatewayClient, temporary) -> None:
    server = stream.server
    server.write(plain, [{"value": b"x"}])
    reader = temporary(stream.draft("pulsar-reader", authentication={"token": server.sign("reader")}))
    assert values(rest, reader, plain) == ["x"]
    answer = rest.post(f"/connections/{reader}/produce", {"topic": plain, "messages": [{"value": "y"}]})
    assert_problem(answer, "query.forbidden", status=403)
    shown = rest.get(f"/connections/{reader}/browse", params={"path": "public"}).json()["items"]
    assert [item["name"] for item in shown] == ["default"]  # may not list: the configured one
    nobody = temporary(stream.draft("pulsar-nobody", authentication={"token": server.sign("nobody")}))
    answer = rest.get(f"/connections/{nobody}/consume", params={"topic": plain})
    assert_problem(answer, "query.forbidden", status=403)
    quiet = temporary(stream.draft("pulsar-quiet", configuration={"read_only": True}))
    answer = rest.post(f"/connections/{quiet}/produce", {"topic": plain, "messages": [{"value": "y"}]})
    assert_problem(answer, "query.read_only", status=403)

    def failed(**changes: object) -> tuple[str, str]:
        report = rest.post("/connections/test", stream.draft("pulsar-failing", **changes)).json()
        stage = failed_stage(report)
        assert stage["hints"], stage
        return stage["stage"], stage["code"]

    assert failed(authentication={"type": "none", "token": None}) == ("login", "login.wrong_token")
    assert failed(configuration={"admin_port": server.nowhere_port}) == ("login", "admin.unreachable")
    assert failed(configuration={"admin_port": server.tls_port}) == ("login", "admin.unreachable")
    assert failed(ssl={"enabled": False}) == ("login", "tls.required_by_server")
    assert failed(configuration={"port": server.port})[1] in ("tls.refused_by_server", "tls.handshake_failed")
    assert failed(configuration={"port": server.web_port}, ssl={"enabled": False}) == ("login", "login.not_pulsar")


@pytest.mark.check("pulsar: roles, logins and ports")
def test_admin_api_elsewhere(stream: PulsarQuirks, rest: GatewayClient, temporary) -> None:
    elsewhere = f"https://{stream.server.host}:{stream.server.web_tls_port}"
    name = temporary(stream.draft("pulsar-url", configuration={"admin_port": 1, "admin_url": elsewhere}))
    assert rest.post(f"/connections/{name}/test").json()["status"] == "ok"
