"""HDFS with Kerberos: SPNEGO by the gateway's own keytab, and delegation tokens, against Hadoop and MIT's KDC."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest

from tests.conformance.problem import failed_stage
from tests.servers.catalog import ServerCatalog
from tests.servers.gateway import GatewayClient, GatewayServer

MIB = 1024 * 1024


@pytest.fixture
def cluster(servers: ServerCatalog) -> Any:
    """The secure cluster."""
    return servers.get("hdfs_kerberos")


@pytest.fixture
def make(cluster: Any) -> Callable[..., dict[str, Any]]:
    """Makes drafts of a login."""

    def draft(name: str, host: str = "", **authentication: str) -> dict[str, Any]:
        return {
            "name": name,
            "type": "hdfs",
            "configuration": {"host": host or cluster.host, "port": cluster.port, "path": "/data"},
            "authentication": authentication,
        }

    return draft


def refusal(rest: GatewayClient, draft: dict[str, Any]) -> tuple[str, str]:
    """Returns stage and code of the failed test of a draft."""
    report = rest.post("/connections/test", draft).json()
    failed = failed_stage(report)
    assert failed["hints"], failed
    return failed["stage"], failed["code"]


def assert_works(rest: GatewayClient, draft: dict[str, Any]) -> None:
    """Tests, writes, reads and queries through a connection."""
    report = rest.post("/connections/test", draft).json()
    assert report["status"] == "ok", report
    rest.create(draft)
    at = f"/connections/{draft['name']}/objects/"
    try:
        content = os.urandom(9 * MIB)
        for key, data in (("ä/large.bin", content), ("x.csv", b"id\n7\n")):
            answer = rest.request("PUT", at + quote(key), data=data)
            assert answer.status_code in (200, 201), answer.text
        assert rest.get(at + quote("ä/large.bin")).content == content
        assert rest.arrow(draft["name"], "SELECT id FROM 'x.csv'").to_pylist() == [{"id": 7}]
        assert rest.delete(at + "x.csv").status_code == 204
    finally:
        assert rest.delete(f"/connections/{draft['name']}").status_code == 204


def test_the_gateways_keytab_logs_in(
    cluster: Any, make: Callable[..., dict[str, Any]], start_gateway: Callable[..., GatewayServer]
) -> None:
    gateway = start_gateway(cluster.kdc.client_environment("alice"))
    assert_works(gateway.client(), make("kerberos", type="kerberos"))
    owner = cluster.ask(f"/webhdfs/v1/data/{quote('ä')}/large.bin?op=GETFILESTATUS")["FileStatus"]["owner"]
    assert owner == "alice"
    assert b"urlString" not in gateway.written_bytes()


def test_others_may_not_write(
    cluster: Any, make: Callable[..., dict[str, Any]], start_gateway: Callable[..., GatewayServer]
) -> None:
    rest = start_gateway(cluster.kdc.client_environment("stranger")).client()
    rest.create(make("stranger", type="kerberos"))
    answer = rest.request("PUT", "/connections/stranger/objects/y", data=b"y")
    assert (answer.status_code, answer.json()["code"]) == (403, "object.no_privilege")


def test_delegation_tokens_log_in(
    cluster: Any, make: Callable[..., dict[str, Any]], rest: GatewayClient, nstarx_server: GatewayServer
) -> None:
    token = cluster.delegation_token("alice")
    assert_works(rest, make("token", type="delegation_token", delegation_token=token))
    assert token.encode() not in nstarx_server.written_bytes()
    middle = token[:70] + ("A" if token[70] != "A" else "B") + token[71:]
    for wrong in ("canary", "xx" + token[2:], middle, "a b&op=DELETE"):
        draft = make("wrong", type="delegation_token", delegation_token=wrong)
        assert refusal(rest, draft) == ("login", "login.token_refused"), wrong


def test_what_is_no_kerberos_login_is_told(
    cluster: Any,
    servers: ServerCatalog,
    make: Callable[..., dict[str, Any]],
    rest: GatewayClient,
    start_gateway: Callable[..., GatewayServer],
) -> None:
    assert refusal(rest, make("plain", type="simple", user="alice")) == ("login", "login.kerberos_required")
    assert refusal(rest, make("none", type="kerberos")) == ("login", "login.kerberos_failed")
    gateway = start_gateway(cluster.kdc.client_environment("alice")).client()
    by_address = make("address", host="127.0.0.1", type="kerberos")
    assert refusal(gateway, by_address) == ("login", "login.kerberos_failed")
    plain = make("plain", type="kerberos")
    plain["configuration"]["port"] = servers.get("hdfs").port
    assert refusal(gateway, plain) == ("login", "login.no_kerberos")
