"""The Hive Metastore's answers to the suite."""

from __future__ import annotations

from typing import Any

from pymetastore.hive_metastore import ttypes

from tests.conformance.quirks.metadata import CatalogTable, MetadataQuirks


class HiveMetastoreQuirks(MetadataQuirks):
    """One metastore, reached with user and password over TLS."""

    type = "hive_metastore"
    system = "Hive Metastore"
    server_name = "hive_metastore"
    mortal_name = "hive_metastore_mortal"
    comment_property = "comment"

    def base_draft(self, server: Any) -> dict[str, Any]:
        configuration = {"host": server.host, "port": server.port}
        if not server.secure:
            return {"configuration": configuration, "authentication": {"type": "none", "username": "ada"}}
        return {
            "configuration": configuration,
            "authentication": {"type": "basic", "username": server.user, "password": server.password},
            "ssl": {"enabled": True, "mode": "verify-full", "certificate": server.ca_file.read_text()},
        }

    def secrets(self) -> list[str]:
        return [self.server.password]

    def create_database(self, name: str) -> None:
        make_database(self.server, name)

    def create_table(self, table: CatalogTable) -> None:
        make_table(self.server, table)

    def read_table(self, database: str, name: str) -> CatalogTable | None:
        request = ttypes.GetTableRequest(dbName=database, tblName=name)
        with self.server.client() as client:
            try:
                found = client.calls.get_table_req(request).table
            except ttypes.NoSuchObjectException:
                return None
        return CatalogTable(
            found.dbName, found.tableName, _shown(found.sd.cols), _shown(found.partitionKeys), found.parameters,
            found.owner, found.sd.location, found.tableType, found.viewOriginalText or "",
        )  # fmt: skip

    def add_partitions(self, database: str, name: str, values: list[list[str]]) -> None:
        with self.server.client() as client:
            table = client.calls.get_table_req(ttypes.GetTableRequest(dbName=database, tblName=name)).table
            rows = []
            for row in values:
                place = "/".join(f"{key.name}={value}" for key, value in zip(table.partitionKeys, row, strict=True))
                storage = ttypes.StorageDescriptor(**{**vars(table.sd), "location": f"{table.sd.location}/{place}"})
                rows.append(
                    ttypes.Partition(values=row, dbName=database, tableName=name, sd=storage, parameters={"k": row[0]})
                )
            client.calls.add_partitions(rows)

    def location(self, name: str) -> str:
        return f"file:{self.server.folder}/outside/{name}"


def make_database(server: Any, name: str) -> None:
    """Makes a database with the other client."""
    with server.client() as client:
        client.calls.create_database(ttypes.Database(name=name, description="", parameters={}))


def make_table(server: Any, table: CatalogTable) -> None:
    """Makes a table with the other client."""
    storage = ttypes.StorageDescriptor(
        cols=_fields(table.columns), location=table.location or None,
        inputFormat="org.apache.hadoop.hive.ql.io.orc.OrcInputFormat",
        outputFormat="org.apache.hadoop.hive.ql.io.orc.OrcOutputFormat",
        serdeInfo=ttypes.SerDeInfo(serializationLib="org.apache.hadoop.hive.ql.io.orc.OrcSerde", parameters={}),
        bucketCols=["id"], numBuckets=7, sortCols=[], parameters={"deep": "kept"},
    )  # fmt: skip
    external = {"EXTERNAL": "TRUE"} if table.kind == "EXTERNAL_TABLE" else {}
    made = ttypes.Table(
        tableName=table.name, dbName=table.database, owner=table.owner, sd=storage,
        partitionKeys=_fields(table.partition_columns), parameters={**external, **table.properties},
        tableType=table.kind, viewOriginalText=table.view or None, viewExpandedText=table.view or None,
        createTime=1_700_000_000,
    )  # fmt: skip
    with server.client() as client:
        client.calls.create_table(made)


def _fields(columns: list[tuple[str, str, str]]) -> list[Any]:
    return [ttypes.FieldSchema(name=name, type=kind, comment=comment) for name, kind, comment in columns]


def _shown(fields: list[Any]) -> list[tuple[str, str, str]]:
    return [(field.name, field.type, field.comment or "") for field in fields]
