#include "connectors/postgresql/postgres_copy_encoder.h"

#include <arrow/api.h>
#include <arrow/util/decimal.h>
#include <fmt/format.h>

#include <array>
#include <limits>

#include "connectors/postgresql/postgres_types.h"

namespace nstarx::connectors::postgresql {
namespace {

constexpr int64_t kEpochDays = 10957;
constexpr int64_t kEpochMicros = kEpochDays * 86'400'000'000;

void Put(std::string& out, auto value) {
  using Word = std::make_unsigned_t<decltype(value)>;
  auto word = static_cast<Word>(value);
  if constexpr (sizeof(Word) == 2) word = __builtin_bswap16(word);
  if constexpr (sizeof(Word) == 4) word = __builtin_bswap32(word);
  if constexpr (sizeof(Word) == 8) word = __builtin_bswap64(word);
  out.append(reinterpret_cast<const char*>(&word), sizeof(word));
}

void PutSized(std::string& out, auto value) {
  Put(out, static_cast<int32_t>(sizeof(value)));
  Put(out, value);
}

void PutBytes(std::string& out, std::string_view bytes) {
  Put(out, static_cast<int32_t>(bytes.size()));
  out += bytes;
}

/// Decimal digits, without a sign or a point, as a numeric of `scale`.
void PutNumeric(std::string& out, std::string_view digits, bool negative, int scale) {
  size_t start = std::min(digits.find_first_not_of('0'), digits.size());
  digits.remove_prefix(start);
  int whole = static_cast<int>(digits.size()) - scale;  // decimal places before the point
  int weight = (whole > 0 ? (whole + 3) / 4 : -((-whole) / 4)) - 1;
  std::vector<uint16_t> groups;
  int lead = whole - 4 * weight;  // decimal places in the first group; 1 … 4 or fewer
  auto take = [&](int from, int count) {
    int value = 0;
    for (int i = from; i < from + count; ++i) {
      bool inside = i >= 0 && i < static_cast<int>(digits.size());
      value = value * 10 + (inside ? digits[static_cast<size_t>(i)] - '0' : 0);
    }
    return static_cast<uint16_t>(value);
  };
  for (int at = lead - 4; at < static_cast<int>(digits.size()); at += 4) {
    groups.push_back(take(at, 4));
  }
  while (!groups.empty() && groups.back() == 0) groups.pop_back();
  size_t zeros = 0;
  while (zeros < groups.size() && groups[zeros] == 0) ++zeros;
  groups.erase(groups.begin(), groups.begin() + static_cast<ptrdiff_t>(zeros));
  weight -= static_cast<int>(zeros);
  if (groups.empty()) weight = 0, negative = false;
  Put(out, static_cast<int32_t>(8 + 2 * groups.size()));
  Put(out, static_cast<int16_t>(groups.size()));
  Put(out, static_cast<int16_t>(weight));
  Put(out, static_cast<uint16_t>(negative ? 0x4000 : 0));
  Put(out, static_cast<int16_t>(std::max(scale, 0)));
  for (uint16_t group : groups) Put(out, group);
}

bool PutDecimal(std::string& out, std::string digits, int scale) {
  bool negative = digits.starts_with('-');
  if (negative) digits.erase(0, 1);
  if (scale < 0) {
    digits.append(static_cast<size_t>(-scale), '0');
    scale = 0;
  }
  PutNumeric(out, digits, negative, scale);
  return true;
}

bool Multiply(int64_t value, int64_t factor, int64_t& out) {
  return !__builtin_mul_overflow(value, factor, &out);
}

/// Microseconds of a value in a unit; false when it does not fit. Nanoseconds are cut exactly or
/// refused.
bool Micros(int64_t value, arrow::TimeUnit::type unit, int64_t& out) {
  switch (unit) {
    case arrow::TimeUnit::SECOND:
      return Multiply(value, 1'000'000, out);
    case arrow::TimeUnit::MILLI:
      return Multiply(value, 1'000, out);
    case arrow::TimeUnit::MICRO:
      out = value;
      return true;
    case arrow::TimeUnit::NANO:
      out = value / 1000;
      return value % 1000 == 0;
  }
  return false;
}

template <class Array>
auto At(const arrow::Array& array, int64_t row) {
  return static_cast<const Array&>(array).Value(row);
}

template <class Array>
bool PutView(std::string& out, const arrow::Array& array, int64_t row, bool jsonb) {
  std::string_view view = static_cast<const Array&>(array).GetView(row);
  if (!jsonb) return PutBytes(out, view), true;
  Put(out, static_cast<int32_t>(view.size() + 1));
  out += '\1';
  out += view;
  return true;
}

bool PutTemporal(std::string& out, const arrow::Array& array, int64_t row) {
  int64_t micros = 0;
  switch (array.type_id()) {
    case arrow::Type::DATE32:
      PutSized(out, static_cast<int32_t>(At<arrow::Date32Array>(array, row) - kEpochDays));
      return true;
    case arrow::Type::DATE64:
      PutSized(out,
               static_cast<int32_t>(At<arrow::Date64Array>(array, row) / 86'400'000 - kEpochDays));
      return true;
    case arrow::Type::TIME32: {
      auto unit = static_cast<const arrow::Time32Type&>(*array.type()).unit();
      if (!Micros(At<arrow::Time32Array>(array, row), unit, micros)) return false;
      PutSized(out, micros);
      return true;
    }
    case arrow::Type::TIME64: {
      auto unit = static_cast<const arrow::Time64Type&>(*array.type()).unit();
      if (!Micros(At<arrow::Time64Array>(array, row), unit, micros)) return false;
      PutSized(out, micros);
      return true;
    }
    case arrow::Type::TIMESTAMP: {
      auto unit = static_cast<const arrow::TimestampType&>(*array.type()).unit();
      if (!Micros(At<arrow::TimestampArray>(array, row), unit, micros)) return false;
      if (__builtin_sub_overflow(micros, kEpochMicros, &micros)) return false;
      PutSized(out, micros);
      return true;
    }
    case arrow::Type::DURATION: {
      auto unit = static_cast<const arrow::DurationType&>(*array.type()).unit();
      if (!Micros(At<arrow::DurationArray>(array, row), unit, micros)) return false;
      Put(out, int32_t{16}), Put(out, micros), Put(out, int32_t{0}), Put(out, int32_t{0});
      return true;
    }
    case arrow::Type::INTERVAL_MONTH_DAY_NANO: {
      auto value = static_cast<const arrow::MonthDayNanoIntervalArray&>(array).GetValue(row);
      if (value.nanoseconds % 1000 != 0) return false;
      Put(out, int32_t{16}), Put(out, value.nanoseconds / 1000);
      Put(out, value.days), Put(out, value.months);
      return true;
    }
    default:
      return false;
  }
}

uint32_t ElementOid(std::string_view sql_type) {
  constexpr auto kOids =
      std::to_array<std::pair<std::string_view, uint32_t>>({{"boolean", 16},
                                                            {"bytea", 17},
                                                            {"bigint", 20},
                                                            {"smallint", 21},
                                                            {"integer", 23},
                                                            {"text", 25},
                                                            {"real", 700},
                                                            {"double precision", 701},
                                                            {"date", 1082},
                                                            {"time", 1083},
                                                            {"timestamp", 1114},
                                                            {"timestamptz", 1184},
                                                            {"interval", 1186},
                                                            {"uuid", 2950},
                                                            {"jsonb", 3802}});
  for (const auto& [name, oid] : kOids) {
    if (name == sql_type) return oid;
  }
  return 1700;  // numeric with its precision
}

bool PutCell(std::string& out, const arrow::Array& array, int64_t row, bool jsonb);

template <class Array>
bool PutList(std::string& out, const arrow::Array& array, int64_t row) {
  const auto& list = static_cast<const Array&>(array);
  const arrow::Array& items = *list.values();
  const auto& field = *array.type()->field(0);
  const std::string element = SqlTypeOf(field);
  const size_t start = out.size();
  const auto count = static_cast<int32_t>(list.value_length(row));
  Put(out, int32_t{0});
  Put(out, int32_t{count > 0 ? 1 : 0});
  Put(out, int32_t{items.null_count() > 0 ? 1 : 0});
  Put(out, ElementOid(element));
  if (count > 0) Put(out, count), Put(out, int32_t{1});
  for (int64_t i = list.value_offset(row); i < list.value_offset(row) + count; ++i) {
    if (!PutCell(out, items, i, element == "jsonb")) return false;
  }
  uint32_t length = __builtin_bswap32(static_cast<uint32_t>(out.size() - start - 4));
  out.replace(start, 4, reinterpret_cast<const char*>(&length), 4);
  return true;
}

bool PutCell(std::string& out, const arrow::Array& array, int64_t row, bool jsonb) {
  if (array.IsNull(row)) return Put(out, int32_t{-1}), true;
  switch (array.type_id()) {
    case arrow::Type::BOOL:
      return PutSized(out, static_cast<int8_t>(At<arrow::BooleanArray>(array, row))), true;
    case arrow::Type::INT8:
      return PutSized(out, static_cast<int16_t>(At<arrow::Int8Array>(array, row))), true;
    case arrow::Type::UINT8:
      return PutSized(out, static_cast<int16_t>(At<arrow::UInt8Array>(array, row))), true;
    case arrow::Type::INT16:
      return PutSized(out, At<arrow::Int16Array>(array, row)), true;
    case arrow::Type::UINT16:
      return PutSized(out, static_cast<int32_t>(At<arrow::UInt16Array>(array, row))), true;
    case arrow::Type::INT32:
      return PutSized(out, At<arrow::Int32Array>(array, row)), true;
    case arrow::Type::UINT32:
      return PutSized(out, static_cast<int64_t>(At<arrow::UInt32Array>(array, row))), true;
    case arrow::Type::INT64:
      return PutSized(out, At<arrow::Int64Array>(array, row)), true;
    case arrow::Type::UINT64:
      return PutDecimal(out, std::to_string(At<arrow::UInt64Array>(array, row)), 0);
    case arrow::Type::FLOAT:
      return PutSized(out, std::bit_cast<int32_t>(At<arrow::FloatArray>(array, row))), true;
    case arrow::Type::DOUBLE:
      return PutSized(out, std::bit_cast<int64_t>(At<arrow::DoubleArray>(array, row))), true;
    case arrow::Type::STRING:
      return PutView<arrow::StringArray>(out, array, row, jsonb);
    case arrow::Type::LARGE_STRING:
      return PutView<arrow::LargeStringArray>(out, array, row, jsonb);
    case arrow::Type::STRING_VIEW:
      return PutView<arrow::StringViewArray>(out, array, row, jsonb);
    case arrow::Type::BINARY:
      return PutView<arrow::BinaryArray>(out, array, row, false);
    case arrow::Type::LARGE_BINARY:
      return PutView<arrow::LargeBinaryArray>(out, array, row, false);
    case arrow::Type::FIXED_SIZE_BINARY:
      return PutView<arrow::FixedSizeBinaryArray>(out, array, row, false);
    case arrow::Type::DECIMAL128: {
      const auto& type = static_cast<const arrow::DecimalType&>(*array.type());
      arrow::Decimal128 value(static_cast<const arrow::Decimal128Array&>(array).GetValue(row));
      return PutDecimal(out, value.ToIntegerString(), type.scale());
    }
    case arrow::Type::DECIMAL256: {
      const auto& type = static_cast<const arrow::DecimalType&>(*array.type());
      arrow::Decimal256 value(static_cast<const arrow::Decimal256Array&>(array).GetValue(row));
      return PutDecimal(out, value.ToIntegerString(), type.scale());
    }
    case arrow::Type::LIST:
      return PutList<arrow::ListArray>(out, array, row);
    case arrow::Type::LARGE_LIST:
      return PutList<arrow::LargeListArray>(out, array, row);
    case arrow::Type::DICTIONARY: {
      const auto& dictionary = static_cast<const arrow::DictionaryArray&>(array);
      return PutCell(out, *dictionary.dictionary(), dictionary.GetValueIndex(row), jsonb);
    }
    case arrow::Type::EXTENSION:
      return PutCell(out, *static_cast<const arrow::ExtensionArray&>(array).storage(), row, jsonb);
    default:
      return PutTemporal(out, array, row);
  }
}

}  // namespace

std::string CopyHeader() { return {"PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0", 19}; }
std::string CopyTrailer() { return "\377\377"; }

bool SameOnTheWire(std::string_view sql_type, std::string_view server_type) {
  if (sql_type.ends_with("[]")) {
    return server_type.ends_with("[]") &&
           SameOnTheWire(sql_type.substr(0, sql_type.size() - 2),
                         server_type.substr(0, server_type.size() - 2));
  }
  if (sql_type.starts_with("numeric")) return server_type == "numeric";
  if (sql_type == "text") {
    return server_type == "text" || server_type == "character varying" || server_type == "json" ||
           server_type == "character";
  }
  if (sql_type == "timestamp") return server_type == "timestamp without time zone";
  if (sql_type == "timestamptz") return server_type == "timestamp with time zone";
  if (sql_type == "time") return server_type == "time without time zone";
  return sql_type == server_type;
}

Result<CopyEncoder> CopyEncoder::Make(const std::shared_ptr<arrow::RecordBatch>& batch) {
  CopyEncoder encoder;
  encoder.batch_ = batch;
  for (const auto& field : batch->schema()->fields()) {
    std::string type = SqlTypeOf(*field);
    if (type.empty()) {
      return InvalidArgument("ingest.unsupported_type",
                             fmt::format("column '{}' can't be written", field->name()));
    }
    encoder.jsonb_.push_back(type == "jsonb");
  }
  return encoder;
}

Result<int64_t> CopyEncoder::Append(int64_t first, size_t bytes_max, std::string& out) const {
  const int columns = batch_->num_columns();
  int64_t row = first;
  for (; row < batch_->num_rows() && out.size() < bytes_max; ++row) {
    Put(out, static_cast<int16_t>(columns));
    for (int i = 0; i < columns; ++i) {
      if (PutCell(out, *batch_->column(i), row, jsonb_[static_cast<size_t>(i)])) continue;
      return InvalidArgument("query.value_out_of_range",
                             fmt::format("column '{}', row {} of its batch: PostgreSQL can't hold "
                                         "the value exactly",
                                         batch_->schema()->field(i)->name(), row))
          .WithStage("query")
          .WithDetail("column_name", batch_->schema()->field(i)->name())
          .WithHint("PostgreSQL's times have microseconds: round nanoseconds before writing.");
    }
  }
  return row;
}

}  // namespace nstarx::connectors::postgresql
