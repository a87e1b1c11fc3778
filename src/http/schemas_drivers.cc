#include "http/schema.h"

namespace nstarx::http {

std::string_view DriverSchemas() {
  return R"json({
"Driver": {
  "type": "object", "required": ["id", "installed"],
  "properties": {
    "id": {"type": "string"}, "title": {"type": "string"},
    "kind": {"type": "string", "enum": ["jdbc", "adbc", "odbc"]},
    "licence": {"type": "string"}, "homepage": {"type": "string"},
    "index": {"type": "string", "description": "which index offers it"},
    "installed": {"type": "boolean"},
    "version": {"type": ["string", "null"], "description": "the current one"},
    "previous": {"type": ["string", "null"], "description": "where a roll-back goes"},
    "versions": {"type": "array", "items": {"type": "string"}, "description": "installed, oldest first"},
    "auto_update": {"type": "string", "enum": ["off", "patch", "minor"]},
    "installed_at": {"type": "string", "format": "date-time"}, "source": {"type": "string"}, "checksum": {"type": "string", "enum": ["sha256", "sha1"]},
    "signed_by": {"type": "string", "description": "the public key that was checked, in hex"},
    "library": {"type": "string"},
    "files": {"type": "array", "items": {"$ref": "#/components/schemas/DriverFile"}},
    "extracted": {"type": "array", "items": {"$ref": "#/components/schemas/DriverFile"}},
    "available": {"type": "array", "items": {"type": "string"}, "description": "to install, oldest first; absent when not known without asking"},
    "newest": {"type": ["string", "null"]}, "update_available": {"type": "boolean"}
  }
},
"DriverFile": {
  "type": "object", "required": ["path", "sha256", "size"],
  "properties": {"path": {"type": "string"}, "sha256": {"type": "string"}, "size": {"type": "integer"}}
},
"DriverList": {
  "type": "object", "required": ["items", "next", "problems"],
  "properties": {
    "items": {"type": "array", "items": {"$ref": "#/components/schemas/Driver"}},
    "next": {"type": ["string", "null"]},
    "problems": {"type": "array", "description": "indexes that could not be read", "items": {"type": "object",
      "properties": {"index": {"type": "string"}, "code": {"type": "string"}, "detail": {"type": "string"}}}}
  }
},
"DriverInstall": {
  "type": "object", "additionalProperties": false,
  "properties": {
    "version": {"type": "string", "minLength": 1, "maxLength": 64, "description": "the newest release if absent"},
    "dry_run": {"type": "boolean"}
  }
},
"DriverUpdate": {
  "type": "object", "additionalProperties": false,
  "properties": {"dry_run": {"type": "boolean"}}
},
"DriverPolicy": {
  "type": "object", "required": ["auto_update"], "additionalProperties": false,
  "properties": {"auto_update": {"type": "string", "enum": ["off", "patch", "minor"]}}
},
"DriverChange": {
  "type": "object", "required": ["id", "version", "action", "dry_run"],
  "properties": {
    "id": {"type": "string"}, "version": {"type": "string"},
    "action": {"type": "string", "enum": ["install", "switch", "none"]},
    "dry_run": {"type": "boolean"}, "source": {"type": "string"},
    "files": {"type": "array", "items": {"type": "object"}}
  }
},
"DriverVerdict": {
  "type": "object", "required": ["id", "version", "intact"],
  "properties": {
    "id": {"type": "string"}, "version": {"type": "string"}, "intact": {"type": "boolean"},
    "files": {"type": "integer"}, "first_different": {"type": "string"},
    "reason": {"type": "string", "description": "missing, size, sha256"}
  }
}
})json";
}

}  // namespace nstarx::http
