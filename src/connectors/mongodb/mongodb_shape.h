#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

typedef struct _bson_t bson_t;
struct _bson_iter_t;

namespace arrow {
class DataType;
class Field;
}  // namespace arrow

namespace nstarx::connectors::mongodb {

/// What the values of one field have in common, learnt from documents.
struct Shape {
  enum class Kind {
    kNull,
    kBool,
    kInt32,
    kInt64,
    kDouble,
    kDecimal,
    kString,
    kObjectId,
    kBinary,
    kUuid,
    kDate,
    kStruct,
    kList,
    kJson,  ///< values of many kinds, or of one that Arrow has not got: extended JSON as text
  };
  Kind kind = Kind::kNull;
  int scale = 0;   ///< of decimals: digits behind the point
  int digits = 0;  ///< of decimals: digits before it
  std::vector<std::string> names;
  std::vector<Shape> parts;  ///< of the fields of a struct, or the one of a list's items
};

/// A decimal taken apart: digits × 10^exponent.
struct DecimalParts {
  bool negative = false;
  std::string digits;
  int exponent = 0;
};
/// False for NaN and infinity.
bool TakeApart(std::string_view text, DecimalParts* out);

/// Widens `shape` so that it holds the document (a struct) too. query.too_many_fields.
Status Observe(const bson_t& document, Shape* shape);
/// To be called after the last Observe(): `open` when there may be documents that were not seen.
void Settle(Shape* shape, bool open);

std::shared_ptr<arrow::DataType> ArrowTypeOf(const Shape& shape);
/// A nullable field; a UUID is fixed_size_binary(16) marked as arrow.uuid.
std::shared_ptr<arrow::Field> ArrowFieldOf(const std::string& name, const Shape& shape);
/// As describe shows it: "objectId", "array<int>", …
std::string NativeTypeOf(const Shape& shape);

}  // namespace nstarx::connectors::mongodb
