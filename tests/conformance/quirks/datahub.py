"""DataHub's answers to the suite, given by a stand-in of ours: a test's database is a platform."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from tests.conformance.quirks.metadata import WITHOUT_ROWS, CatalogTable, MetadataQuirks

_KINDS = {"EXTERNAL_TABLE": "External Table", "VIRTUAL_VIEW": "View"}


class DatahubQuirks(MetadataQuirks):
    """A metadata service that wants a token."""

    type = "datahub"
    system = "DataHub (stand-in of ours; not proven against DataHub GMS: no server on registries)"
    server_name = "datahub"
    mortal_name = "datahub_mortal"
    comment_property = "description"
    wrong_password_codes = ("login.refused",)
    not_applicable = {**WITHOUT_ROWS, "partitions, page by page": "DataHub knows no partitions of its own"}

    def base_draft(self, server: Any) -> dict[str, Any]:
        return {
            "configuration": {"endpoint": server.endpoint},
            "authentication": {"type": "token", "token": server.token},
        }

    def secrets(self) -> list[str]:
        return [self.server.token]

    def aimed_at(self, name: str, host: str, port: int) -> dict[str, Any]:
        return self.draft(name, configuration={"endpoint": f"http://{host}:{port}"})

    def wrong_password(self, name: str) -> dict[str, Any]:
        return self.draft(name, authentication={"token": "canary-wrong-token"})

    def create_database(self, name: str) -> None:
        about = {"name": name, "type": "OTHERS", "datasetNameDelimiter": "."}
        self.server.put("dataPlatform", f"urn:li:dataPlatform:{name}", {"dataPlatformInfo": about})

    def create_table(self, table: CatalogTable) -> None:
        custom = dict(table.properties)
        comment = custom.pop("description", None)
        if table.location:
            custom |= {"location": table.location, "format": "orc"}
        aspects: dict[str, Any] = {
            "datasetProperties": {
                "name": table.name, "customProperties": custom, "tags": [], "created": {"time": 1_750_000_000_000},
                **({"description": comment} if comment else {}),
            },
            "schemaMetadata": _schema(table),
            "subTypes": {"typeNames": [_KINDS[table.kind]]},
        }  # fmt: skip
        if table.owner:
            aspects["ownership"] = {"owners": [{"owner": f"urn:li:corpuser:{table.owner}", "type": "DATAOWNER"}]}
        if table.view:
            aspects["viewProperties"] = {"materialized": False, "viewLogic": table.view, "viewLanguage": "SQL"}
        self.server.put("dataset", _urn(table.database, table.name), aspects)

    def read_table(self, database: str, name: str) -> CatalogTable | None:
        aspects = self._aspects(database, name)
        if "schemaMetadata" not in aspects or aspects.get("status", {}).get("removed"):
            return None
        custom = aspects["datasetProperties"].get("customProperties", {})
        owners = aspects.get("ownership", {}).get("owners", [])
        return CatalogTable(
            database, name, _columns(aspects, False), _columns(aspects, True), custom,
            owners[0]["owner"].removeprefix("urn:li:corpuser:") if owners else "", custom.get("location", ""),
        )  # fmt: skip

    def native_upstream(self, database: str, name: str) -> str:
        upstreams = self._aspects(database, name)["upstreamLineage"]["upstreams"]
        return " ".join(one["dataset"].split(":")[-1].replace(",", ".") for one in upstreams)

    def location(self, name: str) -> str:
        return f"s3://lake/outside/{name}"

    def _aspects(self, database: str, name: str) -> dict[str, Any]:
        entity = self.server.ask("GET", f"/entitiesV2/{quote(_urn(database, name), safe='')}")
        return {key: aspect["value"] for key, aspect in entity["aspects"].items()}


def _urn(database: str, name: str) -> str:
    return f"urn:li:dataset:(urn:li:dataPlatform:{database},{name},PROD)"


def _schema(table: CatalogTable) -> dict[str, Any]:
    fields = [
        {"fieldPath": name, "nativeDataType": kind, "type": {"type": {"com.linkedin.schema.NullType": {}}},
         "nullable": True, "recursive": False, "isPartitioningKey": partition,
         **({"description": comment} if comment else {})}
        for partition, columns in ((False, table.columns), (True, table.partition_columns))
        for name, kind, comment in columns
    ]  # fmt: skip
    return {
        "schemaName": table.name, "platform": f"urn:li:dataPlatform:{table.database}", "version": 0, "hash": "",
        "platformSchema": {"com.linkedin.schema.OtherSchema": {"rawSchema": ""}}, "fields": fields,
    }  # fmt: skip


def _columns(aspects: dict[str, Any], partition: bool) -> list[tuple[str, str, str]]:
    return [
        (field["fieldPath"], field["nativeDataType"], field.get("description", ""))
        for field in aspects["schemaMetadata"]["fields"]
        if field.get("isPartitioningKey", False) == partition
    ]
