"""Queries: Arrow with exact types and values, streams in bounded memory, cancel, deadline, errors."""

from __future__ import annotations

import threading
import time
import uuid

import pyarrow as pa
import pytest
import requests

from tests.conformance.problem import assert_problem
from tests.conformance.quirks import Quirks
from tests.servers.gateway import GatewayClient, GatewayServer
from tests.servers.native_types import compare
from tests.servers.process import wait_until

ARROW = "application/vnd.apache.arrow.stream"
MIB = 1024 * 1024


def wait_until_idle(quirks: Quirks, rest: GatewayClient, marker: str) -> None:
    """Waits until the system runs no statement with the marker and the pool has no session out."""

    def idle() -> bool:
        running = quirks.running(marker)
        return not running and rest.metric("nstarx_pool_sessions", type=quirks.type, state="in_use") == 0

    wait_until(f"{quirks.type} idle again", idle, 10)


def wait_until_running(quirks: Quirks, rest: GatewayClient, marker: str) -> None:
    """Waits until the system runs the statement, or at least a session is out."""

    def busy() -> bool:
        running = quirks.running(marker)
        if running is not None:
            return running == 1
        return rest.metric("nstarx_pool_sessions", type=quirks.type, state="in_use") >= 1

    wait_until(f"{quirks.type} busy", busy, 10)


@pytest.mark.check("query to Arrow")
def test_query_gives_arrow(quirks: Quirks, connection: str, rest: GatewayClient) -> None:
    answer = rest.query(connection, quirks.rows_query(3), accept=ARROW)
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"].startswith(ARROW)
    table = pa.ipc.open_stream(answer.content).read_all()
    assert sorted(table["n"].to_pylist()) == [0, 1, 2]
    assert all(len(pad) == 100 for pad in table["pad"].to_pylist())


@pytest.mark.check("types, NULLs and extremes exact")
def test_every_type_round_trip(quirks: Quirks, connection: str, rest: GatewayClient) -> None:
    table = rest.arrow(connection, quirks.types_query())
    assert table.num_rows == quirks.types_table.row_count()
    columns = quirks.types_table.columns
    differences = [compare(kind, table[kind.column], quirks.types_table.expected(kind)) for kind in columns]
    wrong = [text for text in differences if text]
    assert not wrong, "\n".join(wrong)


@pytest.mark.check("empty result keeps its schema")
def test_empty_result_has_its_schema(quirks: Quirks, connection: str, rest: GatewayClient) -> None:
    sql, schema = quirks.empty_query()
    table = rest.arrow(connection, sql)
    assert table.num_rows == 0
    assert [(field.name, field.type) for field in table.schema] == [(field.name, field.type) for field in schema]


@pytest.mark.check("parameters and Unicode")
def test_parameters_are_bound(quirks: Quirks, connection: str, rest: GatewayClient) -> None:
    sql, parameters, row = quirks.parameter_query()
    table = rest.arrow(connection, sql, parameters=parameters)
    assert [column.to_pylist()[0] for column in table.columns] == row


@pytest.mark.check("limit")
def test_limit_is_kept(quirks: Quirks, connection: str, rest: GatewayClient) -> None:
    assert rest.arrow(connection, quirks.rows_query(10_000), limit=7).num_rows == 7
    wait_until_idle(quirks, rest, "no marker has this text")


@pytest.mark.check("1 M rows in bounded memory")
def test_million_rows_in_bounded_memory(
    quirks: Quirks, connection: str, rest: GatewayClient, nstarx_server: GatewayServer
) -> None:
    nstarx_server.reset_memory_peak()
    before = nstarx_server.memory_bytes()
    rows = total = 0
    with rest.query(connection, quirks.rows_query(1_000_000), accept=ARROW, stream=True) as answer:
        assert answer.status_code == 200, answer.text
        for batch in pa.ipc.open_stream(answer.raw):
            rows += batch.num_rows
            total += sum(batch.column("n").to_pylist())
    assert rows == 1_000_000
    assert total == 999_999 * 1_000_000 // 2
    assert nstarx_server.memory_bytes("VmHWM") - before < 128 * MIB


@pytest.mark.check("cancel on hang-up")
def test_hang_up_before_the_first_row_cancels(
    quirks: Quirks, connection: str, rest: GatewayClient, nstarx_server: GatewayServer
) -> None:
    marker = f"hangup_{uuid.uuid4().hex}"
    client = nstarx_server.client()
    asking = threading.Thread(target=_ask_and_hang_up, args=(client, connection, quirks.endless_query(marker)))
    asking.start()
    wait_until_running(quirks, rest, marker)
    asking.join(20)
    wait_until_idle(quirks, rest, marker)


def _ask_and_hang_up(client: GatewayClient, connection: str, sql: str) -> None:
    """Sends a query and hangs up after three seconds."""
    try:
        client.post(f"/connections/{connection}/query", {"query": sql}, headers={"Accept": ARROW}, timeout=3)
    except requests.RequestException:
        client.session.close()


@pytest.mark.check("cancel on hang-up")
def test_hang_up_in_mid_stream_cancels(quirks: Quirks, connection: str, rest: GatewayClient) -> None:
    marker = f"hangup_{uuid.uuid4().hex}"
    answer = rest.query(connection, quirks.endless_rows(marker), accept=ARROW, stream=True)
    assert answer.status_code == 200, answer.text
    assert len(answer.raw.read(1 * MIB)) > 0
    try:
        wait_until_running(quirks, rest, marker)
    finally:
        answer.close()
    wait_until_idle(quirks, rest, marker)


