// Schemas of a registry and the values of messages are hostile: any bytes give valid Arrow or an
// error.
#include <arrow/api.h>

#include <cstdint>
#include <string>

#include "connectors/messages/avro_decoder.h"
#include "connectors/messages/avro_schema.h"
#include "connectors/messages/registry_values.h"

namespace {

using namespace nstarx::connectors::messages;  // NOLINT: the whole file is about this room

void Decode(const AvroType& schema, std::string_view value) {
  AvroDecoder decoder(schema.arrow);
  int64_t rows = 0;
  for (const std::string_view part : {value, value.substr(value.size() / 2)}) {
    if (decoder.Append(schema, part)) ++rows;
    if (!decoder.AppendNull()) __builtin_trap();
    ++rows;
  }
  const auto column = decoder.Finish();
  if (!column || (*column)->length() != rows || !(*column)->ValidateFull().ok() ||
      !(*column)->type()->Equals(*schema.arrow)) {
    __builtin_trap();
  }
}

/// Values of a schema that has every type.
constexpr std::string_view kAll = R"({"type": "record", "name": "all", "fields": [
  {"name": "a", "type": ["null", "boolean", "int", "string",
    {"type": "fixed", "name": "f", "size": 2}]},
  {"name": "b", "type": {"type": "array", "items": {"type": "map", "values": ["bytes", "null"]}}},
  {"name": "c", "type": {"type": "array", "items": ["null", {"type": "record", "name": "r", "fields": [
    {"name": "e", "type": {"type": "enum", "name": "e", "symbols": ["A", "B"]}},
    {"name": "n", "type": {"type": "array", "items": "null"}},
    {"name": "d", "type": {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}},
    {"name": "w", "type": {"type": "bytes", "logicalType": "decimal", "precision": 76}},
    {"name": "t", "type": {"type": "int", "logicalType": "time-millis"}},
    {"name": "u", "type": {"type": "fixed", "name": "u", "size": 16, "logicalType": "uuid"}},
    {"name": "i", "type": {"type": "fixed", "name": "i", "size": 12, "logicalType": "duration"}},
    {"name": "x", "type": "double"}, {"name": "y", "type": "float"},
    {"name": "z", "type": "long"}]}]}}]})";

}  // namespace

/// The text of a schema up to a zero byte, then a value.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const AvroTypePtr all = [] {
    AvroSchemaReader reader;
    return *reader.Read(kAll);
  }();
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  (void)SchemaIdOf(input);
  Decode(*all, input);
  const size_t end = input.find('\0');
  AvroSchemaReader reader;
  const auto schema = reader.Read(input.substr(0, end));
  if (schema && end != input.npos) Decode(**schema, input.substr(end + 1));
  return 0;
}
