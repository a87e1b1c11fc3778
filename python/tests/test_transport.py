from __future__ import annotations

import decimal
import os
import random
import ssl
import subprocess
import threading
from pathlib import Path

import pyarrow as pa
import pytest
from conftest import CONNECTION, KEY, ipc_bytes

import nstarx

TABLE = pa.table(
    {
        "id": pa.array(range(200_000), pa.int64()),
        "price": pa.array([decimal.Decimal("1.25")] * 200_000, pa.decimal128(15, 2)),
        "note": pa.array([f"row {i}" if i % 7 else None for i in range(200_000)]),
    }
)

PROBLEM = {
    "type": "/errors/query.division_by_zero",
    "title": "Invalid request",
    "status": 400,
    "kind": "invalid_argument",
    "code": "query.division_by_zero",
    "detail": "division by zero — in row 12",
    "stage": "query",
    "action": "fix_input",
    "hints": ["Guard the divisor with NULLIF."],
    "sqlstate": "22012",
    "details": {"position": 8},
    "request_id": "req_1",
}


@pytest.mark.parametrize("chunk", [1, 7, 4096, 65_537, 1 << 20, 1 << 24])
def test_rows_are_whole_whatever_the_chunks(connect, chunk):
    table = TABLE if chunk > 4000 else TABLE.slice(0, 200)
    data = ipc_bytes(table, 30_000)
    conn, _ = connect(lambda request, peer: peer.answer_rows(data, chunk))
    assert conn.execute("SELECT 1").to_arrow().equals(table)


def test_rows_are_whole_with_chunks_of_random_sizes(connect):
    data = ipc_bytes(TABLE, 5_000)
    sizes = random.Random(7)

    def handler(request, peer):
        peer.begin_stream()
        start = 0
        while start < len(data):
            size = sizes.choice([1, 3, 100, 5_000, 16_384, 70_000, 300_000])
            peer.stream(data[start : start + size])
            start += size
        peer.end_stream()

    conn, server = connect(handler)
    for _ in range(3):
        assert conn.execute("SELECT 1").to_arrow().equals(TABLE)
    assert server.connections == 1


@pytest.mark.parametrize("rows", [0, 1, 50, 400, 1000])
def test_small_answers_whole_at_once_or_not(connect, rows):
    table = TABLE.slice(0, rows)

    def handler(request, peer):
        whole = peer.socket
        parts: list[bytes] = []
        peer.send = parts.append
        peer.answer_rows(ipc_bytes(table, 100), 700)
        del peer.send
        whole.sendall(b"".join(parts))

    conn, server = connect(handler)
    for _ in range(5):
        assert conn.execute("SELECT 1").to_arrow().equals(table)
    assert server.connections == 1


@pytest.mark.parametrize("problem", [None, PROBLEM])
def test_a_statement_without_rows_is_seen_to_its_end(connect, problem):
    done = threading.Event()

    def handler(request, peer):
        peer.begin_stream()
        peer.stream(ipc_bytes(pa.table({}), end=problem is None)[:8])
        threading.Event().wait(0.2)  # the statement takes its time
        peer.stream(ipc_bytes(pa.table({}), end=problem is None)[8:])
        peer.end_stream(problem)
        done.set()

    conn, _ = connect(handler)
    if problem:
        with pytest.raises(nstarx.DataError):
            conn.execute("DELETE FROM t")
    else:
        result = conn.execute("DELETE FROM t")
        assert done.wait(5)
        assert result.to_arrow().num_rows == 0
        conn.execute("DELETE FROM t").close()


def test_a_small_answer_with_an_error_in_its_trailer(connect):
    def handler(request, peer):
        parts: list[bytes] = []
        peer.send = parts.append
        peer.begin_stream()
        peer.stream(ipc_bytes(TABLE.slice(0, 3), end=False))
        peer.end_stream(PROBLEM)
        del peer.send
        peer.send(b"".join(parts))

    conn, server = connect(handler)
    for _ in range(2):
        with pytest.raises(nstarx.DataError):
            conn.execute("SELECT 1").to_arrow()
    assert server.connections == 1


