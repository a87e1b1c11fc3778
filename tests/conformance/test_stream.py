"""Messages: written and read exactly, offsets, commit and lag, following, bounded memory, errors."""

from __future__ import annotations

import json
import time
import uuid

import pyarrow as pa
import pytest
import requests

from tests.conformance.problem import assert_problem
from tests.conformance.quirks import Quirks
from tests.conformance.quirks.streams import StreamQuirks
from tests.servers.gateway import GatewayClient, GatewayServer
from tests.servers.native_types import UNICODE
from tests.servers.process import wait_until

ARROW = "application/vnd.apache.arrow.stream"
NDJSON = "application/x-ndjson"
EVENTS = "text/event-stream"
MIB = 1024 * 1024


@pytest.fixture
def stream(quirks: Quirks, rest: GatewayClient) -> StreamQuirks:
    """The type's answers, if it carries messages."""
    if not isinstance(quirks, StreamQuirks):
        assert "stream" not in rest.get(f"/connection-types/{quirks.type}").json()["capabilities"]
        pytest.skip("does not apply: the type carries no messages")
    return quirks


@pytest.fixture
def topic(stream: StreamQuirks) -> str:
    """A new topic of three partitions."""
    name = f"topic-{uuid.uuid4().hex[:12]}"
    stream.create_topic(name, 3)
    return name


def consume(rest: GatewayClient, connection: str, topic: str, **parameters: object) -> pa.Table:
    """Returns the messages as Arrow."""
    answer = rest.get(
        f"/connections/{connection}/consume", params={"topic": topic, **parameters}, headers={"Accept": ARROW}
    )
    assert answer.status_code == 200, answer.text
    return pa.ipc.open_stream(answer.content).read_all()


def by_offset(table: pa.Table) -> list[dict]:
    """Returns the rows in order of partition and offset."""
    return sorted(table.to_pylist(), key=lambda row: (row["partition"], row["offset"]))


@pytest.mark.check("messages written and read exactly")
def test_messages_read_as_they_were_written(
    stream: StreamQuirks, connection: str, topic: str, rest: GatewayClient
) -> None:
    messages = [
        {"key": b"k", "value": UNICODE.encode(), "headers": [("h", b"\x00\xff"), ("n", None)], "partition": 0},
        {"key": None, "value": None, "partition": 0},
        {"key": b"", "value": b"", "partition": 1},
    ]
    stream.write(topic, messages)
    found = by_offset(consume(rest, connection, topic))
    assert [(row["key"], row["value"]) for row in found] == [("k", UNICODE), (None, None), ("", "")]
    assert dict(found[0]["headers"]) == {"h": b"\x00\xff", "n": None}
    assert [(row["topic"], row["partition"], row["offset"]) for row in found] == [
        (topic, 0, 0), (topic, 0, 1), (topic, 1, 0),
    ]  # fmt: skip
    assert all(abs(row["timestamp"].timestamp() - time.time()) < 60 for row in found)
    stream.write(topic, [{"value": b"\xff\xfe", "partition": 2}])
    raw = consume(rest, connection, topic, format="bytes")
    assert raw.schema.field("value").type == pa.binary()
    assert b"\xff\xfe" in raw["value"].to_pylist()
    answer = rest.get(f"/connections/{connection}/consume", params={"topic": topic, "format": "text"})
    assert answer.json()["details"] == {"partition": 2, "offset": 0}
    assert_problem(answer, "stream.not_text", status=400)


@pytest.mark.check("messages written and read exactly")
def test_produce_json_ndjson_and_arrow(stream: StreamQuirks, connection: str, topic: str, rest: GatewayClient) -> None:
    path = f"/connections/{connection}/produce"
    body = '{"topic": "%s", "messages": [{"key": "a", "value": {"price": 1.10, "big": 12345678901234567890}, '
    body += '"headers": {"h": "1"}, "partition": 1}, {"value": null}]}'
    answer = rest.request("POST", path, data=body % topic, headers={"Content-Type": "application/json"})
    assert answer.status_code == 200, answer.text
    assert answer.json()["count"] == 2
    assert {"partition": 1, "last": 0, "count": 1} in answer.json()["offsets"] or len(answer.json()["offsets"]) == 1
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
    values = [row["value"] for row in found]
    assert b'{"price": 1.10, "big": 12345678901234567890}' in values  # every digit as it was sent
    assert None in values
    assert b"line 999" in values
    rows = [json.loads(value) for value in values if value and value.startswith(b'{"id"')]
    assert sorted(rows, key=lambda row: row["id"]) == [{"id": 1, "name": UNICODE}, {"id": 2, "name": None}]
    first = next(row for row in found if row["key"] == b"a")
    assert (first["partition"], first["headers"]) == (1, {"h": b"1"})


