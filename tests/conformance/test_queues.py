"""RabbitMQ's queues, streams and exchanges: written and read exactly, held and given back, taken off."""

from __future__ import annotations

import json
import time
import uuid

import pika
import pyarrow as pa
import pytest
import requests

from tests.conformance.problem import assert_problem
from tests.conformance.quirks import Quirks
from tests.servers.gateway import GatewayClient, GatewayServer
from tests.servers.native_types import UNICODE
from tests.servers.process import wait_until
from tests.servers.systems.rabbitmq import RabbitmqServer

ARROW = "application/vnd.apache.arrow.stream"
NDJSON = "application/x-ndjson"
MIB = 1024 * 1024


@pytest.fixture
def server(quirks: Quirks) -> RabbitmqServer:
    """RabbitMQ's server, for its type alone."""
    if quirks.type != "rabbitmq":
        pytest.skip("does not apply: the type has no queues")
    return quirks.server


@pytest.fixture(params=["classic", "quorum", "stream"])
def queue(server: RabbitmqServer, request: pytest.FixtureRequest) -> str:
    """A new queue of each kind."""
    name = f"{request.param}-{uuid.uuid4().hex[:12]}"
    server.create_queue(name, request.param)
    return name


@pytest.fixture
def classic(server: RabbitmqServer) -> str:
    """A new classic queue."""
    name = f"classic-{uuid.uuid4().hex[:12]}"
    server.create_queue(name, "classic")
    return name


@pytest.fixture
def log(server: RabbitmqServer) -> str:
    """A new stream."""
    name = f"stream-{uuid.uuid4().hex[:12]}"
    server.create_queue(name)
    return name


def consume(rest: GatewayClient, connection: str, topic: str, **parameters: object) -> pa.Table:
    """Returns the messages as Arrow."""
    answer = rest.get(
        f"/connections/{connection}/consume", params={"topic": topic, **parameters}, headers={"Accept": ARROW}
    )
    assert answer.status_code == 200, answer.text
    return pa.ipc.open_stream(answer.content).read_all()


@pytest.mark.check("queues: messages read exactly, nothing taken")
def test_reading_gives_everything_back(
    server: RabbitmqServer, queue: str, connection: str, rest: GatewayClient
) -> None:
    properties = {"content_type": "text/plain", "message_id": "m1", "priority": 3, "timestamp": 1_700_000_000}
    nested = {"text": UNICODE, "number": -7, "yes": True, "none": None, "inner": {"list": [1, "x"]}}
    server.write(queue, [
        {"value": UNICODE.encode(), "headers": nested, "properties": properties}, {"value": b""},
    ])  # fmt: skip
    for _ in range(2):
        wait_until("all there", lambda: server.ready(queue) == 2)
        found = consume(rest, connection, queue).to_pylist()
        assert [row["value"] for row in found] == [UNICODE, ""]
        assert [(row["topic"], row["partition"], row["offset"], row["key"]) for row in found] == [
            (queue, 0, 0, queue), (queue, 0, 1, queue),
        ]  # fmt: skip
        headers = dict(found[0]["headers"])
        if not queue.startswith("stream"):  # streams keep no tables in headers
            assert headers["inner"] == json.dumps({"list": [1, "x"]}, separators=(",", ":")).encode()
        assert (headers["text"], headers["number"], headers["yes"], headers["none"]) == (
            UNICODE.encode(), b"-7", b"true", None,
        )  # fmt: skip
        assert (headers["amqp.content_type"], headers["amqp.message_id"], headers["amqp.priority"]) == (
            b"text/plain", b"m1", b"3",
        )  # fmt: skip
        assert found[0]["timestamp"].timestamp() == 1_700_000_000
    wait_until("all given back", lambda: server.ready(queue) == 2)
    server.write(queue, [{"value": b"\xff\xfe"}])
    assert consume(rest, connection, queue)["value"].to_pylist()[2] == b"\xff\xfe"
    answer = rest.get(f"/connections/{connection}/consume", params={"topic": queue, "format": "text"})
    assert_problem(answer, "stream.not_text", status=400)
    assert answer.json()["details"]["offset"] == 2


