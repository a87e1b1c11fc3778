"""Atlas' answers to the suite: a test's database is an entity type below hive_table."""

from __future__ import annotations

from typing import Any

from tests.conformance.quirks.metadata import WITHOUT_ROWS, CatalogTable, MetadataQuirks

_ORC = "org.apache.hadoop.hive.ql.io.orc."


class AtlasQuirks(MetadataQuirks):
    """Apache Atlas with users of its own and permissions."""

    type = "atlas"
    system = "Apache Atlas"
    server_name = "atlas"
    comment_property = "description"
    wrong_password_codes = ("login.refused",)
    new_tags = ("PII", "reviewed")  # A classification and a label, for labels are plain ASCII.
    not_applicable = {
        **WITHOUT_ROWS,
        "partitions, page by page": "Atlas knows which columns partition a table, and no partitions",
    }

    def base_draft(self, server: Any) -> dict[str, Any]:
        return {
            "configuration": {"endpoint": server.endpoint},
            "authentication": {"type": "basic", "username": server.user, "password": server.password},
        }

    def secrets(self) -> list[str]:
        return [self.server.password]

    def aimed_at(self, name: str, host: str, port: int) -> dict[str, Any]:
        return self.draft(name, configuration={"endpoint": f"http://{host}:{port}"})

    def create_database(self, name: str) -> None:
        kind = {"name": name, "superTypes": ["hive_table"], "typeVersion": "1.0", "attributeDefs": []}
        self.server.ask("POST", "/v2/types/typedefs", {"entityDefs": [kind]})

    def create_table(self, table: CatalogTable) -> None:
        self.server.ask("POST", "/v2/entity", _entity(table))

    def read_table(self, database: str, name: str) -> CatalogTable | None:
        answer = self._find(database, name)
        if answer is None:
            return None
        attributes = answer["entity"]["attributes"]
        storage = answer["referredEntities"].get((attributes.get("sd") or {}).get("guid", ""), {}).get("attributes", {})
        properties = {**(attributes["parameters"] or {})}
        return CatalogTable(
            database, attributes["name"], _columns(answer, "columns"), _columns(answer, "partitionKeys"), properties,
            attributes["owner"] or "", storage.get("location", ""),
            attributes["tableType"] or "",
        )  # fmt: skip

    def native_upstream(self, database: str, name: str) -> str:
        answer = self._find(database, name)
        assert answer is not None
        lineage = self.server.ask("GET", f"/v2/lineage/{answer['entity']['guid']}", direction="INPUT", depth=1)
        found = lineage["guidEntityMap"].values()
        return " ".join(f"{item['typeName']}.{item['attributes']['qualifiedName']}" for item in found)

    def location(self, name: str) -> str:
        return f"hdfs://namenode/warehouse/{name}"

    def _find(self, database: str, name: str) -> dict[str, Any] | None:
        try:
            return self.server.ask("GET", f"/v2/entity/uniqueAttribute/type/{database}", **{"attr:qualifiedName": name})
        except RuntimeError as error:
            if "ATLAS-404-00-009" in str(error):
                return None
            raise


def _entity(table: CatalogTable) -> dict[str, Any]:
    """Returns the body that makes the table with its columns and its storage."""
    referred: dict[str, Any] = {}

    def refer(kind: str, relationship: str, attributes: dict[str, Any]) -> dict[str, str]:
        guid = f"-{len(referred) + 2}"
        owner = {"guid": "-1", "typeName": table.database, "relationshipType": relationship}
        referred[guid] = {
            "guid": guid, "typeName": kind, "attributes": attributes, "relationshipAttributes": {"table": owner},
        }  # fmt: skip
        return {"guid": guid, "typeName": kind, "relationshipType": relationship}

    def columns(relationship: str, rows: list[tuple[str, str, str]]) -> list[dict[str, str]]:
        return [
            refer("hive_column", relationship, {
                "qualifiedName": f"{table.database}.{table.name}.{name}", "name": name, "type": kind,
                "comment": comment or None, "position": position,
            })
            for position, (name, kind, comment) in enumerate(rows)
        ]  # fmt: skip

    relations: dict[str, Any] = {
        "columns": columns("hive_table_columns", table.columns),
        "partitionKeys": columns("hive_table_partitionkeys", table.partition_columns),
    }
    if table.location:
        relations["sd"] = refer("hive_storagedesc", "hive_table_storagedesc", {
            "qualifiedName": f"{table.database}.{table.name}_storage", "location": table.location, "compressed": False,
            "inputFormat": f"{_ORC}OrcInputFormat",
            "serdeInfo": {"typeName": "hive_serde", "attributes": {"serializationLib": f"{_ORC}OrcSerde"}},
        })  # fmt: skip
    parameters = dict(table.properties)
    attributes = {
        "qualifiedName": table.name, "name": table.name, "description": parameters.pop("description", None),
        "owner": table.owner or None, "tableType": table.kind, "viewOriginalText": table.view or None,
        "parameters": parameters,
    }  # fmt: skip
    entity = {"guid": "-1", "typeName": table.database, "attributes": attributes, "relationshipAttributes": relations}
    return {"entity": entity, "referredEntities": referred}


def _columns(answer: dict[str, Any], attribute: str) -> list[tuple[str, str, str]]:
    ends = answer["entity"]["relationshipAttributes"][attribute]
    alive = [end["guid"] for end in ends if end["relationshipStatus"] == "ACTIVE"]
    found = sorted((answer["referredEntities"][guid]["attributes"] for guid in alive), key=lambda one: one["position"])
    return [(one["name"], one["type"], one["comment"] or "") for one in found]
