"""sqlserver, synapse and oracle: the vendors' own JDBC drivers, as far as they can be driven without their servers."""

from __future__ import annotations

import contextlib
import datetime
import socket
import struct
import threading
import time
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from tests.conformance.problem import assert_problem, failed_stage
from tests.integration.test_adapters import ARROW
from tests.servers import maven
from tests.servers.black_hole import refused_port
from tests.servers.catalog import ServerCatalog
from tests.servers.driver_shelves import Shelf
from tests.servers.gateway import GatewayClient, GatewayServer
from tests.servers.tds_stand_in import ENDLESS, TdsStandIn

DRIVERS = {
    "mssql-jdbc": "com.microsoft.sqlserver:mssql-jdbc:12.8.1.jre11",
    "ojdbc11": "com.oracle.database.jdbc:ojdbc11:23.5.0.24.07",
}
KINDS = ("sqlserver", "synapse", "oracle")
PASSWORD = "canary-tds-password"


def draft(kind: str, name: str, host: str, port: int, **configuration: Any) -> dict[str, Any]:
    """Returns a draft of one of the types."""
    place = {"service": "FREEPDB1"} if kind == "oracle" else {"database": "sales"}
    return {
        "name": name, "type": kind, "configuration": {"host": host, "port": port, **place, **configuration},
        "authentication": {"type": "password", "user": "app", "password": PASSWORD},
    }  # fmt: skip


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayServer]:
    """A server on which both drivers are installed."""
    shelf = Shelf(tmp_path_factory.mktemp("drivers"))
    for name, coordinates in DRIVERS.items():
        folder = maven.jars(f"jdbc-{name}", maven.dependency(coordinates, exclude=("*:*",)))
        shelf.offer_files(name, coordinates.split(":")[2], *folder.glob("*.jar"))
    shelf.write_index()
    server = GatewayServer({}, "--driver-index", str(shelf.index))
    server.start()
    for name, coordinates in DRIVERS.items():
        installed = server.client().post(f"/drivers/{name}/install", {"version": coordinates.split(":")[2]})
        assert installed.status_code == 200, installed.text
    yield server
    server.close()


@pytest.fixture(scope="module")
def client(gateway: GatewayServer) -> GatewayClient:
    """REST on that server."""
    return gateway.client()


@pytest.fixture(scope="module")
def tds() -> Iterator[TdsStandIn]:
    """The stand-in."""
    server = TdsStandIn(password=PASSWORD)
    server.start()
    yield server
    server.close()


@pytest.mark.parametrize("kind", KINDS)
def test_without_the_driver_there_is_a_hint(kind: str, rest: GatewayClient, tds: TdsStandIn) -> None:
    stage = failed_stage(rest.post("/connections/test", draft(kind, "t", tds.host, tds.port)).json())
    assert (stage["stage"], stage["code"]) == ("login", "driver.not_installed"), stage
    assert any("nstarx drivers install " in hint for hint in stage["hints"]), stage


@pytest.mark.parametrize("kind", KINDS)
def test_where_nobody_answers(kind: str, client: GatewayClient, servers: ServerCatalog) -> None:
    hole = servers.get("black_hole")
    wrong = {
        "tcp.refused": ("127.0.0.1", refused_port()),
        "dns.not_found": ("no-such-host.invalid", 1433),
        "tcp.timeout": (hole.host, hole.port),
    }
    for code, (host, port) in wrong.items():
        given = draft(kind, f"{kind}-{code.replace('.', '-').replace('_', '-')}", host, port)
        stage = failed_stage(client.post("/connections/test", given).json())
        assert (stage["code"], bool(stage["hints"])) == (code, True), stage
    # Without the stages the driver's own words must say it.
    name = f"{kind}-refused"
    client.create(draft(kind, name, "127.0.0.1", refused_port()))
    assert_problem(client.query(name, "SELECT 1"), "tcp.refused", stage="tcp")
    client.create(draft(kind, f"{kind}-nowhere", "no-such-host.invalid", 1433))
    assert_problem(client.query(f"{kind}-nowhere", "SELECT 1"), "dns.not_found", stage="resolve")


def test_a_server_without_tls_is_refused(client: GatewayClient, tds: TdsStandIn) -> None:
    stage = failed_stage(client.post("/connections/test", draft("sqlserver", "t", tds.host, tds.port)).json())
    assert (stage["stage"], stage["code"]) == ("login", "tls.refused_by_server"), stage


def rows_of_types(client: GatewayClient, name: str) -> list[dict[str, Any]]:
    """Returns the stand-in's row of types, times as the numbers that they are in Arrow."""
    answer = client.query(name, "SELECT * FROM types", accept=ARROW)
    assert answer.status_code == 200, answer.text
    table = pa.ipc.open_stream(answer.content).read_all()
    assert {field.name: str(field.type) for field in table.schema} == {
        "tiny": "uint8", "large": "int64", "yes": "bool", "ratio": "double", "money": "decimal128(19, 4)",
        "raw": "binary", "day": "date32[day]", "guid": "string", "moment": "timestamp[us]",
        "at": "timestamp[ns, tz=UTC]",
    }  # fmt: skip
    for column in ("moment", "at"):
        place = table.schema.get_field_index(column)
        table = table.set_column(place, column, table.column(column).cast(pa.int64()))
    return table.to_pylist()