@pytest.mark.check("offsets, timestamps, partitions, limit")
def test_where_reading_begins(stream: StreamQuirks, connection: str, topic: str, rest: GatewayClient) -> None:
    stream.write(topic, [{"value": str(number).encode(), "partition": 1} for number in range(10)])

    def values(**parameters: object) -> list[str]:
        return consume(rest, connection, topic, **parameters)["value"].to_pylist()

    assert values(**{"from": "offset:7"}, partitions="1") == ["7", "8", "9"]
    assert values(limit=4) == ["0", "1", "2", "3"]
    assert values(limit=0) == []
    assert values(partitions="0,2") == []
    assert values(**{"from": "latest"}) == []
    assert len(values(**{"from": "timestamp:0"})) == 10
    assert values(**{"from": "timestamp:2999-01-01T00:00:00Z"}) == []
    problem = rest.get(
        f"/connections/{connection}/consume", params={"topic": topic, "from": "offset:99", "partitions": "1"}
    )
    assert_problem(problem, "stream.offset_out_of_range", status=400)
    assert problem.json()["details"] == {"partition": 1, "first": 0, "end": 10}


@pytest.mark.check("commit and lag; reading commits nothing")
def test_commit_and_lag(stream: StreamQuirks, connection: str, topic: str, rest: GatewayClient) -> None:
    stream.write(topic, [{"value": b"x", "partition": 0} for _ in range(10)])
    group = f"group-{topic}"
    lag = f"/connections/{connection}/lag"
    assert consume(rest, connection, topic, **{"from": "committed"}, group=group).num_rows == 10
    before = rest.get(lag, params={"topic": topic, "group": group}).json()
    assert before["lag"] == 10
    assert all(row["committed"] is None for row in before["partitions"])
    body = {"topic": topic, "group": group, "offsets": [{"partition": 0, "offset": 6}]}
    assert rest.post(f"/connections/{connection}/commit", body).status_code == 204
    after = rest.get(lag, params={"topic": topic, "group": group}).json()
    assert after["lag"] == 4
    assert after["partitions"][0] == {"partition": 0, "first": 0, "end": 10, "committed": 6, "lag": 4}
    assert consume(rest, connection, topic, **{"from": "committed"}, group=group)["offset"].to_pylist() == [6, 7, 8, 9]
    body["offsets"][0]["offset"] = 11
    assert_problem(rest.post(f"/connections/{connection}/commit", body), "stream.offset_out_of_range", status=400)


@pytest.mark.check("follow, and hang-up ends it")
def test_following_sees_what_comes(
    stream: StreamQuirks, connection: str, topic: str, rest: GatewayClient, nstarx_server: GatewayServer
) -> None:
    parameters = {"topic": topic, "from": "latest", "follow": "true"}
    headers = {"Accept": EVENTS, "Authorization": f"Bearer {nstarx_server.api_key}"}
    with requests.get(
        f"{nstarx_server.url}/connections/{connection}/consume",
        params=parameters, headers=headers, stream=True, timeout=20,
    ) as answer:  # fmt: skip
        assert answer.headers["Content-Type"].startswith(EVENTS)
        lines = answer.iter_lines()
        assert next(lines) == b": connected"
        for number in range(3):
            begun = time.monotonic()
            stream.write(topic, [{"value": str(number).encode()}])
            line = next(line for line in lines if line.startswith(b"data: "))
            assert json.loads(line[6:])["value"] == str(number)
            assert time.monotonic() - begun < 10
    wait_until(
        "the session is back", lambda: rest.metric("nstarx_pool_sessions", type=stream.type, state="in_use") == 0, 10
    )


