"""Roles, sharing, keys and scopes: the same answer everywhere, and 404 for what one may not see."""

from __future__ import annotations

import datetime
import uuid

import pytest

from tests.conformance.problem import assert_problem
from tests.e2e.conftest import new_caller, sqlite_draft
from tests.servers.gateway import GatewayClient
from tests.servers.process import wait_until


@pytest.fixture(scope="module")
def people(rest: GatewayClient) -> dict[str, GatewayClient]:
    """One caller of each role in team red, and one outsider."""
    tag = uuid.uuid4().hex[:6]
    callers = {role: new_caller(rest, f"{role}-{tag}", role, ["red"]) for role in ("viewer", "user", "editor")}
    callers["outsider"] = new_caller(rest, f"outsider-{tag}", "editor", ["blue"])
    callers["admin"] = rest
    return callers


def may(client: GatewayClient, name: str) -> dict[str, int]:
    """Returns the status of each operation on a connection."""
    return {
        "view": client.get(f"/connections/{name}").status_code,
        "use": client.query(name, "SELECT 1 AS a").status_code,
        "test": client.post(f"/connections/{name}/test").status_code,
        "edit": client.patch(f"/connections/{name}", {"metadata": {"description": "changed"}}).status_code,
        "share": client.patch(f"/connections/{name}", {"sharing": {"permissions": []}}).status_code,
    }


def create_as(owner: GatewayClient, draft: dict, rest: GatewayClient) -> str:
    """Creates a connection as a caller and returns its name."""
    rest.delete(f"/connections/{draft['name']}")
    owner.create(draft)
    return draft["name"]


def test_private_is_invisible_to_others(people, rest, sqlite_file) -> None:
    name = create_as(people["editor"], sqlite_draft(sqlite_file, "private-one"), rest)
    try:
        assert may(people["editor"], name) == dict.fromkeys(("view", "use", "test", "edit", "share"), 200)
        for who in ("viewer", "user", "outsider"):
            assert set(may(people[who], name).values()) == {404}, who
            listed = people[who].get("/connections", params={"q": name}).json()["items"]
            assert listed == []
            assert_problem(people[who].get(f"/connections/{name}"), "connection.not_found", status=404)
            assert people[who].delete(f"/connections/{name}").status_code == 404
        assert people["admin"].get(f"/connections/{name}").status_code == 200
    finally:
        assert people["editor"].delete(f"/connections/{name}").status_code == 204


def test_team_and_organization(people, rest, sqlite_file) -> None:
    draft = sqlite_draft(sqlite_file, "team-one", sharing={"scope": "team", "team": "red"})
    name = create_as(people["editor"], draft, rest)
    try:
        assert may(people["user"], name) == {"view": 200, "use": 200, "test": 200, "edit": 403, "share": 403}
        assert may(people["viewer"], name) == {"view": 200, "use": 403, "test": 403, "edit": 403, "share": 403}
        assert set(may(people["outsider"], name).values()) == {404}
        changed = people["editor"].patch(f"/connections/{name}", {"sharing": {"scope": "organization"}})
        assert changed.status_code == 200, changed.text
        assert may(people["outsider"], name)["use"] == 200
        assert may(people["outsider"], name)["edit"] == 403
        names = [item["name"] for item in people["outsider"].get("/connections", params={"q": name}).json()["items"]]
        assert names == [name]
        changed = people["editor"].patch(f"/connections/{name}", {"sharing": {"scope": "private"}})
        assert changed.status_code == 200
        assert set(may(people["user"], name).values()) == {404}, "taking back a share works at once"
    finally:
        rest.delete(f"/connections/{name}")


def test_grant_by_name(people, rest, sqlite_file) -> None:
    me = rest.get("/users").json()["items"]
    outsider = next(user["name"] for user in me if user["name"].startswith("outsider-"))
    grant = {"permissions": [{"subject": f"user:{outsider}", "permissions": ["view", "use", "edit"]}]}
    name = create_as(people["editor"], sqlite_draft(sqlite_file, "granted-one", sharing=grant), rest)
    try:
        found = may(people["outsider"], name)
        assert (found["view"], found["use"], found["edit"]) == (200, 200, 200)
        assert set(may(people["user"], name).values()) == {404}
    finally:
        rest.delete(f"/connections/{name}")


def test_role_viewer_and_user_may_not_create(people, sqlite_file) -> None:
    for who in ("viewer", "user"):
        answer = people[who].post("/connections", sqlite_draft(sqlite_file, f"not-by-{who}"))
        assert_problem(answer, "access.denied", status=403)
        answer = people[who].post("/connections/test", sqlite_draft(sqlite_file, f"not-by-{who}"))
        assert answer.status_code == 403


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/users"), ("POST", "/users"), ("GET", "/audit"), ("GET", "/audit/verify")]
)
def test_administration_is_for_admins(people, method: str, path: str) -> None:
    for who in ("viewer", "user", "editor"):
        answer = people[who].request(method, path, json={"name": "eve", "role": "admin"} if method == "POST" else None)
        assert_problem(answer, "access.denied", status=403)


def test_keys_are_shown_once_scoped_and_expire(rest: GatewayClient, sqlite_file) -> None:
    name = f"keys-{uuid.uuid4().hex[:6]}"
    rest.create(sqlite_draft(sqlite_file, name))
    try:
        issued = rest.post("/api-keys", {"name": "reader", "scopes": ["connections:read"]})
        assert issued.status_code == 201, issued.text
        reader = GatewayClient(rest.url, issued.json()["api_key"])
        assert reader.get(f"/connections/{name}").status_code == 200
        assert_problem(reader.patch(f"/connections/{name}", {}), "access.denied", status=403)
        assert_problem(reader.query(name, "SELECT 1"), "access.denied", status=403)
        assert issued.json()["api_key"] not in rest.get("/api-keys").text
        assert rest.delete(f"/api-keys/{issued.json()['id']}").status_code == 204
        assert_problem(reader.get(f"/connections/{name}"), "auth.invalid_key", status=401)
        soon = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=1)
        issued = rest.post("/api-keys", {"name": "brief", "expires": soon.strftime("%Y-%m-%dT%H:%M:%SZ")})
        assert issued.status_code == 201, issued.text
        brief = GatewayClient(rest.url, issued.json()["api_key"])
        wait_until("the key's end", lambda: brief.get("/connections").status_code == 401, 5)
        assert_problem(brief.get("/connections"), "auth.expired_key", status=401)
    finally:
        rest.delete(f"/connections/{name}")


def test_no_key_and_a_wrong_key(rest: GatewayClient) -> None:
    assert_problem(GatewayClient(rest.url, "").get("/connections"), "auth.missing_key", status=401)
    for key in ("nsx_wrong", "nsx_00000000_" + "0" * 32, "x" * 5000, rest.api_key[:-1]):
        answer = GatewayClient(rest.url, key).get("/connections")
        assert_problem(answer, "auth.invalid_key", status=401)
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