def test_body_with_content_length(connect):
    data = ipc_bytes(TABLE)
    fields = {"Content-Type": "application/vnd.apache.arrow.stream"}
    conn, server = connect(lambda request, peer: peer.answer(200, data, fields))
    assert conn.execute("SELECT 1").to_arrow().equals(TABLE)
    assert conn.execute("SELECT 1").to_arrow().equals(TABLE)
    assert server.connections == 1


def test_body_until_the_connection_closes(connect):
    data = ipc_bytes(TABLE)

    def handler(request, peer):
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Type: application/vnd.apache.arrow.stream\r\n\r\n")
        peer.send(data)
        peer.hang_up()

    conn, server = connect(handler)
    assert conn.execute("SELECT 1").to_arrow().equals(TABLE)
    assert conn.execute("SELECT 1").to_arrow().equals(TABLE)
    assert server.connections == 2


def test_requests_say_who_and_what(connect):
    conn, server = connect(lambda request, peer: peer.answer_rows(ipc_bytes(TABLE)))
    conn.execute("SELECT ?", [decimal.Decimal("1.5")], limit=5, timeout_ms=100).to_arrow()
    request = server.requests[-1]
    assert request.method == "POST"
    assert request.path == "/connections/con_1/query"
    assert request.fields["authorization"] == f"Bearer {KEY}"
    assert request.fields["accept"] == "application/vnd.apache.arrow.stream"
    assert request.fields["te"] == "trailers"
    assert len(request.fields["idempotency-key"]) == 36
    assert request.json() == {
        "query": "SELECT ?",
        "parameters": ["1.5"],
        "limit": 5,
        "timeout_ms": 100,
    }


def test_an_error_before_the_first_byte(connect):
    conn, server = connect(lambda request, peer: peer.answer_problem(PROBLEM))
    for _ in range(2):
        with pytest.raises(nstarx.DataError) as caught:
            conn.execute("SELECT 1/0")
    error = caught.value
    assert (error.code, error.stage, error.status) == ("query.division_by_zero", "query", 400)
    assert error.hints == ("Guard the divisor with NULLIF.",)
    assert (error.request_id, error.action, error.sqlstate) == ("req_1", "fix_input", "22012")
    assert error.details == {"position": 8}
    assert "hint: Guard the divisor" in str(error)
    assert server.connections == 1


@pytest.mark.parametrize("consume", ["to_arrow", "to_pylist", "to_pandas", "to_polars", "batches"])
def test_an_error_in_mid_stream_is_raised_from_the_trailer(connect, consume):
    def handler(request, peer):
        peer.begin_stream()
        peer.stream(ipc_bytes(TABLE, 50_000, end=False))
        peer.end_stream(PROBLEM)

    conn, server = connect(handler)
    for _ in range(2):
        result = conn.execute("SELECT 1")
        with pytest.raises(nstarx.DataError) as caught:
            if consume == "batches":
                list(result)
            else:
                getattr(result, consume)()
        assert caught.value.code == "query.division_by_zero"
        assert caught.value.details == {"position": 8}
    assert server.connections == 1


def test_an_error_in_the_trailer_counts_even_after_a_whole_stream(connect):
    def handler(request, peer):
        peer.begin_stream()
        peer.stream(ipc_bytes(TABLE))
        peer.end_stream(PROBLEM)

    conn, _ = connect(handler)
    with pytest.raises(nstarx.DataError):
        conn.execute("SELECT 1").to_arrow()


def test_an_error_before_the_schema(connect):
    def handler(request, peer):
        peer.begin_stream()
        peer.end_stream(PROBLEM)

    conn, _ = connect(handler)
    with pytest.raises(nstarx.DataError):
        conn.execute("SELECT 1")


@pytest.mark.parametrize("part", [0, 3, 100, 20_000, 1_000_000])
@pytest.mark.parametrize("framed", [True, False])
def test_a_hang_up_is_an_operational_error(connect, part, framed):
    data = ipc_bytes(TABLE, 50_000)

    def handler(request, peer):
        peer.begin_stream()
        if framed:
            peer.stream(data[:part])
        else:  # in the middle of a chunk
            peer.send(b"%x\r\n" % len(data) + data[:part])
        peer.hang_up()

    conn, _ = connect(handler)
    with pytest.raises(nstarx.OperationalError) as caught:
        conn.execute("SELECT 1").to_arrow()
    assert caught.value.code == "client.connection_lost"
    assert caught.value.action == "retry"