@pytest.mark.check("back-pressure")
def test_slow_reader_holds_the_system_back(
    quirks: Quirks, connection: str, rest: GatewayClient, nstarx_server: GatewayServer
) -> None:
    marker = f"slow_{uuid.uuid4().hex}"
    nstarx_server.reset_memory_peak()
    before = nstarx_server.memory_bytes()
    with rest.query(connection, quirks.endless_rows(marker), accept=ARROW, stream=True) as answer:
        assert answer.status_code == 200, answer.text
        answer.raw.read(64 * 1024)
        time.sleep(2)  # The reader's pause is the thing under test.
        assert nstarx_server.memory_bytes("VmHWM") - before < 128 * MIB
    wait_until_idle(quirks, rest, marker)


@pytest.mark.check("deadline")
def test_deadline_ends_the_query(quirks: Quirks, connection: str, rest: GatewayClient) -> None:
    marker = f"deadline_{uuid.uuid4().hex}"
    begun = time.monotonic()
    answer = rest.query(connection, quirks.endless_query(marker), timeout_ms=700)
    took = time.monotonic() - begun
    assert_problem(answer, "query.timeout", status=504)
    assert 0.6 < took < 15, took
    wait_until_idle(quirks, rest, marker)


@pytest.mark.check("SQL errors")
def test_syntax_error_has_its_position(quirks: Quirks, connection: str, rest: GatewayClient) -> None:
    sql, position = quirks.syntax_error
    problem = assert_problem(rest.query(connection, sql), "query.syntax_error", status=400, stage="query")
    if position is not None:
        found = problem.get("position", problem.get("details", {}).get("position"))
        assert found == position, problem


@pytest.mark.check("SQL errors")
def test_undefined_table(quirks: Quirks, connection: str, rest: GatewayClient) -> None:
    answer = rest.query(connection, quirks.undefined_table_query)
    assert_problem(answer, "query.undefined_table", stage="query")
    assert rest.query(connection, quirks.rows_query(1)).status_code == 200


@pytest.mark.check("pool exhausted is a typed error")
def test_pool_exhaustion(quirks: Quirks, rest: GatewayClient, nstarx_server: GatewayServer, temporary) -> None:
    marker = f"exhaust_{uuid.uuid4().hex}"
    name = temporary(quirks.draft(f"one-session-{quirks.type}", pooling={"maxSize": 1, "waitTimeout": 1}))
    holder = nstarx_server.client()
    holding = holder.query(name, quirks.endless_rows(marker), accept=ARROW, stream=True)
    try:
        assert holding.status_code == 200, holding.text
        assert holding.raw.read(1000)
        begun = time.monotonic()
        assert_problem(rest.query(name, quirks.rows_query(1)), "pool.exhausted", status=429)
        assert 0.8 < time.monotonic() - begun < 15
    finally:
        holding.close()
    wait_until("a free session", lambda: rest.query(name, quirks.rows_query(1)).status_code == 200, 10)


@pytest.mark.check("pool reuse")
def test_many_queries_share_few_sessions(
    quirks: Quirks, rest: GatewayClient, nstarx_server: GatewayServer, temporary
) -> None:
    name = temporary(quirks.draft(f"shared-{quirks.type}", pooling={"maxSize": 3, "waitTimeout": 20}))
    before = rest.metric("nstarx_sessions_opened_total", type=quirks.type)
    failures: list[str] = []

    def work() -> None:
        client = nstarx_server.client()
        for _ in range(10):
            answer = client.query(name, quirks.rows_query(5))
            if answer.status_code != 200:
                failures.append(answer.text)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not failures, failures[0]
    opened = rest.metric("nstarx_sessions_opened_total", type=quirks.type) - before
    assert 1 <= opened <= 3


@pytest.mark.check("server restart")
def test_pool_heals_after_a_restart(quirks: Quirks, rest: GatewayClient, temporary) -> None:
    server = quirks.mortal
    name = temporary(quirks.draft(f"restart-{quirks.type}", server=server))
    sql = quirks.probe_query
    assert rest.query(name, sql).status_code == 200
    server.restart()
    wait_until("pool healed", lambda: rest.query(name, sql).status_code == 200, 10)
    codes = [rest.query(name, sql).status_code for _ in range(10)]
    assert codes == [200] * 10


@pytest.mark.check("server killed")
def test_server_killed_in_mid_query(quirks: Quirks, rest: GatewayClient, temporary) -> None:
    server = quirks.mortal
    name = temporary(quirks.draft(f"killed-{quirks.type}", server=server))
    marker = f"killed_{uuid.uuid4().hex}"
    answers: list = []
    if quirks.running("", server) is None:
        server.kill()
        answers.append(rest.query(name, quirks.types_query()))
    else:
        asking = threading.Thread(
            target=lambda: answers.append(rest.query(name, quirks.endless_query(marker), timeout_ms=30_000))
        )
        asking.start()
        wait_until("query running", lambda: quirks.running(marker, server) == 1, 10)
        server.kill()
        asking.join(20)
    try:
        assert answers, "no answer within 20 s of the server's death"
        assert_problem(answers[0], ("connection.lost", "tcp.refused"))
    finally:
        server.start()
    wait_until("back in service", lambda: rest.query(name, quirks.probe_query).status_code == 200, 10)
