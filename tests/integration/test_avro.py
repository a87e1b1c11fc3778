"""Avro values on real Kafka and a schema registry (franz-go's srfake, an emulator); fastavro writes the messages."""

from __future__ import annotations

import contextlib
import datetime
import decimal
import http.server
import io
import json
import subprocess
import threading
import uuid
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import fastavro
import nstarx
import pyarrow as pa
import pytest

from tests.conformance.problem import assert_problem
from tests.servers.catalog import ServerCatalog
from tests.servers.gateway import GatewayClient, GatewayServer, program
from tests.servers.native_types import UNICODE
from tests.servers.process import LOOPBACK, free_port

ARROW = "application/vnd.apache.arrow.stream"
MIB = 1024 * 1024
USER = {
    "type": "record",
    "name": "User",
    "namespace": "shop",
    "fields": [{"name": "id", "type": "long"}, {"name": "name", "type": ["null", "string"]}],
}


@pytest.fixture(scope="module")
def kafka(servers: ServerCatalog) -> Any:
    return servers.get("kafka")


@pytest.fixture(scope="module")
def registry(servers: ServerCatalog) -> Any:
    return servers.get("schema_registry")


@pytest.fixture
def topic(kafka: Any) -> str:
    name = f"avro-{uuid.uuid4().hex[:12]}"
    kafka.create_topic(name)
    return name


@pytest.fixture
def connect(rest: GatewayClient, kafka: Any) -> Iterator[Callable[..., str]]:
    """Makes connections of the test's own: `connect(url)` with that registry."""
    made: list[str] = []

    def make(url: str, *, ca: str = "", **login: str) -> str:
        name = f"avro-{uuid.uuid4().hex[:8]}"
        configuration = {"host": kafka.host, "port": kafka.port, "schema_registry": url}
        if ca:
            configuration["schema_registry_ca"] = ca
        draft = {"name": name, "type": "kafka", "configuration": configuration}
        rest.create({**draft, "authentication": {"type": "none", **login}})
        made.append(name)
        return name

    yield make
    for name in made:
        rest.delete(f"/connections/{name}")


@pytest.fixture
def connection(connect: Callable[..., str], registry: Any) -> str:
    return connect(registry.url)


def framed(identity: int, schema: Any, *values: Any) -> list[dict[str, Any]]:
    """Returns messages whose values are what fastavro writes, behind the schema's id."""
    parsed = fastavro.parse_schema(schema)
    out = []
    for value in values:
        sink = io.BytesIO()
        fastavro.schemaless_writer(sink, parsed, value)
        out.append({"value": b"\0" + identity.to_bytes(4, "big") + sink.getvalue()})
    return out


def read(rest: GatewayClient, connection: str, topic: str, **parameters: object) -> pa.Table:
    answer = rest.get(
        f"/connections/{connection}/consume", params={"topic": topic, **parameters}, headers={"Accept": ARROW}
    )
    assert answer.status_code == 200, answer.text
    return pa.ipc.open_stream(answer.content).read_all()


def refused(rest: GatewayClient, connection: str, topic: str, code: str, **parameters: object) -> dict[str, Any]:
    answer = rest.get(f"/connections/{connection}/consume", params={"topic": topic, "format": "avro", **parameters})
    return assert_problem(answer, code)


def logical(base: str, name: str, **more: Any) -> dict[str, Any]:
    return {"type": base, "logicalType": name, **more}


