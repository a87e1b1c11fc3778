"""The folder tree's promises: includes point one way, every folder has a line in ARCHITECTURE.md, names say what they are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SRC = ROOT / "src"

# room → the rooms it may include; design: arrows point one way.
ALLOWED: dict[str, set[str]] = {
    "base": set(),
    "model": {"base"},
    "connector": {"base", "model"},
    "net": {"base", "model", "connector"},
    "adapter": {"base", "model", "connector", "net", "drivers"},
    "drivers": {"base", "connector", "net", "access", "audit", "monitor"},
    "store": {"base", "model"},
    "vault": {"base", "model", "store"},
    "audit": {"base"},
    "access": {"base", "model", "store"},
    "monitor": {"base"},
    "pool": {"base", "model", "connector", "monitor"},
    "result": {"base", "connector"},
    "registry": {"base", "model", "connector", "store", "vault", "access", "audit"},
    "discover": {"base", "model", "connector", "store", "access", "audit", "registry"},
    "gateway": {"base", "model", "connector", "net", "registry", "pool", "audit", "access", "monitor", "vault", "store"},
    "engine": {"base", "connector"},
    "connectors": {"base", "model", "connector", "net", "engine"},
    "federation": {"base", "connector", "audit", "engine", "gateway"},
    "http": {"base", "model", "connector", "store", "registry", "discover", "drivers", "gateway", "federation", "access", "audit", "vault", "result", "monitor"},
    "cli": {"base", "audit"},
    "daemon": {"*"},
}
INCLUDE = re.compile(r'^#include "([a-z_0-9]+)/', re.M)
BAD_NAME = re.compile(r"(^|_)(utils?|helpers?|common|misc|manager)(_|\.|$)")


def sources() -> list[Path]:
    return [path for path in SRC.rglob("*") if path.suffix in {".h", ".cc"}]


def test_there_are_sources() -> None:
    assert len(sources()) > 50


@pytest.mark.parametrize("room", sorted(path.name for path in SRC.iterdir() if path.is_dir()))
def test_includes_point_one_way(room: str) -> None:
    assert room in ALLOWED, f"src/{room} has no line in this test: say what it may include"
    wrong = []
    for path in (SRC / room).rglob("*"):
        if path.suffix not in {".h", ".cc"}:
            continue
        for target in INCLUDE.findall(path.read_text()):
            if target == room or (SRC / target).is_dir() is False:
                continue
            if "*" not in ALLOWED[room] and target not in ALLOWED[room]:
                wrong.append(f"{path.relative_to(ROOT)} includes {target}/")
    assert not wrong, "\n".join(wrong)


def test_every_room_has_a_line_in_the_architecture() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text()
    missing = [path.name for path in SRC.iterdir() if path.is_dir() and f"`src/{path.name}/" not in text]
    assert not missing


def test_names_say_what_they_are() -> None:
    bad = [str(path.relative_to(ROOT)) for path in sources() if BAD_NAME.search(path.stem)]
    assert not bad


def test_only_the_gateway_opens_sessions() -> None:
    callers = [
        str(path.relative_to(SRC))
        for path in sources()
        if not path.stem.endswith("_test")
        and not path.stem.startswith("fake_")
        and "OpenRequest" in path.read_text()
        and path.relative_to(SRC).parts[0] not in {"connector", "connectors", "adapter", "gateway"}
    ]
    assert not callers


def test_secret_has_no_way_to_print() -> None:
    for path in sources():
        assert not re.search(r"operator<<\s*\([^)]*Secret\b", path.read_text()), path
