#include "connectors/mongodb/mongodb_shape.h"

#include <arrow/api.h>
#include <arrow/util/key_value_metadata.h>
#include <bson/bson.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace nstarx::connectors::mongodb {
namespace {

using Kind = Shape::Kind;

/// Deeper documents become JSON text.
constexpr int kMaxDepth = 32;
constexpr size_t kMaxColumns = 4096;
/// A document with more keys is used as a map, whose keys are data.
constexpr size_t kMaxFields = 512;
constexpr int kMaxDigits = 76;

Kind KindOf(const bson_iter_t& iter) {
  switch (bson_iter_type(&iter)) {
    case BSON_TYPE_NULL:
      return Kind::kNull;
    case BSON_TYPE_BOOL:
      return Kind::kBool;
    case BSON_TYPE_INT32:
      return Kind::kInt32;
    case BSON_TYPE_INT64:
      return Kind::kInt64;
    case BSON_TYPE_DOUBLE:
      return Kind::kDouble;
    case BSON_TYPE_DECIMAL128:
      return Kind::kDecimal;
    case BSON_TYPE_UTF8:
      return Kind::kString;
    case BSON_TYPE_OID:
      return Kind::kObjectId;
    case BSON_TYPE_DATE_TIME:
      return Kind::kDate;
    case BSON_TYPE_DOCUMENT:
      return Kind::kStruct;
    case BSON_TYPE_ARRAY:
      return Kind::kList;
    case BSON_TYPE_BINARY: {
      bson_subtype_t subtype = BSON_SUBTYPE_BINARY;
      uint32_t size = 0;
      const uint8_t* bytes = nullptr;
      bson_iter_binary(&iter, &subtype, &size, &bytes);
      if (subtype == BSON_SUBTYPE_UUID && size == 16) return Kind::kUuid;
      return subtype == BSON_SUBTYPE_BINARY ? Kind::kBinary : Kind::kJson;
    }
    default:
      return Kind::kJson;
  }
}

void BecomeJson(Shape* shape) {
  *shape = Shape();
  shape->kind = Kind::kJson;
}

bool IsNumber(Kind kind) {
  return kind == Kind::kInt32 || kind == Kind::kInt64 || kind == Kind::kDouble;
}

/// The kind that holds both, kJson when there is none.
Kind Join(Kind left, Kind right) {
  if (left == right || right == Kind::kNull) return left;
  if (left == Kind::kNull) return right;
  if (IsNumber(left) && IsNumber(right)) return std::max(left, right);
  const auto whole = [](Kind kind) { return kind == Kind::kInt32 || kind == Kind::kInt64; };
  if ((whole(left) && right == Kind::kDecimal) || (left == Kind::kDecimal && whole(right))) {
    return Kind::kDecimal;
  }
  return Kind::kJson;
}

void ObserveDecimal(const bson_iter_t& iter, Shape* shape) {
  bson_decimal128_t value;
  char text[BSON_DECIMAL128_STRING];
  bson_iter_decimal128(&iter, &value);
  bson_decimal128_to_string(&value, text);
  DecimalParts parts;
  if (!TakeApart(text, &parts)) return BecomeJson(shape);
  shape->scale = std::max(shape->scale, -parts.exponent);
  shape->digits = std::max(shape->digits, static_cast<int>(parts.digits.size()) + parts.exponent);
  if (shape->scale + shape->digits > kMaxDigits) BecomeJson(shape);
}

/// An int64 that a double can't hold exactly.
bool IsBeyondDouble(const bson_iter_t& iter) {
  const int64_t value = BSON_ITER_HOLDS_INT64(&iter) ? bson_iter_int64(&iter) : 0;
  return value > (int64_t{1} << 53) || value < -(int64_t{1} << 53);
}

void ObserveValue(const bson_iter_t& iter, Shape* shape, int depth);

void ObserveFields(const bson_iter_t& first, Shape* shape, int depth) {
  bson_iter_t iter = first;
  size_t place = 0;
  while (bson_iter_next(&iter)) {
    const std::string_view key = bson_iter_key(&iter);
    if (place >= shape->names.size() || shape->names[place] != key) {
      place = static_cast<size_t>(std::ranges::find(shape->names, key) - shape->names.begin());
      if (place == shape->names.size()) {
        shape->names.emplace_back(key);
        shape->parts.emplace_back();
      }
    }
    ObserveValue(iter, &shape->parts[place], depth);
    ++place;
  }
}

void ObserveValue(const bson_iter_t& iter, Shape* shape, int depth) {
  const Kind kind = KindOf(iter);
  const Kind before = shape->kind;
  shape->kind = Join(before, kind);
  if (shape->kind == Kind::kJson) return BecomeJson(shape);
  switch (kind) {
    case Kind::kInt64:
      if (IsBeyondDouble(iter) && shape->kind == Kind::kDouble) return BecomeJson(shape);
      // Remembered, so that a double that comes later does not make it inexact.
      if (IsBeyondDouble(iter)) shape->scale = -1;
      break;
    case Kind::kDouble:
      if (before == Kind::kInt64 && shape->scale == -1) return BecomeJson(shape);
      break;
    case Kind::kDecimal:
      ObserveDecimal(iter, shape);
      break;
    case Kind::kStruct:
    case Kind::kList: {
      bson_iter_t inner;
      if (depth >= kMaxDepth || !bson_iter_recurse(&iter, &inner)) return BecomeJson(shape);
      if (kind == Kind::kStruct) {
        ObserveFields(inner, shape, depth + 1);
        if (shape->names.size() > kMaxFields) BecomeJson(shape);
        return;
      }
      if (shape->parts.empty()) shape->parts.emplace_back();
      while (bson_iter_next(&inner)) ObserveValue(inner, &shape->parts.front(), depth + 1);
      break;
    }
    default:
      break;
  }
  if (shape->kind == Kind::kDecimal && (kind == Kind::kInt32 || kind == Kind::kInt64)) {
    shape->digits = std::max(shape->digits, 19);
  }
  if (shape->kind == Kind::kDecimal && (before == Kind::kInt32 || before == Kind::kInt64)) {
    shape->digits = std::max(shape->digits, 19);
    shape->scale = std::max(shape->scale, 0);
  }
}

}  // namespace

