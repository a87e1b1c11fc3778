"""Where drivers are got from in tests: an index, a Maven and a PyPI layout in a folder, served by HTTP as well."""

from __future__ import annotations

import base64
import hashlib
import importlib.metadata
import json
import threading
import zipfile
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

DEMO = "acme-jdbc"


def sha256(data: bytes) -> str:
    """Returns the hex digest."""
    return hashlib.sha256(data).hexdigest()


class Shelf:
    """A folder with `index/`, `maven/` and `pypi/`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.index, self.maven, self.pypi = (folder / name for name in ("index", "maven", "pypi"))
        for made in (self.index, self.maven, self.pypi):
            made.mkdir(parents=True)
        self.key = Ed25519PrivateKey.generate()
        self.entries: list[dict[str, Any]] = []

    @property
    def public_key(self) -> str:
        """The key that signs, as the server's flag takes it."""
        return base64.b64encode(self.key.public_key().public_bytes_raw()).decode()

    def sign(self, data: bytes) -> str:
        """Returns the signature in Base64."""
        return base64.b64encode(self.key.sign(data)).decode()

    def write_index(self, *, signed: bool = False) -> None:
        """Writes drivers.json, and its signature."""
        text = json.dumps({"format": "nstarx-drivers/1", "drivers": self.entries}).encode()
        (self.index / "drivers.json").write_bytes(text)
        if signed:
            (self.index / "drivers.json.sig").write_text(self.sign(text))

    def offer(self, id: str, *versions: str, kind: str = "jdbc", padding: int = 0) -> None:
        """Lists versions with a small file each."""
        rows = []
        for version in versions:
            content = f"{id} {version}".encode() + b"\0" * padding
            place = self.index / id / version
            place.mkdir(parents=True)
            (place / f"{id}.jar").write_bytes(content)
            rows.append({"version": version, "files": [
                {"name": f"{id}.jar", "url": f"{id}/{version}/{id}.jar", "sha256": sha256(content),
                 "size": len(content)}]})  # fmt: skip
        self.entries.append({"id": id, "title": id, "kind": kind, "licence": "Apache-2.0", "versions": rows})

    def offer_files(self, id: str, version: str, *files: Path) -> None:
        """Lists one version of a JDBC driver that is there."""
        place = self.index / id / version
        place.mkdir(parents=True)
        rows = []
        for file in files:
            content = file.read_bytes()
            (place / file.name).write_bytes(content)
            rows.append({"name": file.name, "url": f"{id}/{version}/{file.name}", "sha256": sha256(content),
                         "size": len(content)})  # fmt: skip
        self.entries.append({"id": id, "title": id, "kind": "jdbc", "licence": "its own",
                             "versions": [{"version": version, "files": rows}]})  # fmt: skip

    def maven_artifact(self, group: str, artifact: str, *versions: str, checksum: str = "sha256") -> None:
        """Puts jars into the Maven layout."""
        home = self.maven / group.replace(".", "/") / artifact
        for version in versions:
            content = f"{artifact} {version}".encode()
            (home / version).mkdir(parents=True)
            jar = home / version / f"{artifact}-{version}.jar"
            jar.write_bytes(content)
            Path(f"{jar}.{checksum}").write_text(f"{hashlib.new(checksum, content).hexdigest()}  {jar.name}\n")
        listed = "".join(f"<version>{version}</version>" for version in versions)
        (home / "maven-metadata.xml").write_text(
            f"<metadata><versioning><versions>{listed}</versions></versioning></metadata>"
        )

    def python_package(self, name: str) -> str:
        """Packs an installed package as the wheel that it came from; returns its version."""
        package = importlib.metadata.distribution(name)
        tag = package.read_text("WHEEL") or ""
        platform = ".".join(line.split("-")[-1] for line in tag.splitlines() if line.startswith("Tag:"))
        project = name.replace("_", "-")
        home = self.pypi / project
        home.mkdir()
        wheel = home / f"{name}-{package.version}-py3-none-{platform}.whl"
        with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as packed:
            for file in package.files or []:
                if file.suffix != ".pyc" and ".." not in file.parts:
                    packed.write(package.locate_file(file), str(file))
        digest = sha256(wheel.read_bytes())
        (home / "index.html").write_text(
            f'<html><body><a href="{wheel.name}#sha256={digest}">{wheel.name}</a>'
            f'<a href="{name}-99.0.0-py3-none-win_amd64.whl#sha256={digest}">for another system</a></body></html>'
        )
        return package.version


class _Handler(SimpleHTTPRequestHandler):
    def do_GET(self) -> None:
        server: Any = self.server
        server.asked.append(self.path)
        if server.pause is not None and self.path.endswith(".jar"):
            self._send_half()
            return
        super().do_GET()

    def _send_half(self) -> None:
        server: Any = self.server
        data = Path(self.translate_path(self.path)).read_bytes()
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data[: len(data) // 2])
        self.wfile.flush()
        server.halfway.set()
        server.pause.wait(60)

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing."""


class ShelfServer(ThreadingHTTPServer):
    """The shelf by HTTP on loopback; notes what was asked for. `pause` holds jars back in mid-stream."""

    def __init__(self, shelf: Shelf) -> None:
        super().__init__(("127.0.0.1", 0), partial(_Handler, directory=str(shelf.folder)))
        self.asked: list[str] = []
        self.pause: threading.Event | None = None
        self.halfway = threading.Event()
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self._thread = threading.Thread(target=self.serve_forever, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stops."""
        if self.pause is not None:
            self.pause.set()
        self.shutdown()
        self.server_close()
        self._thread.join(10)
