"""Java servers as jars of the central repository, resolved by Maven once and kept outside the checkout."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import time
from pathlib import Path
from xml.sax.saxutils import escape

from tests.servers.golang import cache_folder
from tests.servers.process import ServerFailed, find_program

_SETTINGS = """<settings><mirrors><mirror><id>none</id><mirrorOf>*,!central</mirrorOf><url>file:///nonexistent</url></mirror></mirrors></settings>"""


def dependency(coordinates: str, *, exclude: tuple[str, ...] = ()) -> str:
    """Returns the <dependency> of ``group:artifact:version``; `exclude` are ``group:artifact``, either may be ``*``."""
    group, artifact, version = coordinates.split(":")
    exclusions = "".join(
        f"<exclusion><groupId>{escape(left)}</groupId><artifactId>{escape(right)}</artifactId></exclusion>"
        for left, right in (item.split(":") for item in exclude)
    )
    return (
        f"<dependency><groupId>{escape(group)}</groupId><artifactId>{escape(artifact)}</artifactId>"
        f"<version>{escape(version)}</version><exclusions>{exclusions}</exclusions></dependency>"
    )


def jars(name: str, *dependencies: str, managed: str = "") -> Path:
    """Returns a folder with the jars of the dependencies and of all that they need at run time.

    `dependencies` come from `dependency()`; `managed` is XML for <dependencyManagement>. The folder is named after what
    is asked for, so another version is another folder.
    """
    pom = (
        "<project><modelVersion>4.0.0</modelVersion><groupId>nstarx</groupId><artifactId>servers</artifactId>"
        f"<version>1</version><dependencyManagement><dependencies>{managed}</dependencies></dependencyManagement>"
        f"<dependencies>{''.join(dependencies)}</dependencies></project>"
    )
    folder = cache_folder() / f"{name}-{hashlib.sha256(pom.encode()).hexdigest()[:12]}"
    if folder.exists():
        return folder
    scratch = folder.with_name(f"{folder.name}.{os.getpid()}")
    scratch.mkdir(parents=True)
    try:
        (scratch / "pom.xml").write_text(pom)
        (scratch / "settings.xml").write_text(_SETTINGS)
        command = [
            find_program("mvn"), "-s", "settings.xml", "-B", "-ntp", "-q", "dependency:copy-dependencies",
            "-DincludeScope=runtime", "-DoutputDirectory=lib",
        ]  # fmt: skip
        for attempt in range(3):  # Registries stumble now and then.
            done = subprocess.run(command, cwd=scratch, capture_output=True, text=True, timeout=900, check=False)
            if done.returncode == 0:
                break
            time.sleep(5 * attempt)
        else:
            raise ServerFailed(f"Maven could not fetch {name}:\n{(done.stdout + done.stderr)[-4000:]}")
        try:
            (scratch / "lib").replace(folder)  # Atomic: a parallel fetch ends with the same folder.
        except OSError:
            if not folder.exists():
                raise
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return folder


def java() -> str:
    """Returns a Java 17 (or later) launcher."""
    return find_program("java", *(str(path) for path in sorted(Path("/usr/lib/jvm").glob("java-17-*/bin"))))
