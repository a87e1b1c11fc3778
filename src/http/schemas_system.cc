#include "http/schema.h"

namespace nstarx::http {

std::string_view SystemSchemas() {
  return R"json({
"ApiKey": {
  "type": "object", "required": ["id", "name", "user_id", "prefix", "role", "scopes", "created", "expires", "revoked", "last_used"],
  "properties": {
    "id": {"type": "string"}, "name": {"type": "string"}, "user_id": {"type": "string"},
    "prefix": {"type": "string"}, "role": {"$ref": "#/components/schemas/Role"},
    "scopes": {"type": "array", "items": {"type": "string"}},
    "created": {"type": "string", "format": "date-time"},
    "expires": {"type": ["string", "null"], "format": "date-time"},
    "revoked": {"type": ["string", "null"], "format": "date-time"},
    "last_used": {"type": ["string", "null"], "format": "date-time"}
  }
},
"Role": {"type": "string", "enum": ["viewer", "user", "editor", "admin"]},
"ApiKeyList": {
  "type": "object", "required": ["items", "next"],
  "properties": {"items": {"type": "array", "items": {"$ref": "#/components/schemas/ApiKey"}},
                 "next": {"type": ["string", "null"]}}
},
"ApiKeyRequest": {
  "type": "object", "required": ["name"], "additionalProperties": false,
  "properties": {
    "name": {"type": "string", "minLength": 1, "maxLength": 128},
    "user": {"type": "string", "maxLength": 128, "description": "id or name; the caller when absent"},
    "role": {"$ref": "#/components/schemas/Role"},
    "scopes": {"type": "array", "maxItems": 32, "items": {"type": "string", "maxLength": 64,
        "pattern": "^(\\*|(connections|data|keys|audit):(read|use|write))$"},
      "description": "\"*\" or <connections|data|keys|audit>:<read|use|write>"},
    "expires": {"type": ["string", "null"], "maxLength": 64, "format": "date-time"}
  }
},
"IssuedApiKey": {
  "type": "object", "required": ["id", "name", "user_id", "prefix", "role", "scopes", "created", "api_key"],
  "properties": {
    "id": {"type": "string"}, "name": {"type": "string"}, "user_id": {"type": "string"},
    "prefix": {"type": "string"}, "role": {"$ref": "#/components/schemas/Role"},
    "scopes": {"type": "array", "items": {"type": "string"}},
    "created": {"type": "string", "format": "date-time"},
    "expires": {"type": ["string", "null"], "format": "date-time"},
    "api_key": {"type": "string", "description": "shown this once"}
  }
},
"User": {
  "type": "object", "required": ["id", "name", "role", "teams", "created"],
  "properties": {"id": {"type": "string"}, "name": {"type": "string"}, "role": {"$ref": "#/components/schemas/Role"},
    "teams": {"type": "array", "items": {"type": "string"}}, "created": {"type": "string", "format": "date-time"}}
},
"UserList": {
  "type": "object", "required": ["items", "next"],
  "properties": {"items": {"type": "array", "items": {"$ref": "#/components/schemas/User"}},
                 "next": {"type": ["string", "null"]}}
},
"UserRequest": {
  "type": "object", "required": ["name"], "additionalProperties": false,
  "properties": {
    "name": {"type": "string", "minLength": 1, "maxLength": 128, "pattern": "^[A-Za-z0-9._@+-]+$"},
    "role": {"$ref": "#/components/schemas/Role"},
    "teams": {"type": "array", "maxItems": 64, "items": {"type": "string", "minLength": 1, "maxLength": 128, "pattern": "^[A-Za-z0-9._@+-]+$"}}
  }
},
"UserPatch": {
  "type": "object", "additionalProperties": false,
  "properties": {
    "role": {"$ref": "#/components/schemas/Role"},
    "teams": {"type": "array", "maxItems": 64, "items": {"type": "string", "minLength": 1, "maxLength": 128}}
  }
},
"Principal": {
  "type": "object", "required": ["id", "name", "role", "teams", "key_id", "scopes"],
  "properties": {"id": {"type": "string"}, "name": {"type": "string"}, "role": {"$ref": "#/components/schemas/Role"},
    "teams": {"type": "array", "items": {"type": "string"}}, "key_id": {"type": "string"},
    "scopes": {"type": "array", "items": {"type": "string"}}}
},
"AuditList": {
  "type": "object", "required": ["items", "next"],
  "properties": {"items": {"type": "array", "items": {"type": "object"}},
                 "next": {"type": ["string", "null"], "description": "give it as `before`"}}
},
"Verdict": {
  "type": "object", "required": ["intact", "entries", "head_hash"],
  "properties": {"intact": {"type": "boolean"}, "entries": {"type": "integer", "minimum": 0},
    "first_broken": {"type": ["integer", "null"]}, "reason": {"type": "string"}, "head_hash": {"type": "string"}}
},
"VaultKeyList": {
  "type": "object", "required": ["items", "next"],
  "properties": {"items": {"type": "array", "items": {"type": "object"}}, "next": {"type": ["string", "null"]}}
},
"RewrapProgress": {
  "type": "object", "required": ["key_id", "done", "total", "finished"],
  "properties": {"key_id": {"type": "string"}, "done": {"type": "integer", "minimum": 0},
    "total": {"type": "integer", "minimum": 0}, "finished": {"type": "boolean"}}
},
"Health": {
  "type": "object", "required": ["status"], "properties": {"status": {"type": "string", "enum": ["ok", "ready"]}}
},
"Index": {
  "type": "object", "required": ["name", "version", "links"],
  "properties": {"name": {"type": "string"}, "version": {"type": "string"},
    "links": {"type": "object", "additionalProperties": {"type": "string"}}}
},
"OpenApi": {"type": "object", "required": ["openapi", "info", "paths"]}
})json";
}

}  // namespace nstarx::http
