"""The suite's fixtures, and the table docs/compatibility.md that a whole run writes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conformance.compatibility import CompatibilityTable
from tests.conformance.quirks import QUIRKS, Quirks
from tests.servers.catalog import ServerCatalog
from tests.servers.gateway import GatewayClient, GatewayServer

_FOLDER = Path(__file__).parent
_TABLE = pytest.StashKey[CompatibilityTable]()


def pytest_configure(config: pytest.Config) -> None:
    """Registers the marker that names a check."""
    config.addinivalue_line("markers", "check(name): the row of docs/compatibility.md that a test proves")
    config.stash[_TABLE] = CompatibilityTable()


@pytest.fixture(scope="session", params=sorted(QUIRKS))
def quirks(request: pytest.FixtureRequest, servers: ServerCatalog) -> Quirks:
    """One type's answers, with its data prepared."""
    answers = QUIRKS[request.param](servers)
    answers.prepare()
    request.config.stash[_TABLE].name_system(answers.type, f"{answers.system} {answers.version()}")
    return answers


@pytest.fixture(autouse=True)
def _skip_what_does_not_apply(request: pytest.FixtureRequest) -> None:
    marker = request.node.get_closest_marker("check")
    if marker is None or "quirks" not in request.fixturenames:
        return
    reason = request.getfixturevalue("quirks").not_applicable.get(marker.args[0])
    if reason is not None:
        pytest.skip(f"does not apply: {reason}")


@pytest.fixture(scope="session")
def connection(quirks: Quirks, rest: GatewayClient) -> Iterator[str]:
    """The name of a working connection of the type, one for all its tests."""
    name = f"conformance-{quirks.type}"
    rest.create(quirks.draft(name))
    yield name
    rest.delete(f"/connections/{name}")


@pytest.fixture
def temporary(rest: GatewayClient, nstarx_server: GatewayServer) -> Iterator[object]:
    """Creates connections that the test's end deletes: `name = temporary(draft)`."""
    names: list[str] = []

    def create(draft: dict) -> str:
        names.append(draft["name"])
        rest.create(draft)
        return draft["name"]

    yield create
    for name in names:
        rest.delete(f"/connections/{name}")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item):
    """Notes each outcome for the table."""
    report = yield
    marker = item.get_closest_marker("check")
    if marker is not None and _FOLDER in item.path.parents:
        parameters = getattr(item, "callspec", None)
        kind = parameters.params.get("quirks") if parameters else None
        item.config.stash[_TABLE].note(marker.args[0], kind, report)
    return report


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Writes the table when the whole suite ran."""
    collected = [item for item in session.items if _FOLDER in item.path.parents]
    files = {item.path for item in collected}
    if files >= set(_FOLDER.glob("test_*.py")) and not session.config.getoption("keyword"):
        target = _FOLDER.parents[1] / "docs" / "compatibility.md"
        session.config.stash[_TABLE].write(target, sorted(QUIRKS))
