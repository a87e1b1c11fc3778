#include "connectors/mongodb/mongodb_rows.h"

#include <arrow/api.h>
#include <arrow/util/decimal.h>
#include <arrow/util/utf8.h>
#include <bson/bson.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <unordered_map>

#include "base/json.h"

namespace nstarx::connectors::mongodb {
namespace {

using Kind = Shape::Kind;
constexpr std::string_view kDriftName = "_drift";

Error BadValue(std::string_view column, std::string_view what) {
  return InvalidArgument("query.bad_value", fmt::format("Column '{}': {}", column, what))
      .WithStage("query")
      .WithConnector("mongodb")
      .WithDetail("column", column);
}

/// The value as relaxed extended JSON.
std::string JsonOf(const bson_iter_t& iter) {
  bson_t whole = BSON_INITIALIZER;
  bson_append_iter(&whole, "v", 1, &iter);
  size_t size = 0;
  char* text = bson_as_relaxed_extended_json(&whole, &size);
  bson_destroy(&whole);
  if (text == nullptr) return {};
  // { "v" : VALUE }
  const std::string_view all(text, size);
  const size_t begin = all.find(':') + 2;
  std::string out(all.substr(begin, all.size() - begin - 2));
  bson_free(text);
  return out;
}

/// A whole number of the value, when it is one without loss.
bool WholeOf(const bson_iter_t& iter, int64_t* out) {
  switch (bson_iter_type(&iter)) {
    case BSON_TYPE_INT32:
      *out = bson_iter_int32(&iter);
      return true;
    case BSON_TYPE_INT64:
      *out = bson_iter_int64(&iter);
      return true;
    case BSON_TYPE_DOUBLE: {
      const double value = bson_iter_double(&iter);
      if (!(value >= -9.2e18 && value <= 9.2e18) || std::trunc(value) != value) return false;
      *out = static_cast<int64_t>(value);
      return true;
    }
    default:
      return false;
  }
}

bool RealOf(const bson_iter_t& iter, double* out) {
  if (BSON_ITER_HOLDS_DOUBLE(&iter)) {
    *out = bson_iter_double(&iter);
    return true;
  }
  int64_t whole = 0;
  if (!WholeOf(iter, &whole) || std::abs(whole) > (int64_t{1} << 53)) return false;
  *out = static_cast<double>(whole);
  return true;
}

/// The unscaled digits of a decimal column of that scale, when they fit.
bool DigitsOf(const bson_iter_t& iter, const Shape& shape, std::string* out) {
  DecimalParts parts;
  int64_t whole = 0;
  if (BSON_ITER_HOLDS_DECIMAL128(&iter)) {
    bson_decimal128_t value;
    char text[BSON_DECIMAL128_STRING];
    bson_iter_decimal128(&iter, &value);
    bson_decimal128_to_string(&value, text);
    if (!TakeApart(text, &parts)) return false;
  } else if (WholeOf(iter, &whole) && TakeApart(std::to_string(whole), &parts)) {
    // An integer among decimals.
  } else {
    return false;
  }
  const int zeros = parts.exponent + shape.scale;
  const int width = shape.digits + shape.scale <= 38 ? 38 : 76;
  if (zeros < 0 || static_cast<int>(parts.digits.size()) + zeros > width) return false;
  *out = parts.negative ? "-" : "";
  *out += parts.digits;
  out->append(static_cast<size_t>(zeros), '0');
  return true;
}

bool BinaryOf(const bson_iter_t& iter, bson_subtype_t wanted, std::string_view* out) {
  if (!BSON_ITER_HOLDS_BINARY(&iter)) return false;
  bson_subtype_t subtype = BSON_SUBTYPE_BINARY;
  uint32_t size = 0;
  const uint8_t* bytes = nullptr;
  bson_iter_binary(&iter, &subtype, &size, &bytes);
  *out = {reinterpret_cast<const char*>(bytes), size};
  return subtype == wanted && (wanted != BSON_SUBTYPE_UUID || size == 16);
}

std::string_view TextOf(const bson_iter_t& iter) {
  uint32_t size = 0;
  const char* text = bson_iter_utf8(&iter, &size);
  return {text, size};
}

bool Fits(const bson_iter_t& iter, const Shape& shape);

bool FieldsFit(const bson_iter_t& first, const Shape& shape) {
  bson_iter_t inner = first;
  size_t expected = 0;
  std::vector<bool> seen(shape.names.size());
  while (bson_iter_next(&inner)) {
    const std::string_view key = bson_iter_key(&inner);
    if (expected >= shape.names.size() || shape.names[expected] != key) {
      expected = static_cast<size_t>(std::ranges::find(shape.names, key) - shape.names.begin());
    }
    if (expected == shape.names.size() || seen[expected]) return false;
    seen[expected] = true;
    if (!Fits(inner, shape.parts[expected])) return false;
    ++expected;
  }
  return true;
}

/// Whether Put() can hold the value.
bool Fits(const bson_iter_t& iter, const Shape& shape) {
  if (BSON_ITER_HOLDS_NULL(&iter)) return true;
  int64_t whole = 0;
  double real = 0;
  std::string digits;
  std::string_view bytes;
  bson_iter_t inner;
  switch (shape.kind) {
    case Kind::kNull:
      return false;
    case Kind::kBool:
      return BSON_ITER_HOLDS_BOOL(&iter);
    case Kind::kInt32:
      return WholeOf(iter, &whole) && whole >= INT32_MIN && whole <= INT32_MAX;
    case Kind::kInt64:
      return WholeOf(iter, &whole);
    case Kind::kDouble:
      return RealOf(iter, &real);
    case Kind::kDecimal:
      return DigitsOf(iter, shape, &digits);
    case Kind::kString:
      return BSON_ITER_HOLDS_UTF8(&iter);
    case Kind::kObjectId:
      return BSON_ITER_HOLDS_OID(&iter);
    case Kind::kBinary:
      return BinaryOf(iter, BSON_SUBTYPE_BINARY, &bytes);
    case Kind::kUuid:
      return BinaryOf(iter, BSON_SUBTYPE_UUID, &bytes);
    case Kind::kDate:
      return BSON_ITER_HOLDS_DATE_TIME(&iter);
    case Kind::kJson:
      return true;
    case Kind::kStruct:
      return BSON_ITER_HOLDS_DOCUMENT(&iter) && bson_iter_recurse(&iter, &inner) &&
             FieldsFit(inner, shape);
    case Kind::kList:
      if (!BSON_ITER_HOLDS_ARRAY(&iter) || !bson_iter_recurse(&iter, &inner)) return false;
      while (bson_iter_next(&inner)) {
        if (shape.parts.empty() || !Fits(inner, shape.parts.front())) return false;
      }
      return true;
  }
  return false;
}

template <class Builder>
Builder* As(arrow::ArrayBuilder* builder) {
  return static_cast<Builder*>(builder);
}

arrow::Status PutText(std::string_view text, arrow::ArrayBuilder* builder) {
  if (!arrow::util::ValidateUTF8(text)) return arrow::Status::Invalid("the text is not UTF-8");
  return As<arrow::StringBuilder>(builder)->Append(text);
}

arrow::Status PutDecimal(const bson_iter_t& iter, const Shape& shape,
                         arrow::ArrayBuilder* builder) {
  std::string digits;
  DigitsOf(iter, shape, &digits);
  if (shape.digits + shape.scale <= 38) {
    ARROW_ASSIGN_OR_RAISE(auto value, arrow::Decimal128::FromString(digits));
    return As<arrow::Decimal128Builder>(builder)->Append(value);
  }
  ARROW_ASSIGN_OR_RAISE(auto value, arrow::Decimal256::FromString(digits));
  return As<arrow::Decimal256Builder>(builder)->Append(value);
}

arrow::Status Put(const bson_iter_t& iter, const Shape& shape, arrow::ArrayBuilder* builder);

arrow::Status PutFields(const bson_iter_t& first, const Shape& shape,
                        arrow::ArrayBuilder* builder) {
  bson_iter_t inner = first;
  auto* document = As<arrow::StructBuilder>(builder);
  ARROW_RETURN_NOT_OK(document->Append());
  const int64_t length = document->length();
  size_t expected = 0;
  while (bson_iter_next(&inner)) {
    const std::string_view key = bson_iter_key(&inner);
    if (expected >= shape.names.size() || shape.names[expected] != key) {
      expected = static_cast<size_t>(std::ranges::find(shape.names, key) - shape.names.begin());
    }
    ARROW_RETURN_NOT_OK(
        Put(inner, shape.parts[expected], document->field_builder(static_cast<int>(expected))));
    ++expected;
  }
  for (int i = 0; i < document->num_fields(); ++i) {
    arrow::ArrayBuilder* field = document->field_builder(i);
    if (field->length() < length) ARROW_RETURN_NOT_OK(field->AppendNull());
  }
  return arrow::Status::OK();
}

/// Appends a value that Fits().
arrow::Status Put(const bson_iter_t& iter, const Shape& shape, arrow::ArrayBuilder* builder) {
  if (BSON_ITER_HOLDS_NULL(&iter)) return builder->AppendNull();
  int64_t whole = 0;
  double real = 0;
  std::string_view bytes;
  bson_iter_t inner;
  switch (shape.kind) {
    case Kind::kNull:
      return builder->AppendNull();
    case Kind::kBool:
      return As<arrow::BooleanBuilder>(builder)->Append(bson_iter_bool(&iter));
    case Kind::kInt32:
      WholeOf(iter, &whole);
      return As<arrow::Int32Builder>(builder)->Append(static_cast<int32_t>(whole));
    case Kind::kInt64:
      WholeOf(iter, &whole);
      return As<arrow::Int64Builder>(builder)->Append(whole);
    case Kind::kDouble:
      RealOf(iter, &real);
      return As<arrow::DoubleBuilder>(builder)->Append(real);
    case Kind::kDecimal:
      return PutDecimal(iter, shape, builder);
    case Kind::kString:
      return PutText(TextOf(iter), builder);
    case Kind::kObjectId: {
      char text[25];
      bson_oid_to_string(bson_iter_oid(&iter), text);
      return As<arrow::StringBuilder>(builder)->Append(text, 24);
    }
    case Kind::kBinary:
      BinaryOf(iter, BSON_SUBTYPE_BINARY, &bytes);
      return As<arrow::BinaryBuilder>(builder)->Append(bytes);
    case Kind::kUuid:
      BinaryOf(iter, BSON_SUBTYPE_UUID, &bytes);
      return As<arrow::FixedSizeBinaryBuilder>(builder)->Append(bytes);
    case Kind::kDate:
      return As<arrow::TimestampBuilder>(builder)->Append(bson_iter_date_time(&iter));
    case Kind::kJson:
      return PutText(JsonOf(iter), builder);
    case Kind::kStruct:
      bson_iter_recurse(&iter, &inner);
      return PutFields(inner, shape, builder);
    case Kind::kList: {
      auto* list = As<arrow::ListBuilder>(builder);
      ARROW_RETURN_NOT_OK(list->Append());
      bson_iter_recurse(&iter, &inner);
      while (bson_iter_next(&inner)) {
        ARROW_RETURN_NOT_OK(Put(inner, shape.parts.front(), list->value_builder()));
      }
      return arrow::Status::OK();
    }
  }
  return arrow::Status::OK();
}

}  // namespace

struct RowBuilder::Columns {
  std::vector<std::unique_ptr<arrow::ArrayBuilder>> builders;
  std::unordered_map<std::string_view, size_t> places;
  std::unique_ptr<arrow::StringBuilder> drift;
  std::string drifted;  ///< members of the current row's drift object

