"""What differs between the connection types, for the conformance suite; one module a type."""

from __future__ import annotations

from collections.abc import Callable

from tests.conformance.quirks.base import Quirks
from tests.conformance.quirks.files import FilesQuirks
from tests.conformance.quirks.mysql import MysqlQuirks
from tests.conformance.quirks.postgresql import PostgresqlQuirks
from tests.conformance.quirks.s3 import S3Quirks
from tests.conformance.quirks.sqlite import SqliteQuirks
from tests.servers.catalog import ServerCatalog

#: Every type of the program must be here; test_spec.py compares it with GET /connection-types.
QUIRKS: dict[str, Callable[[ServerCatalog], Quirks]] = {
    "postgresql": PostgresqlQuirks,
    "mysql": MysqlQuirks,
    "sqlite": SqliteQuirks,
    "s3": S3Quirks,
    "files": FilesQuirks,
}

__all__ = ["QUIRKS", "Quirks"]