def test_a_stream_cut_short_but_framed_well_is_not_taken_for_whole(connect):
    def handler(request, peer):
        peer.begin_stream()
        peer.stream(ipc_bytes(TABLE, 50_000)[:1_000_000])
        peer.end_stream()

    conn, _ = connect(handler)
    with pytest.raises(nstarx.OperationalError) as caught:
        conn.execute("SELECT 1").to_arrow()
    assert caught.value.code == "client.connection_lost"


@pytest.mark.parametrize("rows", [10, 200_000])
@pytest.mark.parametrize("framed_end", [True, False])
def test_a_stream_without_its_end_mark_is_not_taken_for_whole(connect, rows, framed_end):
    def handler(request, peer):
        peer.begin_stream()
        peer.stream(ipc_bytes(TABLE.slice(0, rows), 50_000, end=False))
        if framed_end:  # a proxy that drops trailers
            peer.end_stream()
        else:
            peer.hang_up()

    conn, _ = connect(handler)
    with pytest.raises(nstarx.OperationalError):
        conn.execute("SELECT 1").to_arrow()


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nabcd\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: " + b"a" * 100_000,
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n<>",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]",
    ],
)
def test_nonsense_is_an_error_of_ours(serve, answer):
    def handler(request, peer):
        peer.send(answer)
        peer.hang_up()

    manager = nstarx.ConnectionManager(api_key=KEY, url=serve(handler).url, timeout=5)
    with pytest.raises(nstarx.Error):
        manager.show("sales")


def test_an_error_that_is_no_problem_document(serve):
    server = serve(lambda request, peer: peer.answer(502, b"<html>bad gateway</html>"))
    manager = nstarx.ConnectionManager(api_key=KEY, url=server.url)
    with pytest.raises(nstarx.OperationalError) as caught:
        manager.show("sales")
    assert (caught.value.code, caught.value.status) == ("http.502", 502)


def test_a_redirect_is_not_followed_with_the_key(serve):
    server = serve(lambda request, peer: peer.answer(302, b"", {"Location": "http://127.0.0.2/"}))
    manager = nstarx.ConnectionManager(api_key=KEY, url=server.url)
    with pytest.raises(nstarx.OperationalError):
        manager.show("sales")
    assert len(server.requests) == 1


def test_a_dead_kept_alive_connection_is_replaced(serve):
    def handler(request, peer):
        peer.answer_json(CONNECTION)
        peer.hang_up()

    server = serve(handler)
    manager = nstarx.ConnectionManager(api_key=KEY, url=server.url)
    for _ in range(5):
        assert manager.show("sales") == CONNECTION
    assert server.connections == 5


def test_a_lost_write_is_repeated_with_the_same_idempotency_key(serve):
    def handler(request, peer):
        if request.method == "POST" and peer.number == 1:
            peer.hang_up()
        else:
            peer.answer_json(CONNECTION)

    server = serve(handler)
    manager = nstarx.ConnectionManager(api_key=KEY, url=server.url)
    manager.show("sales")
    assert manager.archive("sales") == CONNECTION
    keys = [r.fields["idempotency-key"] for r in server.requests if r.method == "POST"]
    assert len(keys) == 2
    assert keys[0] == keys[1]


def test_a_lost_statement_is_not_repeated(connect):
    conn, server = connect(lambda request, peer: peer.hang_up())
    with pytest.raises(nstarx.OperationalError):
        conn.execute("DELETE FROM orders")
    assert [request.method for request in server.requests] == ["GET", "POST"]


def test_a_closed_result_hangs_up_and_the_next_one_works(connect):
    gone = threading.Event()

    def handler(request, peer):
        if request.json()["query"] == "long":
            peer.begin_stream()
            data = ipc_bytes(TABLE, 1000, end=False)
            try:
                while True:
                    peer.stream(data)
            except OSError:
                gone.set()
                raise
        peer.answer_rows(ipc_bytes(TABLE))

    conn, _ = connect(handler)
    with conn.execute("long") as result:
        assert next(iter(result)).num_rows == 1000
    assert gone.wait(10)
    assert conn.execute("short").to_arrow().num_rows == TABLE.num_rows