I32, I64 = 2**31, 2**63
#: Field, its Avro type, its Arrow type, values as written, values as read (None: as written).
TYPES: list[tuple[str, Any, pa.DataType, list[Any], list[Any] | None]] = [
    ("nothing", "null", pa.null(), [None, None], None),
    ("yes", "boolean", pa.bool_(), [True, False], None),
    ("i", "int", pa.int32(), [I32 - 1, -I32], None),
    ("l", "long", pa.int64(), [I64 - 1, -I64], None),
    ("f", "float", pa.float32(), [1.5, float("-inf")], None),
    ("d", "double", pa.float64(), [1.7976931348623157e308, 5e-324], None),
    ("b", "bytes", pa.binary(), [b"\x00\xff", b""], None),
    ("s", "string", pa.string(), [UNICODE, ""], None),
    ("fix", {"type": "fixed", "name": "F", "size": 3}, pa.binary(), [b"abc", b"\0\0\0"], None),
    ("e", {"type": "enum", "name": "E", "symbols": ["A", "B"]}, pa.string(), ["A", "B"], None),
    ("arr", {"type": "array", "items": ["null", "int"]}, pa.list_(pa.int32()), [[1, None, -3], []], None),
    ("m", {"type": "map", "values": "long"}, pa.map_(pa.string(), pa.field("value", pa.int64(), nullable=False)),
     [{"k": 1}, {}], [[("k", 1)], []]),
    ("opt", ["string", "null"], pa.string(), ["x", None], None),
    ("day", logical("int", "date"), pa.date32(),
     [datetime.date(9999, 12, 31), datetime.date(1, 1, 1)], None),
    ("t_ms", logical("int", "time-millis"), pa.time32("ms"),
     [datetime.time(23, 59, 59, 999000), datetime.time()], None),
    ("t_us", logical("long", "time-micros"), pa.time64("us"), [datetime.time.max, datetime.time()], None),
    ("dec", logical("bytes", "decimal", precision=38, scale=10), pa.decimal128(38, 10),
     [Decimal("9" * 28 + "." + "9" * 10), Decimal("-0.0000000001")], None),
    ("dec76", {**logical("fixed", "decimal", precision=76, scale=0), "name": "D", "size": 32}, pa.decimal256(76, 0),
     [Decimal("9" * 76), Decimal("-" + "9" * 76)], None),
    ("id", logical("string", "uuid"), pa.string(), [str(uuid.UUID(int=1)), str(uuid.UUID(int=2**128 - 1))], None),
    ("dur", {**logical("fixed", "duration"), "name": "Dur", "size": 12}, pa.month_day_nano_interval(),
     [b"\x01\0\0\0\x02\0\0\0\x03\0\0\0", b"\xff\xff\xff\x7f\0\0\0\0\xff\xff\xff\xff"],
     [pa.MonthDayNano([1, 2, 3_000_000]), pa.MonthDayNano([I32 - 1, 0, (2**32 - 1) * 1_000_000])]),
]  # fmt: skip
TIMES = {
    "timestamp-millis": pa.timestamp("ms", "UTC"), "timestamp-micros": pa.timestamp("us", "UTC"),
    "timestamp-nanos": pa.timestamp("ns", "UTC"), "local-timestamp-millis": pa.timestamp("ms"),
    "local-timestamp-micros": pa.timestamp("us"), "local-timestamp-nanos": pa.timestamp("ns"),
}  # fmt: skip


def test_every_type_is_exact(rest: GatewayClient, kafka: Any, registry: Any, connection: str, topic: str) -> None:
    fields = [{"name": name, "type": kind} for name, kind, *_ in TYPES]
    schema = {"type": "record", "name": "All", "fields": fields}
    number = registry.register(f"{topic}-value", json.dumps(schema))
    rows = [{name: written[i] for name, _, _, written, _ in TYPES} for i in range(2)]
    with decimal.localcontext(decimal.Context(prec=80)):  # fastavro computes with the thread's context
        kafka.write(topic, [{"value": None}, *framed(number, schema, *rows)])
    found = read(rest, connection, topic)["value"].combine_chunks()
    found.validate(full=True)
    assert found.null_count == 1, "a message without a value is NULL"
    for index, (name, _, kind, written, wanted) in enumerate(TYPES):
        assert found.type.field(index).name == name
        assert found.type.field(index).type == kind, name
        got = found.slice(1).field(index).to_pylist()
        assert got == (wanted if wanted is not None else written), name


@pytest.mark.parametrize("name", TIMES)
def test_timestamps_at_their_extremes(
    rest: GatewayClient, kafka: Any, registry: Any, connection: str, topic: str, name: str
) -> None:
    number = registry.register(f"{topic}-value", json.dumps(logical("long", name)))
    kafka.write(topic, framed(number, "long", I64 - 1, -I64, 0, -1))
    found = read(rest, connection, topic, format="avro")["value"]
    assert found.type == TIMES[name]
    assert found.cast(pa.int64()).to_pylist() == [I64 - 1, -I64, 0, -1]


