"""The whole life of a connection by REST."""

from __future__ import annotations

import uuid

import pytest

from tests.conformance.problem import assert_problem
from tests.e2e.conftest import postgresql_draft, sqlite_draft
from tests.servers import logins
from tests.servers.gateway import GatewayClient


def test_whole_life(rest: GatewayClient, postgresql) -> None:
    name = f"life-{uuid.uuid4().hex[:8]}"
    draft = postgresql_draft(postgresql, name, metadata={"tags": ["life", "pg"], "description": "The first"})
    assert rest.post("/connections/test", draft).json()["status"] == "ok"

    made = rest.post("/connections", draft)
    assert made.status_code == 201, made.text
    created = made.json()
    assert made.headers["Location"].endswith(f"/connections/{created['id']}")
    assert (created["name"], created["type"], created["status"]) == (name, "postgresql", "active")
    assert created["metadata"]["tags"] == ["life", "pg"]
    assert created["metadata"]["created"] == created["metadata"]["modified"]
    assert created["sharing"]["scope"] == "private"
    assert created["authentication"]["password"]["configured"] is True

    by_id = rest.get(f"/connections/{created['id']}")
    by_name = rest.get(f"/connections/{name}")
    assert by_id.json() == by_name.json() == created
    assert by_id.headers["ETag"] == made.headers["ETag"]

    assert [item["name"] for item in rest.get("/connections", params={"tag": "life", "q": name}).json()["items"]] == [
        name
    ]
    assert rest.query(name, "SELECT count(*) AS n FROM sales_data").json()["rows"] == [[3]]
    assert any(item["name"] == "public" for item in rest.get(f"/connections/{name}/browse").json()["items"])
    described = rest.get(f"/connections/{name}/describe", params={"path": "public.sales_data"}).json()
    assert [column["name"] for column in described["columns"]] == ["id", "region", "amount", "day"]
    assert [column["nullable"] for column in described["columns"]] == [False, True, False, True]
    sample = rest.get(f"/connections/{name}/sample", params={"path": "public.sales_data", "limit": 1})
    assert len(sample.json()["rows"]) == 1

    changed = rest.patch(
        f"/connections/{name}", {"metadata": {"description": "The second"}, "pooling": {"maxSize": 4}},
        headers={"If-Match": by_id.headers["ETag"]},
    )  # fmt: skip
    assert changed.status_code == 200, changed.text
    assert changed.headers["ETag"] != by_id.headers["ETag"]
    assert changed.json()["metadata"]["description"] == "The second"
    assert changed.json()["metadata"]["tags"] == ["life", "pg"]
    assert changed.json()["pooling"]["maxSize"] == 4

    versions = rest.get(f"/connections/{name}/versions").json()["items"]
    assert sorted(item["version"] for item in versions) == [1, 2]
    assert all(item["by"] and item["at"] and item["change"] for item in versions)

    back = rest.post(f"/connections/{name}/rollback", {"version": 1})
    assert back.status_code == 200, back.text
    assert back.json()["metadata"]["description"] == "The first"
    assert sorted(item["version"] for item in rest.get(f"/connections/{name}/versions").json()["items"]) == [1, 2, 3]
    assert rest.query(name, "SELECT 1 AS a").json()["rows"] == [[1]], "the secret survives a rollback"

    assert rest.post(f"/connections/{name}/archive").status_code == 200
    assert rest.get("/connections", params={"q": name}).json()["items"] == []
    assert_problem(rest.query(name, "SELECT 1"), "connection.archived")
    assert rest.post(f"/connections/{name}/restore").status_code == 200
    assert rest.query(name, "SELECT 1 AS a").status_code == 200

    assert rest.delete(f"/connections/{name}").status_code == 204
    assert_problem(rest.get(f"/connections/{name}"), "connection.not_found", status=404)
    assert_problem(rest.delete(f"/connections/{name}"), "connection.not_found", status=404)


def test_a_changed_password_is_used_at_once(rest: GatewayClient, postgresql, temporary) -> None:
    wrong = postgresql_draft(postgresql, "new-password")
    wrong["authentication"]["password"] = logins.CANARY + "not-yet-right"
    temporary(wrong)
    assert_problem(rest.query("new-password", "SELECT 1"), "login.wrong_password", stage="login")
    changed = rest.patch("/connections/new-password", {"authentication": {"password": logins.APP.password}})
    assert changed.status_code == 200, changed.text
    assert changed.json()["authentication"]["password"]["version"] == 2
    assert rest.query("new-password", "SELECT 1 AS a").json()["rows"] == [[1]]


def test_list_filters_sorts_and_pages(rest: GatewayClient, sqlite_file, temporary) -> None:
    tag = uuid.uuid4().hex[:8]
    for number in range(7):
        temporary(
            sqlite_draft(sqlite_file, f"{tag}-{number}", metadata={"tags": [tag, "even" if number % 2 == 0 else "odd"]})
        )
    query = {"tag": tag, "limit": 3, "sort": "-name"}
    found: list[str] = []
    for _ in range(5):
        page = rest.get("/connections", params=query).json()
        found += [item["name"] for item in page["items"]]
        if not page.get("next"):
            break
        query["cursor"] = page["next"]
    assert found == [f"{tag}-{number}" for number in (6, 5, 4, 3, 2, 1, 0)]
    assert len(rest.get("/connections", params={"q": tag, "type": "sqlite"}).json()["items"]) == 7
    assert rest.get("/connections", params={"q": tag, "type": "mysql"}).json()["items"] == []
    assert len(rest.get("/connections", params={"q": tag.upper(), "status": "active"}).json()["items"]) == 7
    for bad in ({"limit": "0"}, {"limit": "x"}, {"sort": "password"}, {"cursor": "garbage"}, {"colour": "red"}):
        assert rest.get("/connections", params=bad).status_code == 400, bad


@pytest.mark.parametrize(
    ("scheme", "kind"),
    [("postgresql", "postgresql"), ("postgres", "postgresql"), ("mysql", "mysql"), ("sqlite", "sqlite")],
)
def test_a_uri_is_taken_apart(rest, servers, sqlite_file, postgresql, temporary, scheme: str, kind: str) -> None:
    uri = {
        "postgresql": lambda: postgresql.uri(scheme="postgresql"),
        "postgres": lambda: postgresql.uri(scheme="postgres"),
        "mysql": lambda: servers.get("mariadb").uri(),
        "sqlite": lambda: f"sqlite:{sqlite_file}",
    }[scheme]()
    made = temporary({"name": f"by-uri-{scheme}", "type": kind, "configuration": {"uri": uri}})
    assert "uri" not in made["configuration"]
    if kind == "sqlite":
        assert made["configuration"]["path"] == str(sqlite_file)
    else:
        assert made["configuration"]["database"] == logins.DATABASE
        assert made["configuration"]["port"] in (postgresql.port, servers.get("mariadb").port)
        assert made["authentication"]["username"] == logins.APP.user
        assert made["authentication"]["password"]["configured"] is True
    assert rest.query(f"by-uri-{scheme}", "SELECT 1 AS a").json()["rows"] == [[1]]