bool TakeApart(std::string_view text, DecimalParts* out) {
  *out = {};
  if (text.starts_with('-')) {
    out->negative = true;
    text.remove_prefix(1);
  }
  const size_t mark = std::min(text.find('E'), text.size());
  if (mark < text.size()) {
    std::string_view exponent = text.substr(mark + 1);
    if (exponent.starts_with('+')) exponent.remove_prefix(1);
    std::from_chars(exponent.data(), exponent.data() + exponent.size(), out->exponent);
  }
  bool behind = false;
  for (const char letter : text.substr(0, mark)) {
    if (letter == '.') {
      behind = true;
    } else if (letter >= '0' && letter <= '9') {
      if (behind) --out->exponent;
      if (!out->digits.empty() || letter != '0') out->digits += letter;
    } else {
      return false;
    }
  }
  if (out->digits.empty()) {
    out->digits = "0";
    out->exponent = std::clamp(out->exponent, -34, 0);
  }
  return true;
}

Status Observe(const bson_t& document, Shape* shape) {
  shape->kind = Kind::kStruct;
  bson_iter_t iter;
  if (!bson_iter_init(&iter, &document)) {
    return Unavailable("connection.protocol", "The server sent a document that is not BSON");
  }
  ObserveFields(iter, shape, 0);
  if (shape->names.size() <= kMaxColumns) return {};
  return InvalidArgument("query.too_many_fields",
                         fmt::format("The documents have more than {} fields", kMaxColumns))
      .WithStage("query")
      .WithConnector("mongodb");
}

void Settle(Shape* shape, bool open) {
  for (auto& part : shape->parts) {
    Settle(&part, open);
    // Drivers write small numbers as int32 and larger ones of the same field as int64.
    if (open && part.kind == Kind::kInt32) part.kind = Kind::kInt64;
    if (part.kind == Kind::kStruct && part.names.empty()) BecomeJson(&part);
  }
}

std::shared_ptr<arrow::DataType> ArrowTypeOf(const Shape& shape) {
  switch (shape.kind) {
    case Kind::kNull:
      return arrow::null();
    case Kind::kBool:
      return arrow::boolean();
    case Kind::kInt32:
      return arrow::int32();
    case Kind::kInt64:
      return arrow::int64();
    case Kind::kDouble:
      return arrow::float64();
    case Kind::kDecimal:
      return shape.digits + shape.scale <= 38 ? arrow::decimal128(38, shape.scale)
                                              : arrow::decimal256(kMaxDigits, shape.scale);
    case Kind::kString:
    case Kind::kObjectId:
    case Kind::kJson:
      return arrow::utf8();
    case Kind::kBinary:
      return arrow::binary();
    case Kind::kUuid:
      return arrow::fixed_size_binary(16);
    case Kind::kDate:
      return arrow::timestamp(arrow::TimeUnit::MILLI, "UTC");
    case Kind::kStruct: {
      arrow::FieldVector fields;
      for (size_t i = 0; i < shape.names.size(); ++i) {
        fields.push_back(ArrowFieldOf(shape.names[i], shape.parts[i]));
      }
      return arrow::struct_(std::move(fields));
    }
    case Kind::kList:
      return arrow::list(ArrowFieldOf("item", shape.parts.empty() ? Shape() : shape.parts.front()));
  }
  return arrow::null();
}

std::shared_ptr<arrow::Field> ArrowFieldOf(const std::string& name, const Shape& shape) {
  auto field = arrow::field(name, ArrowTypeOf(shape));
  std::string extension;
  if (shape.kind == Kind::kUuid) extension = "arrow.uuid";
  if (shape.kind == Kind::kJson) extension = "arrow.json";
  if (extension.empty()) return field;
  return field->WithMetadata(arrow::key_value_metadata(
      {"ARROW:extension:name", "ARROW:extension:metadata"}, {extension, ""}));
}

std::string NativeTypeOf(const Shape& shape) {
  switch (shape.kind) {
    case Kind::kNull:
      return "null";
    case Kind::kBool:
      return "bool";
    case Kind::kInt32:
      return "int";
    case Kind::kInt64:
      return "long";
    case Kind::kDouble:
      return "double";
    case Kind::kDecimal:
      return "decimal";
    case Kind::kString:
      return "string";
    case Kind::kObjectId:
      return "objectId";
    case Kind::kBinary:
      return "binData";
    case Kind::kUuid:
      return "binData(uuid)";
    case Kind::kDate:
      return "date";
    case Kind::kStruct:
      return "object";
    case Kind::kList:
      return fmt::format("array<{}>",
                         shape.parts.empty() ? "null" : NativeTypeOf(shape.parts.front()));
    case Kind::kJson:
      return "mixed";
  }
  return {};
}

}  // namespace nstarx::connectors::mongodb