def test_unions_and_nesting(rest: GatewayClient, kafka: Any, registry: Any, connection: str, topic: str) -> None:
    inner = {"type": "record", "name": "Inner", "fields": [{"name": "x", "type": "int"}]}
    schema = {
        "type": "record",
        "name": "Outer",
        "fields": [
            {"name": "any", "type": ["null", "int", "string", inner]},
            {"name": "rows", "type": {"type": "array", "items": {"type": "map", "values": "Inner"}}},
        ],
    }
    number = registry.register(f"{topic}-value", json.dumps(schema))
    kafka.write(
        topic,
        framed(
            number, schema,
            {"any": None, "rows": []},
            {"any": 5, "rows": [{"k": {"x": 1}}, {}]},
            {"any": "t", "rows": [{}]},
            {"any": ("Inner", {"x": 9}), "rows": []},
        ),
    )  # fmt: skip
    found = [row["any"] for row in read(rest, connection, topic)["value"].to_pylist()]
    assert found == [
        None,
        {"branch": "int", "int": 5, "string": None, "Inner": None},
        {"branch": "string", "int": None, "string": "t", "Inner": None},
        {"branch": "Inner", "int": None, "string": None, "Inner": {"x": 9}},
    ]
    answer = rest.get(f"/connections/{connection}/consume", params={"topic": topic, "format": "avro"}).json()
    assert answer["rows"][1][-1]["rows"] == [{"k": {"x": 1}}, {}], "JSON rows hold the same"
    sampled = rest.get(f"/connections/{connection}/sample", params={"path": topic, "limit": 2})
    assert sampled.status_code == 200, sampled.text
    assert sampled.json()["rows"][0][-1]["any"]["branch"] == "string"


def test_schemas_may_change_as_long_as_columns_do_not(
    rest: GatewayClient, kafka: Any, registry: Any, connection: str, topic: str
) -> None:
    same = {**USER, "doc": "v2", "fields": [USER["fields"][0], {"name": "name", "type": ["string", "null"]}]}
    wider = {**USER, "fields": [*USER["fields"], {"name": "more", "type": "int", "default": 1}]}
    first, second, third = (registry.register(f"{topic}-value", json.dumps(s)) for s in (USER, same, wider))
    assert len({first, second, third}) == 3
    kafka.write(topic, framed(first, USER, {"id": 1, "name": "a"}) + framed(second, same, {"id": 2, "name": None}))
    found = read(rest, connection, topic, format="avro")["value"].to_pylist()
    assert found == [{"id": 1, "name": "a"}, {"id": 2, "name": None}]
    kafka.write(topic, framed(third, wider, {"id": 3, "name": "c", "more": 2}))
    problem = refused(rest, connection, topic, "stream.schema_changed")
    assert problem["details"] == {
        "schema_id": third, "first_schema_id": first, "partition": 0, "offset": 2,
    }  # fmt: skip
    assert str(first) in problem["detail"]
    assert str(third) in problem["detail"]
    rest_of_it = read(rest, connection, topic, format="avro", **{"from": "offset:2"})
    assert rest_of_it["value"].to_pylist() == [{"id": 3, "name": "c", "more": 2}]


def test_schemas_that_refer_to_others(
    rest: GatewayClient, kafka: Any, registry: Any, connection: str, topic: str
) -> None:
    registry.register(f"{topic}-user", json.dumps(USER))
    order = {"type": "record", "name": "Order", "namespace": "shop", "fields": [{"name": "by", "type": "shop.User"}]}
    reference = {"name": "shop.User", "subject": f"{topic}-user", "version": 1}
    number = registry.register(f"{topic}-value", json.dumps(order), references=[reference])
    whole = {**order, "fields": [{"name": "by", "type": USER}]}
    kafka.write(topic, framed(number, whole, {"by": {"id": 1, "name": "x"}}))
    assert read(rest, connection, topic)["value"].to_pylist() == [{"by": {"id": 1, "name": "x"}}]