@pytest.mark.parametrize("kind", ["sqlserver", "synapse"])
def test_login_and_statements_at_the_stand_in(
    kind: str, gateway: GatewayServer, client: GatewayClient, tds: TdsStandIn
) -> None:
    given = draft(kind, f"{kind}-stand-in", tds.host, tds.port, encrypt="false")
    wrong = {**given, "name": "w", "authentication": {"type": "password", "user": "app", "password": "canary-wrong"}}
    stage = failed_stage(client.post("/connections/test", wrong).json())
    assert (stage["stage"], stage["code"]) == ("login", "login.wrong_password"), stage
    elsewhere = draft(kind, "w", tds.host, tds.port, encrypt="false", database="nowhere")
    stage = failed_stage(client.post("/connections/test", elsewhere).json())
    assert (stage["stage"], stage["code"]) == ("login", "login.unknown_database"), stage
    name = given["name"]
    client.create(given)
    assert client.query(name, "SELECT 1 AS one").json()["rows"] == [[1]]
    assert "nstarx" in tds.applications
    answer = client.query(name, "SELECT id, price, name FROM visible", accept=ARROW)
    assert answer.status_code == 200, answer.text
    table = pa.ipc.open_stream(answer.content).read_all()
    assert [str(field.type) for field in table.schema] == ["int32", "decimal128(12, 2)", "string"]
    assert table.to_pylist() == [
        {"id": -7, "price": Decimal("-12345678.90"), "name": "é😀"}, {"id": None, "price": None, "name": None},
    ]  # fmt: skip
    assert_problem(client.query(name, "SELECT * FROM no_such"), "query.undefined_table", stage="query")
    assert_problem(client.query(name, "SELEC 1"), "query.syntax_error", stage="query")
    assert_problem(client.query(name, "SELECT secret FROM visible"), "query.no_privilege", stage="query")
    (values,) = rows_of_types(client, name)
    assert values == {
        "tiny": 255, "large": -(2**63), "yes": True, "ratio": 5e-324, "money": Decimal("-922337203685477.5808"),
        "raw": b"\x00\xff", "day": datetime.date(1, 1, 1), "guid": "6F9619FF-8B86-D011-B42D-00C04FC964FF",
        "moment": 253_402_300_799_000_000, "at": 1_767_225_600_123_456_700,
    }  # fmt: skip
    before = tds.stopped
    assert_problem(client.query(name, ENDLESS, timeout_ms=1500), "query.timeout", status=504)
    until = time.monotonic() + 30
    while tds.stopped == before:
        assert time.monotonic() < until, "no attention came"
        time.sleep(0.05)
    assert client.query(name, "SELECT 1 AS one").json()["rows"] == [[1]]
    assert PASSWORD.encode() not in gateway.written_bytes()


@contextlib.contextmanager
def listener(answer: bytes) -> Iterator[int]:
    """An Oracle listener that answers each line with these bytes; yields its port."""
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        door.listen(16)

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    line, _ = door.accept()
                    with line, contextlib.suppress(OSError):
                        line.settimeout(10)
                        if line.recv(4096):
                            line.sendall(answer)
                            line.recv(4096)

        threading.Thread(target=serve, daemon=True).start()
        yield door.getsockname()[1]


def refusal(code: int) -> bytes:
    """Returns the packet by which a listener refuses a line."""
    text = f"(DESCRIPTION=(TMP=)(VSNNUM=318767104)(ERR={code})(ERROR_STACK=(ERROR=(CODE={code})(EMFI=4))))".encode()
    body = struct.pack(">BBH", 0x22, 0, len(text)) + text
    return struct.pack(">HHBBH", len(body) + 8, 0, 4, 0, 0) + body


@pytest.mark.parametrize(
    ("number", "code"),
    [(12514, "login.unknown_database"), (12528, "login.starting_up"), (12516, "login.too_many_connections")],
)
def test_what_an_oracle_listener_refuses(number: int, code: str, client: GatewayClient) -> None:
    with listener(refusal(number)) as port:
        stage = failed_stage(client.post("/connections/test", draft("oracle", "t", "127.0.0.1", port)).json())
    assert (stage["stage"], stage["code"]) == ("login", code), stage


def test_a_port_without_tls_refuses_tcps(client: GatewayClient) -> None:
    with listener(b"\x00" * 64) as port:
        given = draft("oracle", "t", "127.0.0.1", port, protocol="tcps")
        stage = failed_stage(client.post("/connections/test", given).json())
    assert (stage["stage"], stage["code"]) == ("login", "tls.refused_by_server"), stage


def test_a_url_is_taken_apart(client: GatewayClient) -> None:
    uris = {
        "sqlserver": "sqlserver://app:canary-uri@db.example.com:1444/sales?encrypt=strict",
        "synapse": "synapse://app:canary-uri@workspace.sql.azuresynapse.net/pool1",
        "oracle": "oracle://app:canary-uri@db.example.com/FREEPDB1?protocol=tcps",
    }
    for kind, uri in uris.items():
        client.create({"name": f"{kind}-uri", "type": kind, "configuration": {"uri": uri}})
        stored = client.get(f"/connections/{kind}-uri").json()
        assert stored["configuration"]["host"] == uri.split("@")[1].split("/")[0].split(":")[0], stored
        assert "canary-uri" not in str(stored)
