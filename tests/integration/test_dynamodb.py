"""DynamoDB: operations, read-only connections, segments, drift, throttling and refusals."""

from __future__ import annotations

import http.server
import io
import json
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from tests.conformance.problem import assert_problem, failed_stage
from tests.conformance.quirks import QUIRKS
from tests.servers.black_hole import refused_port
from tests.servers.catalog import ServerCatalog
from tests.servers.gateway import GatewayClient
from tests.servers.process import LOOPBACK

ARROW = "application/vnd.apache.arrow.stream"


@pytest.fixture
def create(servers: ServerCatalog, rest: GatewayClient) -> Iterator[Callable[..., str]]:
    """Creates connections that the test's end deletes."""
    names: list[str] = []

    def make(**changes: Any) -> str:
        name = f"dynamodb-{uuid.uuid4().hex[:8]}"
        rest.create(QUIRKS["dynamodb"](servers).draft(name, **changes))
        names.append(name)
        return name

    yield make
    for name in names:
        rest.delete(f"/connections/{name}")


@pytest.fixture
def table(servers: ServerCatalog) -> str:
    """A new table with hash key `id`."""
    name = f"t-{uuid.uuid4().hex[:8]}"
    servers.get("dynamodb").make_table(name, id="N")
    return name


def operation(name: str, **arguments: Any) -> str:
    """Returns an operation's text."""
    return json.dumps({name: arguments})


def ingest(rest: GatewayClient, name: str, path: str, mode: str, rows: pa.Table) -> Any:
    """Writes rows."""
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, rows.schema) as writer:
        writer.write_table(rows)
    return rest.post(
        f"/connections/{name}/ingest", params={"path": path, "mode": mode}, data=sink.getvalue(),
        headers={"Content-Type": ARROW},
    )  # fmt: skip


def test_items_are_written_and_read(rest: GatewayClient, create: Callable[..., str], table: str) -> None:
    name = create()
    put = rest.query(name, f"INSERT INTO \"{table}\" VALUE {{'id': 1, 'price': 12.50, 'tags': <<'a'>>}}")
    assert put.status_code == 200, put.text
    assert put.json()["rows_affected"] == 1
    again = rest.query(name, f"INSERT INTO \"{table}\" VALUE {{'id': 1}}")
    assert_problem(again, "query.constraint_violation")
    item = {"id": {"N": "2"}, "price": {"$param": 1}, "note": {"$param": 2}}
    assert rest.query(name, operation("PutItem", TableName=table, Item=item), parameters=[7, None]).status_code == 200
    refused = operation("PutItem", TableName=table, Item=item, ConditionExpression="attribute_not_exists(id)")
    assert_problem(rest.query(name, refused, parameters=[7, None]), "query.condition_failed", status=412)
    got = rest.arrow(name, operation("BatchGetItem", RequestItems={table: {"Keys": [{"id": {"N": "1"}}]}}))
    assert got.to_pylist() == [{"id": 1, "price": Decimal("12.5"), "tags": ["a"]}]
    one = rest.arrow(name, operation("GetItem", TableName=table, Key={"id": {"$param": 1}}), parameters=[2])
    assert one.to_pylist() == [{"id": 2, "note": None, "price": 7}]
    changed = rest.arrow(name, f'UPDATE "{table}" SET price = 0.01 WHERE id = 2 RETURNING ALL NEW *')
    assert changed.to_pylist() == [{"id": 2, "note": None, "price": Decimal("0.01")}]
    assert_problem(rest.query(name, '{"Scann": {}}'), "query.unknown_operation")
    assert_problem(rest.query(name, operation("GetItem", TableName=table, Key={"id": {"S": "x"}})), "query.bad_value")


def test_read_only_refuses_what_writes(rest: GatewayClient, create: Callable[..., str], table: str) -> None:
    name = create(configuration={"read_only": True})
    key = {"id": {"N": "1"}}
    for text in (
        f"INSERT INTO \"{table}\" VALUE {{'id': 1}}",
        f'  delete FROM "{table}" WHERE id = 1',
        operation("PutItem", TableName=table, Item=key),
        operation("BatchWriteItem", RequestItems={table: [{"PutRequest": {"Item": key}}]}),
        operation(
            "ExecuteTransaction", TransactStatements=[{"Statement": f"INSERT INTO \"{table}\" VALUE {{'id':1}}"}]
        ),
        operation("DeleteTable", TableName=table),
    ):
        assert_problem(rest.query(name, text), "query.read_only", status=403)
    assert_problem(ingest(rest, name, table, "append", pa.table({"id": [1]})), "query.read_only", status=403)
    assert rest.arrow(name, f'SELECT * FROM "{table}"').num_rows == 0