def test_auto_takes_avro_only_where_the_registry_knows_the_schema(
    rest: GatewayClient, kafka: Any, registry: Any, connection: str, topic: str
) -> None:
    kafka.write(topic, [{"value": b"\0\0\0\xff\xff\xfe"}])
    assert read(rest, connection, topic)["value"].type == pa.binary()
    assert read(rest, connection, topic, format="bytes")["value"].to_pylist() == [b"\0\0\0\xff\xff\xfe"]
    problem = refused(rest, connection, topic, "registry.unknown_schema")
    assert problem["details"] == {"schema_id": 0xFFFF, "partition": 0, "offset": 0}
    plain = f"{topic}-plain"
    kafka.create_topic(plain)
    kafka.write(plain, [{"value": b"text"}])
    assert read(rest, connection, plain)["value"].to_pylist() == ["text"]
    problem = refused(rest, connection, plain, "stream.not_avro")
    assert problem["details"] == {"partition": 0, "offset": 0}
    other = f"{topic}-json"
    kafka.create_topic(other)
    number = registry.register(f"{other}-value", '{"type": "object"}', schemaType="JSON")
    kafka.write(other, [{"value": b"\0" + number.to_bytes(4, "big") + b"{}"}])
    assert read(rest, connection, other)["value"].type == pa.string()
    refused(rest, connection, other, "stream.schema_not_avro")


def test_damaged_messages_name_where_they_lie(
    rest: GatewayClient, kafka: Any, registry: Any, connection: str, topic: str
) -> None:
    number = registry.register(f"{topic}-value", json.dumps(USER))
    [good] = framed(number, USER, {"id": 1, "name": "a"})
    kafka.write(topic, [good, {"value": good["value"][:-1] + b"\xff"}, good])
    problem = refused(rest, connection, topic, "stream.not_avro")
    assert problem["details"] == {"field": "name", "schema_id": number, "partition": 0, "offset": 1}
    assert len(read(rest, connection, topic, format="avro", limit=1)) == 1
    huge = registry.register(f"{topic}-huge", json.dumps({"type": "array", "items": "null"}))
    kafka.write(topic, [{"value": b"\0" + huge.to_bytes(4, "big") + b"\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01\0"}])
    refused(rest, connection, topic, "stream.value_too_large", **{"from": "offset:3"})


def test_recursive_schemas_are_refused(
    rest: GatewayClient, kafka: Any, registry: Any, connection: str, topic: str
) -> None:
    node = {"type": "record", "name": "Node", "fields": [{"name": "next", "type": ["null", "Node"]}]}
    number = registry.register(f"{topic}-value", json.dumps(node))
    kafka.write(topic, framed(number, node, {"next": {"next": None}}))
    problem = refused(rest, connection, topic, "stream.schema_recursive")
    assert problem["details"]["schema_id"] == number
    assert len(read(rest, connection, topic, format="bytes")) == 1


def test_topics_without_values_have_their_subjects_columns(
    rest: GatewayClient, kafka: Any, registry: Any, connection: str, topic: str
) -> None:
    assert read(rest, connection, topic, format="avro")["value"].type == pa.binary()
    registry.register(f"{topic}-value", json.dumps(USER))
    assert read(rest, connection, topic, format="avro")["value"].type.field("id").type == pa.int64()
    kafka.write(topic, [{"value": None, "key": b"gone"}])
    assert read(rest, connection, topic, format="avro")["value"].to_pylist() == [None]


