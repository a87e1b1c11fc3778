"""Event Hubs: the forms of its connection string, on Apache Kafka as a stand-in."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conformance.problem import assert_problem, failed_stage
from tests.servers.catalog import ServerCatalog
from tests.servers.gateway import GatewayClient

TOPIC = "from-connection-string"


@pytest.fixture
def server(servers: ServerCatalog) -> Any:
    return servers.get("event_hubs")


def draft_of(server: Any, connection_string: str) -> dict[str, Any]:
    return {
        "name": "hub",
        "type": "event_hubs",
        "configuration": {"host": server.host, "port": server.sasl_tls_port},
        "authentication": {"type": "connection_string", "connection_string": connection_string},
        "ssl": {"enabled": True, "mode": "verify-full", "certificate": server.ca_file.read_text()},
    }


def test_connection_string(rest: GatewayClient, server: Any) -> None:
    made = rest.post("/connections", draft_of(server, server.password))
    assert made.status_code == 201, made.text
    assert server.key not in made.text
    server.create_topic(TOPIC)
    sent = rest.post("/connections/hub/produce", {"topic": TOPIC, "messages": [{"key": "k", "value": {"n": 1}}]})
    assert sent.json()["count"] == 1, sent.text
    rows = rest.get("/connections/hub/consume", params={"topic": TOPIC}).json()["rows"]
    assert [row[-1] for row in rows] == ['{"n": 1}']
    next_read = {"topic": TOPIC, "group": "billing", "offsets": [{"partition": 0, "offset": 1}]}
    assert rest.post("/connections/hub/commit", next_read).status_code == 204
    assert rest.get("/connections/hub/lag", params={"topic": TOPIC, "group": "billing"}).json()["lag"] == 0
    rest.delete("/connections/hub")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("Endpoint=sb://other.example.com/;SharedAccessKeyName=p;SharedAccessKey=s", "login.other_namespace"),
        ("Endpoint=sb://127.0.0.1/;SharedAccessKeyName=p", "login.malformed_connection_string"),
        ("Endpoint=sb://127.0.0.1/;SharedAccessKeyName=p;SharedAccessKey=wrong-canary", "login.wrong_password"),
    ],
)
def test_refusals(rest: GatewayClient, server: Any, text: str, code: str) -> None:
    report = rest.post("/connections/test", draft_of(server, text)).json()
    stage = failed_stage(report)
    assert (stage["stage"], stage["code"]) == ("login", code), stage
    assert stage["hints"]
    assert "wrong-canary" not in str(report)


def test_policies_do_not_mix_with_passwords(rest: GatewayClient, server: Any) -> None:
    draft = draft_of(server, server.password)
    draft["authentication"] = {"type": "basic", "username": "u", "password": "p"}
    assert_problem(rest.post("/connections", draft), "config.unknown_auth_type")