@pytest.mark.parametrize("parallelism", [1, 3])
def test_segments_give_every_item_once(
    rest: GatewayClient, create: Callable[..., str], table: str, parallelism: int
) -> None:
    name = create(pooling={"maxSize": 4})
    rows = pa.table({"id": pa.array(range(3000), pa.int64()), "pad": ["x" * 1500] * 3000})
    assert ingest(rest, name, table, "append", rows).json()["rows"] == 3000
    found = rest.arrow(name, operation("Scan", TableName=table), parallelism=parallelism)
    assert sorted(found["id"].to_pylist()) == list(range(3000))
    parts = [operation("Scan", TableName=table, Segment=part, TotalSegments=2) for part in range(2)]
    assert sum(rest.arrow(name, part).num_rows for part in parts) == 3000
    missing = operation("Scan", TableName="no-such-table")
    assert_problem(rest.query(name, missing, parallelism=parallelism), "query.undefined_table")


def test_what_does_not_fit_drifts(servers: ServerCatalog, rest: GatewayClient, create: Callable[..., str]) -> None:
    server = servers.get("dynamodb")
    table = f"d-{uuid.uuid4().hex[:8]}"
    server.make_table(table, h="S", id="N")
    pad = {"S": "x" * 1000}
    items: list[dict[str, Any]] = [
        {"h": {"S": "a"}, "id": {"N": str(n)}, "pad": pad, "v": {"N": "1"}} for n in range(3000)
    ]
    items[2800]["v"] = {"S": "text"}
    items[2900]["new"] = {"N": "0.5"}
    server.put(table, items)
    found = rest.arrow(create(), f"SELECT * FROM \"{table}\" WHERE h = 'a'")
    drifted = {row["id"]: json.loads(row["_drift"]) for row in found.to_pylist() if row["_drift"]}
    assert drifted == {2800: {"/v": "text"}, 2900: {"/new": 0.5}}
    assert found.num_rows == 3000


def test_describe_names_keys_indexes_and_throughput(
    servers: ServerCatalog, rest: GatewayClient, create: Callable[..., str]
) -> None:
    table = f"i-{uuid.uuid4().hex[:8]}"
    units = {"ReadCapacityUnits": 3, "WriteCapacityUnits": 2}
    servers.get("dynamodb").call(
        "CreateTable",
        {
            "TableName": table,
            "AttributeDefinitions": [{"AttributeName": n, "AttributeType": t} for n, t in ("hS", "rN", "gB")],
            "KeySchema": [{"AttributeName": "h", "KeyType": "HASH"}, {"AttributeName": "r", "KeyType": "RANGE"}],
            "ProvisionedThroughput": units,
            "GlobalSecondaryIndexes": [
                {
                    "IndexName": "by-g",
                    "KeySchema": [{"AttributeName": "g", "KeyType": "HASH"}],
                    "Projection": {"ProjectionType": "KEYS_ONLY"},
                    "ProvisionedThroughput": units,
                }
            ],
        },
    )
    described = rest.get(f"/connections/{create()}/describe", params={"path": table}).json()
    assert described["comment"] == "ACTIVE, provisioned 3 read and 2 write units"
    assert described["keys"][0]["columns"] == ["h", "r"]
    assert [(i["name"], i["columns"]) for i in described["indexes"]] == [("by-g", ["g"])]
    types = [(c["name"], c["native_type"], c["arrow_type"], c["nullable"]) for c in described["columns"]]
    assert types == [("h", "S", "string", False), ("r", "N", "int64", False), ("g", "B", "binary", True)]


def test_ingest_needs_the_key_and_storable_values(rest: GatewayClient, create: Callable[..., str], table: str) -> None:
    name = create()
    assert_problem(ingest(rest, name, table, "append", pa.table({"x": [1]})), "ingest.unsupported_key")
    assert_problem(ingest(rest, name, "no-such", "append", pa.table({"x": [1]})), "query.undefined_table")
    assert_problem(ingest(rest, name, table, "create", pa.table({"id": [1]})), "ingest.table_exists")
    wrong = pa.table({"id": [1], "ratio": [float("nan")]})
    problem = assert_problem(ingest(rest, name, table, "append", wrong), "ingest.value_not_storable")
    assert problem["details"]["column"] == "ratio"
    twice = pa.table({"id": [1, 2, 1], "v": ["a", "b", "c"]})
    assert ingest(rest, name, table, "append", twice).json()["rows"] == 3
    found = rest.arrow(name, f'SELECT * FROM "{table}"').sort_by("id")
    assert found.to_pylist() == [{"id": 1, "v": "c"}, {"id": 2, "v": "b"}]


