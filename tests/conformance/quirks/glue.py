"""Glue's answers to the suite, given by moto."""

from __future__ import annotations

from typing import Any

from tests.conformance.quirks.metadata import CatalogTable, MetadataQuirks


class GlueQuirks(MetadataQuirks):
    """An account whose keys, signatures and policies are checked."""

    type = "glue"
    system = "AWS Glue (moto)"
    server_name = "glue"
    mortal_name = "glue_mortal"
    comment_property = "comment"
    wrong_password_codes = ("login.wrong_secret_key",)

    def base_draft(self, server: Any) -> dict[str, Any]:
        return {
            "configuration": {"region": server.region, "endpoint": server.endpoint},
            "authentication": {
                "type": "access_key", "access_key_id": server.access_key, "secret_access_key": server.secret_key,
            },
        }  # fmt: skip

    def secrets(self) -> list[str]:
        return [self.server.secret_key]

    def aimed_at(self, name: str, host: str, port: int) -> dict[str, Any]:
        return self.draft(name, configuration={"endpoint": f"http://{host}:{port}"})

    def wrong_password(self, name: str) -> dict[str, Any]:
        return self.draft(name, authentication={"secret_access_key": "canary-wrong-secret"})

    def create_database(self, name: str) -> None:
        self.server.client().create_database(DatabaseInput={"Name": name})

    def create_table(self, table: CatalogTable) -> None:
        storage = {
            "Columns": _fields(table.columns), "Location": table.location,
            "InputFormat": "org.apache.hadoop.hive.ql.io.orc.OrcInputFormat",
            "SerdeInfo": {"SerializationLibrary": "org.apache.hadoop.hive.ql.io.orc.OrcSerde"},
            "NumberOfBuckets": 7,
        }  # fmt: skip
        made: dict[str, Any] = {
            "Name": table.name, "StorageDescriptor": storage, "PartitionKeys": _fields(table.partition_columns),
            "TableType": table.kind, "Parameters": table.properties,
        }  # fmt: skip
        if table.owner:
            made["Owner"] = table.owner
        if table.view:
            made["ViewOriginalText"] = table.view
        self.server.client().create_table(DatabaseName=table.database, TableInput=made)

    def read_table(self, database: str, name: str) -> CatalogTable | None:
        glue = self.server.client()
        try:
            found = glue.get_table(DatabaseName=database, Name=name)["Table"]
        except glue.exceptions.EntityNotFoundException:
            return None
        storage = found["StorageDescriptor"]
        return CatalogTable(
            found["DatabaseName"], found["Name"], _shown(storage["Columns"]), _shown(found["PartitionKeys"]),
            found["Parameters"], found.get("Owner", ""), storage.get("Location", ""), found["TableType"],
        )  # fmt: skip

    def add_partitions(self, database: str, name: str, values: list[list[str]]) -> None:
        glue = self.server.client()
        storage = glue.get_table(DatabaseName=database, Name=name)["Table"]["StorageDescriptor"]
        for start in range(0, len(values), 100):
            rows = [
                {"Values": row, "Parameters": {"k": row[0]},
                 "StorageDescriptor": {**storage, "Location": f"{storage['Location']}/{'/'.join(row)}"}}
                for row in values[start : start + 100]
            ]  # fmt: skip
            glue.batch_create_partition(DatabaseName=database, TableName=name, PartitionInputList=rows)

    def location(self, name: str) -> str:
        return f"s3://lake/outside/{name}"


def _fields(columns: list[tuple[str, str, str]]) -> list[dict[str, str]]:
    return [
        {"Name": name, "Type": kind, **({"Comment": comment} if comment else {})} for name, kind, comment in columns
    ]


def _shown(fields: list[dict[str, str]]) -> list[tuple[str, str, str]]:
    return [(field["Name"], field["Type"], field.get("Comment", "")) for field in fields]
