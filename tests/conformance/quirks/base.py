"""The questions that the suite asks about a type."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from tests.servers.catalog import ServerCatalog
from tests.servers.native_types import TypesTable


class Quirks:
    """One type's answers. Subclasses set the class members and override what differs."""

    #: Empty in classes that only others are made from.
    type: str = ""
    #: What runs behind the connection, as docs/compatibility.md names it.
    system: str
    #: Names in the server catalog; empty for systems without a server.
    server_name = ""
    mortal_name = ""
    #: Checks that this type has no use for → why. Shown in docs/compatibility.md.
    not_applicable: Mapping[str, str] = {}
    types_table: TypesTable

    def __init__(self, servers: ServerCatalog) -> None:
        self.servers = servers

    @property
    def server(self) -> Any:
        """The running server."""
        return self.servers.get(self.server_name)

    @property
    def mortal(self) -> Any:
        """A server that the test may restart and kill."""
        return self.servers.get(self.mortal_name)

    def version(self) -> str:
        """Returns the version of the system."""
        return self.server.version()

    def prepare(self) -> None:
        """Makes the test data directly in the system; called once."""
        raise NotImplementedError

    # Connections.

    def draft(self, name: str, *, server: Any = None, **changes: Any) -> dict[str, Any]:
        """Returns the body of POST /connections for a working connection.

        `changes` are merged one level deep: configuration={"host": "…"} replaces that key only.
        """
        body = copy.deepcopy(self.base_draft(server or (self.server if self.server_name else None)))
        body["name"] = name
        body["type"] = self.type
        for key, value in changes.items():
            if isinstance(value, dict) and isinstance(body.get(key), dict):
                body[key] = {**body[key], **value}
            else:
                body[key] = value
        return body

    def base_draft(self, server: Any) -> dict[str, Any]:
        """Returns configuration, authentication and ssl for a server."""
        raise NotImplementedError

    def secrets(self) -> list[str]:
        """Returns the secrets of the draft, which must appear nowhere."""
        raise NotImplementedError

    def aimed_at(self, name: str, host: str, port: int) -> dict[str, Any]:
        """Returns a draft that dials another address."""
        return self.draft(name, configuration={"host": host, "port": port})

    def wrong_password(self, name: str) -> dict[str, Any]:
        """Returns a draft whose secret is wrong."""
        return self.draft(name, authentication={"password": "canary-wrong-password"})

    wrong_password_codes: tuple[str, ...] = ("login.wrong_password",)

    # Queries.

    def types_query(self) -> str:
        """Returns the query that reads the types table in row order."""
        return f"SELECT * FROM {self.types_table.table} ORDER BY {self.types_table.key}"

    def empty_query(self) -> tuple[str, pa.Schema]:
        """Returns a query without rows and its schema."""
        raise NotImplementedError

    def parameter_query(self) -> tuple[str, list[Any], list[Any]]:
        """Returns a query with parameters, their values, and the one row that it gives."""
        raise NotImplementedError

    def rows_query(self, rows: int) -> str:
        """Returns a query of so many rows with the columns n (0 … rows-1) and pad (100 characters)."""
        raise NotImplementedError

    def endless_query(self, marker: str) -> str:
        """Returns a query that runs for a minute at least, recognisable by the marker."""
        raise NotImplementedError

    def endless_rows(self, marker: str) -> str:
        """Returns a query that sends rows for a minute at least, recognisable by the marker."""
        return self.rows_query(2_000_000_000) + f" -- {marker}"

    def running(self, marker: str, server: Any = None) -> int | None:
        """Returns how many statements with the marker run in the system; None when it can't tell."""
        return None

    #: Something small that always works.
    probe_query = "SELECT 1 AS one"
    undefined_table_query = "SELECT * FROM no_such_table_anywhere"
    #: A statement with a syntax error, and the 1-based position of it when the system says it.
    syntax_error: tuple[str, int | None] = ("SELECT * FORM visible", 15)

    # Browsing.

    def table_path(self) -> str:
        """Returns the path of the types table."""
        raise NotImplementedError

    def browse_path(self) -> str:
        """Returns the path whose children have the types table among them."""
        raise NotImplementedError

    #: Columns of the primary key of the types table, as describe shows them; None: has no keys.
    primary_key: list[str] | None = ["id"]

    # Ingest.

    def ingest_table(self) -> pa.Table:
        """Returns rows whose types the system can hold and gives back as they are."""
        raise NotImplementedError

    def ingest_path(self) -> str:
        """Returns the path to write to."""
        raise NotImplementedError

    def ingested_query(self) -> str:
        """Returns the query that reads the ingested rows in order of column id."""
        return f"SELECT * FROM {self.ingest_path()} ORDER BY id"

    def appended(self, table: pa.Table) -> pa.Table:
        """Returns what is there after the rows were written twice, in order of column id."""
        return pa.concat_tables([table, table]).sort_by("id")
