"""The custom catalog's answers to the suite, given by Iceberg's reference REST servlet."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa

from tests.conformance.quirks.metadata import WITHOUT_ROWS, CatalogTable, MetadataQuirks
from tests.servers.native_types import NativeType, TypesTable

_SPEC = Path(__file__).parents[3] / "src" / "connectors" / "custom_catalog" / "spec.json"
_ONLY_READ = "a custom catalog is read by its mapping and never changed"

_LIST = {"type": "list", "element-id": 91, "element": "int", "element-required": True}
_NESTED = {
    "type": "struct",
    "fields": [
        {"id": 92, "name": "a", "required": False, "type": "long"},
        {"id": 93, "name": "b", "required": False, "type": {
            "type": "map", "key-id": 94, "key": "string", "value-id": 95, "value": "double", "value-required": False}},
    ],
}  # fmt: skip

#: Types of Iceberg's table format, version 2; nested ones as JSON.
ICEBERG_TYPES: dict[str, tuple[Any, pa.DataType]] = {
    "c_boolean": ("boolean", pa.bool_()),
    "c_int": ("int", pa.int32()),
    "c_long": ("long", pa.int64()),
    "c_float": ("float", pa.float32()),
    "c_double": ("double", pa.float64()),
    "c_decimal": ("decimal(38, 18)", pa.decimal128(38, 18)),
    "c_date": ("date", pa.date32()),
    "c_time": ("time", pa.time64("us")),
    "c_timestamp": ("timestamp", pa.timestamp("us")),
    "c_timestamptz": ("timestamptz", pa.timestamp("us", "UTC")),
    "c_string": ("string", pa.string()),
    "c_uuid": ("uuid", pa.binary(16)),
    "c_fixed": ("fixed[7]", pa.binary(7)),
    "c_binary": ("binary", pa.binary()),
    "c_list": (_LIST, pa.list_(pa.int32())),
    "c_struct": (_NESTED, pa.struct([("a", pa.int64()), ("b", pa.map_(pa.string(), pa.float64()))])),
}

_HIVE_TO_ICEBERG = {"int": "int", "bigint": "long", "decimal(10,2)": "decimal(10, 2)"}


def mapping(template: str) -> dict[str, Any]:
    """Returns the mapping of one of the type's templates."""
    templates = json.loads(_SPEC.read_text())["templates"]
    return next(item for item in templates if item["id"] == template)["configuration"]["mapping"]


class CustomCatalogQuirks(MetadataQuirks):
    """A catalog with Iceberg's REST API, reached with a token."""

    type = "custom_catalog"
    system = "Iceberg REST servlet"
    server_name = "iceberg_rest"
    mortal_name = "iceberg_rest_mortal"
    wrong_password_codes = ("login.refused",)
    types_table = TypesTable(
        table="conformance.types",
        columns=tuple(
            NativeType(name, json.dumps(kind) if isinstance(kind, dict) else kind, arrow, ())
            for name, (kind, arrow) in ICEBERG_TYPES.items()
        ),
    )
    not_applicable = {
        **WITHOUT_ROWS,
        "dataset read exactly": "what is shown is what the mapping names: test_catalogs.py proves it",
        "types of the catalog as Arrow types": "nested native types are JSON: test_catalogs.py proves all of them",
        "partitions, page by page": _ONLY_READ,
        "dataset made, changed and removed": _ONLY_READ,
        "lineage written and read both ways": _ONLY_READ,
        "read-only catalog refuses changes": _ONLY_READ,
    }

    def prepare(self) -> None:
        self.create_database("conformance")
        fields = [("id", "int"), *((name, kind) for name, (kind, _) in ICEBERG_TYPES.items())]
        self._create("conformance", "types", fields)

    def base_draft(self, server: Any) -> dict[str, Any]:
        return {
            "configuration": {"endpoint": server.endpoint, "mapping": mapping("iceberg-rest")},
            "authentication": {"type": "token", "token": server.token},
        }

    def secrets(self) -> list[str]:
        return [self.server.token]

    def aimed_at(self, name: str, host: str, port: int) -> dict[str, Any]:
        return self.draft(name, configuration={"endpoint": f"http://{host}:{port}"})

    def wrong_password(self, name: str) -> dict[str, Any]:
        return self.draft(name, authentication={"token": "canary-wrong-token"})

    def create_database(self, name: str) -> None:
        self.server.ask("POST", "/v1/namespaces", {"namespace": [name]})

    def create_table(self, table: CatalogTable) -> None:
        self._create(table.database, table.name, [(name, _HIVE_TO_ICEBERG[kind]) for name, kind, _ in table.columns])

    def _create(self, database: str, name: str, fields: list[tuple[str, Any]]) -> None:
        schema = {
            "type": "struct",
            "fields": [
                {"id": number, "name": field, "required": False, "type": kind}
                for number, (field, kind) in enumerate(fields, 1)
            ],
        }
        self.server.ask("POST", f"/v1/namespaces/{database}/tables", {"name": name, "schema": schema})