@pytest.mark.check("queues: produce with confirms")
def test_produce(server: RabbitmqServer, classic: str, connection: str, rest: GatewayClient) -> None:
    path = f"/connections/{connection}/produce"
    message = {"value": {"price": 1.10}, "headers": {"h": "1", "amqp.message_id": "m7"}}
    answer = rest.post(path, {"topic": classic, "messages": [message]})
    assert answer.status_code == 200, answer.text
    assert answer.json()["count"] == 1
    lines = "".join(json.dumps({"value": f"line {number}"}) + "\n" for number in range(5000))
    answer = rest.request("POST", path, params={"topic": classic}, data=lines, headers={"Content-Type": NDJSON})
    assert answer.json()["count"] == 5000, answer.text
    found = server.read(classic, 6000)
    assert [row["value"] for row in found[1:]] == [f"line {number}".encode() for number in range(5000)]
    assert json.loads(found[0]["value"]) == {"price": 1.10}
    assert found[0]["headers"] == {"h": "1"}
    assert found[0]["properties"].message_id == "m7"
    assert found[0]["properties"].delivery_mode == 2
    for bad, code in (
        ({"value": None}, "stream.null_message"),
        ({"value": "x", "key": "other"}, "stream.key_needs_exchange"),
        ({"value": "x", "headers": {"amqp.priority": "high"}}, "stream.invalid_header"),
        ({"value": "x", "headers": {"amqp.message_id": "x" * 256}}, "stream.invalid_header"),
    ):
        assert_problem(rest.post(path, {"topic": classic, "messages": [bad]}), code, status=400)


@pytest.mark.check("queues: exchanges, routing keys, bindings")
def test_exchanges(server: RabbitmqServer, classic: str, connection: str, rest: GatewayClient) -> None:
    exchange = f"orders-{classic}"
    with server.connect() as other:
        channel = other.channel()
        channel.exchange_declare(exchange, "topic", durable=True)
        channel.queue_bind(classic, exchange, "eu.#")
    path = f"/connections/{connection}/produce"
    body = {"topic": f"exchanges/{exchange}", "messages": [{"key": "eu.de", "value": "x"}]}
    assert rest.post(path, body).json()["count"] == 1
    row = consume(rest, connection, classic).to_pylist()[0]
    assert (row["key"], dict(row["headers"])["amqp.exchange"]) == ("eu.de", exchange.encode())
    body["messages"][0]["key"] = "us.ny"
    assert_problem(rest.post(path, body), "stream.unroutable", status=400)
    items = rest.get(f"/connections/{connection}/browse", params={"path": f"exchanges/{exchange}"}).json()["items"]
    assert [(item["path"], item["comment"]) for item in items] == [(classic, "routing key 'eu.#'")]
    answer = rest.get(f"/connections/{connection}/consume", params={"topic": f"exchanges/{exchange}"})
    assert_problem(answer, "stream.exchange_has_no_messages", status=400)


@pytest.mark.check("queues: taken off by commit alone")
def test_commit_takes_off(server: RabbitmqServer, classic: str, connection: str, rest: GatewayClient) -> None:
    server.write(classic, [{"value": str(number).encode()} for number in range(10)])
    lag = f"/connections/{connection}/lag"
    assert rest.get(lag, params={"topic": classic, "group": "g"}).json()["lag"] == 10
    assert consume(rest, connection, classic, limit=4)["value"].to_pylist() == ["0", "1", "2", "3"]
    wait_until("given back", lambda: server.ready(classic) == 10)
    commit = f"/connections/{connection}/commit"
    body = {"topic": classic, "group": "g", "offsets": [{"partition": 0, "offset": 4}]}
    answer = rest.post(commit, body)
    assert answer.status_code == 204, answer.text
    assert consume(rest, connection, classic)["value"].to_pylist() == ["4", "5", "6", "7", "8", "9"]
    wait_until("given back", lambda: server.ready(classic) == 6)
    body["offsets"][0]["offset"] = 7
    assert_problem(rest.post(commit, body), "stream.offset_out_of_range", status=400)
    with server.connect() as other:
        channel = other.channel()
        channel.basic_qos(prefetch_count=1)
        channel.basic_consume(classic, lambda *_: None)
        body["offsets"][0]["offset"] = 2
        assert_problem(rest.post(commit, body), "stream.group_active", status=412)


@pytest.mark.check("queues: streams by offset and time")
def test_streams(server: RabbitmqServer, log: str, classic: str, connection: str, rest: GatewayClient) -> None:
    server.write(log, [{"value": str(number).encode()} for number in range(10)])

    def values(**parameters: object) -> list[str]:
        return consume(rest, connection, log, **parameters)["value"].to_pylist()

    assert values(**{"from": "offset:7"}) == ["7", "8", "9"]
    assert values(limit=4) == ["0", "1", "2", "3"]
    assert values(limit=0) == []
    assert values(**{"from": "latest"}) == []
    assert len(values(**{"from": "timestamp:0"})) == 10
    row = rest.get(f"/connections/{connection}/lag", params={"topic": log, "group": "g"}).json()["partitions"][0]
    assert (row["first"], row["end"], row["lag"]) == (0, 10, 10)
    body = {"topic": log, "group": "g", "offsets": [{"partition": 0, "offset": 4}]}
    assert_problem(rest.post(f"/connections/{connection}/commit", body), "stream.commit_unsupported", status=400)
    server.write(classic, [{"value": b"x"}])
    answer = rest.get(f"/connections/{connection}/consume", params={"topic": classic, "from": "offset:1"})
    assert_problem(answer, "stream.queue_has_no_offsets", status=400)


