"""Templates by REST, CLI and SDK: made, listed, shared, used, changed and deleted, on a real PostgreSQL."""

from __future__ import annotations

import json
import uuid

import nstarx
import pytest

from tests.servers import logins
from tests.servers.gateway import GatewayServer


@pytest.fixture
def name() -> str:
    return f"tpl-{uuid.uuid4().hex[:8]}"


def parts_of(postgresql) -> tuple[dict, dict]:
    """A template's content and what only the connection says."""
    content = {
        "configuration": {"host": "<team>.db.example.com", "port": postgresql.port, "database": logins.DATABASE},
        "authentication": {"type": "basic", "username": logins.APP.user},
        "hints": ["Ask the platform team."],
    }
    own = {"configuration": {"host": postgresql.host}, "authentication": {"password": logins.APP.password}}
    return content, own


def test_rest(nstarx_server: GatewayServer, postgresql, name: str) -> None:
    rest = nstarx_server.client()
    content, own = parts_of(postgresql)
    made = rest.post("/templates", {"name": name, "type": "postgresql", **content})
    assert made.status_code == 201, made.text
    assert made.headers["ETag"] == '"1"'
    assert rest.get(made.headers["Location"]).json() == made.json()
    listed = {item["name"]: item for item in rest.get("/templates", params={"type": "postgresql"}).json()["items"]}
    assert listed[name]["hints"] == content["hints"]
    assert listed["postgresql/rds"]["built_in"] is True
    offered = rest.get("/connection-types/postgresql").json()["templates"]
    assert {name, "postgresql/rds"} <= {item["name"] for item in offered}

    missing = rest.post("/connections", {"name": f"{name}-c", "template": name})
    assert (missing.status_code, missing.json()["code"]) == (400, "template.placeholder_left")
    draft = {"name": f"{name}-c", "template": name, **own}
    report = rest.post("/connections/test", draft).json()
    assert report["status"] == "ok", report
    connection = rest.post("/connections", draft)
    assert connection.status_code == 201, connection.text
    assert rest.query(f"{name}-c", "SELECT count(*) AS n FROM sales_data").json()["rows"] == [[3]]

    stale = rest.patch(f"/templates/{name}", {"hints": []}, headers={"If-Match": '"7"'})
    assert (stale.status_code, stale.json()["code"]) == (412, "template.version_conflict")
    changed = rest.patch(f"/templates/{name}", {"configuration": {"port": 1}})
    assert changed.json()["version"] == 2
    assert rest.get(f"/connections/{name}-c").json()["configuration"]["port"] == postgresql.port
    secret = rest.post("/templates", {"name": "x", "type": "postgresql", "authentication": {"password": "pw-canary"}})
    assert secret.json()["code"] == "config.secret_in_template"
    assert "pw-canary" not in secret.text
    assert rest.delete(f"/templates/{name}").status_code == 204
    assert rest.get(f"/templates/{name}").json()["code"] == "template.not_found"
    assert rest.delete("/templates/postgresql%2Frds").json()["code"] == "template.built_in"
    entries = rest.get("/audit", params={"limit": 50}).json()["items"]
    assert {"template.create", "template.update", "template.delete"} <= {entry["action"] for entry in entries}
    rest.delete(f"/connections/{name}-c")


def test_cli(nstarx_server: GatewayServer, postgresql, name: str) -> None:
    def run(*arguments: str) -> str:
        done = nstarx_server.cli(*arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    run("templates", "create", name, "--type", "postgresql", "--set", "host=<team>.db.example.com",
        "--set", f"port={postgresql.port}", "--set", f"database={logins.DATABASE}", "--set",
        f"username={logins.APP.user}", "--hint", "Ask the platform team.")  # fmt: skip
    assert name in run("templates", "list", "--type", "postgresql")
    assert "postgresql/aurora" in run("templates", "list")
    assert "<team>.db.example.com" in run("templates", "show", name)
    given = ["--template", name, "--set", f"host={postgresql.host}", "--auth", f"password={logins.APP.password}"]
    assert json.loads(run("test", *given, "-o", "json"))["status"] == "ok"
    run("add", "--name", f"{name}-c", *given)
    assert json.loads(run("query", f"{name}-c", "SELECT 1 AS a", "-o", "json"))["rows"] == [[1]]
    run("templates", "create", f"{name}-2", "--from", f"{name}-c")
    copied = json.loads(run("templates", "show", f"{name}-2", "-o", "json"))
    assert copied["configuration"]["host"] == postgresql.host
    assert logins.APP.password not in json.dumps(copied)
    run("templates", "update", f"{name}-2", "--unset", "host", "--rename", f"{name}-3", "--scope", "organization")
    renamed = json.loads(run("templates", "show", f"{name}-3", "-o", "json"))
    assert "host" not in renamed["configuration"]
    assert renamed["sharing"]["scope"] == "organization"
    for gone in (name, f"{name}-3"):
        run("templates", "delete", gone)
    refused = nstarx_server.cli("templates", "show", name)
    assert refused.returncode == 5
    assert "template.not_found" in refused.stderr
    run("delete", f"{name}-c", "--yes")


def test_sdk(nstarx_server: GatewayServer, postgresql, name: str) -> None:
    conn_mgr = nstarx.ConnectionManager(api_key=nstarx_server.api_key, url=nstarx_server.url)
    content, own = parts_of(postgresql)
    made = conn_mgr.templates.create(
        name, "postgresql", content["configuration"], content["authentication"], hints=content["hints"]
    )
    assert made["version"] == 1
    assert name in [item["name"] for item in conn_mgr.templates.list("postgresql")]
    connection = conn_mgr.create_connection(
        f"{name}-c", template=name, config=own["configuration"],
        auth={"username": logins.APP.user, "password": logins.APP.password},
    )  # fmt: skip
    assert connection.type == "postgresql"
    assert connection.query("SELECT count(*) AS n FROM sales_data")["n"][0] == 3
    assert conn_mgr.templates.update(name, {"title": "Ours"})["title"] == "Ours"
    assert conn_mgr.templates.get(name)["version"] == 2
    conn_mgr.templates.delete(name)
    with pytest.raises(nstarx.Error, match="no template"):
        conn_mgr.templates.get(name)
    conn_mgr.delete_connection(f"{name}-c")
