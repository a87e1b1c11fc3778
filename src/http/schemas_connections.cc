#include "http/schema.h"

namespace nstarx::http {

std::string_view ConnectionSchemas() {
  return R"json({
"Problem": {
  "type": "object",
  "description": "RFC 9457. `code` is stable; /errors/<code> is what the troubleshooting guide lists.",
  "required": ["type", "title", "status", "detail", "code", "action", "hints", "request_id"],
  "properties": {
    "type": {"type": "string", "format": "uri-reference"},
    "title": {"type": "string"},
    "status": {"type": "integer", "minimum": 400, "maximum": 599},
    "detail": {"type": "string"},
    "code": {"type": "string", "pattern": "^[a-z0-9_]+(\\.[a-z0-9_]+)*$"},
    "kind": {"type": "string"},
    "stage": {"type": "string", "description": "resolve, tunnel, tcp, tls, login, privileges, query …"},
    "action": {"type": "string", "enum": ["retry", "fix_input", "fix_credentials", "ask_operator", "report_bug"]},
    "hints": {"type": "array", "items": {"type": "string"}},
    "connector": {"type": "string"},
    "vendor_code": {"type": "string"},
    "sqlstate": {"type": "string"},
    "details": {"type": "object"},
    "request_id": {"type": "string"}
  }
},
"ConnectionType": {
  "type": "object",
  "required": ["type", "title", "family", "schemes", "capabilities", "auth_methods"],
  "properties": {
    "type": {"type": "string"},
    "title": {"type": "string"},
    "family": {"type": "string"},
    "default_port": {"type": ["integer", "null"]},
    "schemes": {"type": "array", "items": {"type": "string"}},
    "capabilities": {"type": "array", "items": {"type": "string"}},
    "auth_methods": {"type": "array", "items": {"type": "object", "required": ["type", "title"], "properties": {
      "type": {"type": "string"}, "title": {"type": "string"}}}}
  }
},
"ConnectionTypeList": {
  "type": "object", "required": ["items", "next"],
  "properties": {"items": {"type": "array", "items": {"$ref": "#/components/schemas/ConnectionType"}},
                 "next": {"type": ["string", "null"]}}
},
"ConnectionTypeSpec": {
  "type": "object",
  "description": "The type's spec.json: a JSON Schema of its configuration and authentication, with annotations, capabilities and known errors."
},
"Pooling": {
  "type": "object", "additionalProperties": false,
  "properties": {
    "enabled": {"type": "boolean"},
    "minSize": {"type": "integer", "minimum": 0, "maximum": 1000},
    "maxSize": {"type": "integer", "minimum": 1, "maximum": 1000},
    "idleTimeout": {"type": "number", "minimum": 0, "maximum": 86400, "description": "seconds"},
    "maxLifetime": {"type": "number", "minimum": 0, "maximum": 86400, "description": "seconds"},
    "waitTimeout": {"type": "number", "minimum": 0, "maximum": 86400, "description": "seconds"}
  }
},
"Ssl": {
  "type": "object", "additionalProperties": false,
  "properties": {
    "enabled": {"type": "boolean"},
    "mode": {"type": "string", "enum": ["disable", "require", "verify-ca", "verify-full"]},
    "certificate": {"type": "string", "maxLength": 262144, "description": "PEM bundle of trusted CAs"},
    "serverName": {"type": "string", "maxLength": 253}
  }
},
"Grant": {
  "type": "object", "required": ["subject", "permissions"], "additionalProperties": false,
  "properties": {
    "subject": {"type": "string", "pattern": "^(user|team):.+$", "maxLength": 256, "examples": ["team:data-eng"]},
    "permissions": {"type": "array", "maxItems": 6, "items": {"type": "string",
      "enum": ["view", "use", "edit", "test", "share", "manage"]}}
  }
},
"Sharing": {
  "type": "object", "additionalProperties": false,
  "properties": {
    "scope": {"type": "string", "enum": ["private", "team", "organization"]},
    "team": {"type": "string", "maxLength": 128},
    "permissions": {"type": "array", "maxItems": 1000, "items": {"$ref": "#/components/schemas/Grant"}}
  }
},
"ConnectionDraft": {
  "type": "object",
  "description": "What to connect to. `configuration` and `authentication` are described by the type's spec; `configuration.uri` is taken apart; ${NAME} in a value is read from the server's environment on use.",
  "required": ["name"], "additionalProperties": false,
  "properties": {
    "name": {"type": "string", "minLength": 1, "maxLength": 128, "pattern": "^[A-Za-z0-9 ._-]+$", "description": "letters, digits, space and . _ -"},
    "type": {"type": "string", "maxLength": 64, "examples": ["postgresql"], "description": "may be left out with `template`"},
    "template": {"type": "string", "maxLength": 256, "description": "id or name of a template, or <type>/<variant>, whose values lie beneath these", "examples": ["postgresql/rds"]},
    "configuration": {"type": "object", "additionalProperties": true},
    "authentication": {"type": "object", "additionalProperties": true, "description": "write-only where the spec says secret"},
    "config": {"type": "object", "additionalProperties": true, "description": "another name of configuration"},
    "auth": {"type": "object", "additionalProperties": true, "description": "another name of authentication"},
    "pooling": {"$ref": "#/components/schemas/Pooling"},
    "ssl": {"$ref": "#/components/schemas/Ssl"},
    "sharing": {"$ref": "#/components/schemas/Sharing"},
    "tags": {"type": "array", "maxItems": 64, "items": {"type": "string", "minLength": 1, "maxLength": 128}},
    "description": {"type": "string", "maxLength": 4096},
    "metadata": {"type": "object", "additionalProperties": false, "properties": {
      "tags": {"type": "array", "maxItems": 64, "items": {"type": "string", "minLength": 1, "maxLength": 128}},
      "description": {"type": "string", "maxLength": 4096}}}
  }
},
"ConnectionTestDraft": {
  "type": "object",
  "description": "A draft that need not have a name yet.",
  "additionalProperties": false,
  "properties": {
    "name": {"type": "string", "maxLength": 128},
    "type": {"type": "string", "maxLength": 64, "description": "may be left out with `template`"},
    "template": {"type": "string", "maxLength": 256, "description": "as of ConnectionDraft"},
    "configuration": {"type": "object", "additionalProperties": true},
    "authentication": {"type": "object", "additionalProperties": true},
    "config": {"type": "object", "additionalProperties": true},
    "auth": {"type": "object", "additionalProperties": true},
    "pooling": {"$ref": "#/components/schemas/Pooling"},
    "ssl": {"$ref": "#/components/schemas/Ssl"},
    "sharing": {"$ref": "#/components/schemas/Sharing"},
    "tags": {"type": "array", "maxItems": 64, "items": {"type": "string", "minLength": 1, "maxLength": 128}},
    "description": {"type": "string", "maxLength": 4096},
    "metadata": {"type": "object", "additionalProperties": true}
  }
},
"ConnectionPatch": {
  "type": "object",
  "description": "RFC 7396: members replace, null removes, what is not named stays, secrets too.",
  "additionalProperties": false,
  "properties": {
    "name": {"type": "string", "minLength": 1, "maxLength": 128},
    "status": {"type": "string", "enum": ["active", "inactive"]},
    "configuration": {"type": "object", "additionalProperties": true},
    "authentication": {"type": "object", "additionalProperties": true},
    "pooling": {"type": "object", "additionalProperties": true},
    "ssl": {"type": "object", "additionalProperties": true},
    "sharing": {"type": "object", "additionalProperties": true},
    "tags": {"type": "array", "items": {"type": "string"}},
    "description": {"type": "string", "maxLength": 4096},
    "metadata": {"type": "object", "additionalProperties": true}
  }
},
"Connection": {
  "type": "object",
  "required": ["id", "name", "type", "status", "configuration", "authentication", "pooling", "ssl", "metadata", "sharing", "version"],
  "properties": {
    "id": {"type": "string"},
    "name": {"type": "string"},
    "type": {"type": "string"},
    "status": {"type": "string", "enum": ["active", "inactive", "error", "testing"]},
    "configuration": {"type": "object"},
    "authentication": {"type": "object", "required": ["type"], "properties": {"type": {"type": "string"}},
      "description": "A secret shows as {\"configured\", \"version\", \"rotated_at\"} and nothing else."},
    "pooling": {"type": "object"},
    "ssl": {"type": "object"},
    "metadata": {"type": "object", "required": ["created", "modified", "owner", "tags", "description"], "properties": {
      "created": {"type": "string", "format": "date-time"}, "modified": {"type": "string", "format": "date-time"},
      "owner": {"type": "string"}, "owner_id": {"type": "string"},
      "tags": {"type": "array", "items": {"type": "string"}}, "description": {"type": "string"}}},
    "sharing": {"type": "object"},
    "version": {"type": "integer", "minimum": 1, "description": "counts changes; quoted, it is the ETag"},
    "archived": {"type": "string", "format": "date-time"},
    "last_test": {"type": "object"},
    "permissions": {"type": "object", "description": "what the caller may do; not in lists",
      "additionalProperties": {"type": "boolean"}}
  }
},
"ConnectionList": {
  "type": "object", "required": ["items", "next"],
  "properties": {"items": {"type": "array", "items": {"$ref": "#/components/schemas/Connection"}},
                 "next": {"type": ["string", "null"], "description": "the next page's cursor"}}
},
"VersionList": {
  "type": "object", "required": ["items", "next"],
  "properties": {"items": {"type": "array", "items": {"type": "object", "required": ["version", "at", "by", "change"],
      "properties": {"version": {"type": "integer"}, "at": {"type": "string", "format": "date-time"},
        "by": {"type": "string"}, "change": {"type": "string"},
        "connection": {"$ref": "#/components/schemas/Connection"}}}},
    "next": {"type": ["string", "null"]}}
},
"RollbackRequest": {
  "type": "object", "required": ["version"], "additionalProperties": false,
  "properties": {"version": {"type": "integer", "minimum": 1, "maximum": 9007199254740991}}
},
"UriRequest": {
  "type": "object", "required": ["uri"], "additionalProperties": false,
  "properties": {"uri": {"type": "string", "minLength": 1, "maxLength": 8192}}
},
"UriParts": {
  "type": "object", "required": ["type", "configuration", "authentication"],
  "properties": {"type": {"type": "string"}, "configuration": {"type": "object"},
    "authentication": {"type": "object"}, "ssl": {"type": "object"}}
},
"TestReport": {
  "type": "object", "required": ["status", "stages"],
  "properties": {
    "status": {"type": "string", "enum": ["ok", "failed"]},
    "stages": {"type": "array", "items": {"type": "object", "required": ["stage", "status", "ms", "facts", "hints"],
      "properties": {
        "stage": {"type": "string"},
        "status": {"type": "string", "enum": ["ok", "failed", "skipped"]},
        "ms": {"type": "number", "minimum": 0},
        "facts": {"type": "object"},
        "code": {"type": "string"},
        "detail": {"type": "string"},
        "hints": {"type": "array", "items": {"type": "string"}}}}}
  }
}
})json";
}

}  // namespace nstarx::http
