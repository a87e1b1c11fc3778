#include "http/schema.h"

namespace nstarx::http {

std::string_view StreamSchemas() {
  return R"json({
"ProduceRequest": {
  "type": "object", "required": ["messages"], "additionalProperties": false,
  "properties": {
    "topic": {"type": "string", "minLength": 1, "maxLength": 1024, "description": "where to; or the query parameter"},
    "messages": {"type": "array", "items": {
      "type": "object", "additionalProperties": false,
      "properties": {
        "key": {"description": "text, or JSON of any kind; null or left out: none"},
        "value": {"description": "text is its UTF-8 bytes, null is none, anything else is its JSON as sent"},
        "headers": {"type": ["object", "null"], "additionalProperties": {"type": ["string", "null"]}},
        "partition": {"type": ["integer", "null"], "minimum": 0, "maximum": 2147483647, "description": "chosen by the key when left out"},
        "timestamp": {"type": ["integer", "string", "null"], "description": "milliseconds since the epoch, or RFC 3339; now when left out"}
      }}}
  }
},
"ProduceResult": {
  "type": "object", "required": ["topic", "count", "offsets"],
  "properties": {
    "topic": {"type": "string"},
    "count": {"type": "integer", "minimum": 0, "description": "messages that the system has taken"},
    "offsets": {"type": "array", "items": {"type": "object", "required": ["partition", "last", "count"],
      "properties": {"partition": {"type": "integer"}, "last": {"type": ["integer", "string"], "description": "offset of the last message written there; the system's own text where it does not count"},
        "count": {"type": "integer"}}}}
  }
},
"CommitRequest": {
  "type": "object", "required": ["topic", "group", "offsets"], "additionalProperties": false,
  "properties": {
    "topic": {"type": "string", "minLength": 1, "maxLength": 1024},
    "group": {"type": "string", "minLength": 1, "maxLength": 1024, "description": "consumer group"},
    "offsets": {"type": "array", "minItems": 1, "maxItems": 10000, "items": {
      "type": "object", "required": ["partition", "offset"], "additionalProperties": false,
      "properties": {
        "partition": {"type": "integer", "minimum": 0, "maximum": 2147483647},
        "offset": {"type": ["integer", "string"], "minimum": 0, "maximum": 9007199254740991, "minLength": 1, "maxLength": 1000,
          "description": "of the next message to read; text where the system does not count"}}}}
  }
},
"LagReport": {
  "type": "object", "required": ["topic", "group", "lag", "partitions"],
  "properties": {
    "topic": {"type": "string"}, "group": {"type": "string"},
    "lag": {"type": ["integer", "null"], "description": "of all partitions, in messages; null where the system does not count"},
    "lag_ms": {"type": "integer", "description": "age of the oldest unread message, where the system tells it"},
    "partitions": {"type": "array", "items": {"type": "object", "required": ["partition", "first", "end", "committed", "lag"],
      "properties": {"partition": {"type": "integer"}, "first": {"type": ["integer", "string"]},
        "end": {"type": ["integer", "string"]}, "committed": {"type": ["integer", "string", "null"]},
        "lag": {"type": ["integer", "null"]}, "lag_ms": {"type": "integer"}}}}
  }
}
})json";
}

}  // namespace nstarx::http
