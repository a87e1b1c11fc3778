"""The OpenAPI document is true: schemathesis asks everything that it promises."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.servers.gateway import GatewayClient, GatewayServer

EXAMPLES = int(os.environ.get("NSTARX_OPENAPI_EXAMPLES", "15"))


def test_document_is_openapi_3_1_and_names_every_route(rest: GatewayClient) -> None:
    document = rest.get("/openapi.json").json()
    assert document["openapi"].startswith("3.1")
    paths = document["paths"]
    for path, methods in {
        "/connection-types": ["get"],
        "/connections": ["get", "post"],
        "/connections/test": ["post"],
        "/connections/{ref}": ["get", "patch", "delete"],
        "/connections/{ref}/query": ["post"],
        "/connections/{ref}/rollback": ["post"],
        "/metrics": ["get"],
        "/audit": ["get"],
    }.items():
        assert path in paths, sorted(paths)
        assert set(methods) <= set(paths[path]), path
    ids = [
        operation["operationId"] for item in paths.values() for key, operation in item.items() if key != "parameters"
    ]
    assert len(ids) == len(set(ids))


@pytest.fixture(scope="module")
def openapi_server() -> Iterator[GatewayServer]:
    """A server of its own: what schemathesis writes stays out of the other tests' sight."""
    server = GatewayServer()
    server.start()
    yield server
    server.close()


@pytest.fixture(scope="module")
def api_schema(openapi_server: GatewayServer) -> object:
    """The document as schemathesis reads it, without the operations that would end its own key."""
    loaded = schemathesis.openapi.from_url(f"{openapi_server.url}/openapi.json")
    return loaded.exclude(path_regex=r"^/api-keys/|^/ui", method=["DELETE", "GET"])


schema = schemathesis.pytest.from_fixture("api_schema")

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    response_headers_conformance,
]


@schema.parametrize()
@settings(
    max_examples=EXAMPLES, deadline=None, derandomize=True, database=None,
    suppress_health_check=list(HealthCheck),
)  # fmt: skip
@pytest.mark.timeout(300)
def test_every_operation_keeps_its_promises(case, openapi_server: GatewayServer) -> None:
    case.call_and_validate(checks=CHECKS, headers={"Authorization": f"Bearer {openapi_server.api_key}"}, timeout=20)
    assert openapi_server.is_running(), "the server died"
