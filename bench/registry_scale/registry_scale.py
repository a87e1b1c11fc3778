"""The registry at scale: start-up with 10,000 connections, idle memory, list and search among 100,000.

``python -m bench.registry_scale.registry_scale``
"""

from __future__ import annotations

import concurrent.futures
import random
import time
from pathlib import Path

import requests

from bench import report
from tests.servers.gateway import GatewayServer

WORDS = ["orders", "sales", "events", "users", "billing", "audit", "ml", "ads", "stock", "pricing"]


def fill(server: GatewayServer, first: int, last: int) -> float:
    """Create connections over REST from 8 threads; return creations per second."""

    def create(numbers: range) -> None:
        session = requests.Session()
        session.headers["Authorization"] = f"Bearer {server.api_key}"
        for number in numbers:
            chance = random.Random(number)
            answer = session.post(
                f"{server.url}/connections",
                json={
                    "name": f"{chance.choice(WORDS)}-{chance.choice(WORDS)}-{number}",
                    "type": "sqlite",
                    "configuration": {"path": f"/nowhere/{number}.db"},
                    "authentication": {"type": "none"},
                    "tags": [chance.choice(WORDS), f"team-{number % 50}"],
                    "description": f"{chance.choice(WORDS)} of region {number % 97}",
                },
                timeout=30,
            )
            assert answer.status_code == 201, answer.text

    start = time.perf_counter()
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(create, [range(first + i, last, 8) for i in range(8)]))
    return (last - first) / (time.perf_counter() - start)


def started_in(server: GatewayServer) -> float:
    """Restart the program; return the seconds from exec to the line that says it listens."""
    import subprocess

    server.stop()
    command = server.command()
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env={**server.environment()})
    assert process.stdout is not None
    line = process.stdout.readline()
    took = time.perf_counter() - start
    assert line.startswith(b"listening on"), line
    resident = int(
        next(r for r in Path(f"/proc/{process.pid}/status").read_text().splitlines() if r.startswith("VmRSS")).split()[
            1
        ]
    )
    started_in.resident_mib = resident / 1024  # type: ignore[attr-defined]
    process.terminate()
    process.wait(timeout=20)
    server.start()
    return took


def latencies(server: GatewayServer, path: str, rounds: int = 200) -> tuple[float, float]:
    """Return p50 and p95 in ms of a GET."""
    session = requests.Session()
    session.headers["Authorization"] = f"Bearer {server.api_key}"
    taken = []
    for number in range(rounds):
        start = time.perf_counter()
        answer = session.get(server.url + path.format(n=number, word=WORDS[number % len(WORDS)]), timeout=30)
        taken.append((time.perf_counter() - start) * 1000)
        assert answer.status_code == 200, answer.text
    taken.sort()
    return taken[rounds // 2], taken[rounds * 95 // 100]


def main() -> None:
    server = GatewayServer()
    rows: list[tuple[str, str, str]] = []
    try:
        server.start()
        rows.append(("resident memory, idle, empty", f"{server.memory_bytes() / 1048576:.0f} MiB", "< 60 MiB"))
        rate = fill(server, 0, 10_000)
        rows.append(("creations over REST, 8 clients, each durable", f"{rate:,.0f}/s", ""))
        rows.append(
            (
                "start to listening, 10,000 connections",
                f"{min(started_in(server) for _ in range(5)) * 1000:.0f} ms",
                "< 200 ms",
            )
        )
        rows.append(("resident memory right after that start", f"{started_in.resident_mib:.0f} MiB", "< 60 MiB"))  # type: ignore[attr-defined]
        fill(server, 10_000, 100_000)
        for title, path in [
            ("list, first page of 50", "/connections?limit=50"),
            ("filter by tag", "/connections?tag=team-7&limit=50"),
            ("search a word", "/connections?q={word}&limit=50"),
            ("search one name", "/connections?q=-{n}77&limit=50"),
            ("first page, latest change first", "/connections?sort=-modified&limit=50"),
        ]:
            p50, p95 = latencies(server, path)
            rows.append((f"100,000 connections: {title}", f"p50 {p50:.1f} ms, p95 {p95:.1f} ms", "p95 < 10 ms"))
        report.write(
            "registry_scale",
            "The registry at scale",
            "Over REST with one kept-alive client in Python (its time included).",
            ("what", "measured", "bar"),
            rows,
            {"script": "bench/registry_scale/registry_scale.py"},
        )
    finally:
        server.stop()


if __name__ == "__main__":
    main()
