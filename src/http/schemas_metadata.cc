#include "http/schema.h"

namespace nstarx::http {

std::string_view MetadataSchemas() {
  return R"json({
"DatasetList": {
  "type": "object", "required": ["items"],
  "properties": {
    "items": {"type": "array", "items": {"type": "object", "required": ["path", "name", "kind"],
      "properties": {"path": {"type": "string"}, "name": {"type": "string"}, "kind": {"type": "string"},
        "comment": {"type": "string"}}}},
    "next": {"type": "string", "description": "cursor of the next page"}
  }
},
"DatasetColumn": {
  "type": "object", "required": ["name", "native_type", "arrow_type", "nullable"],
  "properties": {
    "name": {"type": "string"},
    "native_type": {"type": "string", "description": "as the catalog writes it"},
    "arrow_type": {"type": "string"},
    "nullable": {"type": "boolean"},
    "comment": {"type": "string"}
  }
},
"Dataset": {
  "type": "object",
  "required": ["path", "name", "kind", "columns", "partition_columns", "owners", "tags", "properties"],
  "properties": {
    "path": {"type": "string"}, "name": {"type": "string"},
    "kind": {"type": "string", "description": "table, external_table, view, materialized_view, …"},
    "comment": {"type": "string"},
    "columns": {"type": "array", "items": {"$ref": "#/components/schemas/DatasetColumn"}},
    "partition_columns": {"type": "array", "items": {"$ref": "#/components/schemas/DatasetColumn"}},
    "owners": {"type": "array", "items": {"type": "object", "required": ["name", "kind"],
      "properties": {"name": {"type": "string"}, "kind": {"type": "string", "description": "user, group or role"}}}},
    "tags": {"type": "array", "items": {"type": "string"}},
    "properties": {"type": "object", "additionalProperties": {"type": "string"}},
    "location": {"type": "string"},
    "format": {"type": "string"},
    "definition": {"type": "string", "description": "statement of a view"},
    "created": {"type": "string", "format": "date-time"},
    "modified": {"type": "string", "format": "date-time"},
    "row_estimate": {"type": "integer"},
    "size_bytes": {"type": "integer"}
  }
},
"DatasetColumnChange": {
  "type": "object", "required": ["name", "native_type"], "additionalProperties": false,
  "properties": {
    "name": {"type": "string", "minLength": 1, "maxLength": 767},
    "native_type": {"type": "string", "minLength": 1, "maxLength": 100000, "description": "in the catalog's own words"},
    "comment": {"type": "string", "maxLength": 4000}
  }
},
"DatasetChange": {
  "type": "object", "additionalProperties": false,
  "properties": {
    "comment": {"type": "string", "maxLength": 4000},
    "columns": {"type": "array", "minItems": 1, "maxItems": 10000, "items": {"$ref": "#/components/schemas/DatasetColumnChange"}},
    "partition_columns": {"type": "array", "maxItems": 1000, "items": {"$ref": "#/components/schemas/DatasetColumnChange"}},
    "owner": {"type": "string", "maxLength": 767},
    "tags": {"type": "array", "maxItems": 100, "items": {"type": "string", "minLength": 1, "maxLength": 256}},
    "properties": {"type": "object", "additionalProperties": {"type": ["string", "null"]}},
    "location": {"type": "string", "maxLength": 4000},
    "format": {"type": "string", "enum": ["parquet", "orc", "avro", "csv", "json", "text"]}
  }
},
"PartitionList": {
  "type": "object", "required": ["items"],
  "properties": {
    "items": {"type": "array", "items": {"type": "object", "required": ["values", "properties"],
      "properties": {"values": {"type": "array", "items": {"type": "string"}}, "location": {"type": "string"},
        "properties": {"type": "object", "additionalProperties": {"type": "string"}},
        "created": {"type": "string", "format": "date-time"}}}},
    "next": {"type": "string", "description": "cursor of the next page"}
  }
},
"LineageReport": {
  "type": "object", "required": ["path", "direction", "items"],
  "properties": {
    "path": {"type": "string"}, "direction": {"type": "string"},
    "items": {"type": "array", "items": {"type": "object", "required": ["from", "to"],
      "properties": {"from": {"type": "string"}, "to": {"type": "string"},
        "process": {"type": "string", "description": "what makes it"}}}}
  }
},
"LineageChange": {
  "type": "object", "required": ["upstream"], "additionalProperties": false,
  "properties": {
    "upstream": {"type": "array", "maxItems": 1000, "items": {
      "type": "object", "required": ["from"], "additionalProperties": false,
      "properties": {
        "from": {"type": "string", "minLength": 1, "maxLength": 4096, "description": "a dataset of this catalog, or any name of one elsewhere"},
        "process": {"type": "string", "maxLength": 4096}}}}
  }
}
})json";
}

}  // namespace nstarx::http