  void Drift(std::string_view key, const bson_iter_t& iter) {
    if (!drifted.empty()) drifted += ", ";
    drifted += json::serialize(json::string(key)) + ": " + JsonOf(iter);
  }

  size_t PlaceOf(std::string_view key) const {
    const auto found = places.find(key);
    return found == places.end() ? builders.size() : found->second;
  }
};

RowBuilder::RowBuilder(const Shape& shape, bool drift)
    : shape_(shape), columns_(std::make_unique<Columns>()) {
  arrow::FieldVector fields;
  for (size_t i = 0; i < shape_.names.size(); ++i) {
    fields.push_back(ArrowFieldOf(shape_.names[i], shape_.parts[i]));
    columns_->places.emplace(shape_.names[i], i);
    std::unique_ptr<arrow::ArrayBuilder> builder;
    NSTARX_CHECK(
        arrow::MakeBuilder(arrow::default_memory_pool(), fields.back()->type(), &builder).ok());
    columns_->builders.push_back(std::move(builder));
  }
  if (drift) {
    fields.push_back(arrow::field(std::string(kDriftName), arrow::utf8()));
    columns_->drift = std::make_unique<arrow::StringBuilder>();
  }
  schema_ = arrow::schema(std::move(fields));
}

RowBuilder::~RowBuilder() = default;

Status RowBuilder::Append(const bson_t& document) {
  bson_iter_t iter;
  if (!bson_iter_init(&iter, &document)) {
    return Unavailable("connection.protocol", "The server sent a document that is not BSON");
  }
  columns_->drifted.clear();
  size_t place = 0;
  while (bson_iter_next(&iter)) {
    const std::string_view key(bson_iter_key(&iter), bson_iter_key_len(&iter));
    if (place >= shape_.names.size() || shape_.names[place] != key) place = columns_->PlaceOf(key);
    const bool fits = place < columns_->builders.size() &&
                      columns_->builders[place]->length() == rows_ &&
                      Fits(iter, shape_.parts[place]);
    if (!fits) {
      if (columns_->drift == nullptr) return BadValue(key, "a document has this field twice");
      columns_->Drift(key, iter);
    } else if (const auto put = Put(iter, shape_.parts[place], columns_->builders[place].get());
               !put.ok()) {
      return BadValue(key, put.message());
    }
    ++place;
  }
  if (iter.err_off != 0) return BadValue("", "the server sent a broken document");
  ++rows_;
  bytes_ += document.len;
  for (auto& builder : columns_->builders) {
    if (builder->length() < rows_ && !builder->AppendNull().ok()) return Internal("no memory");
  }
  if (columns_->drift == nullptr) return {};
  if (!arrow::util::ValidateUTF8(columns_->drifted)) {
    return BadValue(kDriftName, "a field's name or text is not UTF-8");
  }
  const auto noted = columns_->drifted.empty()
                         ? columns_->drift->AppendNull()
                         : columns_->drift->Append("{" + columns_->drifted + "}");
  return noted.ok() ? Status() : Status(Internal(noted.message()));
}

Result<std::shared_ptr<arrow::RecordBatch>> RowBuilder::Finish() {
  arrow::ArrayVector arrays;
  const auto take = [&arrays](arrow::ArrayBuilder& builder) {
    auto array = builder.Finish();
    if (array.ok()) arrays.push_back(std::move(*array));
    return array.ok();
  };
  for (auto& builder : columns_->builders) {
    if (!take(*builder)) return Internal("A column could not be finished");
  }
  if (columns_->drift != nullptr && !take(*columns_->drift)) {
    return Internal("The drift could not be finished");
  }
  auto batch = arrow::RecordBatch::Make(schema_, rows_, std::move(arrays));
  rows_ = 0;
  bytes_ = 0;
  return batch;
}

}  // namespace nstarx::connectors::mongodb
