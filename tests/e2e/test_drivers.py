"""Driver management: indexes, layouts, checks, atomic switch, roll-back, policies, bundles; and a real driver."""

from __future__ import annotations

import asyncio
import io
import json
import os
import tarfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import nstarx
import pytest
import requests

from tests.integration.test_adapters import documented_spec, draft, drop
from tests.servers.catalog import ServerCatalog
from tests.servers.driver_shelves import Shelf, ShelfServer
from tests.servers.gateway import GatewayServer

Start = Callable[..., GatewayServer]


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    """An index with one driver in three versions."""
    made = Shelf(tmp_path / "shelf")
    made.offer("acme-jdbc", "1.2.3", "1.2.4", "1.3.0")
    made.write_index()
    return made


@pytest.fixture
def web(shelf: Shelf) -> Iterator[ShelfServer]:
    """The shelf by HTTP."""
    server = ShelfServer(shelf)
    yield server
    server.close()


@pytest.fixture
def gateway(shelf: Shelf, start_gateway: Start) -> GatewayServer:
    """A server with the shelf's folder as its index."""
    return start_gateway({}, "--driver-index", str(shelf.index))


def code_of(answer: requests.Response) -> str:
    """Returns the problem's code."""
    return answer.json()["code"]


def version_of(server: GatewayServer, id: str = "acme-jdbc") -> str | None:
    """Returns the current version."""
    return server.client().get(f"/drivers/{id}").json()["version"]


def wait_until(what: Callable[[], bool], seconds: float = 60) -> None:
    """Waits for a condition."""
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "it did not come true"
        time.sleep(0.1)


def test_rest(gateway: GatewayServer) -> None:
    rest = gateway.client()
    page = rest.get("/drivers").json()
    rows = {item["id"]: item for item in page["items"]}
    assert rows["acme-jdbc"]["newest"] == "1.3.0"
    assert rows["acme-jdbc"]["installed"] is False
    assert rows["postgresql-jdbc"]["index"] == "built-in"
    first = rest.get("/drivers", params={"limit": 1}).json()
    assert first["next"] == first["items"][0]["id"] == "acme-jdbc"
    assert rest.get("/drivers", params={"limit": 1, "cursor": first["next"]}).json()["items"][0]["id"] > "acme-jdbc"

    planned = rest.post("/drivers/acme-jdbc/install", {"version": "1.2.3", "dry_run": True}).json()
    assert (planned["action"], planned["dry_run"], planned["files"][0]["name"]) == ("install", True, "acme-jdbc.jar")
    assert version_of(gateway) is None
    done = rest.post("/drivers/acme-jdbc/install", {"version": "1.2.3"})
    assert done.status_code == 200, done.text
    shown = rest.get("/drivers/acme-jdbc").json()
    assert (shown["version"], shown["update_available"], shown["auto_update"]) == ("1.2.3", True, "off")
    home = gateway.data / "drivers" / "acme-jdbc"
    assert (home / "current" / "files" / "acme-jdbc.jar").read_bytes() == b"acme-jdbc 1.2.3"
    assert rest.post("/drivers/acme-jdbc/install", {"version": "1.2.3"}).json()["action"] == "none"

    assert rest.post("/drivers/acme-jdbc/update", {}).json()["version"] == "1.3.0"
    assert (home / "current").readlink() == Path("1.3.0")
    assert rest.post("/drivers/acme-jdbc/update", {}).json()["action"] == "none"
    assert rest.post("/drivers/acme-jdbc/rollback").json()["version"] == "1.2.3"
    assert rest.get("/drivers/acme-jdbc").json()["previous"] == "1.3.0"
    assert rest.post("/drivers/acme-jdbc/verify").json()["intact"] is True
    assert code_of(rest.delete("/drivers/acme-jdbc", params={"version": "1.2.3"})) == "driver.in_use"
    assert rest.delete("/drivers/acme-jdbc", params={"version": "1.3.0"}).status_code == 204
    assert code_of(rest.post("/drivers/acme-jdbc/rollback")) == "driver.no_previous"
    assert rest.delete("/drivers/acme-jdbc").status_code == 204
    assert not home.exists()

    assert code_of(rest.post("/drivers/acme-jdbc/verify")) == "driver.not_installed"
    assert code_of(rest.post("/drivers/acme-jdb/install", {})) == "driver.unknown"
    assert "acme-jdbc" in rest.post("/drivers/acme-jdb/install", {}).text
    assert code_of(rest.post("/drivers/acme-jdbc/install", {"version": "9"})) == "driver.unknown_version"
    assert code_of(rest.post("/drivers/postgresql-jdbc/install", {})) == "driver.no_repository"
    actions = {entry["action"] for entry in rest.get("/audit", params={"limit": 50}).json()["items"]}
    assert {"driver.install", "driver.update", "driver.rollback", "driver.verify", "driver.remove"} <= actions
    assert rest_metric(gateway, "install", "ok") == 3


