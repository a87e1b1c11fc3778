"""Idempotency, preconditions, variables of the environment, and requests that nobody should send."""

from __future__ import annotations

import socket
import threading
import time
import uuid

import pytest

from tests.conformance.problem import assert_problem
from tests.e2e.conftest import postgresql_draft, sqlite_draft
from tests.servers import logins
from tests.servers.gateway import GatewayClient, GatewayServer


def test_a_repeated_idempotency_key_gives_the_first_answer(rest: GatewayClient, sqlite_file) -> None:
    name = f"idem-{uuid.uuid4().hex[:8]}"
    headers = {"Idempotency-Key": uuid.uuid4().hex}
    draft = sqlite_draft(sqlite_file, name)
    first = rest.post("/connections", draft, headers=headers)
    again = rest.post("/connections", draft, headers=headers)
    try:
        assert (first.status_code, again.status_code) == (201, 201), again.text
        assert first.json()["id"] == again.json()["id"]
        other = rest.post("/connections", {**draft, "name": name + "-2"}, headers=headers)
        assert other.status_code in (409, 422), other.text
        assert rest.get(f"/connections/{name}-2").status_code == 404
    finally:
        rest.delete(f"/connections/{name}")


def test_idempotency_under_a_race_creates_once(nstarx_server: GatewayServer, rest, sqlite_file) -> None:
    name = f"race-{uuid.uuid4().hex[:8]}"
    key = uuid.uuid4().hex
    answers: list = []

    def create() -> None:
        client = nstarx_server.client()
        answers.append(client.post("/connections", sqlite_draft(sqlite_file, name), headers={"Idempotency-Key": key}))

    threads = [threading.Thread(target=create) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    ids = {answer.json()["id"] for answer in answers if answer.status_code == 201}
    assert len(ids) == 1
    assert all(answer.status_code in (201, 409, 425) for answer in answers), [answer.text for answer in answers]
    rest.delete(f"/connections/{name}")


def test_name_taken(rest: GatewayClient, sqlite_file, temporary) -> None:
    temporary(sqlite_draft(sqlite_file, "taken"))
    answer = rest.post("/connections", sqlite_draft(sqlite_file, "taken"))
    assert_problem(answer, "connection.name_taken", status=409)


def test_lost_updates_are_refused(rest: GatewayClient, sqlite_file, temporary) -> None:
    temporary(sqlite_draft(sqlite_file, "contended"))
    etag = rest.get("/connections/contended").headers["ETag"]
    first = rest.patch("/connections/contended", {"metadata": {"description": "a"}}, headers={"If-Match": etag})
    assert first.status_code == 200
    second = rest.patch("/connections/contended", {"metadata": {"description": "b"}}, headers={"If-Match": etag})
    assert_problem(second, "connection.version_conflict", status=412)
    assert rest.get("/connections/contended").json()["metadata"]["description"] == "a"
    unchanged = rest.get("/connections/contended", headers={"If-None-Match": first.headers["ETag"]})
    assert unchanged.status_code in (200, 304)


def test_variables_are_resolved_on_use_and_stay_in_what_is_shown(start_gateway, postgresql) -> None:
    server = start_gateway(
        {"MY_PG_HOST": "127.0.0.1", "MY_PG_DATABASE": postgresql.database, "MY_PG_PASSWORD": logins.APP.password}
    )
    client = server.client()
    draft = postgresql_draft(
        postgresql, "by-variables",
        configuration={"host": "${MY_PG_HOST}", "port": postgresql.port, "database": "${MY_PG_DATABASE}"},
        authentication={"type": "basic", "username": logins.APP.user, "password": "${MY_PG_PASSWORD}"},
    )  # fmt: skip
    client.create(draft)
    assert client.query("by-variables", "SELECT current_database() AS d").json()["rows"] == [[postgresql.database]]
    shown = client.get("/connections/by-variables").json()
    assert shown["configuration"]["host"] == "${MY_PG_HOST}"
    changed = client.patch("/connections/by-variables", {"configuration": {"host": "${MY_PG_HOSTT}"}})
    assert changed.status_code == 200, changed.text
    problem = assert_problem(client.query("by-variables", "SELECT 1"), "config.unset_variable")
    assert "MY_PG_HOSTT" in problem["detail"]


@pytest.mark.parametrize(
    ("path", "body", "content_type", "codes", "status"),
    [
        ("/connections", b"", "application/json", "request.empty_body", 400),
        ("/connections", b"{", "application/json", "request.malformed_json", 400),
        ("/connections", b"[]", "application/json", ("request.malformed_json", "config.wrong_type"), 400),
        ("/connections", b'"text"', "application/json", ("request.malformed_json", "config.wrong_type"), 400),
        ("/connections", b'{"name": "\xff\xfe"}', "application/json", "request.not_utf8", 400),
        ("/connections", b"[" * 100_000, "application/json", "request.malformed_json", 400),
        ("/connections", b'{"a":' * 50_000 + b"1" + b"}" * 50_000, "application/json", "request.malformed_json", 400),
        ("/connections/test", b"", "application/json", "request.empty_body", 400),
        ("/connections", b'{"name":"x","name":"y"}', "application/json", None, 400),
        ("/connections", b"name=x", "application/x-www-form-urlencoded", None, 415),
    ],
)
def test_hostile_bodies(rest: GatewayClient, path, body, content_type, codes, status) -> None:
    answer = rest.request("POST", path, data=body, headers={"Content-Type": content_type})
    assert answer.status_code == status, answer.text[:300]
    if codes is not None:
        assert_problem(answer, codes, hints=False)
    assert rest.get("/healthz").status_code == 200


def test_a_huge_body_is_refused_early(rest: GatewayClient, nstarx_server: GatewayServer) -> None:
    before = nstarx_server.memory_bytes()
    body = b'{"name": "' + b"x" * (64 * 1024 * 1024) + b'"}'
    try:
        answer = rest.request("POST", "/connections", data=body, headers={"Content-Type": "application/json"})
    except Exception:
        rest.session.close()  # The server may answer and close before it has read everything.
    else:
        assert_problem(answer, "request.body_too_large", status=413, hints=False)
    assert nstarx_server.memory_bytes() - before < 64 * 1024 * 1024
    assert rest.get("/healthz").status_code == 200


def raw(server: GatewayServer, text: bytes, wait_s: float = 5.0) -> bytes:
    """Sends bytes to the server's port and returns what it answers until it closes or is silent."""
    with socket.create_connection((server.host, server.port), 5) as link:
        link.settimeout(wait_s)
        link.sendall(text)
        answer = b""
        try:
            while piece := link.recv(65536):
                answer += piece
                if b"\r\n\r\n" in answer and b"Content-Length: 0" in answer:
                    break
        except (TimeoutError, ConnectionResetError):
            pass
        return answer


@pytest.mark.parametrize(
    "text",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET " + b"/x" * 40_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: y\r\n" * 50_000 + b"\r\n",
        b"POST /connections HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /connections HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
        b"POST /connections HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n",
        b"POST /connections HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n",
        b"\x00" * 1000 + b"\r\n\r\n",
    ],
)
def test_broken_http_is_answered_or_closed(nstarx_server: GatewayServer, rest: GatewayClient, text: bytes) -> None:
    answer = raw(nstarx_server, text, 2.0)
    if answer:
        assert answer.startswith(b"HTTP/1.1 4") or answer.startswith(b"HTTP/1.1 505"), answer[:100]
    assert rest.get("/healthz").status_code == 200


