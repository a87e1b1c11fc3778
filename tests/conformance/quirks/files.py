"""The answers of a folder on the server's disk: those of S3's files, without a server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from tests.conformance.quirks.s3 import S3Quirks
from tests.servers.catalog import ServerCatalog

_LOCAL = "a folder of the server itself: there is no server, address or login"


class FilesQuirks(S3Quirks):
    """A folder below the root that the test server was started with."""

    type = "files"
    system = "local disk, DuckDB"
    server_name = ""
    mortal_name = ""
    not_applicable = {
        "wrong password": _LOCAL,
        "dead host": _LOCAL,
        "refused port": _LOCAL,
        "filtered port": _LOCAL,
        "server restart": _LOCAL,
        "server killed": _LOCAL,
        "ingest and read back": "reads only",
    }

    def __init__(self, servers: ServerCatalog) -> None:
        super().__init__(servers)
        self.folder = Path(servers.folder) / "files"

    def version(self) -> str:
        return duckdb.__version__

    def _write(self, table: pa.Table, key: str) -> None:
        path = self.folder / key
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(table, path, store_schema=False, row_group_size=100_000)

    def base_draft(self, server: Any) -> dict[str, Any]:
        return {"configuration": {"path": str(self.folder)}, "authentication": {"type": "none"}}

    def secrets(self) -> list[str]:
        return []