def rest_metric(server: GatewayServer, action: str, outcome: str) -> float:
    """Returns how often that happened."""
    return server.client().metric("nstarx_driver_changes_total", action=action, outcome=outcome)


def test_only_admins_change(gateway: GatewayServer) -> None:
    rest = gateway.client()
    key = rest.post("/api-keys", {"name": "e", "role": "editor"}).json()["api_key"]
    editor = gateway.client(key)
    assert editor.get("/drivers").status_code == 200
    for answer in (
        editor.post("/drivers/acme-jdbc/install", {}),
        editor.delete("/drivers/acme-jdbc"),
        editor.patch("/drivers/acme-jdbc", {"auto_update": "minor"}),
        editor.get("/drivers", params={"refresh": "true"}),
        editor.post("/drivers/import", data=b"x", headers={"Content-Type": "application/octet-stream"}),
    ):
        assert (answer.status_code, code_of(answer)) == (403, "access.denied")


def test_cli(gateway: GatewayServer, tmp_path: Path) -> None:
    def run(*arguments: str, code: int = 0) -> str:
        done = gateway.cli("drivers", *arguments)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    assert "acme-jdbc" in run("list")
    assert "would be installed" in run("install", "acme-jdbc", "--dry-run")
    run("install", "acme-jdbc", "--version", "1.2.4")
    assert json.loads(run("show", "acme-jdbc", "-o", "json"))["version"] == "1.2.4"
    run("update", "acme-jdbc")
    assert version_of(gateway) == "1.3.0"
    run("rollback", "acme-jdbc")
    assert "is as it was installed" in run("verify", "acme-jdbc")
    assert version_of(gateway) == "1.2.4"
    run("policy", "acme-jdbc", "patch")
    assert json.loads(run("list", "--installed", "-o", "json"))["items"][0]["auto_update"] == "patch"
    bundle = tmp_path / "acme.tar"
    run("export", "acme-jdbc", str(bundle))
    (gateway.data / "drivers" / "acme-jdbc" / "1.2.4" / "files" / "acme-jdbc.jar").write_bytes(b"acme-jdbc 1.2.5")
    assert "files/acme-jdbc.jar (sha256)" in run("verify", "acme-jdbc", code=1)
    assert "driver.damaged" in run("export", "acme-jdbc", str(tmp_path / "x.tar"), code=13)
    run("remove", "acme-jdbc", "--version", "1.3.0")
    run("remove", "acme-jdbc")
    run("import", str(bundle))
    assert version_of(gateway) == "1.2.4"
    run("verify", "acme-jdbc")


