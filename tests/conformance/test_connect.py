"""Opening, testing, and every way in which that fails."""

from __future__ import annotations

import time

import pytest

from tests.conformance.problem import assert_problem, failed_stage
from tests.conformance.quirks import Quirks
from tests.servers.black_hole import refused_port
from tests.servers.gateway import GatewayClient

STAGES = ["resolve", "tunnel", "tcp", "tls", "login", "privileges", "query", "latency", "discovery"]


@pytest.mark.check("open and test")
def test_staged_test_passes(quirks: Quirks, connection: str, rest: GatewayClient) -> None:
    answer = rest.post(f"/connections/{connection}/test")
    assert answer.status_code == 200, answer.text
    report = answer.json()
    assert report["status"] == "ok", report
    assert [stage["stage"] for stage in report["stages"]] == STAGES
    by_name = {stage["stage"]: stage for stage in report["stages"]}
    assert all(stage["status"] in ("ok", "skipped") for stage in report["stages"]), report
    assert all(isinstance(stage["ms"], (int, float)) and stage["ms"] >= 0 for stage in report["stages"])
    assert by_name["login"]["status"] == "ok"
    assert by_name["query"]["status"] == "ok"
    latency = by_name["latency"]["facts"]
    assert 0 < latency["p50_ms"] <= latency["p95_ms"]
    if quirks.draft("x").get("ssl", {}).get("enabled"):
        assert by_name["tls"]["facts"]["version"].startswith("TLSv1.")
        assert by_name["tls"]["facts"]["not_after"] > "2000"
    assert rest.get(f"/connections/{connection}").json()["status"] == "active"


@pytest.mark.check("open and test")
def test_unsaved_draft_is_tested_and_not_saved(quirks: Quirks, rest: GatewayClient) -> None:
    answer = rest.post("/connections/test", quirks.draft(f"unsaved-{quirks.type}"))
    assert answer.status_code == 200, answer.text
    assert answer.json()["status"] == "ok"
    assert_problem(rest.get(f"/connections/unsaved-{quirks.type}"), "connection.not_found", status=404)


def assert_refused(rest: GatewayClient, draft: dict, codes: str | tuple[str, ...], stage: str) -> None:
    """Checks that test and query fail in the same stage with the same code."""
    answer = rest.post("/connections/test", draft)
    assert answer.status_code == 200, answer.text
    failed = failed_stage(answer.json())
    wanted = (codes,) if isinstance(codes, str) else codes
    assert (failed["stage"], failed["code"] in wanted) == (stage, True), failed
    assert failed["hints"], failed
    rest.create(draft)
    try:
        assert_problem(rest.query(draft["name"], "SELECT 1", timeout_ms=8000), wanted, stage=stage)
    finally:
        assert rest.delete(f"/connections/{draft['name']}").status_code == 204


@pytest.mark.check("wrong password")
def test_wrong_password(quirks: Quirks, rest: GatewayClient) -> None:
    draft = quirks.wrong_password(f"wrong-password-{quirks.type}")
    assert_refused(rest, draft, quirks.wrong_password_codes, "login")


@pytest.mark.check("dead host")
def test_dead_host(quirks: Quirks, rest: GatewayClient) -> None:
    draft = quirks.aimed_at(f"dead-host-{quirks.type}", "no-such-host.invalid", 5432)
    assert_refused(rest, draft, "dns.not_found", "resolve")


@pytest.mark.check("refused port")
def test_refused_port(quirks: Quirks, rest: GatewayClient) -> None:
    draft = quirks.aimed_at(f"refused-{quirks.type}", "127.0.0.1", refused_port())
    assert_refused(rest, draft, "tcp.refused", "tcp")


@pytest.mark.check("filtered port")
def test_filtered_port_ends_in_time(quirks: Quirks, rest: GatewayClient) -> None:
    hole = quirks.servers.get("black_hole")
    draft = quirks.aimed_at(f"filtered-{quirks.type}", hole.host, hole.port)
    begun = time.monotonic()
    report = rest.post("/connections/test", draft).json()
    assert time.monotonic() - begun < 16
    failed = failed_stage(report)
    assert (failed["stage"], failed["code"]) == ("tcp", "tcp.timeout"), failed
    assert failed["hints"]


@pytest.mark.check("${ENV} in configuration")
def test_unset_variable_is_named(quirks: Quirks, rest: GatewayClient, temporary) -> None:
    key = next(iter(quirks.draft("x")["configuration"]))
    if key == "port":
        key = "host"
    draft = quirks.draft(f"unset-{quirks.type}", configuration={key: "${NSTARX_TEST_SURELY_UNSET}"})
    name = temporary(draft)
    problem = assert_problem(rest.query(name, "SELECT 1"), "config.unset_variable")
    assert "NSTARX_TEST_SURELY_UNSET" in problem["detail"]