@pytest.mark.check("queues: 200 k messages in bounded memory")
def test_many_messages(
    server: RabbitmqServer, log: str, connection: str, rest: GatewayClient, nstarx_server: GatewayServer
) -> None:
    line = json.dumps({"value": "x" * 200}) + "\n"
    answer = rest.request(
        "POST", f"/connections/{connection}/produce", params={"topic": log},
        data=(line * 1000 for _ in range(200)), headers={"Content-Type": NDJSON},
    )  # fmt: skip
    assert answer.json()["count"] == 200_000, answer.text
    wait_until("counted", lambda: server.ready(log) == 200_000, 30)
    nstarx_server.reset_memory_peak()
    before = nstarx_server.memory_bytes()
    rows = 0
    with rest.get(
        f"/connections/{connection}/consume", params={"topic": log, "timeout_ms": 120_000},
        headers={"Accept": ARROW}, stream=True,
    ) as got:  # fmt: skip
        reader = pa.ipc.open_stream(got.raw)
        rows += reader.read_next_batch().num_rows
        time.sleep(1)  # A reader that pauses must hold the server back, not fill the gateway.
        for batch in reader:
            rows += batch.num_rows
    assert rows == 200_000
    assert nstarx_server.memory_bytes("VmHWM") - before < 64 * MIB


@pytest.mark.check("queues: logins, virtual hosts and permissions")
def test_refusals(
    server: RabbitmqServer, classic: str, quirks: Quirks, rest: GatewayClient, temporary, connection: str
) -> None:
    def refused(name: str, code: str, **changes: object) -> None:
        report = rest.post("/connections/test", quirks.draft(name, **changes)).json()
        failed = next(stage for stage in report["stages"] if stage["status"] == "failed")
        assert failed["code"] == code, failed
        assert failed["hints"]

    refused("no-vhost", "login.unknown_vhost", configuration={"virtual_host": "nowhere"})
    refused("no-tls", "tls.required_by_server", ssl={"enabled": False, "mode": None, "certificate": None})
    refused("external", "login.mechanism_unsupported",
            authentication={"type": "certificate", "username": None, "password": None, **identity(server)})  # fmt: skip
    secret = quirks.secrets()[0]
    server.create_user("reader", secret, read=".*")
    name = temporary(quirks.draft("rabbit-reader", authentication={"username": "reader"}))
    assert rest.get(f"/connections/{name}/consume", params={"topic": classic}).status_code == 200
    answer = rest.post(f"/connections/{name}/produce", {"topic": classic, "messages": [{"value": "x"}]})
    assert_problem(answer, "query.forbidden", status=403)
    assert_problem(rest.get(f"/connections/{name}/browse"), "management.forbidden", status=403)
    only = temporary(quirks.draft("rabbit-read-only", configuration={"read_only": True}))
    answer = rest.post(f"/connections/{only}/produce", {"topic": classic, "messages": [{"value": "x"}]})
    assert_problem(answer, "query.read_only", status=403)
    bare = temporary(quirks.draft("rabbit-bare", configuration={"management_port": 0}))
    assert_problem(rest.get(f"/connections/{bare}/browse"), "management.not_configured", status=400)
    assert rest.get(f"/connections/{bare}/describe", params={"path": classic}).status_code == 200


def identity(server: RabbitmqServer) -> dict[str, str]:
    """Returns the server's own certificate and key, as a client's."""
    return {
        "client_certificate": (server.folder / "server.crt").read_text(),
        "client_key": (server.folder / "server.key").read_text(),
    }


@pytest.mark.check("queues: the server ends a reading")
def test_deleted_while_followed(
    server: RabbitmqServer, log: str, connection: str, rest: GatewayClient, nstarx_server: GatewayServer
) -> None:
    server.write(log, [{"value": b"x"}])
    with rest.get(
        f"/connections/{connection}/consume", params={"topic": log, "follow": "true"},
        headers={"Accept": NDJSON}, stream=True,
    ) as answer:  # fmt: skip
        lines = answer.iter_lines()
        assert json.loads(next(line for line in lines if line))["value"] == "x"
        with server.connect() as other:
            other.channel().queue_delete(log)
        with pytest.raises(requests.exceptions.ChunkedEncodingError):  # cut off, as nothing but an error ends it
            b"".join(lines)
    with pytest.raises(pika.exceptions.ChannelClosedByBroker):
        server.ready(log)