def test_silence_ends_at_the_timeout(serve):
    release = threading.Event()
    server = serve(lambda request, peer: release.wait(20))
    manager = nstarx.ConnectionManager(api_key=KEY, url=server.url, timeout=0.3)
    with pytest.raises(nstarx.OperationalError) as caught:
        manager.show("sales")
    release.set()
    assert caught.value.code == "client.timeout"
    assert len(server.requests) == 1


def test_silence_in_mid_stream_ends_at_the_timeout(serve):
    release = threading.Event()

    def handler(request, peer):
        if request.method == "GET":
            return peer.answer_json(CONNECTION)
        peer.begin_stream()
        peer.stream(ipc_bytes(TABLE)[:1_000_000])
        release.wait(20)
        return None

    manager = nstarx.ConnectionManager(api_key=KEY, url=serve(handler).url, timeout=0.5)
    with pytest.raises(nstarx.OperationalError) as caught:
        manager.get_connection("sales").execute("SELECT 1").to_arrow()
    release.set()
    assert caught.value.code == "client.timeout"


def test_no_server_there():
    manager = nstarx.ConnectionManager(api_key=KEY, url="http://127.0.0.1:1")
    with pytest.raises(nstarx.OperationalError) as caught:
        manager.show("sales")
    assert caught.value.code == "client.server_unreachable"
    assert "NSTARX_URL" in caught.value.hints[0]


def test_many_threads_share_a_manager(connect):
    data = ipc_bytes(TABLE.slice(0, 5000), 1000)
    conn, server = connect(lambda request, peer: peer.answer_rows(data))
    rows: list[int] = []

    def work() -> None:
        for _ in range(20):
            rows.append(conn.execute("SELECT 1").to_arrow().num_rows)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert rows == [5000] * 160
    assert server.connections <= 9


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_does_not_share_sockets(serve):
    server = serve(lambda request, peer: peer.answer_json({**CONNECTION, "by": peer.number}))
    manager = nstarx.ConnectionManager(api_key=KEY, url=server.url)
    assert manager.show("sales")["by"] == 1
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(write_end, str(manager.show("sales")["by"]).encode())
        os._exit(0)
    os.close(write_end)
    assert os.waitpid(child, 0)[1] == 0
    assert os.read(read_end, 16) == b"2"
    os.close(read_end)
    assert manager.show("sales")["by"] == 1


def test_a_closed_manager_refuses(serve):
    server = serve(lambda request, peer: peer.answer_json(CONNECTION))
    with nstarx.ConnectionManager(api_key=KEY, url=server.url) as manager:
        manager.show("sales")
    with pytest.raises(nstarx.InterfaceError):
        manager.show("sales")


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    certificate, key = tmp_path / "server.pem", tmp_path / "server.key"
    command = (
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 "
        "-subj /CN=localhost -addext subjectAltName=DNS:localhost,IP:127.0.0.1"
    )
    subprocess.run(
        [*command.split(), "-keyout", str(key), "-out", str(certificate)],
        check=True,
        capture_output=True,
    )
    return certificate, key


def test_tls_with_an_own_authority(serve, certificate):
    data = ipc_bytes(TABLE, 20_000)

    def handler(request, peer):
        if request.method == "GET":
            return peer.answer_json(CONNECTION)
        return peer.answer_rows(data)

    server = serve(handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    server.wrap = lambda sock: context.wrap_socket(sock, server_side=True)
    url = server.url.replace("http://", "https://")
    manager = nstarx.ConnectionManager(api_key=KEY, url=url, ca_file=str(certificate[0]))
    conn = manager.get_connection("sales")
    for _ in range(2):
        assert conn.execute("SELECT 1").to_arrow().equals(TABLE)
    assert conn.execute("SELECT 1").to_arrow().equals(TABLE)

    stranger = nstarx.ConnectionManager(api_key=KEY, url=url)
    with pytest.raises(nstarx.OperationalError) as caught:
        stranger.show("sales")
    assert caught.value.code == "client.tls_failed"
    assert caught.value.stage == "tls"