class _Service:
    """Answers as DynamoDB does in situations that the emulator does not have; counts its calls."""

    def __init__(self, answers: Callable[[str, dict[str, Any], int], tuple[int, dict[str, Any]]]) -> None:
        self.calls: list[str] = []
        self.refuses_logins = False
        service = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                arguments = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                called = self.headers["X-Amz-Target"].removeprefix("DynamoDB_20120810.")
                assert self.headers["Authorization"].startswith("AWS4-HMAC-SHA256 Credential=")
                before = service.calls.count(called)
                service.calls.append(called)
                status, answer = answers(called, arguments, before)
                if called == "ListTables" and not service.refuses_logins:
                    status, answer = 200, {"TableNames": []}
                body = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer((LOOPBACK, 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.endpoint = f"http://{LOOPBACK}:{self._server.server_address[1]}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def service() -> Iterator[Callable[..., _Service]]:
    """Starts services that answer as they are told."""
    started: list[_Service] = []

    def start(answers: Any) -> _Service:
        started.append(_Service(answers))
        return started[-1]

    yield start
    for each in started:
        each.close()


THROTTLED = (400, {"__type": "x#ProvisionedThroughputExceededException", "message": "slow down"})


def test_throttled_reads_are_repeated(
    rest: GatewayClient, create: Callable[..., str], service: Callable[..., _Service]
) -> None:
    item = {"Items": [{"id": {"N": "1"}}]}
    fake = service(lambda _call, _arguments, before: THROTTLED if before < 3 else (200, item))
    name = create(configuration={"endpoint": fake.endpoint})
    assert rest.arrow(name, "SELECT * FROM t").to_pylist() == [{"id": 1}]
    assert fake.calls.count("ExecuteStatement") == 4


def test_endless_throttling_ends_with_the_deadline(
    rest: GatewayClient, create: Callable[..., str], service: Callable[..., _Service]
) -> None:
    fake = service(lambda _call, _arguments, _before: THROTTLED)
    name = create(configuration={"endpoint": fake.endpoint})
    begun = time.monotonic()
    problem = assert_problem(rest.query(name, "SELECT * FROM t", timeout_ms=1500), ("service.busy", "query.timeout"))
    assert time.monotonic() - begun < 10
    assert problem["hints"]
    assert fake.calls.count("ExecuteStatement") > 1


def test_a_write_that_may_have_happened_is_not_repeated(
    rest: GatewayClient, create: Callable[..., str], service: Callable[..., _Service]
) -> None:
    fake = service(lambda _call, _arguments, _before: (500, {"__type": "x#InternalServerError"}))
    name = create(configuration={"endpoint": fake.endpoint})
    assert_problem(rest.query(name, "UPDATE t SET a = a + 1 WHERE id = 1"), "service.unavailable")
    assert fake.calls.count("ExecuteStatement") == 1


def test_unprocessed_items_are_written_again(
    rest: GatewayClient, create: Callable[..., str], service: Callable[..., _Service]
) -> None:
    table = {
        "TableName": "t",
        "TableStatus": "ACTIVE",
        "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
        "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "N"}],
    }
    taken: list[str] = []

    def answers(call: str, arguments: dict[str, Any], before: int) -> tuple[int, dict[str, Any]]:
        if call == "DescribeTable":
            return 200, {"Table": table}
        if before == 0:
            return THROTTLED
        given = arguments["RequestItems"]["t"]
        taken.extend(request["PutRequest"]["Item"]["id"]["N"] for request in given[:10])
        return 200, {"UnprocessedItems": {"t": given[10:]} if given[10:] else {}}

    name = create(configuration={"endpoint": service(answers).endpoint})
    answer = ingest(rest, name, "t", "append", pa.table({"id": pa.array(range(60), pa.int64())}))
    assert answer.status_code == 200, answer.text
    assert sorted(map(int, taken)) == list(range(60))


@pytest.mark.parametrize(
    ("kind", "message", "code"),
    [
        ("InvalidSignatureException", "The request signature we calculated does not match", "login.wrong_secret_key"),
        ("InvalidSignatureException", "Signature expired: now earlier than", "clock.skewed"),
        ("ExpiredTokenException", "The security token included in the request is expired", "login.token_expired"),
    ],
)
def test_refused_signatures(
    servers: ServerCatalog, rest: GatewayClient, service: Callable[..., _Service], kind: str, message: str, code: str
) -> None:
    fake = service(lambda *_: (400, {"__type": f"com.amazon.coral.service#{kind}", "message": message}))
    fake.refuses_logins = True
    draft = QUIRKS["dynamodb"](servers).draft("refused", configuration={"endpoint": fake.endpoint})
    failed = failed_stage(rest.post("/connections/test", draft).json())
    assert (failed["stage"], failed["code"]) == ("login", code), failed
    assert failed["hints"]


def test_roles_are_assumed(servers: ServerCatalog, rest: GatewayClient) -> None:
    """MinIO's STS gives temporary keys to the environment's; the emulator takes any key of the right form."""
    draft = QUIRKS["dynamodb"](servers).draft("role")
    draft["authentication"] = {"type": "iam", "role_arn": "arn:minio:iam:::role/nstarx"}
    draft["configuration"]["region"] = servers.get("minio").region
    report = rest.post("/connections/test", draft).json()
    assert report["status"] == "ok", report
    draft["authentication"] |= {"access_key_id": "AKIANOBODY", "secret_access_key": "canary-nobody"}
    failed = failed_stage(rest.post("/connections/test", draft).json())
    assert failed["stage"] == "login", failed
    assert failed["code"] in ("login.assume_role_denied", "login.unknown_access_key", "login.wrong_secret_key")
    draft["configuration"]["sts_endpoint"] = f"http://{LOOPBACK}:{refused_port()}"
    failed = failed_stage(rest.post("/connections/test", draft).json())
    assert failed["code"] == "tcp.refused", failed
