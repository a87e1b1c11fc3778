"""The servers of one run by name, started on first use and stopped together."""

from __future__ import annotations

import importlib
import pkgutil
import shutil
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.servers import systems
from tests.servers.black_hole import BlackHole, SilentServer
from tests.servers.certificates import TestCertificates
from tests.servers.mariadb import MariadbServer
from tests.servers.minio import MinioServer
from tests.servers.pgbouncer import PgbouncerServer
from tests.servers.postgresql import PostgresqlServer


def system_modules() -> list[Any]:
    """Returns the modules of tests.servers.systems, each with `makers(catalog)` and, if it needs one, `fetch()`."""
    names = [module.name for module in pkgutil.iter_modules(systems.__path__)]
    return [importlib.import_module(f"{systems.__name__}.{name}") for name in sorted(names)]


class ServerCatalog:
    """Starts servers lazily, once each. Use it from the main thread; `close()` stops them all."""

    def __init__(self, *, large: bool = False) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="nstarx-servers-"))
        self.folder.chmod(0o755)
        self.certificates = TestCertificates(self.folder / "certificates")
        self._large = large
        self._running: dict[str, Any] = {}
        self._lock = threading.Lock()

    def names(self) -> list[str]:
        """Returns every name that `get` knows."""
        return sorted(self._makers())

    def get(self, name: str) -> Any:
        """Returns the running server of this name; a server that can't start is an error, never a skip."""
        if name == "pgbouncer":
            self.get("postgresql")  # Stands behind it.
        with self._lock:
            if name not in self._running:
                server = self._makers()[name]()
                server.label = name
                server.start()
                self._running[name] = server
            return self._running[name]

    def close(self) -> None:
        """Stops all, the last started first."""
        failures: list[Exception] = []
        for server in reversed(list(self._running.values())):
            try:
                server.close()
            except Exception as error:
                failures.append(error)
        self._running.clear()
        shutil.rmtree(self.folder, ignore_errors=True)
        if failures:
            raise ExceptionGroup("servers did not stop", failures)

    def postgresql_template(self) -> Path:
        """Returns an initialised, empty cluster that instances copy (initdb runs once)."""
        template = self.folder / "postgresql-template"
        if not template.exists():
            maker = PostgresqlServer(self.certificates)
            try:
                maker.init_cluster()
                shutil.copytree(maker.data, template)
            finally:
                maker.close()
        return template

    def _postgresql(self, tls: str = "on") -> PostgresqlServer:
        return PostgresqlServer(
            self.certificates, tls, template=self.postgresql_template(), large=self._large and tls == "on"
        )

    def _makers(self) -> dict[str, Callable[[], Any]]:
        makers: dict[str, Callable[[], Any]] = {
            "postgresql": self._postgresql,
            "mariadb": lambda: MariadbServer(self.certificates, large=self._large),
            "minio": lambda: MinioServer(self.certificates),
            "minio_https": lambda: MinioServer(self.certificates, https=True),
            "pgbouncer": lambda: PgbouncerServer(self._running["postgresql"]),
            "black_hole": BlackHole,
            "silent": SilentServer,
        }
        for kind in TestCertificates.KINDS[1:]:
            makers[f"postgresql_{kind}"] = lambda kind=kind: self._postgresql(kind)
            makers[f"mariadb_{kind}"] = lambda kind=kind: MariadbServer(self.certificates, kind)
        # Servers of their own for tests that kill them, so that nobody else's session breaks.
        makers["postgresql_mortal"] = self._postgresql
        makers["mariadb_mortal"] = lambda: MariadbServer(self.certificates)
        makers["minio_mortal"] = lambda: MinioServer(self.certificates)
        for module in system_modules():
            makers.update(module.makers(self))
        return makers
