#include "http/schema.h"

namespace nstarx::http {

std::string_view DataSchemas() {
  return R"json({
"QueryRequest": {
  "type": "object", "required": ["query"], "additionalProperties": false,
  "properties": {
    "query": {"type": "string", "minLength": 1, "maxLength": 1000000, "description": "a statement in the system's own language"},
    "parameters": {"type": "array", "maxItems": 65535,
      "items": {"type": ["null", "boolean", "integer", "number", "string"]}, "description": "positional"},
    "limit": {"type": ["integer", "null"], "minimum": 0, "maximum": 9007199254740991, "description": "at most so many rows"},
    "timeout_ms": {"type": "integer", "minimum": 1, "maximum": 3600000, "default": 300000},
    "lane": {"type": "string", "enum": ["interactive", "background"], "default": "interactive"},
    "parallelism": {"type": "integer", "minimum": 0, "maximum": 64, "default": 0, "description": "sessions a big scan may use; 0: the server's choice"},
    "cache": {"type": "boolean", "default": false, "description": "accepted; results are always fresh"}
  }
},
"SqlRequest": {
  "type": "object", "required": ["query"], "additionalProperties": false,
  "properties": {
    "query": {"type": "string", "minLength": 1, "maxLength": 1000000, "description": "a SELECT over tables of connections"},
    "parameters": {"type": "array", "maxItems": 65535,
      "items": {"type": ["null", "boolean", "integer", "number", "string"]}, "description": "positional: ? or $1"},
    "limit": {"type": ["integer", "null"], "minimum": 0, "maximum": 9007199254740991, "description": "at most so many rows"},
    "timeout_ms": {"type": "integer", "minimum": 1, "maximum": 3600000, "default": 300000}
  }
},
"QueryResult": {
  "type": "object", "required": ["columns", "rows", "row_count"],
  "properties": {
    "columns": {"type": "array", "items": {"type": "object", "required": ["name", "type"],
      "properties": {"name": {"type": "string"}, "type": {"type": "string"}}}},
    "rows": {"type": "array", "items": {"type": "array"}},
    "row_count": {"type": "integer", "minimum": 0},
    "rows_affected": {"type": "integer"}
  }
},
"Explanation": {
  "type": "object", "description": "The plan as a tree, and the system's own answer.",
  "properties": {"plan": {"type": "object"}}
},
"NodeList": {
  "type": "object", "required": ["items", "next"],
  "properties": {"items": {"type": "array", "items": {"type": "object",
      "required": ["name", "path", "kind", "has_children"],
      "properties": {"name": {"type": "string"}, "path": {"type": "string"}, "kind": {"type": "string"},
        "has_children": {"type": "boolean"}, "comment": {"type": "string"},
        "row_estimate": {"type": "integer"}, "size_bytes": {"type": "integer"}}}},
    "next": {"type": ["string", "null"]}}
},
"Description": {
  "type": "object", "required": ["path", "kind", "columns", "keys", "indexes", "partitions"],
  "properties": {
    "path": {"type": "string"}, "kind": {"type": "string"}, "comment": {"type": "string"},
    "columns": {"type": "array", "items": {"type": "object", "required": ["name", "native_type", "arrow_type", "nullable"],
      "properties": {"name": {"type": "string"}, "native_type": {"type": "string"}, "arrow_type": {"type": "string"},
        "nullable": {"type": "boolean"}, "primary_key": {"type": "boolean"}, "default": {"type": "string"},
        "comment": {"type": "string"}}}},
    "keys": {"type": "array", "items": {"type": "object"}},
    "indexes": {"type": "array", "items": {"type": "object"}},
    "partitions": {"type": "array", "items": {"type": "string"}},
    "row_estimate": {"type": "integer"}, "size_bytes": {"type": "integer"}
  }
},
"IngestResult": {
  "type": "object", "required": ["rows"], "properties": {"rows": {"type": "integer", "minimum": 0}}
},
"PoolState": {
  "type": "object",
  "properties": {"open": {"type": "integer"}, "idle": {"type": "integer"}, "in_use": {"type": "integer"},
    "waiting": {"type": "integer"}, "max": {"type": "integer"}, "holders": {"type": "array"}}
},
"ObjectInfo": {
  "type": "object", "required": ["key", "size", "modified", "etag"],
  "properties": {"key": {"type": "string"}, "size": {"type": "integer", "minimum": 0},
    "modified": {"type": ["string", "null"], "format": "date-time"}, "etag": {"type": "string"},
    "content_type": {"type": "string"}}
},
"ObjectList": {
  "type": "object", "required": ["items", "prefixes", "next"],
  "properties": {"items": {"type": "array", "items": {"$ref": "#/components/schemas/ObjectInfo"}},
    "prefixes": {"type": "array", "items": {"type": "string"}},
    "next": {"type": ["string", "null"]}}
},
"PresignRequest": {
  "type": "object", "required": ["key"], "additionalProperties": false,
  "properties": {
    "key": {"type": "string", "minLength": 1, "maxLength": 1024},
    "method": {"type": "string", "enum": ["GET", "PUT"], "default": "GET"},
    "expires_s": {"type": "integer", "minimum": 1, "maximum": 604800, "default": 900},
    "expires_in": {"type": "integer", "minimum": 1, "maximum": 604800, "description": "another name of expires_s"}
  }
},
"PresignedUrl": {
  "type": "object", "required": ["url", "method", "expires_at"],
  "properties": {"url": {"type": "string"}, "method": {"type": "string"},
    "expires_at": {"type": "string", "format": "date-time"}}
}
})json";
}

}  // namespace nstarx::http