@pytest.mark.parametrize("login", ["basic", "token"])
def test_registries_that_want_a_login(
    rest: GatewayClient, servers: ServerCatalog, kafka: Any, connect: Callable[..., str], topic: str, login: str
) -> None:
    guarded = servers.get(f"schema_registry_{login}")
    number = guarded.register(f"{topic}-value", json.dumps(USER))
    kafka.write(topic, framed(number, USER, {"id": 1, "name": None}))
    ca = guarded.ca_file.read_text()
    right = {"registry_username": guarded.user, "registry_password": guarded.password}
    if login == "token":
        right = {"registry_token": guarded.token}
    named = connect(guarded.url, ca=ca, **right)
    assert read(rest, named, topic)["value"].to_pylist() == [{"id": 1, "name": None}]
    assert rest.post(f"/connections/{named}/test").json()["status"] == "ok"
    refused(rest, connect(guarded.url, ca=ca), topic, "registry.login_refused")
    wrong = connect(guarded.url, ca=ca, registry_username="registry-key", registry_password="wrong-canary")
    answer = refused(rest, wrong, topic, "registry.forbidden")
    assert "wrong-canary" not in str(answer)
    problem = refused(rest, connect(guarded.url, **right), topic, "registry.unreachable")
    assert problem["details"]["cause"] == "tls.unknown_ca"
    shown = rest.get(f"/connections/{named}").text
    assert guarded.password not in shown
    assert guarded.token not in shown


def test_an_unreachable_registry_is_said(
    rest: GatewayClient, kafka: Any, registry: Any, connect: Callable[..., str], topic: str
) -> None:
    number = registry.register(f"{topic}-value", json.dumps(USER))
    kafka.write(topic, framed(number, USER, {"id": 1, "name": None}))
    lost = connect(f"http://{LOOPBACK}:{free_port()}")
    for wanted in ("avro", "auto"):
        problem = refused(rest, lost, topic, "registry.unreachable", format=wanted)
        assert problem["stage"] == "query"
        assert problem["details"]["cause"] == "tcp.refused"
    assert len(read(rest, lost, topic, format="bytes")) == 1
    report = rest.post(f"/connections/{lost}/test").json()
    stages = {stage["stage"]: stage for stage in report["stages"]}
    assert report["status"] == "failed"
    assert stages["privileges"]["code"] == "registry.unreachable"
    assert stages["privileges"]["hints"]
    assert stages["login"]["status"] == stages["query"]["status"] == "ok", "the brokers can be reached"


def test_avro_needs_a_registry(rest: GatewayClient, kafka: Any, topic: str) -> None:
    name = f"avro-{uuid.uuid4().hex[:8]}"
    configuration = {"host": kafka.host, "port": kafka.port}
    rest.create({"name": name, "type": "kafka", "configuration": configuration, "authentication": {"type": "none"}})
    refused(rest, name, topic, "stream.no_registry")
    rest.delete(f"/connections/{name}")
    for url in ("ftp://registry", "http://user:canary@registry", "http://registry?x=1"):
        answer = rest.post(
            "/connections", {"name": name, "type": "kafka", "configuration": {**configuration, "schema_registry": url}}
        )
        assert answer.status_code == 400, answer.text
        assert "canary" not in answer.text


class Stand(http.server.BaseHTTPRequestHandler):
    """Sends everyone to `target`, or answers with `body`; notes what it is asked and told."""

    target = ""
    body = b""
    asked: list[str]
    logins: list[str]

    def do_GET(self) -> None:
        self.asked.append(self.path)
        self.logins.append(self.headers.get("Authorization", ""))
        self.send_response(302 if self.target else 200)
        if self.target:
            self.send_header("Location", self.target + self.path)
        self.send_header("Content-Length", str(len(self.body)))
        self.end_headers()
        self.wfile.write(self.body)

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@contextlib.contextmanager
def serving(target: str = "", body: bytes = b"") -> Iterator[tuple[str, list[str], list[str]]]:
    """Runs one; yields its URL, the paths that were asked for, and the logins that were shown."""
    asked: list[str] = []
    logins: list[str] = []
    members = {"target": target, "body": body, "asked": asked, "logins": logins}
    server = http.server.ThreadingHTTPServer((LOOPBACK, 0), type("Handler", (Stand,), members))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://{LOOPBACK}:{server.server_address[1]}", asked, logins
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_logins_do_not_follow_redirects(
    rest: GatewayClient, kafka: Any, registry: Any, connect: Callable[..., str], topic: str
) -> None:
    number = registry.register(f"{topic}-value", json.dumps(USER))
    kafka.write(topic, framed(number, USER, {"id": 1, "name": None}))
    with serving() as (there, _, seen_there), serving(there) as (here, _, seen_here):
        moved = connect(here, registry_token="NSTARXCANARY-moved")
        refused(rest, moved, topic, "registry.failed")
        assert seen_here == ["Bearer NSTARXCANARY-moved"]
        assert not seen_there
        refused(rest, connect(there), topic, "registry.failed")  # 200, and no schema