def test_sdk(gateway: GatewayServer, tmp_path: Path) -> None:
    drivers = nstarx.ConnectionManager(api_key=gateway.api_key, url=gateway.url).drivers
    assert "acme-jdbc" in [item["id"] for item in drivers.list()]
    assert drivers.install("acme-jdbc", dry_run=True)["dry_run"] is True
    assert drivers.list(installed=True) == []
    assert drivers.install("acme-jdbc", "1.2.3")["version"] == "1.2.3"
    assert drivers.get("acme-jdbc", refresh=True)["available"] == ["1.2.3", "1.2.4", "1.3.0"]
    assert drivers.update("acme-jdbc")["version"] == "1.3.0"
    assert drivers.rollback("acme-jdbc")["version"] == "1.2.3"
    assert drivers.set_policy("acme-jdbc", "minor")["auto_update"] == "minor"
    assert drivers.verify("acme-jdbc", "1.3.0")["intact"] is True
    drivers.remove("acme-jdbc", "1.3.0")
    bundle = tmp_path / "acme.tar"
    drivers.export_bundle("acme-jdbc", bundle)
    assert sorted(members_of(bundle.read_bytes())) == ["files/acme-jdbc.jar", "manifest.json"]
    drivers.remove("acme-jdbc", force=True)
    with pytest.raises(nstarx.Error, match="not installed"):
        drivers.rollback("acme-jdbc")

    async def again() -> None:
        async with nstarx.AsyncConnectionManager(api_key=gateway.api_key, url=gateway.url) as manager:
            assert (await manager.drivers.import_bundle(bundle))["version"] == "1.2.3"
            assert (await manager.drivers.update("acme-jdbc"))["version"] == "1.3.0"
            await manager.drivers.export_bundle("acme-jdbc", bundle, "1.2.3")
            assert (await manager.drivers.rollback("acme-jdbc"))["version"] == "1.2.3"
            assert (await manager.drivers.install("acme-jdbc"))["action"] == "switch"
            await manager.drivers.set_policy("acme-jdbc", "off")
            assert (await manager.drivers.verify("acme-jdbc"))["intact"] is True
            assert (await manager.drivers.get("acme-jdbc"))["version"] == "1.3.0"
            assert len(await manager.drivers.list(installed=True)) == 1
            await manager.drivers.remove("acme-jdbc")

    asyncio.run(again())
    assert version_of(gateway) is None


def test_layouts_over_http(shelf: Shelf, web: ShelfServer, start_gateway: Start) -> None:
    shelf.entries += [
        {"id": "web-maven", "kind": "jdbc", "maven": {"group": "com.acme.db", "artifact": "db-driver"}},
        {"id": "web-suffix", "kind": "jdbc",
         "maven": {"group": "com.acme", "artifact": "suffixed", "version_suffix": ".jre11"}},
    ]  # fmt: skip
    shelf.maven_artifact("com.acme.db", "db-driver", "2.0.0", "2.10.0", "2.9.0", "3.0.0-rc1", checksum="sha1")
    shelf.maven_artifact("com.acme", "suffixed", "12.8.1.jre8", "12.8.1.jre11", "12.10.0.jre8")
    shelf.write_index()
    server = start_gateway({}, "--driver-index", f"{web.url}/index", "--maven-repository", f"{web.url}/maven")
    rest = server.client()
    assert "web-maven" not in rest.get("/drivers").text, "an HTTP index is not read unasked"
    assert web.asked == []
    assert "web-maven" in rest.get("/drivers", params={"refresh": "true"}).text
    assert rest.get("/drivers/web-maven", params={"refresh": "true"}).json()["available"] == [
        "2.0.0", "2.9.0", "2.10.0"]  # fmt: skip
    installed = rest.post("/drivers/web-maven/install", {}).json()
    assert installed["version"] == "2.10.0"
    assert rest.get("/drivers/web-maven").json()["checksum"] == "sha1"
    assert rest.post("/drivers/web-suffix/install", {}).json()["version"] == "12.8.1.jre11"
    assert rest.post("/drivers/acme-jdbc/install", {}).json()["version"] == "1.3.0"
    jar = shelf.maven / "com/acme/db/db-driver/2.9.0/db-driver-2.9.0.jar"
    jar.write_bytes(b"changed on its way")
    refused = rest.post("/drivers/web-maven/install", {"version": "2.9.0"})
    assert (refused.status_code, code_of(refused)) == (500, "driver.checksum_mismatch")
    assert version_of(server, "web-maven") == "2.10.0"
    web.close()
    gone = rest.post("/drivers/web-maven/install", {"version": "2.0.0"})
    assert code_of(gone) == "tcp.refused"
    assert rest.post("/drivers/acme-jdbc/verify").json()["intact"] is True


