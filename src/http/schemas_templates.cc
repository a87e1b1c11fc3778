#include "http/schema.h"

namespace nstarx::http {

std::string_view TemplateSchemas() {
  return R"json({
"Template": {
  "type": "object", "required": ["id", "name", "type", "built_in"],
  "description": "Members that a template does not speak of are absent.",
  "properties": {
    "id": {"type": "string"}, "name": {"type": "string"}, "type": {"type": "string"},
    "built_in": {"type": "boolean", "description": "a variant that the type itself brings"},
    "title": {"type": "string"}, "description": {"type": "string"},
    "configuration": {"type": "object"}, "authentication": {"type": "object"},
    "ssl": {"type": "object"}, "pooling": {"type": "object"}, "sharing": {"type": "object"},
    "tags": {"type": "array", "items": {"type": "string"}},
    "hints": {"type": "array", "items": {"type": "string"}},
    "owner": {"type": "string"}, "version": {"type": "integer"},
    "created": {"type": "string", "format": "date-time"},
    "modified": {"type": "string", "format": "date-time"}
  }
},
"TemplateList": {
  "type": "object", "required": ["items", "next"],
  "properties": {"items": {"type": "array", "items": {"$ref": "#/components/schemas/Template"}},
                 "next": {"type": ["string", "null"]}}
},
"TemplateRequest": {
  "type": "object", "required": ["name"], "additionalProperties": false,
  "properties": {
    "name": {"type": "string", "minLength": 1, "maxLength": 128, "pattern": "^[A-Za-z0-9 ._-]+$"},
    "type": {"type": "string", "maxLength": 64, "description": "may be left out with `connection`"},
    "connection": {"type": "string", "minLength": 1, "maxLength": 128, "description": "start from the public content of this connection"},
    "title": {"type": "string", "maxLength": 256}, "description": {"type": "string", "maxLength": 4096},
    "configuration": {"type": "object", "additionalProperties": true},
    "authentication": {"type": "object", "additionalProperties": true, "description": "no secrets"},
    "ssl": {"$ref": "#/components/schemas/Ssl"}, "pooling": {"$ref": "#/components/schemas/Pooling"},
    "sharing": {"$ref": "#/components/schemas/Sharing"},
    "tags": {"type": "array", "maxItems": 64, "items": {"type": "string", "minLength": 1, "maxLength": 128}},
    "hints": {"type": "array", "maxItems": 32, "items": {"type": "string", "minLength": 1, "maxLength": 1024}}
  }
},
"TemplatePatch": {
  "type": "object", "additionalProperties": false,
  "description": "RFC 7396: members replace, null removes, what is not named stays.",
  "properties": {
    "name": {"type": "string", "minLength": 1, "maxLength": 128, "pattern": "^[A-Za-z0-9 ._-]+$"},
    "title": {"type": ["string", "null"], "maxLength": 256}, "description": {"type": ["string", "null"], "maxLength": 4096},
    "configuration": {"type": ["object", "null"], "additionalProperties": true},
    "authentication": {"type": ["object", "null"], "additionalProperties": true},
    "ssl": {"type": ["object", "null"], "additionalProperties": true}, "pooling": {"type": ["object", "null"], "additionalProperties": true},
    "sharing": {"type": ["object", "null"], "additionalProperties": true},
    "tags": {"type": ["array", "null"], "maxItems": 64, "items": {"type": "string", "minLength": 1, "maxLength": 128}},
    "hints": {"type": ["array", "null"], "maxItems": 32, "items": {"type": "string", "minLength": 1, "maxLength": 1024}}
  }
}
})json";
}

}  // namespace nstarx::http