def test_each_schema_is_asked_for_once(
    rest: GatewayClient, kafka: Any, connect: Callable[..., str], topic: str
) -> None:
    rows = [{"id": number, "name": f"n{number}"} for number in range(5000)]
    kafka.write(topic, framed(7, USER, *rows))
    with serving(body=json.dumps({"schema": json.dumps(USER)}).encode()) as (url, asked, _):
        found = read(rest, connect(f"{url}/behind/a/path"), topic, format="avro")
        assert found["value"].to_pylist() == rows
        assert asked == ["/behind/a/path/schemas/ids/7"]


def test_answers_of_a_registry_are_not_believed(
    rest: GatewayClient, kafka: Any, connect: Callable[..., str], topic: str
) -> None:
    kafka.write(topic, framed(7, USER, {"id": 1, "name": None}))
    around = {"schema": '"a"', "references": [{"name": "a", "subject": "s", "version": 1}]}
    for body, code in (
        (b"{", "registry.failed"),
        (b"[]", "registry.failed"),
        (b"{}", "registry.failed"),
        (b'{"schema": "nonsense"}', "stream.schema_invalid"),
        (b'{"schema": 1}', "registry.failed"),
        (b"[" * 100_000, "registry.failed"),
        (b" " * (5 * MIB), "registry.unreachable"),  # more than is read of an answer
        (json.dumps(around).encode(), "stream.schema_invalid"),  # refers to itself
        (json.dumps({"schema": '"int"', "references": [{"subject": "s", "version": -1}]}).encode(), "registry.failed"),
    ):
        with serving(body=body) as (url, _, _):
            refused(rest, connect(url), topic, code)


def test_memory_is_bounded(start_gateway: Callable[..., GatewayServer], kafka: Any, registry: Any, topic: str) -> None:
    schema = {"type": "record", "name": "Wide", "fields": [
        {"name": f"c{n}", "type": ["null", "double"]} for n in range(400)]}  # fmt: skip
    number = registry.register(f"{topic}-value", json.dumps(schema))
    [empty] = framed(number, schema, dict.fromkeys(f"c{n}" for n in range(400)))
    server = start_gateway()
    client = server.client()
    configuration = {"host": kafka.host, "port": kafka.port, "schema_registry": registry.url}
    client.create({"name": "k", "type": "kafka", "configuration": configuration, "authentication": {"type": "none"}})
    kafka.write(topic, [empty] * 100)
    read(client, "k", topic, format="avro")
    server.reset_memory_peak()
    before = server.memory_bytes()
    kafka.write(topic, [empty] * 100_000)  # 40 MB that become 330 MB of Arrow
    rows = 0
    path = f"{client.url}/connections/k/consume"
    with client.session.get(
        path, params={"topic": topic, "format": "avro"}, headers={"Accept": ARROW}, stream=True, timeout=120
    ) as answer:
        assert answer.status_code == 200
        for batch in pa.ipc.open_stream(answer.raw):
            assert batch.nbytes < 16 * MIB
            rows += batch.num_rows
    assert rows == 100_100
    assert server.memory_bytes("VmHWM") - before < 128 * MIB