def test_a_tampered_file_and_a_hostile_index(shelf: Shelf, gateway: GatewayServer) -> None:
    rest = gateway.client()
    (shelf.index / "acme-jdbc" / "1.2.4" / "acme-jdbc.jar").write_bytes(b"acme-jdbc 1.2.5")
    refused = rest.post("/drivers/acme-jdbc/install", {"version": "1.2.4"})
    assert code_of(refused) == "driver.checksum_mismatch"
    assert version_of(gateway) is None
    folder = gateway.data / "drivers"
    assert [path for path in folder.rglob("*") if path.is_file()] == []
    secret = shelf.folder / "outside.jar"
    secret.write_bytes(b"x")
    row = shelf.entries[0]["versions"][0]["files"][0]
    for url in ("../outside.jar", str(secret), "a/../../outside.jar", "file:///etc/passwd"):
        row["url"] = url
        shelf.write_index()
        answer = rest.post("/drivers/acme-jdbc/install", {"version": "1.2.3"})
        assert code_of(answer) in {"driver.malformed_index", "driver.unsafe_path"}, url
    (shelf.index / "link").symlink_to(shelf.folder)
    row["url"] = "link/outside.jar"
    shelf.write_index()
    assert code_of(rest.post("/drivers/acme-jdbc/install", {"version": "1.2.3"})) == "driver.unsafe_path"
    (shelf.index / "drivers.json").write_text("{")
    listed = rest.get("/drivers").json()
    assert listed["problems"][0]["code"] == "driver.malformed_index"
    assert code_of(rest.post("/drivers/acme-jdbc/install", {})) == "driver.malformed_index"


def test_signatures(shelf: Shelf, start_gateway: Start, tmp_path: Path) -> None:
    shelf.entries.append({"id": "web-maven", "kind": "jdbc", "maven": {"group": "com.acme", "artifact": "d"}})
    shelf.maven_artifact("com.acme", "d", "1.0.0", "1.0.1")
    shelf.write_index()
    arguments = ("--driver-index", str(shelf.index), "--maven-repository", str(shelf.maven),
                 "--driver-key", shelf.public_key)  # fmt: skip
    server = start_gateway({}, *arguments)
    rest = server.client()
    assert code_of(rest.post("/drivers/acme-jdbc/install", {})) == "driver.signature_invalid"
    (shelf.index / "drivers.json.sig").write_text(Shelf(tmp_path / "other").sign(b"x"))
    assert code_of(rest.post("/drivers/acme-jdbc/install", {})) == "driver.signature_invalid"
    shelf.write_index(signed=True)
    assert rest.post("/drivers/acme-jdbc/install", {}).status_code == 200
    assert rest.get("/drivers/acme-jdbc").json()["signed_by"] == shelf.key.public_key().public_bytes_raw().hex()

    assert code_of(rest.post("/drivers/web-maven/install", {})) == "driver.signature_invalid"
    jar = shelf.maven / "com/acme/d/1.0.1/d-1.0.1.jar"
    Path(f"{jar}.sig").write_text(shelf.sign(jar.read_bytes() + b"!"))
    assert code_of(rest.post("/drivers/web-maven/install", {})) == "driver.signature_invalid"
    Path(f"{jar}.sig").write_text(shelf.sign(jar.read_bytes()))
    assert rest.post("/drivers/web-maven/install", {}).status_code == 200

    # Offline: a bundle brings its proof along.
    offline = start_gateway({}, "--driver-key", shelf.public_key).client()
    stranger = start_gateway({}, "--driver-key", Shelf(tmp_path / "stranger").public_key).client()
    headers = {"Content-Type": "application/octet-stream"}
    for id in ("acme-jdbc", "web-maven"):
        bundle = rest.get(f"/drivers/{id}/bundle").content
        assert offline.post("/drivers/import", data=bundle, headers=headers).status_code == 200
        assert offline.post(f"/drivers/{id}/verify").json()["intact"] is True
        refused = stranger.post("/drivers/import", data=bundle, headers=headers)
        assert code_of(refused) == "driver.signature_invalid"


