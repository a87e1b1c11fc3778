#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/status.h"

namespace arrow {
class DataType;
}  // namespace arrow

namespace nstarx::connectors::messages {

enum class AvroKind : uint8_t {
  kNull,
  kBoolean,
  kInt,
  kLong,
  kFloat,
  kDouble,
  kBytes,
  kString,
  kFixed,
  kEnum,
  kArray,
  kMap,
  kRecord,
  kOptional,  ///< a union of null and one other type: that type, nullable
  kUnion,     ///< any other union: a struct of the branch's name and a field for each branch
  kDate,
  kTimeMillis,
  kTimeMicros,
  kTimestamp,
  kDecimal,
  kDuration,
  kUuid,  ///< of 16 bytes; one that is text is kString
};

/// One type of an Avro schema with all below it, and the Arrow type that its values become.
/// Immutable; a named type that is used in several places is one object.
struct AvroType {
  AvroKind kind = AvroKind::kNull;
  std::shared_ptr<arrow::DataType> arrow;
  bool nullable = false;
  std::vector<std::shared_ptr<const AvroType>> children;
  std::vector<std::string> names;  ///< of fields, symbols or the branches that are not null
  int64_t fixed_size = -1;         ///< of kFixed and kDecimal; -1: the length comes first
  int32_t precision = 0;
  int null_branch = -1;    ///< of kOptional and kUnion
  int64_t parts = 1;       ///< types below and itself, as often as they are used
  int64_t slot_bytes = 8;  ///< about what Arrow needs for one value besides text, bytes and items
  int depth = 1;           ///< levels of the Arrow type
};
using AvroTypePtr = std::shared_ptr<const AvroType>;

/// Reads Avro schemas (1.12) from hostile text. Errors: stream.schema_invalid,
/// stream.schema_recursive, stream.schema_unsupported (too large or too deep, decimals above 76
/// digits); each names the place.
class AvroSchemaReader {
 public:
  /// Types that are named in `text` can be referred to in what is read later.
  Result<AvroTypePtr> Read(std::string_view text);

 private:
  Result<AvroTypePtr> Any(const json::value& schema, const std::string& space);
  Result<AvroTypePtr> Object(const json::object& schema, const std::string& space);
  Result<AvroTypePtr> Named(std::string_view name, const std::string& space);
  Result<AvroTypePtr> Union(const json::array& branches, const std::string& space);
  Result<AvroTypePtr> Record(const json::object& schema, const std::string& full);
  Result<AvroTypePtr> Enum(const json::object& schema);
  Result<AvroTypePtr> Fixed(const json::object& schema);
  Result<AvroTypePtr> Define(const json::object& schema, std::string_view kind,
                             const std::string& space);
  Result<AvroTypePtr> Items(const json::object& schema, bool map, const std::string& space);

  /// By full name; null while the type is being read.
  std::map<std::string, AvroTypePtr, std::less<>> named_;
};

}  // namespace nstarx::connectors::messages
