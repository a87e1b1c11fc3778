"""The OpenAPI document is true: schemathesis asks everything that it promises."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import APIOperation
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


CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    response_headers_conformance,
]


def ask_operation(operation: APIOperation, key: str) -> None:
    """Sends generated requests to one operation and checks each answer against the document."""

    @settings(
        max_examples=EXAMPLES, deadline=None, derandomize=True, database=None, phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(case=operation.as_strategy())
    def ask(case: schemathesis.Case) -> None:
        case.call_and_validate(checks=CHECKS, headers={"Authorization": f"Bearer {key}"}, timeout=20)

    ask()


@pytest.mark.timeout(300)
def test_every_operation_keeps_its_promises(openapi_server: GatewayServer) -> None:
    loaded = schemathesis.openapi.from_url(f"{openapi_server.url}/openapi.json")
    failures: dict[str, str] = {}
    asked = 0
    for found in loaded.get_all_operations():
        operation = found.ok()
        if operation.method == "delete" and operation.path.startswith("/api-keys"):
            continue  # Could end the key that the test itself shows.
        asked += 1
        try:
            ask_operation(operation, openapi_server.api_key)
        except Exception as error:
            failures[f"{operation.method.upper()} {operation.path}"] = str(error) or repr(error)
        except BaseExceptionGroup as group:
            failures[f"{operation.method.upper()} {operation.path}"] = "\n".join(map(str, group.exceptions))
        assert openapi_server.is_running(), f"the server died at {operation.method} {operation.path}"
    assert asked > 20
    text = "\n\n".join(f"{name}\n{reason[:1500]}" for name, reason in failures.items())
    assert not failures, f"{len(failures)} of {asked} operations:\n{text}"