def members_of(bundle: bytes) -> dict[str, bytes]:
    """Returns what a bundle holds."""
    with tarfile.open(fileobj=io.BytesIO(bundle)) as tar:
        return {member.name: tar.extractfile(member).read() for member in tar.getmembers()}  # type: ignore[union-attr]


def tar_of(members: dict[str, bytes], **kinds: Any) -> bytes:
    """Packs a bundle with Python's own writer."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, data in members.items():
            row = tarfile.TarInfo(name)
            row.size = len(data)
            row.type = kinds.get("type", tarfile.REGTYPE)
            row.linkname = kinds.get("linkname", "")
            tar.addfile(row, io.BytesIO(data))
    return out.getvalue()


def test_hostile_bundles(gateway: GatewayServer) -> None:
    rest = gateway.client()
    rest.post("/drivers/acme-jdbc/install", {"version": "1.2.3"})
    bundle = rest.get("/drivers/acme-jdbc/bundle").content
    good = members_of(bundle)
    rest.delete("/drivers/acme-jdbc")

    def sent(data: bytes) -> str:
        answer = rest.post("/drivers/import", data=data, headers={"Content-Type": "application/octet-stream"})
        return "" if answer.status_code == 200 else code_of(answer)

    manifest = json.loads(good["manifest.json"])
    evil = {**manifest, "files": [{**manifest["files"][0], "path": "files/../../../x"}]}
    assert sent(bundle[:700]) == "driver.malformed_bundle"
    assert sent(b"") == "driver.malformed_bundle"
    assert sent(os.urandom(4096)) == "driver.malformed_bundle"
    assert sent(tar_of({"manifest.json": good["manifest.json"]})) == "driver.malformed_bundle"
    assert sent(tar_of({**good, "files/acme-jdbc.jar": b"other bytes!!!!"})) == "driver.checksum_mismatch"
    assert sent(tar_of({**good, "files/more.jar": b"x"})) == "driver.malformed_bundle"
    assert sent(tar_of({**good, "../evil": b"x"})) == "driver.unsafe_path"
    assert sent(tar_of({**good, "/etc/evil": b"x"})) in {"driver.unsafe_path", "driver.malformed_bundle"}
    assert sent(tar_of({**good, "manifest.json": json.dumps(evil).encode()})) == "driver.malformed_bundle"
    assert sent(tar_of({"files/a": b""}, type=tarfile.SYMTYPE, linkname="/etc/passwd")) == "driver.malformed_bundle"
    assert version_of(gateway) is None
    assert [path.name for path in (gateway.data / "drivers").iterdir()] == []
    assert sent(tar_of(good)) == ""
    assert version_of(gateway) == "1.2.3"


def test_kill9_in_the_middle_of_an_install(shelf: Shelf, web: ShelfServer, start_gateway: Start) -> None:
    shelf.offer("big-jdbc", "1.0.0", "1.1.0", padding=3_000_000)
    shelf.write_index()
    server = start_gateway({}, "--driver-index", f"{web.url}/index")
    assert server.client().post("/drivers/big-jdbc/install", {"version": "1.0.0"}).status_code == 200
    web.pause = threading.Event()

    def update() -> None:
        with pytest.raises(requests.RequestException):
            server.client().post("/drivers/big-jdbc/update", {})

    asking = threading.Thread(target=update)
    asking.start()
    assert web.halfway.wait(30)
    folder = server.data / "drivers"
    wait_until(lambda: any(path.name.startswith(".incoming") for path in folder.iterdir()))
    server.kill9()
    asking.join(30)
    web.pause.set()
    web.pause = None
    assert any(path.name.startswith(".incoming") for path in folder.iterdir()), "killed too late"
    server.start()
    assert [path.name for path in folder.iterdir()] == ["big-jdbc"]
    assert version_of(server, "big-jdbc") == "1.0.0"
    assert server.client().post("/drivers/big-jdbc/verify").json()["intact"] is True
    assert server.client().post("/drivers/big-jdbc/update", {}).json()["version"] == "1.1.0"


def test_automatic_updates_keep_to_their_policy(shelf: Shelf, web: ShelfServer, start_gateway: Start) -> None:
    shelf.offer("minor-jdbc", "1.2.3", "1.4.0", "2.0.0")
    shelf.offer("off-jdbc", "1.2.3", "1.2.4")
    shelf.write_index()
    server = start_gateway({}, "--driver-index", f"{web.url}/index", "--driver-update-interval", "1")
    rest = server.client()
    for id in ("acme-jdbc", "minor-jdbc", "off-jdbc"):
        assert rest.post(f"/drivers/{id}/install", {"version": "1.2.3"}).status_code == 200
    asked = len(web.asked)
    time.sleep(2.5)
    assert len(web.asked) == asked, "nothing is asked while every policy is off"
    assert code_of(rest.patch("/drivers/acme-jdbc", {"auto_update": "major"})).startswith("request.")
    assert rest.patch("/drivers/acme-jdbc", {"auto_update": "patch"}).json()["auto_update"] == "patch"
    rest.patch("/drivers/minor-jdbc", {"auto_update": "minor"})
    wait_until(lambda: version_of(server) == "1.2.4" and version_of(server, "minor-jdbc") == "1.4.0")
    asked = len(web.asked)
    wait_until(lambda: len(web.asked) > asked + 3)
    assert version_of(server) == "1.2.4"
    assert version_of(server, "minor-jdbc") == "1.4.0"
    assert version_of(server, "off-jdbc") == "1.2.3"
    assert rest.post("/drivers/acme-jdbc/rollback").json()["version"] == "1.2.3"
    asked = len(web.asked)
    wait_until(lambda: len(web.asked) > asked + 3)
    assert version_of(server) == "1.2.3", "what was rolled back from stays away"
    entries = rest.get("/audit", params={"limit": 50, "action": "driver.update"}).json()["items"]
    assert {entry["user"] for entry in entries} == {"system"}


def test_a_real_driver(shelf: Shelf, servers: ServerCatalog, start_gateway: Start) -> None:
    version = shelf.python_package("adbc_driver_postgresql")
    server = GatewayServer({}, "--pypi-index", str(shelf.pypi))
    try:
        spec = documented_spec()
        spec["driver"]["library"] = "driver:adbc-postgresql"
        drop(server, spec)
        server.start()
        rest = server.client()
        rest.create(draft(servers, "through-it"))
        missing = rest.query("through-it", "SELECT 1 AS a")
        assert code_of(missing) == "driver.not_installed"
        done = server.cli("drivers", "install", "adbc-postgresql", "-o", "json")
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["version"] == version
        assert rest.query("through-it", "SELECT 40 + 2 AS a").json()["rows"] == [[42]]
        assert code_of(rest.delete("/drivers/adbc-postgresql")) == "driver.in_use"
        assert rest.post("/drivers/adbc-postgresql/verify").json()["intact"] is True
        bundle = rest.get("/drivers/adbc-postgresql/bundle").content
        assert rest.delete("/drivers/adbc-postgresql", params={"force": "true"}).status_code == 204
        imported = rest.post("/drivers/import", data=bundle, headers={"Content-Type": "application/octet-stream"})
        assert imported.json()["version"] == version
        assert rest.query("through-it", "SELECT 40 + 3 AS a").json()["rows"] == [[43]]
    finally:
        server.close()
