"""Health, metrics, logs and the audit journal tell what happened, and hold no secret."""

from __future__ import annotations

import json
import re
import uuid

from tests.e2e.conftest import postgresql_draft
from tests.servers import logins
from tests.servers.gateway import GatewayClient, GatewayServer


def test_health_needs_no_key(rest: GatewayClient) -> None:
    anonymous = GatewayClient(rest.url, "")
    assert anonymous.get("/healthz").status_code == 200
    assert anonymous.get("/readyz").status_code == 200


def test_metrics_are_valid_and_count(sales: str, rest: GatewayClient) -> None:
    before = rest.metric("nstarx_queries_total", type="postgresql")
    rows = rest.metric("nstarx_query_rows_total", type="postgresql")
    assert rest.query(sales, "SELECT * FROM sales_data").status_code == 200
    assert rest.query(sales, "SELECT nonsense").status_code >= 400
    assert rest.metric("nstarx_queries_total", type="postgresql") == before + 2
    assert rest.metric("nstarx_query_rows_total", type="postgresql") == rows + 3
    text = rest.get("/metrics").text
    typed = set(re.findall(r"^# TYPE (\S+) (?:counter|gauge|histogram|summary)$", text, re.MULTILINE))
    for line in text.splitlines():
        if line and not line.startswith("#"):
            name = re.match(r"[a-zA-Z_:][\w:]*", line)[0]
            base = re.sub(r"_(bucket|sum|count)$", "", name)
            assert name in typed or base in typed, line
    assert rest.metric("process_resident_memory_bytes") > 1_000_000
    assert rest.metric("nstarx_connections") >= 1


def test_audit_names_who_did_what(sales: str, rest: GatewayClient) -> None:
    literal = f"literal{uuid.uuid4().hex}"
    assert rest.query(sales, f"SELECT '{literal}' AS a").status_code == 200
    entries = rest.get("/audit", params={"connection": sales, "limit": 5}).json()["items"]
    newest = entries[0]
    assert newest["action"] == "query.run"
    assert newest["connection"] == sales
    assert newest["user"]
    assert newest["rows"] == 1
    assert newest["request_id"]
    assert literal not in json.dumps(entries), "a statement's literals do not belong in the journal"
    denied = GatewayClient(rest.url, "nsx_wrong_key").get("/connections")
    assert denied.status_code == 401


def test_audit_verifies_and_finds_a_changed_line(start_gateway, postgresql) -> None:
    server: GatewayServer = start_gateway()
    client = server.client()
    client.create(postgresql_draft(postgresql, "audited"))
    for _ in range(20):
        client.query("audited", "SELECT 1")
    verdict = client.get("/audit/verify").json()
    assert verdict["intact"] is True
    assert verdict["entries"] >= 21
    server.stop()
    done = server.cli("audit", "verify", "--data", str(server.data))
    assert done.returncode == 0, done.stderr
    segments = [path for path in server.data.rglob("*") if path.is_file() and b'"query.run"' in path.read_bytes()]
    assert segments, "no journal file holds the entries"
    text = segments[0].read_bytes()
    segments[0].write_bytes(text.replace(b'"rows":1', b'"rows":2', 1))
    assert segments[0].read_bytes() != text
    done = server.cli("audit", "verify", "--data", str(server.data))
    assert done.returncode != 0
    segments[0].write_bytes(text)


def test_log_is_structured_and_has_the_request_id(
    nstarx_server: GatewayServer, sales: str, rest: GatewayClient
) -> None:
    mark = f"req-{uuid.uuid4().hex[:12]}"
    rest.get(f"/connections/{sales}-missing", headers={"X-Request-Id": mark})
    lines = [line for line in nstarx_server.log_file.read_text().splitlines() if mark in line]
    assert lines, "no log line for the request"
    parsed = json.loads(lines[0])
    assert parsed["request_id"] == mark
    assert parsed["status"] == 404


def test_no_secret_in_log_or_data(nstarx_server: GatewayServer, rest: GatewayClient, postgresql, temporary) -> None:
    draft = postgresql_draft(postgresql, "canary-hunt")
    draft["name"] = "secret-hunt"
    temporary(draft)
    rest.query("secret-hunt", f"SELECT 1 FROM nothing WHERE '{logins.CANARY}' = 'x'")
    rest.post("/connections/secret-hunt/test")
    written = nstarx_server.written_bytes()
    assert logins.CANARY.encode() not in written
    assert nstarx_server.api_key.encode() not in written.replace(
        (nstarx_server.data / "credentials.json").read_bytes(), b""
    )
    assert (nstarx_server.data / "credentials.json").stat().st_mode & 0o777 == 0o600