def test_slow_senders_hold_nobody_up(nstarx_server: GatewayServer, rest: GatewayClient) -> None:
    links = [socket.create_connection((nstarx_server.host, nstarx_server.port), 5) for _ in range(200)]
    try:
        for link in links:
            link.sendall(b"POST /connections HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n")
        begun = time.monotonic()
        assert rest.get("/healthz").status_code == 200
        assert time.monotonic() - begun < 10
    finally:
        for link in links:
            link.close()


def test_unknown_routes_and_methods(rest: GatewayClient) -> None:
    assert rest.get("/no/such/route").status_code == 404
    answer = rest.request("PUT", "/connections")
    assert answer.status_code == 405
    assert "GET" in answer.headers["Allow"]
    for path in (
        "/connections/%00",
        "/connections/..%2f..%2fetc%2fpasswd",
        "/connections/" + "x" * 3000,
        "/connections/%ff",
    ):
        answer = rest.get(path)
        assert answer.status_code in (400, 404, 414), (path, answer.status_code)


def test_request_id_is_given_and_kept(rest: GatewayClient) -> None:
    assert rest.get("/healthz").headers["X-Request-Id"]
    answer = rest.get("/connections/none-such", headers={"X-Request-Id": "my-request-7"})
    assert answer.headers["X-Request-Id"] == "my-request-7"
    assert answer.json()["request_id"] == "my-request-7"


def test_clean_stop_ends_running_streams(start_gateway, postgresql) -> None:
    server = start_gateway()
    client = server.client()
    client.create(postgresql_draft(postgresql, "stopping"))
    sql = "SELECT n, repeat('x', 100) AS pad FROM generate_series(1, 50000000) s(n)"
    with client.query("stopping", sql, accept="application/x-ndjson", stream=True) as answer:
        assert answer.raw.read(1000)
        # The stream would run for minutes: a stop that waited for it would be killed by the harness and raise.
        assert server.stop() == 0