def test_sdk_and_cli_read_the_same(
    nstarx_server: GatewayServer, kafka: Any, registry: Any, connection: str, topic: str
) -> None:
    number = registry.register(f"{topic}-value", json.dumps(USER))
    kafka.write(topic, framed(number, USER, {"id": 1, "name": "a"}))
    client = nstarx_server.client()
    manager = nstarx.ConnectionManager(api_key=client.api_key, url=client.url)
    with manager.get_connection(connection) as messages:
        table = messages.consume(topic, format="avro").to_arrow()
    assert table["value"].to_pylist() == [{"id": 1, "name": "a"}]
    done = subprocess.run(
        [program(), "consume", connection, topic, "--values", "avro", "-o", "ndjson"],
        env=nstarx_server.client_environment(),
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["value"] == {"id": 1, "name": "a"}


def draft_of(kind: str, server: Any) -> dict[str, Any]:
    """Returns what a connection of that type to its server needs."""
    host, login = {"host": server.host} if kind != "kinesis" else {}, {"type": "none"}
    if kind == "event_hubs":
        host["port"] = server.sasl_tls_port
        login = {"type": "sas", "policy": server.policy, "key": server.key}
    elif kind == "pulsar":
        host |= {"port": server.tls_port, "admin_port": server.web_tls_port}
        login = {"type": "token", "token": server.token}
    elif kind == "rabbitmq":
        host |= {"port": server.tls_port, "management_port": server.management_port, "stream_quiet_ms": 500}
        login = {"type": "basic", "username": server.user, "password": server.password}
    else:
        host |= {"region": server.region, "endpoint": server.endpoint, "poll_interval_ms": 50}
        login = {
            "type": "access_key", "access_key_id": server.access_key, "secret_access_key": server.secret_key,
        }  # fmt: skip
    draft: dict[str, Any] = {"type": kind, "configuration": host, "authentication": login}
    if kind != "kinesis":
        draft["ssl"] = {"enabled": True, "mode": "verify-full", "certificate": server.ca_file.read_text()}
    return draft


@pytest.mark.parametrize("kind", ["event_hubs", "pulsar", "rabbitmq", "kinesis"])
def test_other_message_systems(rest: GatewayClient, servers: ServerCatalog, registry: Any, kind: str) -> None:
    server = servers.get(kind)
    topic = f"avro-{uuid.uuid4().hex[:12]}"
    server.create_topic(topic)
    wider = {**USER, "fields": [*USER["fields"], {"name": "more", "type": "int", "default": 1}]}
    first, second = (registry.register(f"{topic}-value", json.dumps(schema)) for schema in (USER, wider))
    rows = [{"id": I64 - 1, "name": UNICODE}, {"id": -I64, "name": None}]
    server.write(topic, framed(first, USER, *rows))
    names = []

    def connect(**more: str) -> str:
        draft = draft_of(kind, server)
        names.append(f"avro-{uuid.uuid4().hex[:8]}")
        draft["configuration"] |= more
        rest.create({**draft, "name": names[-1]})
        return names[-1]

    try:
        known = connect(schema_registry=registry.url)
        for wanted in ("auto", "avro"):
            assert read(rest, known, topic, format=wanted)["value"].to_pylist() == rows
        assert rest.post(f"/connections/{known}/test").json()["status"] == "ok"
        if kind in {"event_hubs", "pulsar"}:  # the others have no messages without a value
            late = f"{topic}-late"
            server.create_topic(late)
            none = {"topic": late, "messages": [{"value": None}]}  # Pulsar's Python client can't write it
            assert rest.post(f"/connections/{known}/produce", none).json()["count"] == 1
            server.write(late, framed(first, USER, *rows))
            assert read(rest, known, late)["value"].to_pylist() == [None, *rows]
        lost = connect(schema_registry=f"http://{LOOPBACK}:{free_port()}")
        refused(rest, lost, topic, "registry.unreachable")
        report = rest.post(f"/connections/{lost}/test").json()
        failed = [stage for stage in report["stages"] if stage["status"] == "failed"]
        assert [(stage["stage"], stage["code"]) for stage in failed] == [("privileges", "registry.unreachable")]
        refused(rest, connect(), topic, "stream.no_registry")
        server.write(topic, framed(second, wider, {"id": 3, "name": "c", "more": 2}))
        problem = refused(rest, known, topic, "stream.schema_changed")
        assert (problem["details"]["schema_id"], problem["details"]["first_schema_id"]) == (second, first)
        assert problem["details"]["partition"] == 0
        assert problem["details"]["offset"] not in ("", 0)
        damaged = f"{topic}-damaged"
        server.create_topic(damaged)
        server.write(damaged, [{"value": b"\0" + first.to_bytes(4, "big") + b"\x02\x05"}])
        refused(rest, known, damaged, "stream.not_avro")
    finally:
        for name in names:
            rest.delete(f"/connections/{name}")
