#include <arrow/api.h>
#include <arrow/util/decimal.h>
#include <fmt/format.h>

#include <cstring>

#include "connectors/snowflake/snowflake_decode.h"
#include "connectors/snowflake/snowflake_errors.h"
#include "connectors/snowflake/snowflake_moment.h"

namespace nstarx::connectors::snowflake {
namespace {

using Column = DeclaredColumn;
using ArrayPtr = std::shared_ptr<arrow::Array>;

Error WrongForm(const Column& column, const arrow::Array& sent) {
  return Malformed(fmt::format("column '{}' ({}) came as {}", column.name.substr(0, 100),
                               column.type.substr(0, 30), sent.type()->ToString().substr(0, 100)));
}

Status Check(const arrow::Status& status) {
  if (status.ok()) return {};
  return Internal("Arrow can not build a column: " + status.message());
}

template <class Builder>
Result<ArrayPtr> Finish(Builder& builder) {
  ArrayPtr out;
  NSTARX_RETURN_IF_ERROR(Check(builder.Finish(&out)));
  return out;
}

/// Integers of any width, one at a time.
class Integers {
 public:
  static std::optional<Integers> Of(const arrow::Array& array) {
    switch (array.type_id()) {
      case arrow::Type::INT8:
      case arrow::Type::INT16:
      case arrow::Type::INT32:
      case arrow::Type::INT64:
      case arrow::Type::DATE32:
      case arrow::Type::TIME32:
      case arrow::Type::TIME64:
        return Integers(array);
      default:
        return std::nullopt;
    }
  }
  int64_t At(int64_t i) const {
    switch (width_) {
      case 1:
        return Read<int8_t>(i);
      case 2:
        return Read<int16_t>(i);
      case 4:
        return Read<int32_t>(i);
      default:
        return Read<int64_t>(i);
    }
  }

