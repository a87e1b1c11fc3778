"""What every bench writes: bench/results/NAME.json and NAME.md, with the machine it ran on."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).resolve().parent / "results"


def machine() -> dict[str, Any]:
    """Return the facts of this machine that a reader needs to judge a figure."""
    model = next(
        (
            line.split(":", 1)[1].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if "model name" in line
        ),
        "unknown",
    )
    memory_kb = int(Path("/proc/meminfo").read_text().split()[1])
    return {
        "cpu": model,
        "cores": os.cpu_count(),
        "memory_gib": round(memory_kb / 1048576, 1),
        "kernel": platform.release(),
        "load_before": os.getloadavg()[0],
    }


def write(
    name: str, title: str, about: str, header: Sequence[str], rows: Sequence[Sequence[Any]], facts: dict[str, Any]
) -> None:
    """Write both files and print the table."""
    RESULTS.mkdir(exist_ok=True)
    box = machine()
    lines = [
        f"## {title}",
        "",
        about,
        "",
        "| " + " | ".join(header) + " |",
        "| " + " | ".join("---" for _ in header) + " |",
    ]
    lines += ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]
    lines += [
        "",
        (f"Machine: {box['cpu']}, {box['cores']} cores, {box['memory_gib']} GiB, Linux {box['kernel']};"
        f" load before the run {box['load_before']:.1f}. Script: `{facts.get('script', '')}`."),
    ]
    (RESULTS / f"{name}.md").write_text("\n".join(lines) + "\n")
    (RESULTS / f"{name}.json").write_text(
        json.dumps({"machine": box, "rows": [list(r) for r in rows], **facts}, indent=1) + "\n"
    )
    print("\n".join(lines))
