"""Fixtures of every suite: real servers, started on first use, and the built program."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.servers.catalog import ServerCatalog
from tests.servers.gateway import GatewayClient, GatewayServer
from tests.servers.skips import SKIPS


@pytest.fixture(scope="session")
def servers() -> Iterator[ServerCatalog]:
    """The servers by name: `servers.get("postgresql")`."""
    catalog = ServerCatalog()
    yield catalog
    catalog.close()


@pytest.fixture(scope="session")
def nstarx_server(servers: ServerCatalog) -> Iterator[GatewayServer]:
    """The program under test, one for the session, pointed at MinIO for AWS."""
    server = GatewayServer({**servers.get("minio").aws_environment(), "NSTARX_FILES_ROOTS": str(servers.folder)})
    server.start()
    yield server
    server.close()


@pytest.fixture(scope="session")
def rest(nstarx_server: GatewayServer) -> GatewayClient:
    """A REST client with the admin's key."""
    return nstarx_server.client()


@pytest.fixture
def start_gateway() -> Iterator[Callable[..., GatewayServer]]:
    """Starts servers of the test's own: `start_gateway({"VAR": "value"})`."""
    started: list[GatewayServer] = []

    def start(environment: dict[str, str] | None = None, *arguments: str) -> GatewayServer:
        server = GatewayServer(environment, *arguments)
        started.append(server)
        server.start()
        return server

    yield start
    for server in started:
        server.close()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Prints what is not proven here, each run."""
    terminalreporter.section("not proven here")
    for row in SKIPS.values():
        terminalreporter.line(f"{row.what}: {row.why}")
