"""Servers written for Node.js, installed by npm once and kept outside the checkout."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path

from tests.servers.golang import cache_folder
from tests.servers.process import ServerFailed, find_program


def package(name: str, version: str) -> Path:
    """Returns the folder that holds the package of exactly this version and all that it needs."""
    folder = cache_folder() / f"{name}-{version}"
    if folder.exists():
        return folder
    scratch = folder.with_name(f"{folder.name}.{os.getpid()}")
    scratch.mkdir(parents=True)
    command = [
        find_program("npm"), "install", "--prefix", str(scratch), "--no-audit", "--no-fund", "--omit=dev",
        "--ignore-scripts", f"{name}@{version}",
    ]  # fmt: skip
    try:
        for attempt in range(3):  # Registries stumble now and then.
            done = subprocess.run(command, cwd=scratch, capture_output=True, text=True, timeout=900, check=False)
            if done.returncode == 0:
                break
            time.sleep(5 * attempt)
        else:
            raise ServerFailed(f"npm could not fetch {name}:\n{(done.stdout + done.stderr)[-4000:]}")
        try:
            scratch.replace(folder)  # Atomic: a parallel fetch ends with the same folder.
        except OSError:
            if not folder.exists():
                raise
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return folder


def node() -> str:
    """Returns a Node.js launcher."""
    return find_program("node")