@pytest.mark.check("1 M messages in bounded memory")
def test_many_messages_in_bounded_memory(
    stream: StreamQuirks, connection: str, topic: str, rest: GatewayClient, nstarx_server: GatewayServer
) -> None:
    stream.write(topic, [{"value": b"x" * 200, "partition": number % 3} for number in range(1_000_000)])
    nstarx_server.reset_memory_peak()
    before = nstarx_server.memory_bytes()
    rows = 0
    with rest.get(
        f"/connections/{connection}/consume", params={"topic": topic}, headers={"Accept": ARROW}, stream=True
    ) as answer:
        assert answer.status_code == 200, answer.text
        reader = pa.ipc.open_stream(answer.raw)
        rows += reader.read_next_batch().num_rows
        time.sleep(1)  # A reader that pauses must hold the broker back, not fill the server.
        for batch in reader:
            rows += batch.num_rows
    assert rows == 1_000_000
    assert nstarx_server.memory_bytes("VmHWM") - before < 128 * MIB


@pytest.mark.check("stream errors are typed")
def test_errors_of_topics(stream: StreamQuirks, connection: str, topic: str, rest: GatewayClient) -> None:
    gone = f"/connections/{connection}"
    assert_problem(rest.get(f"{gone}/consume", params={"topic": "no-such"}), "stream.unknown_topic", status=404)
    answer = rest.post(f"{gone}/produce", {"topic": "no-such", "messages": [{"value": "x"}]})
    assert_problem(answer, "stream.unknown_topic", status=404)
    browsed = rest.get(f"{gone}/browse", params={"path": stream.topics_path()})
    names = [item["name"] for item in browsed.json()["items"]]
    assert topic in names
    assert "no-such" not in names  # asking for a topic never makes it
    answer = rest.get(f"{gone}/consume", params={"topic": topic, "partitions": "9"})
    assert_problem(answer, "stream.unknown_partition", status=404)
    big = {"topic": topic, "messages": [{"value": "x" * (2 * MIB)}]}
    assert_problem(rest.post(f"{gone}/produce", big), "stream.message_too_large", status=400)
    assert_problem(rest.get(f"{gone}/describe", params={"path": "no-such"}), "query.undefined_table", status=404)
    assert_problem(rest.get(f"{gone}/consume", params={"topic": topic, "from": "x"}), "request.invalid_parameter")


@pytest.mark.check("describe and sample a topic")
def test_describe_and_sample(stream: StreamQuirks, connection: str, topic: str, rest: GatewayClient) -> None:
    stream.write(topic, [{"value": str(number).encode(), "partition": 1} for number in range(10)])
    described = rest.get(f"/connections/{connection}/describe", params={"path": topic}).json()
    assert described["row_estimate"] == 10
    assert [column["name"] for column in described["columns"]] == consume(rest, connection, topic).schema.names
    sampled = rest.get(f"/connections/{connection}/sample", params={"path": topic, "limit": 3}).json()
    assert [row[2] for row in sampled["rows"]] == [7, 8, 9]


@pytest.mark.check("stream deadline, restart and kill")
def test_restart_and_kill(stream: StreamQuirks, rest: GatewayClient, temporary) -> None:
    server = stream.mortal
    name = temporary(stream.draft(f"mortal-{stream.type}", server=server))
    server.create_topic("mortal")
    server.write("mortal", [{"value": b"x"}])
    path = f"/connections/{name}/consume"
    assert len(rest.get(path, params={"topic": "mortal"}).json()["rows"]) == 1
    begun = time.monotonic()
    answer = rest.get(path, params={"topic": "mortal", "wait_ms": 60_000, "timeout_ms": 700, "from": "latest"})
    assert_problem(answer, "query.timeout", status=504)
    assert time.monotonic() - begun < 15
    server.restart()
    wait_until("healed", lambda: rest.get(path, params={"topic": "mortal"}).status_code == 200, 20)
    server.kill()
    try:
        answer = rest.get(path, params={"topic": "mortal", "timeout_ms": 15_000})
        assert_problem(answer, ("connection.lost", "tcp.refused"))
    finally:
        server.start()
    wait_until("back", lambda: rest.get(path, params={"topic": "mortal"}).status_code == 200, 20)