 private:
  explicit Integers(const arrow::Array& array)
      : values_(array.data()->buffers[1] ? array.data()->buffers[1]->data() : nullptr),
        offset_(array.offset()),
        width_(static_cast<const arrow::FixedWidthType&>(*array.type()).bit_width() / 8) {}
  template <class T>
  int64_t Read(int64_t i) const {
    T out;
    std::memcpy(&out, values_ + (offset_ + i) * static_cast<int64_t>(sizeof(T)), sizeof(T));
    return out;
  }
  const uint8_t* values_;
  int64_t offset_;
  int width_;
};

Result<ArrayPtr> NumberAsInteger(const Column& column, const arrow::Array& sent) {
  arrow::Int64Builder out;
  NSTARX_RETURN_IF_ERROR(Check(out.Reserve(sent.length())));
  const auto integers = Integers::Of(sent);
  const auto* decimals = sent.type_id() == arrow::Type::DECIMAL128
                             ? static_cast<const arrow::Decimal128Array*>(&sent)
                             : nullptr;
  if (!integers && decimals == nullptr) return WrongForm(column, sent);
  for (int64_t i = 0; i < sent.length(); ++i) {
    if (sent.IsNull(i)) {
      out.UnsafeAppendNull();
    } else if (integers) {
      out.UnsafeAppend(integers->At(i));
    } else {
      int64_t value = 0;
      if (!arrow::Decimal128(decimals->GetValue(i)).ToInteger(&value).ok()) {
        return NotExact(column.name, "a number is outside of what 64 bits hold");
      }
      out.UnsafeAppend(value);
    }
  }
  return Finish(out);
}

/// The digits without their point come as integers or as 128 bits.
Result<ArrayPtr> NumberAsDecimal(const Column& column, const arrow::Array& sent) {
  if (sent.type_id() == arrow::Type::DECIMAL128) {
    const int scale = static_cast<const arrow::Decimal128Type&>(*sent.type()).scale();
    if (scale != column.scale && scale != 0) return WrongForm(column, sent);
    auto data = sent.data()->Copy();
    data->type = column.arrow;
    return arrow::MakeArray(data);
  }
  const auto integers = Integers::Of(sent);
  if (!integers) return WrongForm(column, sent);
  arrow::Decimal128Builder out(column.arrow);
  NSTARX_RETURN_IF_ERROR(Check(out.Reserve(sent.length())));
  for (int64_t i = 0; i < sent.length(); ++i) {
    if (sent.IsNull(i)) {
      out.UnsafeAppendNull();
    } else {
      out.UnsafeAppend(arrow::Decimal128(integers->At(i)));
    }
  }
  return Finish(out);
}

Result<ArrayPtr> Time(const Column& column, const arrow::Array& sent) {
  const auto integers = Integers::Of(sent);
  if (!integers) return WrongForm(column, sent);
  arrow::Time64Builder out(column.arrow, arrow::default_memory_pool());
  NSTARX_RETURN_IF_ERROR(Check(out.Reserve(sent.length())));
  for (int64_t i = 0; i < sent.length(); ++i) {
    if (sent.IsNull(i)) {
      out.UnsafeAppendNull();
      continue;
    }
    const Moment moment = MomentOf(integers->At(i), column.scale);
    if (moment.seconds < 0 || moment.seconds >= 86'400) {
      return NotExact(column.name, "a time is outside of the day");
    }
    out.UnsafeAppend(moment.seconds * 1'000'000'000 + moment.nanoseconds);
  }
  return Finish(out);
}

/// Seconds (or units of the scale) with or without fraction; a time zone changes how a value is
/// shown, not when it is.
Result<ArrayPtr> Timestamp(const Column& column, const arrow::Array& sent) {
  std::optional<Integers> epochs = Integers::Of(sent);
  std::optional<Integers> fractions;
  const arrow::StructArray* parts = nullptr;
  ArrayPtr epoch_array;
  ArrayPtr fraction_array;
  if (sent.type_id() == arrow::Type::STRUCT) {
    parts = static_cast<const arrow::StructArray*>(&sent);
    epoch_array = parts->GetFieldByName("epoch");
    fraction_array = parts->GetFieldByName("fraction");
    if (epoch_array) epochs = Integers::Of(*epoch_array);
    if (fraction_array) fractions = Integers::Of(*fraction_array);
    if (fraction_array && !fractions) return WrongForm(column, sent);
  }
  if (!epochs) return WrongForm(column, sent);
  arrow::TimestampBuilder out(column.arrow, arrow::default_memory_pool());
  NSTARX_RETURN_IF_ERROR(Check(out.Reserve(sent.length())));
  for (int64_t i = 0; i < sent.length(); ++i) {
    if (sent.IsNull(i) || (epoch_array && epoch_array->IsNull(i))) {
      out.UnsafeAppendNull();
      continue;
    }
    Moment moment = MomentOf(epochs->At(i), fractions ? 0 : column.scale);
    if (fractions) {
      moment.nanoseconds = fractions->At(i);
      if (moment.nanoseconds < 0 || moment.nanoseconds >= 1'000'000'000) {
        return Malformed("a fraction of a second that is none");
      }
    }
    NSTARX_TRY(const int64_t value, InUnit(moment, column));
    out.UnsafeAppend(value);
  }
  return Finish(out);
}

/// The significand's bytes (big-endian, two's complement) and the exponent, as text.
Result<ArrayPtr> DecimalFloat(const Column& column, const arrow::Array& sent) {
  const auto* parts = sent.type_id() == arrow::Type::STRUCT
                          ? static_cast<const arrow::StructArray*>(&sent)
                          : nullptr;
  const auto exponent_array = parts ? parts->GetFieldByName("exponent") : nullptr;
  const auto significand = parts ? parts->GetFieldByName("significand") : nullptr;
  const auto exponents = exponent_array ? Integers::Of(*exponent_array) : std::nullopt;
  if (!exponents || !significand || significand->type_id() != arrow::Type::BINARY) {
    return WrongForm(column, sent);
  }
  const auto& digits = static_cast<const arrow::BinaryArray&>(*significand);
  arrow::StringBuilder out;
  for (int64_t i = 0; i < sent.length(); ++i) {
    if (sent.IsNull(i)) {
      NSTARX_RETURN_IF_ERROR(Check(out.AppendNull()));
      continue;
    }
    const std::string_view bytes = digits.GetView(i);
    if (bytes.size() > 16) return Malformed("a DECFLOAT of more than 38 digits");
    const auto value = arrow::Decimal128::FromBigEndian(
        reinterpret_cast<const uint8_t*>(bytes.data()), static_cast<int32_t>(bytes.size()));
    if (!bytes.empty() && !value.ok()) return Malformed("a DECFLOAT that is none");
    const std::string whole = bytes.empty() ? "0" : value->ToIntegerString();
    const int64_t exponent = exponents->At(i);
    NSTARX_RETURN_IF_ERROR(
        Check(out.Append(exponent == 0 ? whole : fmt::format("{}E{}", whole, exponent))));
  }
  return Finish(out);
}

Result<ArrayPtr> Text(const Column& column, const ArrayPtr& sent) {
  if (sent->type_id() != arrow::Type::STRING) return WrongForm(column, *sent);
  if (!static_cast<const arrow::StringArray&>(*sent).ValidateUTF8().ok()) {
    return NotExact(column.name, "a text is not UTF-8");
  }
  return sent;
}

Result<ArrayPtr> Decode(const Column& column, const ArrayPtr& sent) {
  switch (column.kind) {
    case ValueKind::kNumber:
      if (column.arrow->id() == arrow::Type::INT64) return NumberAsInteger(column, *sent);
      return NumberAsDecimal(column, *sent);
    case ValueKind::kTime:
      return Time(column, *sent);
    case ValueKind::kTimestamp:
    case ValueKind::kInstant:
      return Timestamp(column, *sent);
    case ValueKind::kDecimalFloat:
      if (sent->type_id() != arrow::Type::STRING) return DecimalFloat(column, *sent);
      [[fallthrough]];
    case ValueKind::kText:
    case ValueKind::kJson:
      return Text(column, sent);
    case ValueKind::kDate: {
      if (sent->type_id() != arrow::Type::DATE32 && sent->type_id() != arrow::Type::INT32) {
        return WrongForm(column, *sent);
      }
      auto data = sent->data()->Copy();
      data->type = column.arrow;
      return arrow::MakeArray(data);
    }
    case ValueKind::kReal:
    case ValueKind::kBinary:
    case ValueKind::kBoolean:
    case ValueKind::kOther:
      break;
  }
  if (!sent->type()->Equals(*column.arrow)) return WrongForm(column, *sent);
  return sent;
}

}  // namespace

Result<std::shared_ptr<arrow::RecordBatch>> DecodeArrow(
    const std::vector<Column>& columns, const std::shared_ptr<arrow::Schema>& schema,
    const arrow::RecordBatch& sent) {
  if (sent.num_columns() != static_cast<int>(columns.size())) {
    return Malformed("a batch with other columns than declared");
  }
  arrow::ArrayVector out;
  for (size_t i = 0; i < columns.size(); ++i) {
    const auto column = sent.column(static_cast<int>(i));
    // A column of NULLs only may come without a type.
    if (column->type_id() == arrow::Type::NA) {
      auto nulls = arrow::MakeArrayOfNull(columns[i].arrow, sent.num_rows());
      NSTARX_RETURN_IF_ERROR(Check(nulls.status()));
      out.push_back(*std::move(nulls));
      continue;
    }
    NSTARX_TRY(auto decoded, Decode(columns[i], column));
    out.push_back(std::move(decoded));
  }
  return arrow::RecordBatch::Make(schema, sent.num_rows(), std::move(out));
}

}  // namespace nstarx::connectors::snowflake
