"""Kill -9 in a loop under write load: every acknowledged write is there, none is half there."""

from __future__ import annotations

import random
import re
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import requests

from tests.servers.gateway import GatewayServer

ROUNDS = 8
WRITERS = 4


@dataclass
class Ledger:
    """What the server acknowledged: name → version and description; and what may have happened."""

    acknowledged: dict[str, tuple[int, str]] = field(default_factory=dict)
    #: Name → the description that was sent and not answered.
    unanswered: dict[str, str] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)


def write_until(stop: threading.Event, url: str, key: str, writer: int, round_number: int, ledger: Ledger) -> None:
    """Creates and patches connections of its own until told to stop or the server is gone."""
    session = requests.Session()
    session.headers["Authorization"] = f"Bearer {key}"
    chance = random.Random(writer * 1000 + round_number)
    count = 0
    while not stop.is_set():
        if ledger.acknowledged and chance.random() < 0.5:
            name = chance.choice(sorted(ledger.acknowledged))
            version, _ = ledger.acknowledged[name]
            description = f"round {round_number} change {count}"
            method, path = "PATCH", f"/connections/{name}"
            body: dict = {"metadata": {"description": description}}
            headers = {"If-Match": f'"{version}"'}
        else:
            name = f"w{writer}-r{round_number}-{count}"
            description = f"made {count}"
            method, path, headers = "POST", "/connections", {}
            body = {
                "name": name,
                "type": "postgresql",
                "configuration": {"host": "127.0.0.1", "database": "d"},
                "authentication": {"type": "basic", "username": "u", "password": f"canary-{name}"},
                "metadata": {"description": description},
            }
        ledger.unanswered[name] = description
        try:
            answer = session.request(method, url + path, json=body, headers=headers, timeout=10)
        except requests.RequestException:
            return
        del ledger.unanswered[name]
        if answer.status_code not in (200, 201):
            ledger.refused.append(f"{method} {path}: {answer.status_code} {answer.text[:300]}")
            return
        ledger.acknowledged[name] = (answer.json()["version"], description)
        count += 1


@pytest.mark.timeout(240)
def test_no_acknowledged_write_is_lost() -> None:
    server = GatewayServer()
    server.start()
    ledgers = [Ledger() for _ in range(WRITERS)]
    chance = random.Random(7)
    try:
        for round_number in range(ROUNDS):
            stop = threading.Event()
            arguments = [(stop, server.url, server.api_key, w, round_number, ledgers[w]) for w in range(WRITERS)]
            writers = [threading.Thread(target=write_until, args=given) for given in arguments]
            for writer in writers:
                writer.start()
            time.sleep(0.3 + chance.random() * 0.7)  # A random moment of the load is the thing under test.
            pid = server.pid
            server.kill9()
            stop.set()
            # The number as a whole: others' names (PostgreSQL.3156909118) hold many digits.
            named = re.compile(rf"(?<!\d){pid}(?!\d)")
            left = [file for file in Path("/dev/shm").iterdir() if named.search(file.name)]
            assert not left, f"a killed server leaves {left} behind"
            for writer in writers:
                writer.join(20)
            server.start()
            for ledger in ledgers:
                assert not ledger.refused, ledger.refused[0]
                settle(server, ledger)
            verdict = server.client().get("/audit/verify").json()
            assert verdict["intact"] is True, verdict
        total = sum(len(ledger.acknowledged) for ledger in ledgers)
        assert total > ROUNDS * WRITERS, f"only {total} writes: the load was no load"
        assert server.stop() == 0
    finally:
        server.close()


def settle(server: GatewayServer, ledger: Ledger) -> None:
    """Compares the server with the ledger, and takes over the writes that were not answered."""
    client = server.client()
    for name, (version, description) in list(ledger.acknowledged.items()):
        answer = client.get(f"/connections/{name}")
        assert answer.status_code == 200, f"{name} (version {version}) is lost: {answer.text}"
        found = answer.json()
        if name in ledger.unanswered and found["version"] == version + 1:
            assert found["metadata"]["description"] == ledger.unanswered[name]
            ledger.acknowledged[name] = (found["version"], ledger.unanswered[name])
        else:
            assert (found["version"], found["metadata"]["description"]) == (version, description), name
        assert found["authentication"]["password"]["configured"] is True
    for name, description in ledger.unanswered.items():
        if name in ledger.acknowledged:
            continue
        answer = client.get(f"/connections/{name}")
        assert answer.status_code in (200, 404), answer.text
        if answer.status_code == 200:
            found = answer.json()
            assert (found["version"], found["metadata"]["description"]) == (1, description), "half a connection"
            assert found["authentication"]["password"]["configured"] is True
            ledger.acknowledged[name] = (1, description)
    ledger.unanswered.clear()
