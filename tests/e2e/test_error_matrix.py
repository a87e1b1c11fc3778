"""Each thing that goes wrong has its own code, stage and hints, the same by REST, CLI and SDK.

One row of CASES is one mistake. Real servers make the mistakes; nothing is simulated.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.e2e.doors import DOORS, Door
from tests.servers import logins
from tests.servers.black_hole import refused_port
from tests.servers.catalog import ServerCatalog
from tests.servers.gateway import GatewayClient, GatewayServer

Draft = dict[str, Any]


def _database(kind: str, server: Any, *, login: logins.Login = logins.APP, ssl: Draft | None = None,
              **configuration: Any) -> Draft:  # fmt: skip
    draft: Draft = {
        "name": "error-matrix",
        "type": kind,
        "configuration": {"host": "127.0.0.1", "port": server.port, "database": logins.DATABASE, **configuration},
        "authentication": {"type": "basic", "username": login.user, "password": login.password},
    }
    if ssl is not None:
        draft["ssl"] = ssl
    return draft


def _verify_full(servers: ServerCatalog) -> Draft:
    return {"enabled": True, "mode": "verify-full", "certificate": servers.certificates.ca_pem()}


@dataclass(frozen=True)
class Case:
    """A mistake: how the connection is made, what is asked, and what must come back."""

    name: str
    draft: Callable[[ServerCatalog], Draft]
    code: str | tuple[str, ...]
    stage: str = ""
    sql: str = "SELECT 1"
    #: Where it is found: when the connection is created, or when it is used.
    on: str = "use"
    #: A word that the detail or a hint must hold, e.g. the suggested field.
    mentions: str = ""
    position: int | None = None


def _both(name: str, code: str | tuple[str, ...], stage: str, change: Callable[[ServerCatalog, str, Any], Draft],
          **more: Any) -> list[Case]:  # fmt: skip
    """Returns the case for PostgreSQL and for MySQL."""
    return [
        Case(f"{kind}: {name}", lambda s, k=kind, n=server: change(s, k, s.get(n)), code, stage, **more)
        for kind, server in (("postgresql", "postgresql"), ("mysql", "mariadb"))
    ]


def _tls(name: str, server_kind: str, code: str, **more: Any) -> list[Case]:
    """Returns the cases of a server whose TLS must be refused under verify-full."""

    def draft(servers: ServerCatalog, kind: str, family: str) -> Draft:
        server = servers.get(f"{family}_{server_kind}")
        return _database(kind, server, host="localhost", ssl=_verify_full(servers))

    return [
        Case(f"{kind}: {name}", lambda s, k=kind, f=family: draft(s, k, f), code, "tls", **more)
        for kind, family in (("postgresql", "postgresql"), ("mysql", "mariadb"))
    ]


CASES: list[Case] = [
    *_both("wrong host", "dns.not_found", "resolve", lambda s, k, n: _database(k, n, host="no-such-host.invalid"),
           mentions="no-such-host.invalid"),
    *_both("wrong port", "tcp.refused", "tcp", lambda s, k, n: _database(k, n, port=refused_port())),
    *_both("filtered port", "tcp.timeout", "tcp", lambda s, k, n: _database(k, s.get("black_hole"))),
    *_both("wrong password", "login.wrong_password", "login",
           lambda s, k, n: _database(k, n, login=logins.Login(logins.APP.user, "canary-not-it"))),
    *_both("unknown user", ("login.wrong_password", "login.unknown_user"), "login",
           lambda s, k, n: _database(k, n, login=logins.Login("nobody_by_this_name", "canary-x"))),
    Case("postgresql: unknown database", lambda s: _database("postgresql", s.get("postgresql"), login=logins.APP,
         database="no_such_database"), "login.unknown_database", "login", mentions="no_such_database"),
    Case("mysql: unknown database", lambda s: _database("mysql", s.get("mariadb"), login=logins.ADMIN,
         database="no_such_database"), "login.unknown_database", "login", mentions="no_such_database"),
    *_both("login without the database's privilege", "login.no_privilege", "login",
           lambda s, k, n: _database(k, n, login=logins.BARRED)),
    *_both("missing table privilege", "query.no_privilege", "query",
           lambda s, k, n: _database(k, n, login=logins.NOBODY), sql="SELECT * FROM hidden", mentions="hidden"),
    *_tls("self-signed certificate under verify-full", "self_signed", "tls.self_signed"),
    *_tls("expired certificate", "expired", "tls.certificate_expired"),
    *_tls("wrong CA", "other_authority", "tls.unknown_ca"),
    *_tls("certificate for another host", "other_host", "tls.host_mismatch"),
    *_tls("TLS refused by the server", "off", "tls.refused_by_server"),
    *_both("syntax error", "query.syntax_error", "query", lambda s, k, n: _database(k, n),
           sql="SELECT * FORM visible"),
    Case("postgresql: SQL error with position", lambda s: _database("postgresql", s.get("postgresql")),
         "query.undefined_column", "query", sql="SELECT id, nott FROM visible", position=12),
    Case("mysql: unknown column", lambda s: _database("mysql", s.get("mariadb")), "query.undefined_column", "query",
         sql="SELECT id, nott FROM visible", mentions="nott"),
    *_both("undefined table", "query.undefined_table", "query", lambda s, k, n: _database(k, n),
           sql="SELECT * FROM no_such_table", mentions="no_such_table"),
    *_both("unset variable", "config.unset_variable", "", lambda s, k, n: _database(k, n, host="${NSTARX_UNSET_VAR}"),
           mentions="NSTARX_UNSET_VAR"),
    *_both("unknown field", "config.unknown_field", "", lambda s, k, n: _database(k, n, databse="x"), on="create",
           mentions="database"),
    *_both("out-of-range port", "config.out_of_range", "", lambda s, k, n: _database(k, n, port=70000), on="create",
           mentions="port"),
    *_both("wrong type of a field", "config.wrong_type", "", lambda s, k, n: _database(k, n, port="x5432"), on="create",
           mentions="port"),
    *_both("missing field", "config.missing_field", "",
           lambda s, k, n: {"name": "error-matrix", "type": k, "configuration": {}}, on="create", mentions="host"),
    *_both("malformed URI", "config.malformed_uri", "", lambda s, k, n: {
        "name": "error-matrix", "type": k, "configuration": {"uri": f"{k}://user:canary-pw@[::1:99999999/x?%zz"},
    }, on="create"),
    Case("unknown type", lambda s: {"name": "error-matrix", "type": "postgressql", "configuration": {"host": "a"}},
         "config.unknown_type", on="create", mentions="postgresql"),
    Case("s3: wrong secret key", lambda s: {
        "name": "error-matrix", "type": "s3",
        "configuration": {"region": s.get("minio").region, "bucket": s.get("minio").bucket,
                          "endpoint": s.get("minio").endpoint},
        "authentication": {"type": "access_key", "access_key_id": s.get("minio").access_key,
                           "secret_access_key": "canary-wrong"},
    }, "login.wrong_secret_key", "login", sql="SELECT * FROM 'events/*.parquet'"),
    Case("sqlite: no such file", lambda s: {"name": "error-matrix", "type": "sqlite",
         "configuration": {"path": "/no/such/folder/file.db"}}, "file.not_found",
         sql="SELECT 1 FROM x", mentions="/no/such/folder/file.db"),
]  # fmt: skip


@pytest.fixture(scope="module")
def doors(nstarx_server: GatewayServer) -> dict[str, Door]:
    """The three doors of one server."""
    return {name: make(nstarx_server) for name, make in DOORS.items()}


@pytest.fixture(autouse=True)
def _clean(rest: GatewayClient) -> Iterator[None]:
    yield
    rest.delete("/connections/error-matrix")


@pytest.mark.parametrize("door", sorted(DOORS))
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_mistake(case: Case, door: str, doors, rest: GatewayClient, servers: ServerCatalog) -> None:
    draft = case.draft(servers)
    if case.on == "create":
        refusal = doors[door].create(draft)
    else:
        rest.create(draft)
        refusal = doors[door].query("error-matrix", case.sql)
    assert refusal is not None, "nothing went wrong"
    codes = (case.code,) if isinstance(case.code, str) else case.code
    assert refusal.code in codes, refusal
    assert refusal.stage == case.stage or not case.stage, refusal
    assert refusal.hints, f"no hint: {refusal}"
    assert refusal.detail
    assert logins.CANARY not in repr(refusal)
    if case.mentions:
        assert case.mentions in refusal.detail + " ".join(refusal.hints), refusal
    if case.position is not None:
        found = refusal.extra.get("position", (refusal.extra.get("details") or {}).get("position"))
        assert found == case.position, refusal
    if case.on == "create":
        assert rest.get("/connections/error-matrix").status_code == 404, "half-saved"


@pytest.mark.parametrize("case", [case for case in CASES if case.on == "use" and case.stage not in ("", "query")],
                         ids=lambda case: case.name)  # fmt: skip
def test_mistake_in_the_staged_test(case: Case, rest: GatewayClient, servers: ServerCatalog) -> None:
    answer = rest.post("/connections/test", case.draft(servers))
    assert answer.status_code == 200, answer.text
    report = answer.json()
    assert report["status"] == "failed"
    failed = next(stage for stage in report["stages"] if stage["status"] == "failed")
    codes = (case.code,) if isinstance(case.code, str) else case.code
    assert failed["code"] in codes, failed
    assert failed["stage"] == case.stage, failed
    assert failed["hints"], failed
